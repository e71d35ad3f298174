package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone/api"
	"nacre/internal/oslo/httpapi"
)

// v2 is a cloud with version 2.0 of the API.
type v2 struct {
	*derived
	foreign string // a user of another domain
	outside string // a project there
}

func newV2(t *testing.T, at api.V2) *v2 {
	t.Helper()
	v := &v2{derived: newDerived(t)}
	handler, err := api.NewV2(v.svc, httpapi.Door{Tokens: v.svc}, at)
	if err != nil {
		t.Fatal(err)
	}
	v.cloud.api, v.cloud.table = handler, handler.Table()
	domain := v.text(t, "admin", "/v3/domains", `{"domain": {"name": "d"}}`, "domain", "id")
	v.foreign = v.text(t, "admin", "/v3/users", `{"user": {"name": "foreign", "domain_id": "`+domain+`", "password": "pw"}}`, "user", "id")
	v.outside = v.text(t, "admin", "/v3/projects", `{"project": {"name": "outside", "domain_id": "`+domain+`"}}`, "project", "id")
	return v
}

// resource decodes the one resource of an answer.
func (v *v2) resource(t *testing.T, who, method, path, body, key string) map[string]any {
	t.Helper()
	return v.must(t, who, method, path, body, 200)[key].(map[string]any)
}

func (v *v2) token(t *testing.T, body string) map[string]any {
	t.Helper()
	return v.resource(t, "", "POST", "/v2.0/tokens", body, "access")
}

func v2Login(user, password, tenant string) string {
	return `{"auth": {"passwordCredentials": {"username": "` + user + `", "password": "` + password + `"}, "tenantName": "` + tenant + `"}}`
}

// ids are those of the rows of a list.
func idsIn(rows any) (ids []string) {
	for _, r := range rows.([]any) {
		ids = append(ids, r.(map[string]any)["id"].(string))
	}
	return ids
}

