package api

import (
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

type errorsView struct {
	Errors []errorView `json:"errors"`
}

type errorView struct {
	Status     int    `json:"status"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	Code       string `json:"code,omitempty"`
	RequestID  string `json:"request_id"`
	MaxVersion string `json:"max_version,omitempty"`
	MinVersion string `json:"min_version,omitempty"`
}

// explanations are WebOb's sentences before the service's own.
var explanations = map[int]string{
	400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
	403: "Access was denied to this resource.",
	404: "The resource could not be found.",
	409: "There was a conflict when trying to complete your request.",
	413: "The body of your request was too large for this server.",
	500: "The server has either erred or is incapable of performing the requested operation.",
}

// text is WebOb's page about an error, with its line breaks as HTML has them.
func text(c *httpapi.Call, status int, detail string) string {
	const then = "<br /><br />\n"
	switch status {
	case http.StatusMethodNotAllowed:
		return "The method " + c.R.Method + " is not allowed for this resource. " + then + detail
	case http.StatusNotAcceptable:
		return "The resource could not be generated that was acceptable to your browser (content of type " + accept(c.R) + ". " + then + detail
	case http.StatusUnsupportedMediaType:
		return "The request media type " + contentType(c.R) + " is not supported by this server. " + then + detail
	}
	return explanations[status] + then + detail + "\n\n"
}

var (
	lineBreak = regexp.MustCompile(`(?i)<br.*?>`)
	tag       = regexp.MustCompile(`<!--|-->|(?s)<.*?>`)
)

// plain is a page without its tags, as WebOb takes them away.
func plain(page string) string {
	page = strings.NewReplacer("\n", " ", "\r", "").Replace(page)
	return tag.ReplaceAllString(lineBreak.ReplaceAllString(page, "\n"), "")
}

// encode tells an error in the form that the client accepts.
func encode(c *httpapi.Call, f *fault.Fault) httpapi.Response {
	title := http.StatusText(f.Status)
	line := strconv.Itoa(f.Status) + " " + title
	if f.Type == "version" {
		c.Header().Del("OpenStack-API-Version")
		c.Header().Del("Vary")
	}
	switch best(accept(c.R), "text/html", "application/json") {
	case "text/html":
		return page(f.Status, "text/html; charset=UTF-8", "<html>\n <head>\n  <title>"+line+"</title>\n </head>\n <body>\n  <h1>"+line+"</h1>\n  "+
			text(c, f.Status, html.EscapeString(f.Message))+"\n </body>\n</html>")
	case "application/json":
		body, _ := httpapi.Encode(errorsView{[]errorView{newErrorView(c, f, title)}})
		return httpapi.Response{Status: f.Status, Body: body}
	}
	return page(f.Status, "text/plain; charset=UTF-8", line+"\n\n"+plain(text(c, f.Status, f.Message)))
}

func page(status int, kind, body string) httpapi.Response {
	return httpapi.Response{Status: status, Header: http.Header{"Content-Type": {kind}}, Body: []byte(body)}
}

func newErrorView(c *httpapi.Call, f *fault.Fault, title string) errorView {
	e := errorView{Status: f.Status, Title: title, Detail: plain(text(c, f.Status, f.Message)), RequestID: auth.RequestID(c.Ctx())}
	switch {
	case f.Type == "version" && f.Status == http.StatusNotAcceptable:
		e.MaxVersion, e.MinVersion = MaxVersion, "1.0"
	case f.Type == "version" || !c.Version.AtLeast("1.23"):
	case strings.HasPrefix(f.Type, "placement."):
		e.Code = f.Type
	default:
		e.Code = "placement.undefined_code"
	}
	return e
}

func schemaFault(e httpapi.SchemaError) *fault.Fault {
	words := "JSON does not validate: "
	if e.Query {
		words = "Invalid query string parameters: "
	}
	if e.Schema == "" {
		return fault.BadRequest("%s", words+e.Message)
	}
	return fault.BadRequest("%s", words+e.Explain())
}

// malformed rewords what is wrong with a request as a whole.
func malformed(f *fault.Fault) *fault.Fault {
	switch f.Type {
	case "body-empty":
		return fault.BadRequest("Malformed JSON: Expecting value: line 1 column 1 (char 0)")
	case "body-json":
		return fault.BadRequest("Malformed JSON: the body is not a JSON document.")
	case "version":
		return versionFault(f)
	}
	return f
}

func versionFault(f *fault.Fault) *fault.Fault {
	words := strings.Fields(f.Message)
	if f.Status == http.StatusNotAcceptable {
		return fault.NotAcceptable("Invalid microversion: Unacceptable version header: %s", words[1]).As("version")
	}
	asked := words[3]
	return fault.BadRequest("Invalid microversion: invalid version string: %s; %s", asked, whyNoVersion(asked)).As("version")
}

// whyNoVersion says which part of a version Python could not read.
func whyNoVersion(asked string) string {
	for _, part := range strings.SplitN(asked, ".", 2) {
		if _, err := strconv.Atoi(part); err != nil {
			return "invalid literal for int() with base 10: '" + part + "'"
		}
	}
	return "it is not MAJOR.MINOR"
}

// notFound answers for paths that nothing has, or nothing of this version.
func notFound(c *httpapi.Call) httpapi.Response {
	if c.Route != nil && c.Route.Method == http.MethodDelete && strings.HasSuffix(c.Route.Path, "/inventories") {
		return encode(c, fault.New(http.StatusMethodNotAllowed, ""))
	}
	return encode(c, fault.NotFound(""))
}

func notAllowed(c *httpapi.Call, allow []string) httpapi.Response {
	r := encode(c, fault.New(http.StatusMethodNotAllowed, "The method specified is not allowed for this resource."))
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Allow", strings.Join(allow, ", "))
	return r
}

func forbidden(_ *httpapi.Call, rule string, _ *fault.Fault) *fault.Fault {
	return fault.Forbidden("Policy does not allow %s to be performed.", rule)
}
