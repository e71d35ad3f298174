package api_test

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db/dbtest"
)

// moving is a clock that tests move.
type moving struct{ ahead time.Duration }

func (m *moving) Now() time.Time { return time.Now().Add(m.ahead) }

// federated is a cloud in federation, with a role, a group and a project to get.
type federated struct {
	*cloud
	clock   *moving
	group   string
	project string
}

// proxyAddress is that of requests in tests.
const proxyAddress = "192.0.2.1"

// newFederated makes identity provider "idp" with protocol "mapped", for users
// of domain "federated", whose group "staff" is a member of project "p".
func newFederated(t testing.TB, c sso.Config, rules string) *federated {
	t.Helper()
	f := &federated{clock: &moving{}}
	if c.PublicURL == "" {
		c.PublicURL = "http://127.0.0.1:5000/v3"
	}
	parties, err := sso.New(c, nil, t.TempDir(), f.clock)
	if err != nil {
		t.Fatal(err)
	}
	f.cloud = newCloudWith(t, service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), SSO: parties, Clock: f.clock,
		Config: service.Config{Methods: append(slices.Clone(token.DefaultMethods), "openid", "saml2")}})
	domain := f.must(t, "admin", "POST", "/v3/domains", `{"domain": {"name": "federated"}}`, 201)["domain"].(map[string]any)["id"].(string)
	f.group = f.must(t, "admin", "POST", "/v3/groups", `{"group": {"name": "staff", "domain_id": "`+domain+`"}}`, 201)["group"].(map[string]any)["id"].(string)
	f.project = f.must(t, "admin", "POST", "/v3/projects", `{"project": {"name": "p", "domain_id": "`+domain+`"}}`, 201)["project"].(map[string]any)["id"].(string)
	f.must(t, "admin", "PUT", "/v3/projects/"+f.project+"/groups/"+f.group+"/roles/"+f.id(t, "roles", "member"), "", 204)
	f.must(t, "admin", "PUT", fed+"/mappings/m", rules, 201)
	f.must(t, "admin", "PUT", fed+"/identity_providers/idp", `{"identity_provider": {"enabled": true, "domain_id": "`+domain+`"}}`, 201)
	for _, protocol := range []string{"mapped", "openid", "saml2"} {
		f.must(t, "admin", "PUT", fed+"/identity_providers/idp/protocols/"+protocol, `{"protocol": {"mapping_id": "m"}}`, 201)
	}
	return f
}

const fed = "/v3/OS-FEDERATION"

var _ clock.Clock = &moving{}

// staffRules make users by name, and those of team "staff" members of that group.
const staffRules = `{"mapping": {"rules": [
	{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "HTTP_NAME"}]},
	{"local": [{"groups": "{0}", "domain": {"name": "federated"}}], "remote": [{"type": "HTTP_TEAM", "whitelist": ["staff"]}]}]}}`

// visit asks as a proxy does, which has these headers for an assertion.
func (f *federated) visit(method, path string, headers map[string]string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, nil)
	req.Host = "127.0.0.1:5000"
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, req)
	return w
}

const authPath = fed + "/identity_providers/idp/protocols/mapped/auth"

// user is what a token says of its user.
func user(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var b struct{ Token struct{ User map[string]any } }
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return b.Token.User
}

// scoped makes a token on a project of an unscoped one.
func (f *federated) scoped(method, tok, project string) *httptest.ResponseRecorder {
	return f.do("", "POST", "/v3/auth/tokens", `{"auth": {"identity": {"methods": ["`+method+`"], "`+method+`": {"id": "`+tok+`"}}, "scope": {"project": {"id": "`+project+`"}}}}`)
}

func newProxied(t testing.TB, rules string) *federated {
	return newFederated(t, sso.Config{TrustedProxies: []string{proxyAddress}, DefaultAuthorizationTTL: 30}, rules)
}

