package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/neutron/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// resource serves one kind of resource from its attribute table: T is the
// noun, R the request that creates or changes one. A function that is nil
// means that there is no such route.
type resource[T, R any] struct {
	*attributes.Resource
	path string // "/networks"
	view *attributes.View[T]

	list   func(ctx context.Context, q neutron.Query) ([]T, error)
	find   func(ctx context.Context, id string) (T, error) // 404 for what the caller may not see
	create func(ctx context.Context, reqs []R) ([]T, error)
	update func(ctx context.Context, id string, req R, m service.Match) (T, error)
	remove func(ctx context.Context, id string, m service.Match) error

	target func(row *T) policy.Target // of an existing one
	// prepare completes the target of one to be made; nil leaves it at the body's values.
	prepare func(ctx context.Context, t policy.Target) error

	guarded []string // attributes that a rule may hide
}

// finish completes a resource; it panics on a mistake in the table.
func (r *resource[T, R]) finish() *resource[T, R] {
	r.view, r.guarded = attributes.NewView[T](r.Resource), guarded(r.Name)
	return r
}

// param is the path's parameter for the id.
func (r *resource[T, R]) param() string { return "{" + r.Name + "_id}" }

// routes are the five operations, as far as there are functions for them.
func (r *resource[T, R]) routes() httpapi.Table {
	one := r.path + "/" + r.param()
	t := httpapi.Table{
		{Method: "GET", Path: r.path, Status: 200, Do: httpapi.Raw(r.doList)},
		{Method: "GET", Path: one, Status: 200, Rule: rule("get_" + r.Name), Do: httpapi.OnCall(r.forShow, r.doShow)},
	}
	if r.create != nil {
		t = append(t, httpapi.Route{Method: "POST", Path: r.path, Status: 201, Rule: rule("create_" + r.Name), Do: httpapi.OnCall(r.forCreate, r.doCreate)})
	}
	if r.update != nil {
		t = append(t, httpapi.Route{Method: "PUT", Path: one, Status: 200, Rule: rule("update_" + r.Name), Do: httpapi.OnCall(r.forUpdate, r.doUpdate)})
	}
	if r.remove != nil {
		t = append(t, httpapi.Route{Method: "DELETE", Path: one, Status: 204, Rule: rule("delete_" + r.Name), Do: httpapi.OnCall(r.forDelete, r.doDelete)})
	}
	return t
}

// owned is a row with the target that rules are asked about.
type owned[T any] struct {
	row    T
	id     string
	target policy.Target
}

// PolicyTarget is what the route's rule is asked about.
func (o owned[T]) PolicyTarget() policy.Target { return o.target }

// forAction finds the row that a call is about and asks the rules of the
// action. Who may not even see the row is told that there is none.
func (r *resource[T, R]) forAction(c *httpapi.Call, rules []string, changes policy.Target) (owned[T], error) {
	if err := acceptable(c); err != nil {
		return owned[T]{}, err
	}
	id := c.Param(r.Name + "_id")
	row, err := r.find(c.Ctx(), id)
	if err != nil {
		return owned[T]{}, err
	}
	target := r.target(&row)
	if !c.Allowed("get_"+r.Name, target) {
		return owned[T]{}, neutron.NotFound(r.Name, id)
	}
	for k, v := range changes {
		target[k] = v
	}
	return owned[T]{row: row, id: id, target: target}, allow(c, rules, target)
}

// allow asks all rules; the refusal names them as the original does.
func allow(c *httpapi.Call, rules []string, t policy.Target) error {
	for _, name := range rules {
		if known(name) && !c.Allowed(name, t) {
			return disallowed(rules)
		}
	}
	return nil
}

func disallowed(rules []string) error {
	text := "rule:" + rules[0]
	for _, name := range rules[1:] {
		text = "(" + text + " and rule:" + name + ")"
	}
	return fault.Forbidden("%s is disallowed by policy", text).As("PolicyNotAuthorized")
}

// acceptable refuses clients that want something other than JSON.
func acceptable(c *httpapi.Call) error {
	accept := c.R.Header.Get("Accept")
	if accept == "" || strings.Contains(accept, "json") || strings.Contains(accept, "*/*") || strings.Contains(accept, "application/*") {
		return nil
	}
	return fault.NotAcceptable("The server could not comply with the request since it is either malformed or otherwise incorrect.").As("HTTPNotAcceptable")
}

func (r *resource[T, R]) forShow(c *httpapi.Call) (owned[T], error) { return r.forAction(c, nil, nil) }

func (r *resource[T, R]) doShow(c *httpapi.Call, o owned[T]) (json.RawMessage, error) {
	return r.one(c, &o.row, true)
}

// one is {"network": {…}}; chosen limits it to the fields that were asked for.
func (r *resource[T, R]) one(c *httpapi.Call, row *T, chosen bool) (json.RawMessage, error) {
	b, err := r.view.Append([]byte(`{"`+r.Name+`":`), row, r.shown(c, r.target(row), chosen))
	return append(b, '}'), err
}

// shown tells which attributes the caller sees of a row, and asked for.
func (r *resource[T, R]) shown(c *httpapi.Call, t policy.Target, chosen bool) func(string) bool {
	var hidden []string
	for _, attr := range r.guarded {
		if !c.Allowed("get_"+r.Name+":"+attr, t) {
			hidden = append(hidden, attr)
		}
	}
	var fields []string
	if chosen {
		fields = slices.DeleteFunc(slices.Clone(c.Query["fields"]), func(f string) bool { return f == "" })
	}
	if len(hidden) == 0 && len(fields) == 0 {
		return nil
	}
	return func(name string) bool {
		return !slices.Contains(hidden, name) && (len(fields) == 0 || slices.Contains(fields, name))
	}
}

