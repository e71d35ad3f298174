package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type errorBody struct {
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Title   string `json:"title"`
	} `json:"error"`
}

// envelope is {"error": {"code", "message", "title"}}; a 401 says where to
// authenticate, unless it is a receipt of having done so. Why somebody was
// refused only the log says.
func envelope(c *httpapi.Call, f *fault.Fault) httpapi.Response {
	if why := f.Unwrap(); why != nil && (f.Status == http.StatusUnauthorized || f.Status == http.StatusForbidden) {
		slog.WarnContext(c.Ctx(), "a request was refused", "method", c.R.Method, "path", c.R.URL.Path, "from", c.R.RemoteAddr, "error", why)
	}
	r := httpapi.Response{Status: f.Status, Header: http.Header{}}
	if f.Status == http.StatusUnauthorized && f.Type != receiptFaultType {
		r.Header.Set("WWW-Authenticate", `Keystone uri="`+c.BaseURL()+`/v3"`)
	}
	body := f.Body
	if body == nil {
		var b errorBody
		b.Error.Code, b.Error.Message, b.Error.Title = f.Status, f.Message, http.StatusText(f.Status)
		if f.Status == http.StatusInternalServerError {
			b.Error.Message = "An unexpected error prevented the server from fulfilling your request."
		}
		body = b
	}
	r.Body, _ = json.Marshal(body) // strings, numbers and maps of them
	return r
}

func unauthorized(c *httpapi.Call) httpapi.Response {
	return envelope(c, fault.Unauthorized("The request you have made requires authentication."))
}

// forbidden is the sentence of a refused rule.
func forbidden(_ *httpapi.Call, rule string, _ *fault.Fault) *fault.Fault {
	return fault.Forbidden("You are not authorized to perform the requested action: %s.", rule)
}

// enforce asks a rule besides that of the row.
func enforce(c *httpapi.Call, rule string, t policy.Target) error {
	if c.Allowed(rule, t) {
		return nil
	}
	return forbidden(c, rule, nil)
}

// expecting is the sentence for what should be somewhere and is not.
func expecting(what, where string) *fault.Fault {
	return fault.BadRequest("Expecting to find %s in %s. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.", what, where)
}

// malformed rewords what is wrong with a body as a whole.
func malformed(f *fault.Fault) *fault.Fault {
	switch f.Type {
	case "media":
		return expecting("application/json", "Content-Type header")
	case "body-json", "body-empty":
		return expecting("valid JSON", "request body")
	}
	return f
}

func notFound(*httpapi.Call) httpapi.Response {
	return httpapi.Response{Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body: []byte("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n")}
}

// allowHeader lists what a path can do, with the two that every path can.
func allowHeader(allow []string) http.Header {
	if slices.Contains(allow, http.MethodGet) && !slices.Contains(allow, http.MethodHead) {
		allow = append(allow, http.MethodHead)
	}
	return http.Header{"Allow": {strings.Join(append(allow, http.MethodOptions), ", ")}}
}

func notAllowed(c *httpapi.Call, allow []string) httpapi.Response {
	if strings.HasSuffix(c.R.URL.Path, oauth2Path) {
		return oauth2NotAllowed(c, allow)
	}
	return httpapi.Response{Status: http.StatusMethodNotAllowed, Header: allowHeader(allow),
		Body: []byte(`{"message": "The method is not allowed for the requested URL."}`)}
}

func options(_ *httpapi.Call, allow []string) httpapi.Response {
	h := allowHeader(allow)
	h.Set("Content-Type", "text/html; charset=utf-8")
	return httpapi.Response{Status: http.StatusOK, Header: h}
}