func TestMappedUser(t *testing.T) {
	f := newProxied(t, staffRules)
	w := f.visit("GET", authPath, map[string]string{"Name": "José", "Team": "staff;admins"})
	u := user(t, w)
	unique := "Jos%C3%A9"
	domain := u["domain"].(map[string]any)["id"].(string)
	if u["name"] != "José" || u["id"] != keystone.PublicID(domain, "user", unique) || u["password_expires_at"] != nil {
		t.Errorf("%v", u)
	}
	seen := u["OS-FEDERATION"].(map[string]any)
	if groups := seen["groups"].([]any); len(groups) != 1 || groups[0].(map[string]any)["id"] != f.group {
		t.Errorf("groups: %v", groups)
	}
	tok := w.Header().Get("X-Subject-Token")
	for _, path := range []string{"/v3/auth/projects", fed + "/projects"} {
		if b := f.do(tok, "GET", path, ""); !strings.Contains(b.Body.String(), f.project) {
			t.Errorf("%s: %s", path, b.Body)
		}
	}
	for _, method := range []string{"token", "mapped"} {
		s := f.scoped(method, tok, f.project)
		if s.Code != 201 || !strings.Contains(s.Body.String(), `"name":"member"`) || !strings.Contains(s.Body.String(), `"OS-FEDERATION"`) {
			t.Errorf("by %s: %d %s", method, s.Code, s.Body)
		}
	}
	again := f.visit("POST", authPath, map[string]string{"Name": "José", "Team": "staff"})
	if user(t, again)["id"] != u["id"] {
		t.Error("the same user is another one the second time")
	}
	if f.do(tok, "GET", "/v3/auth/projects", "").Code != 200 {
		t.Error("a login that changes nothing ends tokens")
	}
}

func TestMappedRefusals(t *testing.T) {
	f := newProxied(t, staffRules)
	f.must(t, "admin", "PUT", fed+"/identity_providers/off", `{"identity_provider": {"remote_ids": ["off"]}}`, 201)
	f.must(t, "admin", "PUT", fed+"/identity_providers/named", `{"identity_provider": {"enabled": true, "remote_ids": ["me"]}}`, 201)
	f.must(t, "admin", "PUT", fed+"/identity_providers/named/protocols/mapped", `{"protocol": {"mapping_id": "m", "remote_id_attribute": "HTTP_BY"}}`, 201)
	ghost := strings.Replace(staffRules, `{"name": "{0}"}`, `{"name": "{0}"}, "group": {"id": "nosuch"}`, 1)
	f.must(t, "admin", "PUT", fed+"/mappings/ghost", ghost, 201)
	f.must(t, "admin", "PUT", fed+"/identity_providers/idp/protocols/x", `{"protocol": {"mapping_id": "ghost"}}`, 201)
	for name, tc := range map[string]struct {
		path    string
		headers map[string]string
		status  int
		want    string
	}{
		"no assertion":      {authPath, nil, 401, "requires authentication"},
		"no such provider":  {fed + "/identity_providers/no/protocols/mapped/auth", map[string]string{"Name": "a"}, 404, "Could not find Identity Provider: no."},
		"no such protocol":  {fed + "/identity_providers/named/protocols/saml2/auth", map[string]string{"Name": "a"}, 404, "Could not find federated protocol saml2 for Identity Provider: named."},
		"disabled":          {fed + "/identity_providers/off/protocols/mapped/auth", map[string]string{"Name": "a"}, 403, "You are not authorized to perform the requested action."},
		"method not known":  {fed + "/identity_providers/idp/protocols/kerberos/auth", map[string]string{"Name": "a"}, 401, "unsupported method"},
		"another provider":  {fed + "/identity_providers/named/protocols/mapped/auth", map[string]string{"Name": "a", "By": "somebody"}, 403, "You are not authorized"},
		"nameless provider": {fed + "/identity_providers/named/protocols/mapped/auth", map[string]string{"Name": "a"}, 401, "requires authentication"},
		"right provider":    {fed + "/identity_providers/named/protocols/mapped/auth", map[string]string{"Name": "a", "By": "me"}, 201, `"name":"a"`},
		"too long":          {authPath, map[string]string{"Name": strings.Repeat("a", 256)}, 401, "requires authentication"},
	} {
		if w := f.visit("GET", tc.path, tc.headers); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, tc.status, tc.want)
		}
	}
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp/protocols/mapped", `{"protocol": {"mapping_id": "ghost"}}`, 200)
	if w := f.visit("GET", authPath, map[string]string{"Name": "a"}); w.Code != 401 {
		t.Errorf("into a group that is not there: %d %s", w.Code, w.Body)
	}
}