// doList writes a page of the rows that the caller may see.
func (r *resource[T, R]) doList(c *httpapi.Call, w http.ResponseWriter) error {
	if err := acceptable(c); err != nil {
		return err
	}
	q, err := r.Query(c.Query)
	if err != nil {
		return err
	}
	rows, err := r.list(c.Ctx(), q)
	if err != nil {
		return err
	}
	body, err := r.page(c, q, rows)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if c.R.Method != http.MethodHead {
		_, err = w.Write(body)
	}
	return err
}

// page is {"networks": […], "networks_links": […]}. As in the original the
// first row decides which attributes the caller sees of all.
func (r *resource[T, R]) page(c *httpapi.Call, q neutron.Query, rows []T) ([]byte, error) {
	full := q.Limit > 0 && len(rows) == q.Limit
	var links []attributes.Link
	if q.Limit > 0 {
		first, last := "", ""
		if len(rows) > 0 {
			first, last = r.id(&rows[0]), r.id(&rows[len(rows)-1])
		}
		links = attributes.Links(c.BaseURL()+c.R.URL.Path, c.R.URL.RawQuery, first, last, full, q.Reverse)
	}
	rows = slices.DeleteFunc(rows, func(row T) bool { return !c.Allowed("get_"+r.Name, r.target(&row)) })
	var show func(string) bool
	if len(rows) > 0 {
		show = r.shown(c, r.target(&rows[0]), true)
	}
	b := append(make([]byte, 0, 256+640*len(rows)), `{"`+r.Collection+`":[`...)
	var err error
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = r.view.Append(b, &rows[i], show); err != nil {
			return nil, err
		}
	}
	b = append(b, ']')
	if len(links) > 0 {
		text, err := json.Marshal(links)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"`+r.Collection+`_links":`...), text...)
	}
	return append(b, '}'), nil
}

// id is the row's id, as its target says.
func (r *resource[T, R]) id(row *T) string {
	id, _ := r.target(row)["id"].(string)
	return id
}

// creation is what a POST asks for.
type creation[R any] struct {
	reqs   []R
	bulk   bool
	target policy.Target
}

// PolicyTarget is that of the first resource; the others were asked about too.
func (n creation[R]) PolicyTarget() policy.Target { return n.target }

// forCreate reads the body of a create, of one or of many, and asks the rules.
func (r *resource[T, R]) forCreate(c *httpapi.Call) (creation[R], error) {
	var out creation[R]
	if err := acceptable(c); err != nil {
		return out, err
	}
	items, bulk, err := bodies(c, r.Name, r.Collection)
	if err != nil {
		return out, err
	}
	out.bulk = bulk
	for _, item := range items {
		values, err := r.Create(item, attributes.Owner{ProjectID: c.Caller.ProjectID, Admin: c.Caller.Admin})
		if err != nil {
			return out, err
		}
		target, err := r.newTarget(c.Ctx(), values)
		if err != nil {
			return out, err
		}
		if err := allow(c, r.Rules("create_"+r.Name, item, values), target); err != nil {
			return out, err
		}
		req, err := decode[R](values)
		if err != nil {
			return out, err
		}
		out.reqs, out.target = append(out.reqs, req), target
	}
	return out, nil
}

func (r *resource[T, R]) newTarget(ctx context.Context, values attributes.Values) (policy.Target, error) {
	target := policy.Target{}
	for k, v := range values {
		target[k] = v
	}
	target["tenant_id"] = values["project_id"]
	if r.prepare == nil {
		return target, nil
	}
	return target, r.prepare(ctx, target)
}

func (r *resource[T, R]) doCreate(c *httpapi.Call, n creation[R]) (json.RawMessage, error) {
	rows, err := r.create(c.Ctx(), n.reqs)
	if err != nil {
		return nil, err
	}
	if !n.bulk {
		return r.one(c, &rows[0], false)
	}
	b := []byte(`{"` + r.Collection + `":[`)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = r.view.Append(b, &rows[i], r.shown(c, r.target(&rows[i]), false)); err != nil {
			return nil, err
		}
	}
	return append(b, ']', '}'), nil
}

// change is what a PUT asks for.
type change[T, R any] struct {
	owned[T]
	req R
}

// forUpdate reads the body of a change and asks the rules of what it changes.
func (r *resource[T, R]) forUpdate(c *httpapi.Call) (change[T, R], error) {
	var out change[T, R]
	item, err := body(c, r.Name)
	if err != nil {
		return out, err
	}
	values, err := r.Update(item, attributes.Owner{ProjectID: c.Caller.ProjectID, Admin: c.Caller.Admin})
	if err != nil {
		return out, err
	}
	out.owned, err = r.forAction(c, r.Rules("update_"+r.Name, item, values), policy.Target(values))
	if err != nil {
		return out, err
	}
	out.req, err = decode[R](values)
	return out, err
}

func (r *resource[T, R]) doUpdate(c *httpapi.Call, ch change[T, R]) (json.RawMessage, error) {
	row, err := r.update(c.Ctx(), ch.id, ch.req, match(c))
	if err != nil {
		return nil, err
	}
	return r.one(c, &row, false)
}

func (r *resource[T, R]) forDelete(c *httpapi.Call) (owned[T], error) {
	return r.forAction(c, []string{"delete_" + r.Name}, nil)
}

func (r *resource[T, R]) doDelete(c *httpapi.Call, o owned[T]) (httpapi.None, error) {
	return httpapi.None{}, r.remove(c.Ctx(), o.id, match(c))
}

// match is the condition of the If-Match header.
func match(c *httpapi.Call) service.Match { return service.Match(c.R.Header.Get("If-Match")) }
