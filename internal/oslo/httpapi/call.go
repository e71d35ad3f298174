package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
)

// Call is one request on its way through a route.
type Call struct {
	W       http.ResponseWriter
	R       *http.Request
	Caller  auth.Identity
	Version Version
	Route   *Route // nil while no route matched
	Query   url.Values
	Body    []byte // as sent; nil for a RawBody route

	api    *API
	params []param
	status int
}

type param struct{ name, value string }

// Ctx carries the caller and the request ID.
func (c *Call) Ctx() context.Context { return c.R.Context() }

// Param is a parameter of the path, unescaped.
func (c *Call) Param(name string) string {
	for _, p := range c.params {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

func (c *Call) firstParam() string {
	if len(c.params) == 0 {
		return ""
	}
	return c.params[0].value
}

// Header is the answer's header.
func (c *Call) Header() http.Header { return c.W.Header() }

// SetStatus replaces the route's success status.
func (c *Call) SetStatus(status int) { c.status = status }

// Allowed reports whether the caller may do what rule guards.
func (c *Call) Allowed(rule string, t policy.Target) bool {
	return c.api.policy.Allowed(c.Caller, rule, t)
}

// Enforce is Allowed as a 403 fault.
func (c *Call) Enforce(rule string, t policy.Target) error {
	return c.api.policy.Check(c.Caller, rule, t)
}

// BaseURL is the address of this API, without its version: the public one, or the
// one that the client used, "http://host:8774".
func (c *Call) BaseURL() string {
	if c.api.door.PublicURL != "" {
		return c.api.door.PublicURL
	}
	return baseURL(c.R)
}

// RequestURL is the address that the client used, as it knows it: whoever stands
// before us may not tell scheme and path, but then the public address does.
func (c *Call) RequestURL() (*url.URL, error) {
	uri := c.R.URL.RequestURI()
	u, err := url.Parse(baseURL(c.R) + uri)
	public, perr := url.Parse(c.api.door.PublicURL)
	if err := errors.Join(err, perr); err != nil || public.Scheme == "" {
		return u, err
	}
	if u.Host == public.Host {
		return url.Parse(c.api.door.PublicURL + uri)
	}
	u.Scheme = public.Scheme
	return u, nil
}

func baseURL(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if p := r.Header.Get("X-Forwarded-Proto"); p == "https" || p == "http" {
		scheme = p
	}
	if h := r.Header.Get("X-Forwarded-Host"); h != "" {
		host, _, _ = strings.Cut(h, ",")
	}
	return scheme + "://" + strings.TrimSpace(host) + r.Header.Get("X-Forwarded-Prefix")
}

// nul finds U+0000 in a JSON text, which no SQL engine keeps.
var nul = regexp.MustCompile(`\x00|(?:^|[^\\])(?:\\\\)*\\u0000`)

// hasNUL looks for the characters before it asks the expression, which takes
// longer than all else that is done with a body.
func hasNUL(text []byte) bool {
	return (bytes.IndexByte(text, 0) >= 0 || bytes.Contains(text, []byte(`\u0000`))) && nul.Match(text)
}

// readBody takes the body within the service's limit.
func (c *Call) readBody() error {
	if c.R.Body == nil {
		return nil
	}
	data := []byte{}
	if c.R.Body != http.NoBody {
		var err error
		limit := c.api.svc.BodyLimit
		if data, err = io.ReadAll(io.LimitReader(c.R.Body, limit+1)); err != nil {
			return fault.BadRequest("The request body could not be read.").Cause(err)
		}
		if int64(len(data)) > limit {
			return fault.TooLarge("Request is too large.").As("body")
		}
	}
	if hasNUL(data) {
		return errBadJSON
	}
	if c.Body = data; len(data) == 0 && c.api.svc.EmptyBody != "" {
		c.Body = []byte(c.api.svc.EmptyBody)
	}
	return nil
}

// checkMedia refuses a body that is not JSON by its Content-Type.
func (c *Call) checkMedia() error {
	declared := c.R.Header.Get("Content-Type")
	if declared == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(declared)
	json := err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
	if !json && c.api.svc.StrictJSON && len(c.Body) > 0 {
		f := fault.BadRequest("Expecting to find valid JSON in a body of type application/json.").As("media")
		f.Detail = kind
		return f
	}
	return nil
}

// CheckBody validates a JSON text against a schema that a row of the table
// names, for what a client says elsewhere than in its body.
func (c *Call) CheckBody(file string, body []byte) error {
	sch, err := c.api.schemas.of(file)
	if err != nil {
		return err
	}
	return c.api.svc.checkBody(sch, body)
}

// decode reads the checked body into v.
func (c *Call) decode(v any) error {
	if len(bytes.TrimSpace(c.Body)) == 0 {
		return errEmptyBody
	}
	err := json.Unmarshal(c.Body, v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return c.api.svc.schemaFault(SchemaError{Path: strings.Split(wrong.Field, "."), Message: "wrong type: " + wrong.Value, Body: c.Body})
	}
	if err != nil {
		return errBadJSON.Cause(err)
	}
	return nil
}

// The faults of a body as a whole; a service rewords them by Type in its Malformed hook.
var (
	errEmptyBody = fault.BadRequest("The server could not comply with the request since it is either malformed or otherwise incorrect.").As("body-empty")
	errBadJSON   = fault.BadRequest("Malformed JSON in request body.").As("body-json")
)
