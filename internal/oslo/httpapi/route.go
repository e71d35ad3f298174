// Package httpapi serves an OpenStack API from a table of routes.
//
// A route is one row: method, path, policy rule, microversions, schemas,
// success status and handler. Router, policy check, validation, docs and the
// authorisation tests all read that row. A handler bound to a resource (On)
// cannot run before the rule was checked on that very resource.
package httpapi

import (
	"context"
	"net/http"

	"nacre/internal/oslo/policy"
)

// Table is a list of routes; the order has no meaning, but two rows of one
// method, path and action must not have microversions in common.
type Table []Route

// Route is one operation of an API.
type Route struct {
	Method string
	Path   string // below the service's prefix: "/servers/{server_id}"; {rest...} takes all that is left
	Action string // the single key of the body of POST …/action
	Status int    // of success

	Rule     policy.Rule                     // no name: any valid token will do
	RuleOf   func(c *Call, found any) string // names another of the service's rules, which such a call is asked instead; "" is Rule
	Min, Max string                          // microversions, inclusive; "" is open

	Bodies  Schemas // schema of the body by the microversion it begins with
	Queries Schemas // the same for the query string, every value an array of strings

	Public  bool // needs no token
	RawBody bool // the handler reads the body itself, as a stream

	Do Handler
}

// Schemas names a schema file by the microversion from which it holds. A
// service without microversions uses the key "".
type Schemas map[string]string

// Handler is what a route does. It is made by Get, JSON, On, OnJSON, Raw and OnRaw.
type Handler struct {
	find func(c *Call) (any, error)
	do   func(c *Call, found any) (any, error)
	body bool
	raw  bool
	late bool // find comes after the rule
}

// RuleFirst has the rule asked before the resource is looked for. It is for
// rules that look at the caller alone: a stranger learns nothing, not even
// that the resource is absent.
func (h Handler) RuleFirst() Handler {
	h.late = true
	return h
}

// Owned is a resource that a policy rule can be asked about.
type Owned interface{ PolicyTarget() policy.Target }

// None is the answer without a body.
type None struct{}

// Get handles a call without a body.
func Get[V any](f func(c *Call) (V, error)) Handler {
	return Handler{do: func(c *Call, _ any) (any, error) { return f(c) }}
}

// JSON handles a call with a JSON body, decoded after its schema was checked.
func JSON[B, V any](f func(c *Call, body B) (V, error)) Handler {
	return Handler{body: true, do: func(c *Call, _ any) (any, error) {
		var b B
		if err := c.decode(&b); err != nil {
			return nil, err
		}
		return f(c, b)
	}}
}

// On handles a call on the resource that the path's first parameter names.
// find sees only what the caller may see and answers 404 for the rest.
func On[T Owned, V any](find func(ctx context.Context, id string) (T, error), f func(c *Call, found T) (V, error)) Handler {
	return Handler{find: finder(find), do: func(c *Call, found any) (any, error) { return f(c, found.(T)) }}
}

// OnJSON is On with a JSON body.
func OnJSON[T Owned, B, V any](find func(ctx context.Context, id string) (T, error), f func(c *Call, found T, body B) (V, error)) Handler {
	return Handler{find: finder(find), body: true, do: func(c *Call, found any) (any, error) {
		var b B
		if err := c.decode(&b); err != nil {
			return nil, err
		}
		return f(c, found.(T), b)
	}}
}

// OnCall is On for a resource that other things of the call name than the
// path's first parameter: several parameters, or the body.
func OnCall[T Owned, V any](find func(c *Call) (T, error), f func(c *Call, found T) (V, error)) Handler {
	return Handler{find: func(c *Call) (any, error) { return find(c) },
		do: func(c *Call, found any) (any, error) { return f(c, found.(T)) }}
}

// OnCallJSON is OnCall with a JSON body.
func OnCallJSON[T Owned, B, V any](find func(c *Call) (T, error), f func(c *Call, found T, body B) (V, error)) Handler {
	return Handler{find: func(c *Call) (any, error) { return find(c) }, body: true, do: func(c *Call, found any) (any, error) {
		var b B
		if err := c.decode(&b); err != nil {
			return nil, err
		}
		return f(c, found.(T), b)
	}}
}

// Raw handles a call that writes its own answer, as a stream.
func Raw(f func(c *Call, w http.ResponseWriter) error) Handler {
	return Handler{raw: true, do: func(c *Call, _ any) (any, error) { return nil, f(c, c.W) }}
}

// OnRaw is Raw on the resource that the path's first parameter names.
func OnRaw[T Owned](find func(ctx context.Context, id string) (T, error), f func(c *Call, found T, w http.ResponseWriter) error) Handler {
	return Handler{raw: true, find: finder(find), do: func(c *Call, found any) (any, error) {
		return nil, f(c, found.(T), c.W)
	}}
}

func finder[T Owned](find func(ctx context.Context, id string) (T, error)) func(c *Call) (any, error) {
	return func(c *Call) (any, error) { return find(c.Ctx(), c.firstParam()) }
}

// TakesBody reports whether the route reads a JSON body.
func (r Route) TakesBody() bool { return r.Do.body }