// TestV2IsOff: nobody who did not ask for it has version 2.0.
func TestV2IsOff(t *testing.T) {
	c := newCloud(t)
	for _, r := range c.table {
		if strings.HasPrefix(r.Path, "/v2.0") {
			t.Errorf("%s %s is served", r.Method, r.Path)
		}
	}
	if w := c.do("", "GET", "/", ""); strings.Contains(w.Body.String(), "v2.0") {
		t.Errorf("%s", w.Body)
	}
	for _, path := range []string{"/v2.0", "/v2.0/", "/v2.0/tenants", "/v2.0/extensions"} {
		if w := c.do("admin", "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := c.do("", "POST", "/v2.0/tokens", v2Login("admin", "PASSWORD", "admin")); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

func TestV2Discovery(t *testing.T) {
	v := newV2(t, api.V2Public)
	versions := v.must(t, "", "GET", "/", "", 300)["versions"].(map[string]any)["values"]
	if ids := idsIn(versions); !slices.Equal(ids, []string{"v3.14", "v2.0"}) {
		t.Errorf("%v", ids)
	}
	for _, path := range []string{"/v2.0", "/v2.0/"} {
		if shown := v.resource(t, "", "GET", path, "", "version"); shown["id"] != "v2.0" {
			t.Errorf("%v", shown)
		}
	}
	all := v.resource(t, "", "GET", "/v2.0/extensions", "", "extensions")["values"].([]any)
	for _, e := range all {
		alias := e.(map[string]any)["alias"].(string)
		if shown := v.resource(t, "", "GET", "/v2.0/extensions/"+alias, "", "extension"); shown["alias"] != alias {
			t.Errorf("%v", shown)
		}
	}
	v.refused(t, "", "GET", "/v2.0/extensions/nosuch", "", 404, "Could not find: nosuch.")
	v.refused(t, "", "GET", "/v2.0/certificates/ca", "", 404, "Could not find certificate: ca.")
	v.refused(t, "", "GET", "/v2.0/certificates/signing", "", 404, "Could not find certificate: signing.")
}

func TestV2Tokens(t *testing.T) {
	v := newV2(t, api.V2Public)
	access := v.token(t, v2Login("alice", "pw", "p"))
	tok := access["token"].(map[string]any)
	user := access["user"].(map[string]any)
	if tok["tenant"].(map[string]any)["id"] != v.project || user["id"] != v.alice || user["username"] != "alice" || tok["expires"] == nil {
		t.Errorf("%v", access)
	}
	var names []string
	for _, r := range user["roles"].([]any) {
		names = append(names, r.(map[string]any)["name"].(string))
	}
	if !slices.Equal(names, []string{"member", "reader"}) {
		t.Errorf("%v", names)
	}
	first := access["serviceCatalog"].([]any)[0].(map[string]any)
	urls := first["endpoints"].([]any)[0].(map[string]any)
	for _, key := range []string{"id", "region", "publicURL", "internalURL", "adminURL"} {
		if urls[key] == nil {
			t.Errorf("no %s in %v", key, urls)
		}
	}
	id := tok["id"].(string)
	v.must(t, id, "GET", "/v3/auth/projects", "", 200)

	unscoped := v.token(t, `{"auth": {"passwordCredentials": {"userId": "`+v.alice+`", "password": "pw"}}}`)
	if _, scoped := unscoped["token"].(map[string]any)["tenant"]; scoped || len(unscoped["serviceCatalog"].([]any)) != 0 {
		t.Errorf("%v", unscoped)
	}
	again := v.token(t, `{"auth": {"token": {"id": "`+unscoped["token"].(map[string]any)["id"].(string)+`"}, "tenantId": "`+v.project+`"}}`)
	if again["token"].(map[string]any)["expires"] != unscoped["token"].(map[string]any)["expires"] {
		t.Error("a token lives longer than the one that it was traded for")
	}
	foreign := v.do("", "POST", "/v3/auth/tokens", byPassword(v.foreign, "pw", "")).Header().Get("X-Subject-Token")
	for name, tc := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"no auth":         {`{}`, 400, "Expecting to find auth in request body."},
		"no credentials":  {`{"auth": {}}`, 400, "Expecting to find passwordCredentials in auth."},
		"no password":     {`{"auth": {"passwordCredentials": {"username": "alice"}}}`, 400, "Expecting to find password in passwordCredentials."},
		"no user":         {`{"auth": {"passwordCredentials": {"password": "pw"}}}`, 400, "Expecting to find username or userId in passwordCredentials."},
		"no token":        {`{"auth": {"token": {}}}`, 400, "Expecting to find id in token."},
		"wrong password":  {v2Login("alice", "x", "p"), 401, "requires authentication"},
		"unknown user":    {v2Login("nosuch", "x", "p"), 401, "requires authentication"},
		"unknown tenant":  {v2Login("alice", "pw", "nosuch"), 401, "requires authentication"},
		"no role":         {v2Login("alice", "pw", "other"), 401, "requires authentication"},
		"unknown token":   {`{"auth": {"token": {"id": "x"}}}`, 401, "requires authentication"},
		"other domain":    {`{"auth": {"passwordCredentials": {"userId": "` + v.foreign + `", "password": "pw"}}}`, 401, "requires authentication"},
		"its name":        {v2Login("foreign", "pw", ""), 401, "requires authentication"},
		"its token":       {`{"auth": {"token": {"id": "` + foreign + `"}}}`, 401, "Non-default domain is not supported"},
		"its project":     {`{"auth": {"passwordCredentials": {"username": "alice", "password": "pw"}, "tenantId": "` + v.outside + `"}}`, 401, "requires authentication"},
		"unknown trust":   {`{"auth": {"token": {"id": "` + id + `"}, "trust_id": "x"}}`, 403, "You are not authorized"},
		"wrongly written": {`{"auth": 1}`, 400, ""},
	} {
		t.Run(name, func(t *testing.T) { v.refused(t, "", "POST", "/v2.0/tokens", tc.body, tc.status, tc.want) })
	}

	if shown := v.resource(t, "admin", "GET", "/v2.0/tokens/"+id, "", "access"); shown["token"].(map[string]any)["id"] != id {
		t.Errorf("%v", shown)
	}
	if w := v.do("admin", "HEAD", "/v2.0/tokens/"+id, ""); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d %s", w.Code, w.Body)
	}
	v.must(t, "admin", "GET", "/v2.0/tokens/"+id+"?belongsTo="+v.project, "", 200)
	v.refused(t, "admin", "GET", "/v2.0/tokens/"+id+"?belongsTo="+v.other, "", 401, "Token does not belong to specified tenant.")
	v.refused(t, "admin", "GET", "/v2.0/tokens/"+foreign, "", 401, "Non-default domain is not supported")
	v.refused(t, "admin", "GET", "/v2.0/tokens/nosuch", "", 404, "")
	v.refused(t, "bob", "GET", "/v2.0/tokens/"+id, "", 403, "identity:validate_token")
	v.refused(t, "admin", "GET", "/v2.0/tokens/revoked", "", 403, "You are not authorized")
	if rows := v.must(t, "admin", "GET", "/v2.0/tokens/"+id+"/endpoints", "", 200)["endpoints"].([]any); len(rows) != 3 || rows[0].(map[string]any)["tenantId"] != v.project {
		t.Errorf("%v", rows)
	}
	v.refused(t, "bob", "GET", "/v2.0/tokens/"+id+"/endpoints", "", 403, "admin_required")
	v.refused(t, "bob", "DELETE", "/v2.0/tokens/"+id, "", 403, "admin_required")
	v.must(t, "admin", "DELETE", "/v2.0/tokens/"+id, "", 204)
	v.refused(t, "admin", "GET", "/v2.0/tokens/"+id, "", 404, "")
}

// TestV2Trust: a trust gives a token, which version 2.0 itself does not read.
func TestV2Trust(t *testing.T) {
	v := newV2(t, api.V2Public)
	trust := v.trust(t, "alice", v.alice, v.bob, `, "impersonation": true, "roles": [{"id": "`+v.reader+`"}]`)
	bob := v.token(t, v2Login("bob", "pw", ""))["token"].(map[string]any)["id"].(string)
	access := v.token(t, `{"auth": {"token": {"id": "`+bob+`"}, "trust_id": "`+trust+`", "tenantId": "`+v.project+`"}}`)
	if access["user"].(map[string]any)["id"] != v.alice || access["trust"].(map[string]any)["id"] != trust {
		t.Errorf("%v", access)
	}
	v.refused(t, "", "POST", "/v2.0/tokens", `{"auth": {"token": {"id": "`+bob+`"}, "trust_id": "`+trust+`", "tenantId": "`+v.other+`"}}`, 403, "")
	v.refused(t, "admin", "GET", "/v2.0/tokens/"+access["token"].(map[string]any)["id"].(string), "", 401, "trust-scoped")
}

func TestV2Tenants(t *testing.T) {
	v := newV2(t, api.V2Admin)
	made := v.resource(t, "admin", "POST", "/v2.0/tenants", `{"tenant": {"name": "t", "description": "x", "domain_id": "nosuch", "options": {"immutable": true}}}`, "tenant")
	id := made["id"].(string)
	if made["enabled"] != true || made["description"] != "x" || made["domain_id"] != nil || made["options"] != nil {
		t.Errorf("%v", made)
	}
	v.refused(t, "admin", "POST", "/v2.0/tenants", `{"tenant": {"name": "t"}}`, 409, "Conflict occurred")
	v.refused(t, "admin", "POST", "/v2.0/tenants", `{"tenant": {"name": ""}}`, 400, "Name field is required and cannot be empty")
	v.refused(t, "admin", "POST", "/v2.0/tenants", `{"tenant": {"name": "`+strings.Repeat("x", 65)+`"}}`, 400, "String length exceeded")
	v.refused(t, "admin", "POST", "/v2.0/tenants", `{}`, 400, "Expecting to find tenant in request body.")
	v.refused(t, "alice", "POST", "/v2.0/tenants", `{"tenant": {"name": "u"}}`, 403, "admin_required")
	if got := v.resource(t, "admin", "POST", "/v2.0/tenants/"+id, `{"tenant": {"name": "u", "enabled": false}}`, "tenant"); got["name"] != "u" || got["enabled"] != false {
		t.Errorf("%v", got)
	}
	if got := v.resource(t, "admin", "GET", "/v2.0/tenants?name=u", "", "tenant"); got["id"] != id {
		t.Errorf("%v", got)
	}
	v.refused(t, "admin", "GET", "/v2.0/tenants?name=outside", "", 404, "Could not find project: outside.")
	all := idsIn(v.must(t, "admin", "GET", "/v2.0/tenants", "", 200)["tenants"])
	if !slices.Contains(all, id) || slices.Contains(all, v.outside) || slices.Contains(all, "default") {
		t.Errorf("%v", all)
	}
	if page := idsIn(v.must(t, "admin", "GET", "/v2.0/tenants?limit=1&marker="+all[0], "", 200)["tenants"]); !slices.Equal(page, all[1:2]) {
		t.Errorf("%v of %v", page, all)
	}
	v.refused(t, "admin", "GET", "/v2.0/tenants?marker=x", "", 400, "Marker could not be found")
	v.refused(t, "admin", "GET", "/v2.0/tenants?limit=x", "", 400, "Invalid limit value")
	v.refused(t, "alice", "GET", "/v2.0/tenants", "", 403, "admin_required")
	for _, path := range []string{"/v2.0/tenants/" + v.outside, "/v2.0/tenants/default", "/v2.0/tenants/" + v.outside + "/users"} {
		v.refused(t, "admin", "GET", path, "", 404, "Could not find project")
	}
	v.refused(t, "admin", "POST", "/v2.0/tenants/"+v.outside, `{"tenant": {"name": "z"}}`, 404, "Could not find project")
	v.refused(t, "admin", "DELETE", "/v2.0/tenants/"+v.outside, "", 404, "Could not find project")
	v.must(t, "admin", "DELETE", "/v2.0/tenants/"+id, "", 204)
	v.refused(t, "admin", "GET", "/v2.0/tenants/"+id, "", 404, "Could not find project")

	public := newV2(t, api.V2Public)
	if own := idsIn(public.must(t, "alice", "GET", "/v2.0/tenants", "", 200)["tenants"]); !slices.Equal(own, []string{public.project}) {
		t.Errorf("%v", own)
	}
}

func TestV2Users(t *testing.T) {
	v := newV2(t, api.V2Admin)
	made := v.resource(t, "admin", "POST", "/v2.0/users", `{"user": {"username": "u", "OS-KSADM:password": "pw", "email": "u@x", "tenantId": "`+v.project+`", "domain_id": "x"}}`, "user")
	id := made["id"].(string)
	if made["name"] != "u" || made["username"] != "u" || made["email"] != "u@x" || made["tenantId"] != v.project || made["enabled"] != true ||
		made["domain_id"] != nil || made["password"] != nil {
		t.Errorf("%v", made)
	}
	v.token(t, v2Login("u", "pw", "p")) // a member of its tenant
	path := "/v2.0/users/" + id
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"duplicate": {`{"user": {"name": "u"}}`, 409}, "no name": {`{"user": {}}`, 400}, "no user": {`{}`, 400}, "text": {`{"user": "x"}`, 400}, "flag": {`{"user": {"name": "x", "enabled": "yes"}}`, 400},
		"long": {`{"user": {"name": "` + strings.Repeat("x", 256) + `"}}`, 400}, "tenant": {`{"user": {"name": "x", "tenantId": "` + v.outside + `"}}`, 404},
		"password": {`{"user": {"name": "x", "password": 1}}`, 400},
	} {
		t.Run(name, func(t *testing.T) { v.refused(t, "admin", "POST", "/v2.0/users", tc.body, tc.status, "") })
	}
	if got := v.resource(t, "admin", "GET", path, "", "user"); got["id"] != id {
		t.Errorf("%v", got)
	}
	if got := v.resource(t, "admin", "GET", "/v2.0/users?name=u", "", "user"); got["id"] != id {
		t.Errorf("%v", got)
	}
	all := idsIn(v.must(t, "admin", "GET", "/v2.0/users", "", 200)["users"])
	if !slices.Contains(all, id) || slices.Contains(all, v.foreign) {
		t.Errorf("%v", all)
	}
	if of := idsIn(v.must(t, "admin", "GET", "/v2.0/tenants/"+v.project+"/users", "", 200)["users"]); !slices.Contains(of, id) || !slices.Contains(of, v.alice) {
		t.Errorf("%v", of)
	}
	if got := v.resource(t, "admin", "PUT", path, `{"user": {"name": "w", "email": "w@x"}}`, "user"); got["name"] != "w" || got["email"] != "w@x" {
		t.Errorf("%v", got)
	}
	v.resource(t, "admin", "PUT", path+"/OS-KSADM/tenant", `{"user": {"tenantId": "`+v.other+`"}}`, "user")
	v.token(t, v2Login("w", "pw", "other"))
	v.refused(t, "", "POST", "/v2.0/tokens", v2Login("w", "pw", "p"), 401, "") // it has left
	v.resource(t, "admin", "PUT", path+"/OS-KSADM/password", `{"user": {"password": "new"}}`, "user")
	v.token(t, v2Login("w", "new", "other"))
	v.resource(t, "admin", "PUT", path+"/enabled", `{"user": {"enabled": false}}`, "user")
	v.refused(t, "", "POST", "/v2.0/tokens", v2Login("w", "new", ""), 401, "")
	v.must(t, "admin", "DELETE", path, "", 204)
	v.refused(t, "admin", "GET", path, "", 404, "Could not find user")
	v.refused(t, "alice", "GET", "/v2.0/users", "", 403, "admin_required")
}

