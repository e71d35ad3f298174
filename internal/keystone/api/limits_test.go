package api_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"nacre/internal/keystone/service"
)

// step is a question and what its answer must hold. $name stands for an ID
// that was known before or that an earlier answer gave.
type step struct {
	as, method, path, body string
	status                 int
	want                   string
	keep                   string // name for the ID of what was made
}

// walk asks the steps in order.
func (c *cloud) walk(t *testing.T, ids map[string]string, steps []step) {
	t.Helper()
	fill := func(s string) string {
		names := slices.SortedFunc(maps.Keys(ids), func(a, b string) int { return len(b) - len(a) }) // $member before $me
		for _, name := range names {
			s = strings.ReplaceAll(s, "$"+name, ids[name])
		}
		return s
	}
	for i, s := range steps {
		who := s.as
		if who == "" {
			who = "admin"
		}
		w := c.do(who, s.method, "/v3"+fill(s.path), fill(s.body))
		if w.Code != s.status || !strings.Contains(w.Body.String(), fill(s.want)) {
			t.Fatalf("step %d, %s %s %s: %d %s, want %d %s", i, s.method, s.path, s.body, w.Code, w.Body, s.status, fill(s.want))
		}
		if s.keep != "" {
			ids[s.keep] = firstID(t, w.Body.String())
		}
	}
}

// firstID finds the ID in an answer that tells one.
func firstID(t *testing.T, body string) string {
	t.Helper()
	_, after, ok := strings.Cut(body, `"id":"`)
	if !ok {
		t.Fatalf("no ID in %s", body)
	}
	id, _, _ := strings.Cut(after, `"`)
	return id
}

func TestLimits(t *testing.T) {
	c := newCloud(t)
	ids := map[string]string{"nova": c.id(t, "services", "nova"), "cinder": c.id(t, "services", "cinder"), "admin": c.id(t, "projects", "admin")}
	c.walk(t, ids, []step{
		{method: "POST", path: "/registered_limits", body: `{}`, status: 400, want: `{} is not of type 'array'`},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "resource_name": "r"}]}`, status: 400,
			want: `Invalid input for field '0': 'default_limit' is a required property`},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "resource_name": "r", "default_limit": -2}]}`, status: 400,
			want: `Invalid input for field '0/default_limit': -2 is less than the minimum of -1`},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "none", "resource_name": "r", "default_limit": 1}]}`, status: 400,
			want: `Expecting to find service_id in registered_limit.`},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "region_id": "none", "resource_name": "r", "default_limit": 1}]}`, status: 400,
			want: `Expecting to find region_id in registered_limit.`},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "resource_name": "r", "default_limit": 10, "description": "d"}]}`, status: 201,
			want: `"default_limit":10`, keep: "r"},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "resource_name": "r", "default_limit": 10}]}`, status: 409,
			want: `Conflict occurred attempting to store registered_limit - Duplicate entry.`},
		// one that fails takes the others with it
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$cinder", "resource_name": "new", "default_limit": 1}, {"service_id": "$nova", "resource_name": "r", "default_limit": 1}]}`, status: 409},
		{method: "GET", path: "/registered_limits?resource_name=new", status: 200, want: `"registered_limits":[]`},
		{method: "GET", path: "/registered_limits?service_id=$nova", status: 200, want: `"id":"$r"`},

		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "r", "resource_limit": 5}]}`, status: 400, want: `is not valid under any of the given schemas`},
		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "r", "resource_limit": 5, "project_id": "none"}]}`, status: 400,
			want: `Expecting to find project_id in limit.`},
		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "x", "resource_limit": 5, "project_id": "$admin"}]}`, status: 403,
			want: `Unable to create a limit that has no corresponding registered limit.`},
		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "r", "resource_limit": 5, "project_id": "$admin"}]}`, status: 201, want: `"domain_id":null`, keep: "l"},
		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "r", "resource_limit": 5, "project_id": "$admin"}]}`, status: 409,
			want: `Conflict occurred attempting to store limit - Duplicate entry.`},
		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "r", "resource_limit": 5, "project_id": "default"}]}`, status: 201, want: `"domain_id":"default"`, keep: "d"},
		{method: "GET", path: "/limits?domain_id=default", status: 200, want: `"id":"$d"`},
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"resource_limit": 0}}`, status: 200, want: `"resource_limit":0`},
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"project_id": "x"}}`, status: 400, want: `Additional properties are not allowed ('project_id' was unexpected)`},
		{method: "PATCH", path: "/registered_limits/$r", body: `{"registered_limit": {"default_limit": 11}}`, status: 403,
			want: `Unable to update or delete registered limit $r because there are project limits associated with it.`},
		{method: "DELETE", path: "/registered_limits/$r", status: 403, want: `Unable to update or delete registered limit`},
		{method: "DELETE", path: "/limits/$l", status: 204},
		{method: "GET", path: "/limits/$l", status: 404, want: `Could not find limit for $l.`},
		{method: "DELETE", path: "/limits/$d", status: 204},
		{method: "PATCH", path: "/registered_limits/$r", body: `{"registered_limit": {"default_limit": 11, "region_id": "RegionOne"}}`, status: 200, want: `"region_id":"RegionOne"`},
		{method: "DELETE", path: "/registered_limits/$r", status: 204},
		{method: "GET", path: "/registered_limits/$r", status: 404, want: `Could not find registered limit for $r.`},
		{method: "GET", path: "/limits/model", status: 200, want: `"name":"flat"`},
	})
}

