package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// derived is a cloud in which alice is a member of project p, and bob of none;
// both are of the default domain.
type derived struct {
	*cloud
	project, other, alice, bob, member, reader string
}

func newDerived(t *testing.T) *derived { return deriving(t, newCloud(t)) }

func deriving(t *testing.T, c *cloud) *derived {
	d := &derived{cloud: c}
	d.member, d.reader = d.cloud.id(t, "roles", "member"), d.cloud.id(t, "roles", "reader")
	d.project, d.other = d.make(t, "projects", "project", "p"), d.make(t, "projects", "project", "other")
	d.alice, d.bob = d.make(t, "users", "user", "alice"), d.make(t, "users", "user", "bob")
	d.grant(t, d.project, d.alice)
	d.tokens["alice"] = d.login(t, "alice", "pw", `{"project": {"id": "`+d.project+`"}}`)
	d.tokens["bob"] = d.login(t, "bob", "pw", `"unscoped"`)
	d.tokens["nova"] = d.login(t, "nova", "nova-secret", `{"project": {"name": "service", "domain": {"id": "default"}}}`)
	return d
}

func (d *derived) make(t *testing.T, collection, kind, name string) string {
	t.Helper()
	password := ""
	if kind == "user" {
		password = `, "password": "pw"`
	}
	return d.text(t, "admin", "/v3/"+collection, `{"`+kind+`": {"name": "`+name+`"`+password+`}}`, kind, "id")
}

// grant makes a user a member of a project.
func (d *derived) grant(t *testing.T, project, user string) {
	t.Helper()
	d.must(t, "admin", "PUT", "/v3/projects/"+project+"/users/"+user+"/roles/"+d.member, "", 204)
}

// text makes a resource and gives one of its attributes.
func (d *derived) text(t *testing.T, who, path, body, kind, attribute string) string {
	t.Helper()
	v, ok := d.must(t, who, "POST", path, body, 201)[kind].(map[string]any)[attribute].(string)
	if !ok {
		t.Fatalf("POST %s: no %s", path, attribute)
	}
	return v
}

// auth asks for a token; it gives the token and what it says.
func (d *derived) auth(t *testing.T, body string, status int) (string, map[string]any) {
	t.Helper()
	w := d.do("", "POST", "/v3/auth/tokens", body)
	if w.Code != status {
		t.Fatalf("POST /v3/auth/tokens %s: %d %s, want %d", body, w.Code, w.Body, status)
	}
	var doc map[string]map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return w.Header().Get("X-Subject-Token"), doc["token"]
}

// refused is must for an answer whose sentence holds want.
func (d *derived) refused(t *testing.T, who, method, path, body string, status int, want string) {
	t.Helper()
	if w := d.do(who, method, path, body); w.Code != status || !strings.Contains(w.Body.String(), want) {
		t.Errorf("%s %s %s as %s: %d %s, want %d %s", method, path, body, who, w.Code, w.Body, status, want)
	}
}

// rolesOf are the names of a token's roles.
func rolesOf(token map[string]any) string {
	var names []string
	for _, r := range token["roles"].([]any) {
		names = append(names, r.(map[string]any)["name"].(string))
	}
	return strings.Join(names, " ")
}

func (d *derived) appCredential(t *testing.T, who, user, more string) (id, secret string) {
	t.Helper()
	made := d.must(t, who, "POST", "/v3/users/"+user+"/application_credentials", `{"application_credential": {`+more+`}}`, 201)["application_credential"].(map[string]any)
	return made["id"].(string), made["secret"].(string)
}

func appCredentialAuth(id, secret string) string {
	return `{"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"id": "` + id + `", "secret": "` + secret + `"}}}}`
}

func trustAuth(user, trust string) string {
	return loginBody(user, "pw", `{"OS-TRUST:trust": {"id": "`+trust+`"}}`)
}

func (d *derived) trust(t *testing.T, who, trustor, trustee, more string) string {
	t.Helper()
	return d.text(t, who, "/v3/OS-TRUST/trusts", d.trustBody(trustor, trustee, more), "trust", "id")
}

func (d *derived) trustBody(trustor, trustee, more string) string {
	return `{"trust": {"trustor_user_id": "` + trustor + `", "trustee_user_id": "` + trustee + `", "project_id": "` + d.project + `"` + more + `}}`
}
