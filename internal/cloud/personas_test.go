package cloud_test

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"nacre/internal/cloudtest"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// expected is what the original's defaults say of a rule, by persona.
type expected map[cloudtest.Persona]bool

func readPersonas(t *testing.T) map[string]expected {
	t.Helper()
	f, err := os.Open("testdata/personas.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	columns := []cloudtest.Persona{cloudtest.Reader, cloudtest.Member, cloudtest.Admin, cloudtest.OtherProject, cloudtest.OtherDomain, cloudtest.System}
	out := map[string]expected{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 8 || fields[0] == "#" {
			continue
		}
		e := expected{}
		for i, p := range columns {
			e[p] = fields[2+i] == "y"
		}
		out[fields[0]+" "+fields[1]] = e
	}
	return out
}

// TestPersonas compares every route of every service, for every persona, with
// the original's defaults: the rule on a resource of the persona's own (or,
// for strangers, of somebody else's), and over HTTP that no token is 401.
func TestPersonas(t *testing.T) {
	c := cloudtest.Start(t, 1)
	c.People()
	want := readPersonas(t)
	ids := map[cloudtest.Persona]auth.Identity{}
	for _, p := range cloudtest.Personas {
		if p == cloudtest.None {
			continue
		}
		id, err := c.Env.Door("keystone").Tokens.Validate(t.Context(), c.Token(p))
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		ids[p] = id
	}
	for service, api := range c.APIs {
		for _, r := range api.Table() {
			name := service + " " + r.Method + " " + r.Path + " " + r.Action
			if r.Public {
				continue
			}
			refuseStrangers(t, api, r, name)
			if r.Rule.Name == "" {
				continue
			}
			e, known := want[service+" "+r.Rule.Name]
			if !known {
				t.Errorf("%s: rule %s has no line in testdata/personas.txt", name, r.Rule.Name)
				continue
			}
			for p, id := range ids {
				id.Admin = api.Service().AdminRule != "" && api.Policy().Allowed(id, api.Service().AdminRule, nil)
				if got := api.Policy().Allowed(id, r.Rule.Name, target(p, ids)); got != e[p] {
					t.Errorf("%s: %s allows %s: %v, the original says %v", name, r.Rule.Name, p, got, e[p])
				}
			}
		}
	}
}

// target is a resource of the persona's own, or of the member's for strangers.
func target(p cloudtest.Persona, ids map[cloudtest.Persona]auth.Identity) policy.Target {
	owner := ids[p]
	if p == cloudtest.OtherProject || p == cloudtest.OtherDomain {
		owner = ids[cloudtest.Member]
	}
	t := policy.Target{"project_id": owner.ProjectID, "tenant_id": owner.ProjectID, "user_id": owner.UserID, "owner": owner.ProjectID,
		"network:tenant_id": owner.ProjectID, "network:project_id": owner.ProjectID, "network_owner": owner.ProjectID,
		"ext_parent:tenant_id": owner.ProjectID, "security_group:tenant_id": owner.ProjectID, "security_group:project_id": owner.ProjectID, "member_id": owner.ProjectID}
	for _, kind := range []string{"user", "project", "trust", "credential", "token", "role", "group", "domain"} {
		t["target."+kind+".domain_id"] = owner.UserDomainID
	}
	t["target.user.id"], t["target.project.id"], t["target.limit.project_id"] = owner.UserID, owner.ProjectID, owner.ProjectID
	t["target.token.user_id"], t["target.credential.user_id"] = owner.UserID, owner.UserID
	t["target.trust.trustor_user_id"], t["target.trust.trustee_user_id"] = owner.UserID, owner.UserID
	return t
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// refuseStrangers sends the request without a token.
func refuseStrangers(t *testing.T, api *httpapi.API, r httpapi.Route, name string) {
	t.Helper()
	req, err := http.NewRequest(r.Method, "http://cloud"+parameter.ReplaceAllString(r.Path, "x"), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	w := &status{header: http.Header{}}
	api.ServeHTTP(w, req)
	if w.code != http.StatusUnauthorized {
		t.Errorf("%s answers %d without a token", name, w.code)
	}
}

// status keeps an answer's status.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header         { return s.header }
func (s *status) Write(p []byte) (int, error) { return len(p), nil }
func (s *status) WriteHeader(code int)        { s.code = code }
