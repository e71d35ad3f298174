package httpapi

import (
	"errors"
	"log/slog"
	"net/http"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// fail sends an error.
func (c *Call) fail(err error) { c.send(c.refusal(err)) }

// refusal is the answer to an error; what is not a fault is logged and told as a 500 without detail.
func (c *Call) refusal(err error) Response {
	if rec, ok := c.W.(*recorder); ok && rec.status != 0 {
		slog.WarnContext(c.Ctx(), "an answer broke off", "service", c.api.svc.Name, "error", err)
		panic(http.ErrAbortHandler)
	}
	f, ok := fault.Of(err)
	switch {
	case !ok && c.Ctx().Err() != nil:
		f = fault.New(499, "The client went away.")
	case !ok:
		slog.ErrorContext(c.Ctx(), "a request failed", "service", c.api.svc.Name, "method", c.R.Method, "path", c.R.URL.Path, "error", err)
		f = fault.New(http.StatusInternalServerError, "Unexpected API Error. Please report this with the request ID to the operator of this cloud.").Cause(err)
	case f.Status >= 500:
		slog.ErrorContext(c.Ctx(), "a request failed", "service", c.api.svc.Name, "method", c.R.Method, "path", c.R.URL.Path, "error", err)
	}
	r := c.api.svc.Fault(c, f)
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for k, vs := range f.Header {
		r.Header[k] = vs
	}
	return r
}

func (a *API) notFound(c *Call) Response {
	if a.svc.NotFound != nil {
		return a.svc.NotFound(c)
	}
	return a.svc.Fault(c, fault.NotFound("The resource could not be found."))
}

func (a *API) notAllowed(c *Call, allow []string) Response {
	if a.svc.NotAllowed == nil {
		return a.notFound(c)
	}
	return a.svc.NotAllowed(c, allow)
}

// refuse answers a call whose token is not good, or cannot be asked about: that
// is no reason for its client to log in again.
func (a *API) refuse(c *Call, err error) {
	switch {
	case errors.Is(err, auth.ErrInvalid):
		c.send(a.unauthorized(c))
	case a.svc.Type == "identity" || c.Ctx().Err() != nil:
		c.fail(err)
	default:
		slog.ErrorContext(c.Ctx(), "a token cannot be validated", "service", a.svc.Name, "error", err)
		c.send(Response{Status: http.StatusServiceUnavailable, Header: http.Header{"Content-Type": {"application/json"}},
			Body: []byte(`{"message": "The server is currently unavailable. Please try again at a later time.<br /><br />\nThe Keystone service is temporarily unavailable.\n\n", "code": "503 Service Unavailable", "title": "Service Unavailable"}`)})
	}
}

func (a *API) unauthorized(c *Call) Response {
	c.Header().Set("WWW-Authenticate", `Keystone uri="`+a.door.IdentityURL+`"`)
	if a.svc.Unauthorized != nil {
		return a.svc.Unauthorized(c)
	}
	return Response{Status: http.StatusUnauthorized, Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(`{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}`)}
}

// reword gives the service's own sentence for a body or version that is wrong as a whole.
func (s *Service) reword(err error) error {
	f, ok := fault.Of(err)
	if !ok || s.Malformed == nil {
		return err
	}
	switch f.Type {
	case "body-empty", "body-json", "body", "media", "version":
		return s.Malformed(f)
	}
	return err
}
