package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// titles are the original's where net/http has other words.
var titles = map[int]string{
	http.StatusRequestedRangeNotSatisfiable: "Request Range Not Satisfiable",
	http.StatusRequestURITooLong:            "Request-URI Too Long",
}

func title(status int) string {
	if t, ok := titles[status]; ok {
		return t
	}
	return http.StatusText(status)
}

// failure is the envelope of every error: an explanation and a detail joined
// by a line break of HTML, told in the form that the client accepts.
func failure(c *httpapi.Call, f *fault.Fault) httpapi.Response {
	if f.Status == http.StatusInternalServerError {
		f = fault.New(f.Status, "The server has either erred or is incapable of performing the requested operation.")
	}
	end := "\n\n"
	if f.Status == http.StatusUnsupportedMediaType || f.Status == http.StatusMethodNotAllowed {
		end = ""
	}
	kind := errorForm(c.R.Header.Get("Accept"))
	if c.R.Method == http.MethodHead || f.Status == http.StatusRequestedRangeNotSatisfiable {
		kind = "text/html"
	}
	text := errorText{status: fmt.Sprintf("%d %s", f.Status, title(f.Status)), title: title(f.Status), end: end,
		explanation: f.Message, detail: f.Detail, bare: f.Type == "bare"}
	r := httpapi.Response{Status: f.Status, Header: http.Header{}}
	switch kind {
	case "application/json":
		r.Header.Set("Content-Type", kind)
		r.Body = text.json()
	case "text/html":
		r.Header.Set("Content-Type", kind+"; charset=UTF-8")
		r.Body = text.html()
	default:
		r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
		r.Body = text.plain()
	}
	return r
}

type errorText struct {
	status, title, explanation, detail, end string

	bare bool // nothing but the explanation
}

func (e errorText) body(escape func(string) string) string {
	if e.bare {
		return escape(e.explanation)
	}
	return escape(e.explanation) + "<br /><br />\n" + escape(e.detail) + e.end
}

func asIs(s string) string { return s }

func (e errorText) json() []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(struct {
		Message string `json:"message"`
		Code    string `json:"code"`
		Title   string `json:"title"`
	}{e.body(asIs), e.status, e.title})
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

var htmlEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace

func (e errorText) html() []byte {
	return fmt.Appendf(nil, "<html>\n <head>\n  <title>%s</title>\n </head>\n <body>\n  <h1>%s</h1>\n  %s\n </body>\n</html>",
		e.status, e.status, e.body(htmlEscape))
}

var (
	lineBreak = regexp.MustCompile(`(?is)<br.*?>`)
	anyTag    = regexp.MustCompile(`(?s)<.*?>`)
)

func (e errorText) plain() []byte {
	body := strings.NewReplacer("\n", " ", "\r", "").Replace(e.body(asIs))
	body = anyTag.ReplaceAllString(lineBreak.ReplaceAllString(body, "\n"), "")
	return []byte(e.status + "\n\n" + body)
}

// errorForm picks HTML or JSON by the Accept header, "" if it wants neither.
func errorForm(accept string) string {
	best, bestQ := "", 0.0
	for _, offer := range []string{"text/html", "application/json"} {
		if q := quality(accept, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality is how much an Accept header wants a type; the most specific range counts.
func quality(accept, offer string) float64 {
	q, specific := 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		family, _, _ := strings.Cut(offer, "/")
		rank := slices.Index([]string{"*/*", family + "/*", offer}, name)
		if rank <= specific {
			continue
		}
		specific, q = rank, 1
		for p := range strings.SplitSeq(params, ";") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
				q, _ = strconv.ParseFloat(value, 64)
			}
		}
	}
	return q
}

func malformed(f *fault.Fault) *fault.Fault {
	switch f.Type {
	case "body-empty":
		return fault.BadRequest("Body expected in request.")
	case "body-json":
		return fault.BadRequest("Malformed JSON in request body.")
	case "body":
		return fault.TooLarge("Request is too large.")
	}
	return f
}

func unauthorized(c *httpapi.Call) httpapi.Response {
	return failure(c, fault.Unauthorized("This server could not verify that you are authorized to access the document "+
		"you requested. Either you supplied the wrong credentials (e.g., bad password), or your browser does not "+
		"understand how to supply the credentials required."))
}

func notAllowed(c *httpapi.Call, allow []string) httpapi.Response {
	r := failure(c, fault.New(http.StatusMethodNotAllowed, "The method %s is not allowed for this resource. ", c.R.Method))
	r.Header.Set("Allow", strings.Join(allow, ", "))
	return r
}

// unsupported is a 415 of a body's media type.
func unsupported(c *httpapi.Call) *fault.Fault {
	return fault.Unsupported("The request media type %s is not supported by this server.\n", c.R.Header.Get("Content-Type"))
}

// absent is the 404 without a word about what is absent.
func absent() *fault.Fault { return fault.NotFound("The resource could not be found.") }

// ownersOnly are the rules that owners pass by owning.
var ownersOnly = []string{"delete_image", "modify_image", "deactivate", "reactivate"}

// forbidden words the refusal of a rule: what the caller may not see is not
// there, and a stranger is told that the image is not his.
func (a *API) forbidden(c *httpapi.Call, rule string, f *fault.Fault) *fault.Fault {
	if cacheRefused(rule) {
		return refused()
	}
	if strings.HasPrefix(c.Route.Path, "/metadefs/") {
		target := policy.Owned(c.Caller)
		if n, err := a.svc.MetadefNamespace(c.Ctx(), c.Param("namespace_name")); err == nil {
			target = n.PolicyTarget()
		}
		return a.metadefForbidden(c, rule, target)
	}
	if id := c.Param("image_id"); id != "" {
		img, err := a.svc.Image(c.Ctx(), id)
		if err != nil || !c.Allowed("get_image", img.PolicyTarget()) {
			return absent()
		}
		if img.Owner != c.Caller.ProjectID && slices.Contains(ownersOnly, rule) {
			return fault.Forbidden("You do not own this image")
		}
	}
	switch rule {
	case "upload_image":
		return fault.Forbidden("Not allowed to upload image data for image %s", c.Param("image_id"))
	case "get_member":
		return absent()
	}
	return denied(rule)
}

func denied(rule string) *fault.Fault {
	return fault.Forbidden("You are not authorized to complete %s action.", rule)
}

// enforce asks a rule that is not the row's.
func enforce(c *httpapi.Call, rule string, t policy.Target) error {
	if c.Allowed(rule, t) {
		return nil
	}
	return denied(rule)
}

// enforceVisibility asks whether the caller may show an image to everybody.
func enforceVisibility(c *httpapi.Call, v glance.Visibility, t policy.Target) error {
	switch v {
	case glance.Public:
		return enforce(c, "publicize_image", t)
	case glance.Community:
		return enforce(c, "communitize_image", t)
	}
	return nil
}
