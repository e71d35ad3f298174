package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// V2 is where version 2.0 of the API is served, which the operator must ask
// for: it knows the default domain only.
type V2 string

// Ports of the original: the public one, and that for administrators, where a
// list of tenants is of all.
const (
	V2Public V2 = "public"
	V2Admin  V2 = "admin"
)

// v2Routes are the rows of version 2.0, whose paths are from the root.
func (a *API) v2Routes(at V2) httpapi.Table {
	t := httpapi.Table{
		{Method: "GET", Path: "", Status: 200, Public: true, Do: httpapi.Get(a.showV2Version)},
		{Method: "GET", Path: "/extensions", Status: 200, Public: true, Do: httpapi.Get(a.listV2Extensions)},
		{Method: "GET", Path: "/extensions/{alias}", Status: 200, Public: true, Do: httpapi.Get(a.showV2Extension)},
		{Method: "GET", Path: "/certificates/ca", Status: 200, Public: true, Do: httpapi.Get(noV2Certificate)},
		{Method: "GET", Path: "/certificates/signing", Status: 200, Public: true, Do: httpapi.Get(noV2Certificate)},
	}
	t = slices.Concat(t, a.v2TokenRoutes(), a.v2TenantRoutes(at), a.v2UserRoutes(), a.v2RoleRoutes(), a.fixedV2(a.v2CatalogRoutes()), a.v2EC2Routes())
	for i := range t {
		t[i].Path = "/v2.0" + t[i].Path
	}
	return t
}

// v2Admin is the rule of all calls that are an administrator's.
var v2Admin = policy.Rule{Name: "admin_required"}

func v2Version(c *httpapi.Call) view {
	return view{"id": "v2.0", "status": "deprecated", "updated": "2016-08-04T00:00:00Z",
		"links": []view{{"rel": "self", "href": c.BaseURL() + "/v2.0/"},
			{"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"}},
		"media-types": []view{{"base": "application/json", "type": "application/vnd.openstack.identity-v2.0+json"}}}
}

func (a *API) showV2Version(c *httpapi.Call) (view, error) {
	return view{"version": v2Version(c)}, nil
}

// v2Extensions are the parts of version 2.0 beside its core.
var v2Extensions = []view{
	v2Extension("OS-KSADM", "OpenStack Keystone Admin", "OpenStack extensions to Keystone v2.0 API enabling Administrative Operations.", "2013-07-11T17:14:00-00:00"),
	v2Extension("OS-KSCRUD", "OpenStack Keystone User CRUD", "OpenStack extensions to Keystone v2.0 API enabling User Operations.", "2013-07-07T12:00:0-00:00"),
	v2Extension("OS-EC2", "OpenStack EC2 API", "OpenStack EC2 Credentials backend.", "2013-07-07T12:00:0-00:00"),
}

func v2Extension(alias, name, description, updated string) view {
	return view{"alias": alias, "name": name, "description": description, "updated": updated,
		"namespace": "https://docs.openstack.org/identity/api/ext/" + alias + "/v1.0",
		"links":     []view{{"rel": "describedby", "type": "text/html", "href": "https://developer.openstack.org/api-ref-identity-v2-ext.html"}}}
}

func (a *API) listV2Extensions(*httpapi.Call) (view, error) {
	return view{"extensions": view{"values": v2Extensions}}, nil
}

func (a *API) showV2Extension(c *httpapi.Call) (view, error) {
	for _, e := range v2Extensions {
		if e["alias"] == c.Param("alias") {
			return view{"extension": e}, nil
		}
	}
	return nil, fault.NotFound("Could not find: %s.", c.Param("alias"))
}

// noV2Certificate is the answer where the certificates of PKI tokens were.
func noV2Certificate(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, fault.NotFound("Could not find certificate: %s. Tokens are not signed by one.", path.Base(c.R.URL.Path))
}

// v2Attributes are what a client says of a resource, without what version 2.0
// does not know. Names are those of version 3.
func v2Attributes(a keystone.Attributes, names map[string]string) keystone.Attributes {
	out := a.Normalized()
	for _, unknown := range []string{"domain_id", "domain", "explicit_domain_id", "options", "federated", "parent_id", "is_domain", "tags", "default_project_id"} {
		delete(out, unknown)
	}
	for v2, v3 := range names {
		if v, ok := out[v2]; ok {
			if _, both := out[v3]; !both {
				out[v3] = v
			}
			delete(out, v2)
		}
	}
	return out
}

// v2Name refuses a name that is missing or too long.
func v2Name(a keystone.Attributes, must bool, longest int) error {
	v, given := a["name"]
	name, ok := v.(string)
	switch {
	case !given && !must:
		return nil
	case !ok || strings.TrimSpace(name) == "":
		return fault.BadRequest("Name field is required and cannot be empty")
	case len([]rune(name)) > longest:
		return fault.BadRequest("String length exceeded. The length of string '%s' exceeded the limit of column name(CHAR(%d)).", name, longest)
	}
	return nil
}

// v2Enabled refuses what is no flag.
func v2Enabled(a keystone.Attributes) error {
	if v, given := a["enabled"]; given {
		if _, ok := v.(bool); !ok {
			return fault.BadRequest("Enabled field must be a boolean")
		}
	}
	return nil
}

// v2Required refuses an attribute that is missing or empty.
func v2Required(a keystone.Attributes, names ...string) error {
	for _, name := range names {
		if a.Text(name) == "" {
			return fault.BadRequest("%s field is required and cannot be empty", name)
		}
	}
	return nil
}

// v2Body is the one resource in a body.
type v2Body map[string]json.RawMessage

func (b v2Body) resource(name string) (a keystone.Attributes, err error) {
	dec := json.NewDecoder(bytes.NewReader(b[name]))
	dec.UseNumber()
	if err := dec.Decode(&a); err != nil || a == nil {
		return nil, expecting(name, "request body")
	}
	return a, nil
}

// v2Page is a part of a list, as limit and marker say.
func v2Page(c *httpapi.Call, rows []keystone.Project) ([]keystone.Project, error) {
	if marker := c.Query.Get("marker"); marker != "" {
		i := slices.IndexFunc(rows, func(p keystone.Project) bool { return p.ID == marker })
		if i < 0 {
			return nil, fault.BadRequest("Marker could not be found")
		}
		rows = rows[i+1:]
	}
	if c.Query.Has("limit") {
		var n int
		if _, err := fmt.Sscanf(c.Query.Get("limit"), "%d", &n); err != nil || n < 0 {
			return nil, fault.BadRequest("Invalid limit value")
		}
		rows = rows[:min(n, len(rows))]
	}
	return rows, nil
}

// NewV2 is New with version 2.0 of the API.
func NewV2(svc *service.Service, d httpapi.Door, at V2) (*httpapi.API, error) {
	return newAPI(svc, d, at)
}
