package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"nacre/internal/keystone/api"
	"nacre/internal/oslo/httpapi"
)

// TestRulesOfDomainRoles: a call about a role of a domain, or assignments in a
// tree, is asked the rule for those, and that alone.
func TestRulesOfDomainRoles(t *testing.T) {
	for name, tc := range map[string]struct {
		others, theirs string // checks of the rules for other calls, and for these
		refused        bool
	}{"allowed": {"!", "@", false}, "refused": {"@", "!", true}} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			project := c.id(t, "projects", "admin")
			role := func(of string) string {
				doc := c.must(t, "admin", "POST", "/v3/roles", `{"role": {"name": "x"`+of+`}}`, 201)
				return "/v3/roles/" + doc["role"].(map[string]any)["id"].(string)
			}
			other, of := role(""), role(`, "domain_id": "default"`)
			file := filepath.Join(t.TempDir(), "policy.yaml")
			text := fmt.Sprintf("\"identity:list_role_assignments\": %q\n\"identity:list_role_assignments_for_tree\": %q\n", tc.others, tc.theirs)
			for _, do := range []string{"get", "create", "update", "delete"} {
				text += fmt.Sprintf("\"identity:%s_role\": %q\n\"identity:%s_domain_role\": %q\n", do, tc.others, do, tc.theirs)
			}
			text += fmt.Sprintf("\"identity:list_roles\": %q\n\"identity:list_domain_roles\": %q\n", tc.others, tc.theirs)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			handler, err := api.New(c.svc, httpapi.Door{Tokens: c.svc, PolicyFile: file})
			if err != nil {
				t.Fatal(err)
			}
			c.api = handler
			for _, call := range []struct {
				method, path, body string
				status             int
				theirs             bool
			}{
				{"GET", "/v3/roles", "", 200, false}, {"GET", "/v3/roles?domain_id=default", "", 200, true},
				{"POST", "/v3/roles", `{"role": {"name": "y"}}`, 201, false}, {"POST", "/v3/roles", `{"role": {"name": "y", "domain_id": "default"}}`, 201, true},
				{"GET", other, "", 200, false}, {"GET", of, "", 200, true},
				{"PATCH", other, `{"role": {"description": "z"}}`, 200, false}, {"PATCH", of, `{"role": {"description": "z"}}`, 200, true},
				{"DELETE", other, "", 204, false}, {"DELETE", of, "", 204, true},
				{"GET", "/v3/role_assignments", "", 200, false},
				{"GET", "/v3/role_assignments?include_subtree=1&scope.project.id=" + project, "", 200, true},
			} {
				if call.theirs == tc.refused {
					call.status = http.StatusForbidden
				}
				c.must(t, "admin", call.method, call.path, call.body, call.status)
			}
		})
	}
}
