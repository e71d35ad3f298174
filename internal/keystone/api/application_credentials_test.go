package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestApplicationCredentials(t *testing.T) {
	d := newDerived(t)
	path := "/v3/users/" + d.alice + "/application_credentials"
	body := func(more string) string { return `{"application_credential": {` + more + `}}` }
	for name, tc := range map[string]struct {
		who, method, path, body string
		status                  int
		want                    string
	}{
		"no name":          {"alice", "POST", path, body(`"description": "d"`), 400, "'name' is a required property"},
		"for another":      {"bob", "POST", path, body(`"name": "x"`), 403, "identity:create_application_credential"},
		"a role not held":  {"alice", "POST", path, body(`"name": "x", "roles": [{"name": "admin"}]`), 400, "Invalid application credential: Cannot create an application credential with unassigned role"},
		"no such role":     {"alice", "POST", path, body(`"name": "x", "roles": [{"name": "nosuch"}]`), 404, "Role nosuch is not defined"},
		"expired":          {"alice", "POST", path, body(`"name": "x", "expires_at": "2001-01-01T00:00:00"`), 400, "The 'expires_at' must not be before now."},
		"no time":          {"alice", "POST", path, body(`"name": "x", "expires_at": "soon"`), 400, "Timestamp not in expected format."},
		"no method":        {"alice", "POST", path, body(`"name": "x", "access_rules": [{"service": "compute", "path": "/x", "method": "EAT"}]`), 400, "does not match"},
		"no such rule":     {"alice", "POST", path, body(`"name": "x", "access_rules": [{"id": "nosuch"}]`), 404, "Could not find Access Rule: nosuch."},
		"unknown":          {"alice", "GET", path + "/nosuch", "", 404, "Could not find Application Credential: nosuch."},
		"unscoped creator": {d.login(t, "alice", "pw", `"unscoped"`), "POST", path, body(`"name": "x"`), 400, "Invalid application credential"},
	} {
		t.Run(name, func(t *testing.T) { d.refused(t, tc.who, tc.method, tc.path, tc.body, tc.status, tc.want) })
	}
	id, secret := d.appCredential(t, "alice", d.alice, `"name": "one", "description": "d", "roles": [{"id": "`+d.reader+`"}]`)
	d.refused(t, "bob", "GET", "/v3/users/"+d.bob+"/application_credentials/"+id, "", 403, "identity:get_application_credential")
	d.refused(t, "bob", "DELETE", "/v3/users/"+d.bob+"/application_credentials/"+id, "", 403, "identity:delete_application_credential")
	shown := d.must(t, "alice", "GET", path+"/"+id, "", 200)["application_credential"].(map[string]any)
	if _, told := shown["secret"]; told || shown["description"] != "d" || shown["project_id"] != d.project {
		t.Errorf("%v", shown)
	}
	if rows := d.must(t, "alice", "GET", path+"?name=one", "", 200)["application_credentials"].([]any); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	if rows := d.must(t, "alice", "GET", path+"?name=two", "", 200)["application_credentials"].([]any); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
	for _, auth := range []string{appCredentialAuth(id, secret), strings.Replace(appCredentialAuth(id, secret), `"id": "`+id+`"`,
		`"name": "one", "user": {"name": "alice", "domain": {"id": "default"}}`, 1)} {
		tok, says := d.auth(t, auth, 201)
		if says["user"].(map[string]any)["id"] != d.alice || says["project"].(map[string]any)["id"] != d.project || rolesOf(says) != "reader" {
			t.Errorf("%v", says)
		}
		d.refused(t, tok, "POST", path, body(`"name": "x"`), 403, "Using method 'application_credential' is not allowed for managing additional application credentials.")
		d.refused(t, tok, "DELETE", path+"/"+id, "", 403, "Using method 'application_credential'")
		d.refused(t, tok, "POST", "/v3/OS-TRUST/trusts", d.trustBody(d.alice, d.bob, `, "impersonation": false, "roles": [{"name": "reader"}]`), 403, "not allowed for managing trusts")
		d.refused(t, tok, "GET", "/v3/OS-TRUST/trusts?trustor_user_id="+d.alice, "", 403, "not allowed for managing trusts")
		again, says := d.auth(t, `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}}}`, 201)
		if rolesOf(says) != "reader" || says["application_credential"] == nil {
			t.Errorf("%s freed itself: %v", again, says)
		}
		d.auth(t, `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}, "scope": {"project": {"id": "`+d.project+`"}}}}`, 403)
	}
	d.auth(t, appCredentialAuth(id, "wrong"), 401)
	d.auth(t, appCredentialAuth("nosuch", secret), 404)
	d.auth(t, strings.Replace(appCredentialAuth(id, secret), `"id": "`+id+`"`, `"name": "one", "user": {"name": "bob", "domain": {"id": "default"}}`, 1), 401)
	d.auth(t, strings.Replace(appCredentialAuth(id, secret), `"id": "`+id+`"`, `"name": "one"`, 1), 400)
	tok, _ := d.auth(t, appCredentialAuth(id, secret), 201)
	d.must(t, "alice", "DELETE", path+"/"+id, "", 204)
	d.must(t, tok, "GET", "/v3/auth/projects", "", 401)
	d.auth(t, appCredentialAuth(id, secret), 404)
}