// TestHeadersAreNoAssertion is the default: without the operator's word
// nothing in a request says who somebody is.
func TestHeadersAreNoAssertion(t *testing.T) {
	for name, proxies := range map[string][]string{"none": nil, "another": {"198.51.100.0/24"}} {
		f := newFederated(t, sso.Config{TrustedProxies: proxies}, staffRules)
		if w := f.visit("GET", authPath, map[string]string{"Name": "admin", "Remote-User": "admin"}); w.Code != 401 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestFederatedNameIsNobodyElses has an identity provider of the default
// domain call its users as users and services are called here.
func TestFederatedNameIsNobodyElses(t *testing.T) {
	f := newProxied(t, staffRules)
	f.must(t, "admin", "PUT", fed+"/identity_providers/home", `{"identity_provider": {"enabled": true, "domain_id": "default"}}`, 201)
	f.must(t, "admin", "PUT", fed+"/identity_providers/home/protocols/mapped", `{"protocol": {"mapping_id": "m"}}`, 201)
	local := f.id(t, "users", "admin")
	path := fed + "/identity_providers/home/protocols/mapped/auth"
	for _, name := range []string{"admin", "later"} {
		if u := user(t, f.visit("GET", path, map[string]string{"Name": name})); u["name"] != name || u["id"] == local {
			t.Errorf("%v", u)
		}
	}
	if w := f.do("", "POST", "/v3/auth/tokens", loginBody("admin", "PASSWORD", "")); user(t, w)["id"] != local {
		t.Errorf("%s", w.Body)
	}
	made := f.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "later", "password": "pw"}}`, 201)["user"].(map[string]any)["id"]
	if w := f.do("", "POST", "/v3/auth/tokens", loginBody("later", "pw", "")); user(t, w)["id"] != made {
		t.Errorf("%s", w.Body)
	}
	if err := f.svc.Bootstrap(t.Context(), service.BootstrapConfig{Users: []service.BootstrapUser{{Name: "heat"}}}); err != nil {
		t.Fatal(err)
	}
	if n := len(f.must(t, "admin", "GET", "/v3/users?name=later", "", 200)["users"].([]any)); n != 2 {
		t.Errorf("%d users are called later", n)
	}
}

func TestMembershipsExpire(t *testing.T) {
	f := newProxied(t, staffRules)
	u := user(t, f.visit("GET", authPath, map[string]string{"Name": "a", "Team": "staff"}))
	member := "/v3/groups/" + f.group + "/users/" + u["id"].(string)
	f.must(t, "admin", "GET", member, "", 204)
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp", `{"identity_provider": {"authorization_ttl": 5}}`, 200)
	f.clock.ahead = 6 * time.Minute
	f.must(t, "admin", "GET", member, "", 404)
	tok := f.visit("GET", authPath, map[string]string{"Name": "a", "Team": "staff"}).Header().Get("X-Subject-Token")
	f.must(t, "admin", "GET", member, "", 204)
	if w := f.visit("GET", authPath, map[string]string{"Name": "a"}); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	f.must(t, "admin", "GET", member, "", 404)
	if w := f.do(tok, "GET", "/v3/auth/projects", ""); w.Code != 401 {
		t.Errorf("a token of a membership that is no more: %d", w.Code)
	}
}

func TestFederatedUsersGoWithTheirProvider(t *testing.T) {
	for _, gone := range []string{fed + "/identity_providers/idp", fed + "/identity_providers/idp/protocols/mapped"} {
		f := newProxied(t, staffRules)
		w := f.visit("GET", authPath, map[string]string{"Name": "a", "Team": "staff"})
		id := user(t, w)["id"].(string)
		f.must(t, "admin", "GET", "/v3/users/"+id, "", 200)
		f.must(t, "admin", "DELETE", gone, "", 204)
		f.must(t, "admin", "GET", "/v3/users/"+id, "", 404)
		if w := f.do(w.Header().Get("X-Subject-Token"), "GET", "/v3/auth/projects", ""); w.Code != 401 {
			t.Errorf("a token outlives %s: %d", gone, w.Code)
		}
		f.must(t, "admin", "GET", "/v3/groups/"+f.group, "", 200)
	}
}

func TestMappedProjects(t *testing.T) {
	rules := func(version, role string) string {
		return `{"mapping": {"schema_version": "` + version + `", "rules": [{"local": [{"user": {"name": "{0}"}, "projects": [{"name": "of {0}", "roles": [{"name": "` + role + `"}]}]}], "remote": [{"type": "HTTP_NAME"}]}]}}`
	}
	f := newProxied(t, rules("1.0", "member"))
	roles := func() []string {
		t.Helper()
		w := f.visit("GET", authPath, map[string]string{"Name": "a"})
		if w.Code != 201 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		tok := w.Header().Get("X-Subject-Token")
		projects := f.must(t, tok, "GET", "/v3/auth/projects", "", 200)["projects"].([]any)
		if len(projects) != 1 || projects[0].(map[string]any)["name"] != "of a" {
			t.Fatalf("%v", projects)
		}
		s := f.scoped("token", tok, projects[0].(map[string]any)["id"].(string))
		var b struct {
			Token struct{ Roles []struct{ Name string } }
		}
		if err := json.Unmarshal(s.Body.Bytes(), &b); err != nil || s.Code != 201 {
			t.Fatalf("%d %s", s.Code, s.Body)
		}
		names := map[string]bool{}
		for _, r := range b.Token.Roles {
			names[r.Name] = true
		}
		return slices.Sorted(maps.Keys(names))
	}
	if got := roles(); !slices.Equal(got, []string{"member", "reader"}) {
		t.Errorf("%v", got)
	}
	f.must(t, "admin", "PATCH", fed+"/mappings/m", rules("1.0", "service"), 200)
	if got := roles(); !slices.Equal(got, []string{"member", "reader", "service"}) {
		t.Errorf("version 1 keeps what it gave: %v", got)
	}
	f.must(t, "admin", "PATCH", fed+"/mappings/m", rules("3.0", "service"), 200)
	if got := roles(); !slices.Equal(got, []string{"service"}) {
		t.Errorf("version 3 follows the assertion: %v", got)
	}
	f.must(t, "admin", "PATCH", fed+"/mappings/m", rules("1.0", "nosuch"), 200)
	if w := f.visit("GET", authPath, map[string]string{"Name": "b"}); w.Code != 404 || !strings.Contains(w.Body.String(), "Could not find role: nosuch.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := len(f.must(t, "admin", "GET", "/v3/users?name=b", "", 200)["users"].([]any)); n != 0 {
		t.Error("a login that failed leaves a user behind")
	}
}

func TestLocalUser(t *testing.T) {
	f := newProxied(t, `{"mapping": {"rules": [{"local": [{"user": {"name": "{0}", "type": "local", "domain": {"name": "Default"}}}], "remote": [{"type": "HTTP_NAME"}]}]}}`)
	w := f.visit("GET", authPath, map[string]string{"Name": "admin"})
	if u := user(t, w); u["id"] != f.id(t, "users", "admin") || u["OS-FEDERATION"] != nil {
		t.Errorf("%v", u)
	}
	if w := f.visit("GET", authPath, map[string]string{"Name": "nobody"}); w.Code != 401 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestProxiedSSO(t *testing.T) {
	f := newFederated(t, sso.Config{TrustedProxies: []string{proxyAddress}, TrustedDashboards: []string{"https://Horizon.example/auth/websso/"}, RemoteIDAttribute: "HTTP_BY"}, staffRules)
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp", `{"identity_provider": {"remote_ids": ["me"]}}`, 200)
	const origin = "?origin=https%3A%2F%2Fhorizon.example%2Fauth%2Fwebsso%2F"
	single, direct := "/v3/auth/OS-FEDERATION/websso/mapped", "/v3/auth/OS-FEDERATION/identity_providers/idp/protocols/mapped/websso"
	for name, tc := range map[string]struct {
		path    string
		headers map[string]string
		status  int
		want    string
	}{
		"in":                  {single + origin, map[string]string{"Name": "a", "By": "me"}, 200, `action="https://horizon.example/auth/websso/"`},
		"in by one":           {direct + origin, map[string]string{"Name": "a", "By": "me"}, 200, `name="token" id="token" value="gAAAA`},
		"no origin":           {direct, map[string]string{"Name": "a", "By": "me"}, 400, "Request must have an origin query parameter"},
		"foreign origin":      {direct + "?origin=https://evil.example", map[string]string{"Name": "a", "By": "me"}, 401, "requires authentication"},
		"nobody's assertion":  {single + origin, map[string]string{"Name": "a"}, 401, "requires authentication"},
		"unknown provider":    {single + origin, map[string]string{"Name": "a", "By": "you"}, 401, "requires authentication"},
		"nobody by one":       {direct + origin, map[string]string{"By": "me"}, 401, "requires authentication"},
		"foreign, by another": {direct + origin, map[string]string{"Name": "a", "By": "you"}, 403, "You are not authorized"},
	} {
		if w := f.visit("GET", tc.path, tc.headers); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, tc.status, tc.want)
		}
	}
}

