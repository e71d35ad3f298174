package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

const (
	metadefAdmin = "rule:metadef_admin"
	metadefSeen  = "rule:context_is_admin or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
)

func (a *API) metadefRoutes() httpapi.Table {
	var all httpapi.Table
	for _, t := range []httpapi.Table{a.namespaceRoutes(), a.objectRoutes(), a.propertyRoutes(), a.metadefTagRoutes(), a.resourceTypeRoutes()} {
		all = append(all, t...)
	}
	return all
}

// metadefRule is a rule about definitions.
func metadefRule(name, check, description string) policy.Rule {
	return policy.Rule{Name: name, Check: check, Scope: scope, Description: description}
}

// metadefBodies names the schema of a body.
func metadefBodies(name string) httpapi.Schemas {
	return httpapi.Schemas{"": "schemas/metadefs/" + name + ".json"}
}

// schemaFault words what a body does not have as its schema says.
func schemaFault(e httpapi.SchemaError) *fault.Fault {
	if e.Keyword == "" {
		return fault.BadRequest("Provided object does not match its schema: %s", e.Message)
	}
	var named struct {
		Name string `json:"name"`
	}
	text, err := schemaFiles.ReadFile(e.Schema)
	if err == nil {
		err = json.Unmarshal(text, &named)
	}
	if err != nil {
		named.Name = path.Base(e.Schema)
	}
	return fault.BadRequest("Provided object does not match schema '%s': %s", named.Name, e.Explain())
}

// anyFormat is for formats that the original names and does not check.
func anyFormat(any) error { return nil }

// readOnlyAttributes are what only the service sets, by the schema of the body.
var readOnlyAttributes = map[string][]string{
	"namespace": {"self", "schema", "created_at", "updated_at"}, "object": {"self", "schema", "created_at", "updated_at"},
	"property": {"created_at", "updated_at"}, "resource_type": {"created_at", "updated_at"},
	"tag": {"created_at", "updated_at"}, "tags_create": {"created_at", "updated_at"},
}

// readOnlyMetadef refuses a body that has in it what only the service sets.
func readOnlyMetadef(c *httpapi.Call) error {
	var body map[string]json.RawMessage
	if !strings.HasPrefix(c.Route.Path, "/metadefs/") || !c.Route.TakesBody() || json.Unmarshal(c.Body, &body) != nil {
		return nil // the body's schema says what else is wrong
	}
	if body == nil {
		return fault.BadRequest("Unexpected body type. Expected list/dict.")
	}
	for _, name := range readOnlyAttributes[strings.TrimSuffix(path.Base(c.Route.Bodies[""]), ".json")] {
		if _, there := body[name]; there {
			return readOnlyFault(name)
		}
	}
	return nil
}

// metadefForbidden words the refusal of a rule: what the caller may not see is not there.
func (a *API) metadefForbidden(c *httpapi.Call, rule string, t policy.Target) *fault.Fault {
	if rule == "get_metadef_namespace" || !c.Allowed("get_metadef_namespace", t) {
		return absent()
	}
	return denied(rule)
}

// metadefEnforce asks a rule that is not the row's.
func (a *API) metadefEnforce(c *httpapi.Call, t policy.Target, rules ...string) error {
	for _, rule := range rules {
		if !c.Allowed(rule, t) {
			return a.metadefForbidden(c, rule, t)
		}
	}
	return nil
}

type findNamespace func(ctx context.Context, name string) (glance.MetadefNamespace, error)

// namespaceOr finds a namespace, and words that there is none or that it may not be seen.
func (a *API) namespaceOr(missing, hidden func(name string) error) findNamespace {
	return func(ctx context.Context, name string) (glance.MetadefNamespace, error) {
		n, err := a.svc.MetadefNamespace(ctx, name)
		switch {
		case errors.Is(err, service.ErrHidden):
			return n, hidden(name)
		case errors.Is(err, db.ErrNoRow):
			return n, missing(name)
		}
		return n, err
	}
}

func namespaceNotFound(name string) error { return fault.NotFound("Namespace %s not found", name) }

// pageOfMetadefs reads marker, limit and order.
func pageOfMetadefs(q url.Values, keys ...string) (db.Page, error) {
	p := db.Page{Marker: q.Get("marker")}
	dir := last(q, "sort_dir", "desc")
	if dir != "asc" && dir != "desc" {
		return p, fault.BadRequest("Invalid sort direction: %s", dir)
	}
	key := last(q, "sort_key", "created_at")
	if !slices.Contains(keys, key) {
		return p, fault.BadRequest("Sort key supplied is invalid: %s", key)
	}
	for _, column := range []string{key, "created_at", "id"} {
		p.Sort = append(p.Sort, db.Sort{Column: column, Desc: dir == "desc"})
	}
	if text := last(q, "limit", ""); text != "" {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		switch {
		case err != nil:
			return p, fault.BadRequest("limit param must be an integer")
		case n < 0:
			return p, fault.BadRequest("limit param must be positive")
		}
		p.Limit = n
	}
	return p, nil
}

// last is the last value of a parameter.
func last(q url.Values, name, missing string) string {
	if vs := q[name]; len(vs) > 0 {
		return vs[len(vs)-1]
	}
	return missing
}

// oneVisibility refuses a filter that names none of allowed.
func oneVisibility(q url.Values, allowed ...string) (string, error) {
	return oneOf(last(q, "visibility", ""), "Invalid visibility value: %s", append(allowed, "")...)
}

func maybeTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return isoTime(*t)
}