// TestV2MemberOrNoUser: a user who cannot be a member of its tenant is not made, and does not move.
func TestV2MemberOrNoUser(t *testing.T) {
	v := newV2(t, api.V2Admin)
	u := v.resource(t, "admin", "POST", "/v2.0/users", `{"user": {"name": "u", "tenantId": "`+v.project+`"}}`, "user")
	v.must(t, "admin", "PATCH", "/v3/roles/"+v.member, `{"role": {"options": {"immutable": false}}}`, 200)
	v.must(t, "admin", "DELETE", "/v2.0/OS-KSADM/roles/"+v.member, "", 204)
	v.refused(t, "admin", "POST", "/v2.0/users", `{"user": {"name": "w", "tenantId": "`+v.project+`"}}`, 404, "Role member is not defined")
	v.refused(t, "admin", "GET", "/v2.0/users?name=w", "", 404, "Could not find user")
	path := "/v2.0/users/" + u["id"].(string)
	v.refused(t, "admin", "PUT", path+"/tenant", `{"user": {"tenantId": "`+v.other+`"}}`, 404, "Role member is not defined")
	if got := v.resource(t, "admin", "GET", path, "", "user"); got["tenantId"] != v.project {
		t.Errorf("%v", got)
	}
}

// TestV2OwnPassword: a user changes its password, and goes on with a new token.
func TestV2OwnPassword(t *testing.T) {
	v := newV2(t, api.V2Public)
	path := "/v2.0/OS-KSCRUD/users/" + v.alice
	own := v.resource(t, "alice", "PATCH", path, `{"user": {"password": "own", "original_password": "pw"}}`, "access")["token"].(map[string]any)
	if own["tenant"].(map[string]any)["id"] != v.project {
		t.Errorf("%v", own)
	}
	if w := v.do("alice", "GET", "/v3/auth/projects", ""); w.Code != 401 {
		t.Errorf("the token of the old password: %d", w.Code)
	}
	now := own["id"].(string)
	v.must(t, now, "GET", "/v3/auth/projects", "", 200)
	v.token(t, v2Login("alice", "own", "p"))
	v.refused(t, now, "PATCH", "/v2.0/OS-KSCRUD/users/"+v.bob, `{"user": {"password": "x", "original_password": "pw"}}`, 403, "Token belongs to another user")
	v.refused(t, now, "PATCH", path, `{"user": {"password": "x", "original_password": "wrong"}}`, 401, "")
	v.refused(t, now, "PATCH", path, `{"user": {"password": "x"}}`, 400, "original password")
	v.refused(t, now, "PATCH", path, `{"user": {"original_password": "own"}}`, 400, "Expecting to find password in user.")
}

