package api_test

import (
	"strings"
	"testing"
)

// TestProjectTree: what lies above and below a project, as far as the caller has a role on it.
func TestProjectTree(t *testing.T) {
	c := newCloud(t)
	ids := map[string]string{"nova": c.id(t, "services", "nova"), "me": c.id(t, "users", "admin"), "member": c.id(t, "roles", "member")}
	c.walk(t, ids, []step{
		{method: "POST", path: "/projects", body: `{"project": {"name": "a"}}`, status: 201, keep: "A"},
		{method: "POST", path: "/projects", body: `{"project": {"name": "b", "parent_id": "$A"}}`, status: 201, keep: "B"},
		{method: "POST", path: "/projects", body: `{"project": {"name": "c", "parent_id": "$B"}}`, status: 201, keep: "C"},
		{method: "GET", path: "/projects/$B?parents_as_ids&subtree_as_ids", status: 200, want: `"parents":{"$A":{"default":null}}`},
		{method: "GET", path: "/projects/$A?subtree_as_ids", status: 200, want: `"subtree":{"$B":{"$C":null}}`},
		{method: "GET", path: "/projects/$C?parents_as_list", status: 200, want: `"parents":[]`},
		{method: "PUT", path: "/projects/$B/users/$me/roles/$member", status: 204},
		{method: "POST", path: "/registered_limits", body: `{"registered_limits": [{"service_id": "$nova", "resource_name": "r", "default_limit": 1}]}`, status: 201},
		{method: "POST", path: "/limits", body: `{"limits": [{"service_id": "$nova", "resource_name": "r", "resource_limit": 5, "project_id": "$B"}]}`, status: 201, keep: "L"},
		{method: "GET", path: "/projects/$C?parents_as_list&include_limits", status: 200, want: `"limits":[{"description":null,"domain_id":null,"id":"$L"`},
		{method: "GET", path: "/projects/$A?subtree_as_list", status: 200, want: `"subtree":[{"project":{`},
		{method: "GET", path: "/projects/$A?subtree_as_list&subtree_as_ids", status: 400, want: "Cannot use subtree_as_list and subtree_as_ids query params at the same time."},
		{method: "DELETE", path: "/projects/$B", status: 403, want: "Cannot delete the project $B since it is not a leaf in the hierarchy."},
		{method: "PATCH", path: "/projects/$B", body: `{"project": {"enabled": false}}`, status: 403, want: "Cannot disable project $B since its subtree contains enabled projects."},
		{method: "DELETE", path: "/projects/$C", status: 204},
		{method: "PATCH", path: "/users/$me", body: `{"user": {"default_project_id": "$B"}}`, status: 200, want: `"default_project_id":"$B"`},
		{method: "DELETE", path: "/projects/$B", status: 204},
		{method: "GET", path: "/limits/$L", status: 404},
	})
	if body := c.do("admin", "GET", "/v3/users/"+ids["me"], "").Body.String(); strings.Contains(body, "default_project_id") {
		t.Errorf("the default project outlives the project: %s", body)
	}
}