// TestLimitsSeen: who is no administrator sees the limits of its own project.
func TestLimitsSeen(t *testing.T) {
	p := newPeople(t)
	elsewhere := p.makeProject(t, "other", "default")
	own := p.makeLimit(t, "a")
	w := p.walkLimit(t, elsewhere, "b")
	for who, want := range map[string][2]bool{"admin": {true, true}, "s-reader": {true, true}, "p-reader": {true, false}, "d-reader": {true, false},
		"stranger": {false, false}, "self": {false, false}, "service": {true, true}} {
		body := p.do(who, "GET", "/v3/limits", "").Body.String()
		if got := [2]bool{strings.Contains(body, own), strings.Contains(body, w)}; got != want {
			t.Errorf("%s sees %v, want %v: %s", who, got, want, body)
		}
	}
	if code := p.do("stranger", "GET", "/v3/limits/"+own, "").Code; code != 403 {
		t.Errorf("a stranger's limit: %d", code)
	}
}

func (p *people) walkLimit(t *testing.T, project, resource string) string {
	ids := map[string]string{"nova": p.id(t, "services", "nova")}
	p.walk(t, ids, []step{
		{method: "POST", path: "/registered_limits", body: fmt.Sprintf(`{"registered_limits": [{"service_id": "$nova", "resource_name": "%s", "default_limit": 1}]}`, resource), status: 201},
		{method: "POST", path: "/limits", body: fmt.Sprintf(`{"limits": [{"service_id": "$nova", "resource_name": "%s", "resource_limit": 1, "project_id": "%s"}]}`, resource, project), status: 201, keep: "l"},
	})
	return ids["l"]
}

func TestStrictTwoLevelLimits(t *testing.T) {
	c := newCloud(t, func(c *service.Config) { c.EnforcementModel = "strict_two_level" })
	ids := map[string]string{"nova": c.id(t, "services", "nova")}
	limit := func(owner, id string, n int) string {
		return fmt.Sprintf(`{"service_id": "$nova", "resource_name": "r", "resource_limit": %d, "%s": "%s"}`, n, owner, id)
	}
	c.walk(t, ids, []step{
		{method: "GET", path: "/limits/model", status: 200, want: `"name":"strict_two_level"`},
		{method: "POST", path: "/domains", body: `{"domain": {"name": "d"}}`, status: 201, keep: "d"},
		{method: "POST", path: "/projects", body: `{"project": {"name": "p", "domain_id": "$d"}}`, status: 201, keep: "p"},
		{method: "POST", path: "/projects", body: `{"project": {"name": "q", "domain_id": "$d", "parent_id": "$p"}}`, status: 201, keep: "q"},
		{method: "POST", path: "/projects", body: `{"project": {"name": "s", "domain_id": "$d", "parent_id": "$q"}}`, status: 403, want: `Max hierarchy depth reached for $q branch.`},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "resource_name": "r", "default_limit": 10}]}`, status: 201},
		{method: "POST", path: "/limits", body: `{"limits": [` + limit("project_id", "$p", 11) + `]}`, status: 403,
			want: `Invalid resource limit: The resource limit (project_id: $p, resource_name: r, resource_limit: 11, service_id: $nova, region_id: None) doesn't satisfy current hierarchy model..`},
		{method: "POST", path: "/limits", body: `{"limits": [` + limit("project_id", "$p", 21) + `, ` + limit("domain_id", "$d", 20) + `]}`, status: 403},
		{method: "POST", path: "/limits", body: `{"limits": [` + limit("project_id", "$p", 15) + `, ` + limit("domain_id", "$d", 20) + `]}`, status: 201, keep: "l"},
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"resource_limit": 21}}`, status: 403},
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"resource_limit": -1}}`, status: 403},
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"resource_limit": 20}}`, status: 200},
	})
	d := c.must(t, "admin", "GET", "/v3/limits?domain_id="+ids["d"], "", 200)["limits"].([]any)[0].(map[string]any)["id"].(string)
	ids["domain-limit"] = d
	c.walk(t, map[string]string{"l": d}, []step{
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"resource_limit": 19}}`, status: 403, want: "domain_id"},
		{method: "PATCH", path: "/limits/$l", body: `{"limit": {"resource_limit": -1}}`, status: 200},
	})
}