// TestV2OtherDomains: whatever is asked of it, version 2.0 knows nobody of another domain.
func TestV2OtherDomains(t *testing.T) {
	v := newV2(t, api.V2Admin)
	domainRole := v.text(t, "admin", "/v3/roles", `{"role": {"name": "dr", "domain_id": "default"}}`, "role", "id")
	v.must(t, "admin", "PUT", "/v3/projects/"+v.project+"/users/"+v.foreign+"/roles/"+v.member, "", 204)
	seen := 0
	for _, r := range v.table {
		if !strings.HasPrefix(r.Path, "/v2.0") || !strings.Contains(r.Path, "{") {
			continue
		}
		fill := func(user, tenant, role string) string {
			return strings.NewReplacer("{user_id}", user, "{tenant_id}", tenant, "{role_id}", role).Replace(r.Path)
		}
		for _, path := range []string{fill(v.foreign, v.project, v.member), fill(v.alice, v.outside, v.member), fill(v.alice, v.project, domainRole)} {
			if strings.Contains(path, "{") || path == fill(v.alice, v.project, v.member) {
				continue
			}
			seen++
			w := v.do("admin", r.Method, path, `{"user": {"name": "x", "enabled": true}, "tenant": {"name": "x"}, "tenant_id": "`+v.project+`"}`)
			if w.Code != 404 && !strings.Contains(w.Body.String(), "Token belongs to another user") {
				t.Errorf("%s %s: %d %s", r.Method, path, w.Code, w.Body)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d calls", seen)
	}
	if of := idsIn(v.must(t, "admin", "GET", "/v2.0/tenants/"+v.project+"/users", "", 200)["users"]); slices.Contains(of, v.foreign) {
		t.Errorf("%v", of)
	}
}

func TestV2Roles(t *testing.T) {
	v := newV2(t, api.V2Admin)
	made := v.resource(t, "admin", "POST", "/v2.0/OS-KSADM/roles", `{"role": {"name": "r"}}`, "role")
	id := made["id"].(string)
	v.refused(t, "admin", "POST", "/v2.0/OS-KSADM/roles", `{"role": {"name": "r"}}`, 409, "")
	v.refused(t, "admin", "POST", "/v2.0/OS-KSADM/roles", `{"role": {"name": ""}}`, 400, "Name field is required")
	if got := v.resource(t, "admin", "GET", "/v2.0/OS-KSADM/roles/"+id, "", "role"); got["name"] != "r" {
		t.Errorf("%v", got)
	}
	if all := idsIn(v.must(t, "admin", "GET", "/v2.0/OS-KSADM/roles", "", 200)["roles"]); !slices.Contains(all, id) {
		t.Errorf("%v", all)
	}
	of := "/v2.0/tenants/" + v.project + "/users/" + v.bob + "/roles"
	if got := v.resource(t, "admin", "PUT", of+"/OS-KSADM/"+id, "", "role"); got["id"] != id {
		t.Errorf("%v", got)
	}
	v.refused(t, "admin", "PUT", of+"/OS-KSADM/"+id, "", 409, "already has role")
	v.refused(t, "admin", "PUT", of+"/OS-KSADM/nosuch", "", 404, "Could not find role")
	if got := idsIn(v.must(t, "admin", "GET", of, "", 200)["roles"]); !slices.Equal(got, []string{id}) {
		t.Errorf("%v", got)
	}
	v.must(t, "admin", "DELETE", of+"/OS-KSADM/"+id, "", 204)
	v.refused(t, "admin", "DELETE", of+"/OS-KSADM/"+id, "", 404, "")
	global := "/v2.0/users/" + v.bob + "/roles"
	v.resource(t, "admin", "PUT", global+"/OS-KSADM/"+id, "", "role")
	v.refused(t, "admin", "PUT", global+"/OS-KSADM/"+id, "", 409, "already has role")
	v.must(t, "admin", "GET", "/v3/system/users/"+v.bob+"/roles/"+id, "", 204)
	if got := idsIn(v.must(t, "admin", "GET", global, "", 200)["roles"]); !slices.Equal(got, []string{id}) {
		t.Errorf("%v", got)
	}
	v.refused(t, "alice", "PUT", global+"/OS-KSADM/"+v.member, "", 403, "admin_required")
	v.must(t, "admin", "DELETE", global+"/OS-KSADM/"+id, "", 204)
	v.refused(t, "admin", "DELETE", global+"/OS-KSADM/"+id, "", 404, "")
	v.must(t, "admin", "DELETE", "/v2.0/OS-KSADM/roles/"+id, "", 204)
}

func TestV2Catalog(t *testing.T) {
	v := newV2(t, api.V2Admin)
	const services = "/v2.0/OS-KSADM/services"
	made := v.resource(t, "admin", "POST", services, `{"OS-KSADM:service": {"type": "t", "name": "n", "description": "d"}}`, "OS-KSADM:service")
	id := made["id"].(string)
	if got := v.resource(t, "admin", "GET", services+"/"+id, "", "OS-KSADM:service"); got["type"] != "t" || got["name"] != "n" || got["description"] != "d" {
		t.Errorf("%v", got)
	}
	if all := idsIn(v.must(t, "admin", "GET", services, "", 200)["OS-KSADM:services"]); !slices.Contains(all, id) {
		t.Errorf("%v", all)
	}
	v.refused(t, "admin", "POST", services, `{"OS-KSADM:service": {}}`, 400, "type field is required")

	endpoint := v.resource(t, "admin", "POST", "/v2.0/endpoints", `{"endpoint": {"service_id": "`+id+`", "region": "r", "publicurl": "http://p", "internalurl": "http://i", "adminurl": ""}}`, "endpoint")
	eid := endpoint["id"].(string)
	second := v.resource(t, "admin", "POST", "/v2.0/endpoints", `{"endpoint": {"service_id": "`+id+`", "region": "r", "publicurl": "http://q"}}`, "endpoint")["id"].(string)
	parts := v.must(t, "admin", "GET", "/v3/endpoints?service_id="+id, "", 200)["endpoints"].([]any)
	text, err := json.Marshal(parts)
	if err != nil || len(parts) != 3 || strings.Contains(string(text), "legacy") {
		t.Errorf("%s", text)
	}
	all := v.must(t, "admin", "GET", "/v2.0/endpoints", "", 200)["endpoints"]
	if ids := idsIn(all); !slices.Contains(ids, eid) || !slices.Contains(ids, second) || len(ids) != 5 {
		t.Errorf("%v", ids)
	}
	for _, e := range all.([]any) {
		if e := e.(map[string]any); e["id"] == eid && (e["publicurl"] != "http://p" || e["internalurl"] != "http://i" || e["adminurl"] != nil || e["region"] != "r") {
			t.Errorf("%v", e)
		}
	}
	v.refused(t, "admin", "POST", "/v2.0/endpoints", `{"endpoint": {"service_id": "`+id+`", "region": "r"}}`, 400, "publicurl field is required")
	v.refused(t, "admin", "POST", "/v2.0/endpoints", `{"endpoint": {"service_id": "x", "region": "r", "publicurl": "http://p"}}`, 400, "endpoint service_id")
	v.refused(t, "admin", "POST", "/v2.0/endpoints", `{"endpoint": {"service_id": "`+id+`", "region": "r", "publicurl": "http://%(x)s"}}`, 400, "invalid URL")
	v.must(t, "admin", "DELETE", "/v2.0/endpoints/"+eid, "", 204)
	v.refused(t, "admin", "DELETE", "/v2.0/endpoints/"+eid, "", 404, "Could not find endpoint")
	if left := v.must(t, "admin", "GET", "/v3/endpoints?service_id="+id, "", 200)["endpoints"].([]any); len(left) != 1 {
		t.Errorf("%v", left)
	}
	v.must(t, "admin", "DELETE", services+"/"+id, "", 204)
	v.refused(t, "admin", "GET", services+"/"+id, "", 404, "Could not find service")
}

func TestV2EC2(t *testing.T) {
	v := newV2(t, api.V2Public)
	all := "/v2.0/users/" + v.alice + "/credentials/OS-EC2"
	made := v.resource(t, "alice", "POST", all, `{"tenant_id": "`+v.project+`"}`, "credential")
	one := all + "/" + made["access"].(string)
	if got := v.resource(t, "alice", "GET", one, "", "credential"); got["secret"] != made["secret"] || got["tenant_id"] != v.project {
		t.Errorf("%v", got)
	}
	if rows := v.must(t, "alice", "GET", all, "", 200)["credentials"].([]any); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	v.refused(t, "alice", "POST", all, `{"tenant_id": "`+v.outside+`"}`, 404, "Could not find project")
	for _, path := range []string{all, one} {
		v.refused(t, "bob", "GET", path, "", 403, "Token belongs to another user")
	}
	v.refused(t, "bob", "GET", "/v2.0/users/"+v.bob+"/credentials/OS-EC2/"+made["access"].(string), "", 403, "Credential belongs to another user")
	v.refused(t, "bob", "DELETE", "/v2.0/users/"+v.bob+"/credentials/OS-EC2/"+made["access"].(string), "", 403, "Credential belongs to another user")
	signed := signedEC2(t, made["access"].(string), made["secret"].(string), time.Now())
	access := v.resource(t, "nova", "POST", "/v2.0/ec2tokens", signed, "access")
	if access["user"].(map[string]any)["id"] != v.alice {
		t.Errorf("%v", access)
	}
	v.refused(t, "", "POST", "/v2.0/ec2tokens", signed, 401, "") // as in version 3: only services may
	v.refused(t, "alice", "POST", "/v2.0/ec2tokens", signed, 403, "identity:ec2tokens_validate")
	v.must(t, "alice", "DELETE", one, "", 204)
	v.refused(t, "admin", "GET", one, "", 404, "")
}

// TestV2IsForAdministrators: who is none may do nothing with what is another's.
func TestV2IsForAdministrators(t *testing.T) {
	v := newV2(t, api.V2Admin)
	token := v.token(t, v2Login("alice", "pw", "p"))["token"].(map[string]any)["id"].(string)
	asked := 0
	for _, r := range v.table {
		if !strings.HasPrefix(r.Path, "/v2.0") || r.Public {
			continue
		}
		asked++
		path := strings.NewReplacer("{user_id}", v.alice, "{tenant_id}", v.project, "{role_id}", v.member, "{token_id}", token).Replace(r.Path)
		if w := v.do("bob", r.Method, path, `{"user": {"password": "x", "original_password": "y"}, "credentials": {"access": "x"}}`); w.Code != 403 {
			t.Errorf("%s %s: %d %s", r.Method, path, w.Code, w.Body)
		}
		if w := v.do("", r.Method, path, `{}`); w.Code != 401 {
			t.Errorf("%s %s without a token: %d", r.Method, path, w.Code)
		}
	}
	if asked < 40 {
		t.Errorf("only %d calls", asked)
	}
}