func TestUsersKnownElsewhere(t *testing.T) {
	f := newProxied(t, staffRules)
	known := func(idp, protocol, id string) string {
		return `"federated": [{"idp_id": "` + idp + `", "protocols": [{"protocol_id": "` + protocol + `", "unique_id": "` + id + `"}]}]`
	}
	made := f.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "here", `+known("idp", "mapped", "there")+`}}`, 201)["user"].(map[string]any)
	id := made["id"].(string)
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"shown":            {"GET", "/v3/users/" + id, "", 200, `"federated":[{"idp_id":"idp","protocols":[{"protocol_id":"mapped","unique_id":"there"}]}]`},
		"no such provider": {"POST", "/v3/users", `{"user": {"name": "x", ` + known("no", "mapped", "x") + `}}`, 400, "Could not find Identity Provider: no"},
		"no such protocol": {"POST", "/v3/users", `{"user": {"name": "x", ` + known("idp", "no", "x") + `}}`, 400, "Could not find federated protocol no for Identity Provider: idp."},
		"taken":            {"POST", "/v3/users", `{"user": {"name": "x", ` + known("idp", "mapped", "there") + `}}`, 409, "Conflict occurred attempting to store federated_user - Duplicate entry."},
		"found":            {"GET", "/v3/users?idp_id=idp&protocol_id=mapped&unique_id=there", "", 200, `"id":"` + id + `"`},
		"not found":        {"GET", "/v3/users?idp_id=idp&unique_id=elsewhere", "", 200, `"users":[]`},
	} {
		if w := f.do("admin", tc.method, tc.path, tc.body); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, tc.status, tc.want)
		}
	}
	if n := len(f.must(t, "admin", "GET", "/v3/users?name=x", "", 200)["users"].([]any)); n != 0 {
		t.Error("a user that was refused is there")
	}
	if u := user(t, f.visit("GET", authPath, map[string]string{"Name": "there", "Team": "staff"})); u["id"] != id || u["name"] != "here" {
		t.Errorf("an assertion about it makes another user of it: %v", u)
	}
	groups := f.must(t, "admin", "GET", "/v3/users/"+id+"/groups", "", 200)["groups"].([]any)
	if end, _ := groups[0].(map[string]any)["membership_expires_at"].(string); end == "" {
		t.Errorf("a membership without end: %v", groups)
	}
	if w := f.do("admin", "PATCH", "/v3/users/"+id, `{"user": {`+known("idp", "saml2", "else")+`}}`); !strings.Contains(w.Body.String(), `"unique_id":"else"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.must(t, "admin", "DELETE", fed+"/identity_providers/idp", "", 204)
	f.must(t, "admin", "GET", "/v3/users/"+id, "", 200)
}