// TestApplicationCredentialFollowsItsUser takes away what it stands on, piece by piece.
func TestApplicationCredentialFollowsItsUser(t *testing.T) {
	for name, change := range map[string]func(d *derived){
		"role": func(d *derived) {
			d.must(t, "admin", "DELETE", "/v3/projects/"+d.project+"/users/"+d.alice+"/roles/"+d.member, "", 204)
		},
		"user": func(d *derived) { d.must(t, "admin", "DELETE", "/v3/users/"+d.alice, "", 204) },
		"disabled": func(d *derived) {
			d.must(t, "admin", "PATCH", "/v3/users/"+d.alice, `{"user": {"enabled": false}}`, 200)
		},
		"project": func(d *derived) { d.must(t, "admin", "DELETE", "/v3/projects/"+d.project, "", 204) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDerived(t)
			id, secret := d.appCredential(t, "alice", d.alice, `"name": "one", "access_rules": [{"service": "identity", "method": "GET", "path": "/**"}]`)
			tok, _ := d.auth(t, appCredentialAuth(id, secret), 201)
			d.must(t, tok, "GET", "/v3/auth/projects", "", 200)
			change(d)
			d.must(t, tok, "GET", "/v3/auth/projects", "", 401)
			if w := d.do("", "POST", "/v3/auth/tokens", appCredentialAuth(id, secret)); w.Code != 401 && w.Code != 404 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if name == "disabled" { // enabling the user does not bring them back
				d.must(t, "admin", "PATCH", "/v3/users/"+d.alice, `{"user": {"enabled": true}}`, 200)
				d.auth(t, appCredentialAuth(id, secret), 404)
				if rows := d.must(t, d.login(t, "alice", "pw", ""), "GET", "/v3/users/"+d.alice+"/access_rules", "", 200)["access_rules"].([]any); len(rows) != 0 {
					t.Errorf("%v", rows)
				}
			}
		})
	}
}

func TestUnrestrictedApplicationCredential(t *testing.T) {
	d := newDerived(t)
	path := "/v3/users/" + d.alice + "/application_credentials"
	id, secret := d.appCredential(t, "alice", d.alice, `"name": "free", "unrestricted": true, "roles": [{"name": "reader"}]`)
	tok, says := d.auth(t, appCredentialAuth(id, secret), 201)
	if says["application_credential"].(map[string]any)["restricted"] != false {
		t.Errorf("%v", says)
	}
	d.refused(t, tok, "POST", path, `{"application_credential": {"name": "more", "roles": [{"name": "member"}]}}`, 400, "unassigned role")
	child, childSecret := d.appCredential(t, tok, d.alice, `"name": "child"`)
	if _, says := d.auth(t, appCredentialAuth(child, childSecret), 201); rolesOf(says) != "reader" {
		t.Errorf("the child has %s", rolesOf(says))
	}
	d.must(t, tok, "DELETE", path+"/"+child, "", 204)
}

func TestAccessRules(t *testing.T) {
	d := newDerived(t)
	path := "/v3/users/" + d.alice
	id, secret := d.appCredential(t, "alice", d.alice, `"name": "a", "access_rules": [{"service": "identity", "method": "GET", "path": "/v3/auth/*"}]`)
	d.appCredential(t, "alice", d.alice, `"name": "b", "access_rules": [{"service": "identity", "method": "GET", "path": "/v3/auth/*"}]`)
	rules := d.must(t, "alice", "GET", path+"/access_rules?service=identity&method=GET", "", 200)["access_rules"].([]any)
	if len(rules) != 1 {
		t.Fatalf("the same rule is there %d times", len(rules))
	}
	rule := rules[0].(map[string]any)["id"].(string)
	d.must(t, "alice", "GET", path+"/access_rules/"+rule, "", 200)
	d.refused(t, "bob", "GET", "/v3/users/"+d.bob+"/access_rules/"+rule, "", 404, "Could not find Access Rule: "+rule+".")
	d.refused(t, "bob", "DELETE", "/v3/users/"+d.bob+"/access_rules/"+rule, "", 404, "Could not find Access Rule")
	d.refused(t, "alice", "DELETE", path+"/access_rules/"+rule, "", 403, "May not delete access rule in use")
	d.grant(t, d.project, d.bob)
	bob := d.login(t, "bob", "pw", `{"project": {"id": "`+d.project+`"}}`)
	d.refused(t, bob, "POST", "/v3/users/"+d.bob+"/application_credentials", `{"application_credential": {"name": "x", "access_rules": [{"id": "`+rule+`"}]}}`, 404, "Could not find Access Rule")

	tok, _ := d.auth(t, appCredentialAuth(id, secret), 201)
	d.must(t, tok, "GET", "/v3/auth/catalog", "", 200)
	d.must(t, tok, "GET", path, "", 401)
	validate := func(who, support string) int {
		r := httptest.NewRequest("GET", "/v3/auth/tokens", nil)
		r.Header.Set("X-Auth-Token", d.tokens[who])
		r.Header.Set("X-Subject-Token", tok)
		if support != "" {
			r.Header.Set("OpenStack-Identity-Access-Rules", support)
		}
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		if w.Code == 200 && !strings.Contains(w.Body.String(), `"path":"/v3/auth/*"`) {
			t.Errorf("%s", w.Body)
		}
		return w.Code
	}
	for support, want := range map[string]int{"": 404, "0.9": 404, "x": 404, "1.0": 200, "2": 200} {
		if got := validate("nova", support); got != want {
			t.Errorf("version %q: %d, want %d", support, got, want)
		}
	}
	for _, row := range d.must(t, "alice", "GET", path+"/application_credentials", "", 200)["application_credentials"].([]any) {
		d.must(t, "alice", "DELETE", path+"/application_credentials/"+row.(map[string]any)["id"].(string), "", 204)
	}
	d.must(t, "alice", "DELETE", path+"/access_rules/"+rule, "", 204)
}
