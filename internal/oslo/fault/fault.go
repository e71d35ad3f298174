// Package fault is the error a caller of an API is meant to read.
//
// A Fault has two audiences: Message is the original service's sentence for
// the tenant, the cause is for the operator's log. An error that is not a
// Fault is answered with 500, a request ID and no detail.
package fault

import (
	"errors"
	"fmt"
	"net/http"
)

// Fault is an error with the HTTP status and the sentence its reader gets.
type Fault struct {
	Status  int         `json:"status"`
	Message string      `json:"message"`
	Type    string      `json:"type,omitempty"`   // the service's own word: Neutron's type, Placement's code
	Detail  string      `json:"detail,omitempty"` // Neutron's detail
	Header  http.Header `json:"header,omitempty"` // sent along, e.g. Retry-After
	Body    any         `json:"-"`                // replaces the service's envelope when set

	cause error
}

// New makes a fault of any HTTP status.
func New(status int, format string, a ...any) *Fault {
	msg := format
	if len(a) > 0 {
		msg = fmt.Sprintf(format, a...)
	}
	return &Fault{Status: status, Message: msg}
}

// BadRequest is a 400.
func BadRequest(format string, a ...any) *Fault { return New(http.StatusBadRequest, format, a...) }

// Unauthorized is a 401.
func Unauthorized(format string, a ...any) *Fault { return New(http.StatusUnauthorized, format, a...) }

// Forbidden is a 403.
func Forbidden(format string, a ...any) *Fault { return New(http.StatusForbidden, format, a...) }

// NotFound is a 404, also for what the caller may not know of.
func NotFound(format string, a ...any) *Fault { return New(http.StatusNotFound, format, a...) }

// NotAcceptable is a 406.
func NotAcceptable(format string, a ...any) *Fault {
	return New(http.StatusNotAcceptable, format, a...)
}

// Conflict is a 409.
func Conflict(format string, a ...any) *Fault { return New(http.StatusConflict, format, a...) }

// Gone is a 410.
func Gone(format string, a ...any) *Fault { return New(http.StatusGone, format, a...) }

// TooLarge is a 413.
func TooLarge(format string, a ...any) *Fault {
	return New(http.StatusRequestEntityTooLarge, format, a...)
}

// Unsupported is a 415: a media type the service does not read.
func Unsupported(format string, a ...any) *Fault {
	return New(http.StatusUnsupportedMediaType, format, a...)
}

// Unavailable is a 503.
func Unavailable(format string, a ...any) *Fault {
	return New(http.StatusServiceUnavailable, format, a...)
}

// As sets the service's own word for the error.
func (f *Fault) As(typ string) *Fault { f.Type = typ; return f }

// With adds a response header.
func (f *Fault) With(key, value string) *Fault {
	if f.Header == nil {
		f.Header = http.Header{}
	}
	f.Header.Set(key, value)
	return f
}

// Cause keeps what only the operator sees.
func (f *Fault) Cause(err error) *Fault { f.cause = err; return f }

// Error is the tenant's sentence, then the operator's cause.
func (f *Fault) Error() string {
	if f.cause == nil {
		return f.Message
	}
	return f.Message + " (" + f.cause.Error() + ")"
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Of finds the fault in err's chain.
func Of(err error) (*Fault, bool) {
	var f *Fault
	ok := errors.As(err, &f)
	return f, ok
}

// Is reports whether err carries a fault of that status.
func Is(err error, status int) bool {
	f, ok := Of(err)
	return ok && f.Status == status
}
