package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/keystone/identity/ldap"
	"nacre/internal/keystone/identity/ldap/slapd"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db/dbtest"
)

// movable is a clock that a test moves.
type movable struct{ now time.Time }

func (m *movable) Now() time.Time { return m.now }

// cacheTime is how long tokens of users who are kept elsewhere are remembered.
const cacheTime = time.Minute

// ldapCloud is an identity service whose domain corp is in a directory. It
// gives the IDs of the domain and of what the API tells of it.
func ldapCloud(t *testing.T, s *slapd.Server, clock *movable, more string) (*cloud, map[string]string) {
	t.Helper()
	c := newCloudWith(t, service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Clock: clock,
		Identity: service.IdentityConfig{Drivers: map[string]identity.New{"ldap": ldap.New}, CacheTime: cacheTime}})
	t.Cleanup(func() { c.svc.Close() })
	ids := map[string]string{"admin": c.id(t, "users", "admin"), "role": c.id(t, "roles", "member"), "project": c.id(t, "projects", "admin")}
	c.walk(t, ids, []step{
		{method: "POST", path: "/domains", body: `{"domain": {"name": "corp"}}`, status: 201, keep: "corp"},
		{method: "POST", path: "/groups", body: `{"group": {"name": "ours"}}`, status: 201, keep: "ours"},
		{method: "PUT", path: "/domains/$corp/config", status: 201, body: `{"config": {"identity": {"driver": "ldap"}, "ldap": {"url": "` + s.URL + `",
			"suffix": "` + slapd.Suffix + `", "user": "` + slapd.Admin + `", "password": "` + slapd.Password + `", "user_id_attribute": "uid",
			"user_name_attribute": "cn", "pool_retry_max": 1` + more + `}}}`},
	})
	for _, uid := range []string{"alice", "bob"} {
		ids[uid] = keystone.PublicID(ids["corp"], "user", uid)
	}
	ids["staff"] = keystone.PublicID(ids["corp"], "group", "staff")
	return c, ids
}

func corpLogin(name, password, scope string) string {
	return strings.Replace(loginBody(name, password, scope), `{"id": "default"}`, `{"name": "corp"}`, 1)
}

func newDirectory(t *testing.T) *slapd.Server {
	return slapd.Start(t, slapd.User("alice", "Alice", "mail: alice@example.org")+slapd.User("bob", "Bob")+slapd.Group("staff", "alice"))
}

// enter logs in and gives the token.
func (c *cloud) enter(t *testing.T, body string, status int) string {
	t.Helper()
	w := c.do("", "POST", "/v3/auth/tokens", body)
	if w.Code != status {
		t.Fatalf("login is %d %s, want %d", w.Code, w.Body, status)
	}
	return w.Header().Get("X-Subject-Token")
}

// TestLDAP is a domain in a directory as clients see it.
func TestLDAP(t *testing.T) {
	s, clock := newDirectory(t), &movable{time.Now()}
	c, ids := ldapCloud(t, s, clock, "")
	noRight := `"message":"You are not authorized to perform the requested action."`
	across := "Group membership across backend boundaries is not allowed. Group in question is "
	c.walk(t, ids, []step{
		{method: "GET", path: "/users/$alice", status: 404, want: "Could not find user: $alice."}, // nobody has seen it yet
		{method: "GET", path: "/users?domain_id=$corp", status: 200, want: `"id":"$alice"`},
		{method: "GET", path: "/users/$alice", status: 200, want: `"email":"alice@example.org","enabled":true,"id":"$alice"`},
		{method: "GET", path: "/users?domain_id=$corp&name=Bob", status: 200, want: `"id":"$bob"`},
		{method: "GET", path: "/users?domain_id=$corp&name=bob", status: 200, want: `"users":[]`},
		{method: "GET", path: "/users?domain_id=$corp&name__icontains=OB", status: 200, want: `"id":"$bob"`},
		{method: "GET", path: "/users?domain_id=$corp&name__contains=" + url.QueryEscape("*)(uid=alice"), status: 200, want: `"users":[]`},
		{method: "GET", path: "/users?domain_id=$corp&enabled=false", status: 200, want: `"users":[]`},
		{method: "GET", path: "/users?domain_id=$corp&unique_id=alice", status: 200, want: `"users":[]`},
		{method: "GET", path: "/groups?domain_id=$corp", status: 200, want: `"id":"$staff"`},
		{method: "GET", path: "/groups?domain_id=$corp&name=staff", status: 200, want: `"domain_id":"$corp"`},
		{method: "GET", path: "/groups/$staff", status: 200, want: `"name":"staff"`},
		{method: "GET", path: "/users/$alice/groups", status: 200, want: `"id":"$staff"`},
		{method: "GET", path: "/users/$bob/groups", status: 200, want: `"groups":[]`},
		{method: "GET", path: "/groups/$staff/users", status: 200, want: `"id":"$alice"`},
		{method: "GET", path: "/groups/$staff/users/$alice", status: 204},
		{method: "GET", path: "/groups/$staff/users/$bob", status: 404, want: "User '$bob' not found in group '$staff'"},

		{method: "POST", path: "/users", body: `{"user": {"name": "x", "domain_id": "$corp"}}`, status: 403, want: noRight},
		{method: "PATCH", path: "/users/$alice", body: `{"user": {"enabled": false}}`, status: 403, want: noRight},
		{method: "PATCH", path: "/users/$alice", body: `{"user": {"domain_id": "default"}}`, status: 400, want: "Cannot change Domain ID"},
		{method: "DELETE", path: "/users/$alice", status: 403, want: noRight},
		{method: "POST", path: "/users/$alice/password", body: `{"user": {"original_password": "alice-secret", "password": "other"}}`, status: 403, want: noRight},
		{method: "POST", path: "/users/$alice/password", body: `{"user": {"original_password": "wrong", "password": "other"}}`, status: 401},
		{method: "POST", path: "/groups", body: `{"group": {"name": "x", "domain_id": "$corp"}}`, status: 403, want: noRight},
		{method: "PATCH", path: "/groups/$staff", body: `{"group": {"name": "x"}}`, status: 403, want: noRight},
		{method: "DELETE", path: "/groups/$staff", status: 403, want: noRight},
		{method: "PUT", path: "/groups/$staff/users/$bob", status: 403, want: noRight},
		{method: "DELETE", path: "/groups/$staff/users/$alice", status: 403, want: noRight},
		{method: "PUT", path: "/groups/$staff/users/$admin", status: 403, want: across + "$staff, user is $admin."},
		{method: "PUT", path: "/groups/$ours/users/$alice", status: 403, want: across + "$ours, user is $alice."},
		{method: "GET", path: "/groups/$ours/users/$alice", status: 403, want: across},

		{method: "PUT", path: "/projects/$project/groups/$staff/roles/$role", status: 204},
		{method: "GET", path: "/projects/$project/groups/$staff/roles/$role", status: 204},
		{method: "GET", path: "/projects/$project/groups/$staff/roles", status: 200, want: `"member"`},
		{method: "PUT", path: "/projects/$project/users/$bob/roles/$role", status: 204},
		{method: "DELETE", path: "/projects/$project/users/$bob/roles/$role", status: 204},
		{method: "PUT", path: "/projects/$project/users/" + strings.Repeat("a", 64) + "/roles/$role", status: 404, want: "Could not find user"},
		{method: "GET", path: "/role_assignments?effective&include_names&user.id=$alice", status: 200, want: `"name":"Alice"`},
		{method: "GET", path: "/role_assignments?effective&scope.project.id=$project", status: 200, want: `"user":{"id":"$alice"}`},
		{method: "GET", path: "/users/$alice/projects", status: 200, want: `"id":"$project"`},
	})

	onProject := fmt.Sprintf(`{"project": {"id": %q}}`, ids["project"])
	want := c.do("", "POST", "/v3/auth/tokens", corpLogin("Nobody", "x", "")).Body.String()
	for _, body := range []string{corpLogin("Alice", "wrong", ""), corpLogin("Alice", "", ""), corpLogin("*", "alice-secret", ""),
		corpLogin("Nobody", "", ""), corpLogin("Bob", "bob-secret", onProject)} {
		if w := c.do("", "POST", "/v3/auth/tokens", body); w.Code != 401 || w.Body.String() != want {
			t.Errorf("%s: %d %s, want 401 %s", body, w.Code, w.Body, want)
		}
	}
	c.tokens["alice"] = c.enter(t, corpLogin("Alice", "alice-secret", onProject), 201)
	c.walk(t, ids, []step{
		{as: "alice", method: "GET", path: "/auth/tokens", status: 200, want: `"roles":[{"id":"$role","name":"member"}`},
		{as: "alice", method: "GET", path: "/auth/projects", status: 200, want: `"id":"$project"`},
		{as: "alice", method: "GET", path: "/users/$alice", status: 200, want: `"name":"Alice"`},
	})
}

// TestLDAPUserGone: who is deleted in the directory can do nothing here, also by
// what it derived from its rights.
func TestLDAPUserGone(t *testing.T) {
	s, clock := newDirectory(t), &movable{time.Now()}
	c, ids := ldapCloud(t, s, clock, "")
	c.must(t, "admin", "GET", "/v3/groups?domain_id="+ids["corp"], "", 200)
	c.must(t, "admin", "PUT", "/v3/projects/"+ids["project"]+"/groups/"+ids["staff"]+"/roles/"+ids["role"], "", 204)
	scope := fmt.Sprintf(`{"project": {"id": %q}}`, ids["project"])
	c.tokens["alice"] = c.enter(t, corpLogin("Alice", "alice-secret", scope), 201)
	c.walk(t, ids, []step{
		{as: "alice", method: "POST", path: "/users/$alice/application_credentials", status: 201, keep: "credential",
			body: `{"application_credential": {"name": "a", "secret": "app-secret"}}`},
		{as: "alice", method: "POST", path: "/OS-TRUST/trusts", status: 201, keep: "trust", body: `{"trust": {"trustor_user_id": "$alice", "trustee_user_id": "$admin",
			"impersonation": true, "project_id": "$project", "roles": [{"id": "$role"}]}}`},
	})
	byCredential := fmt.Sprintf(`{"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"id": %q, "secret": "app-secret"}}}}`, ids["credential"])
	byTrust := loginBody("admin", "PASSWORD", fmt.Sprintf(`{"OS-TRUST:trust": {"id": %q}}`, ids["trust"]))
	c.tokens["credential"], c.tokens["trust"] = c.enter(t, byCredential, 201), c.enter(t, byTrust, 201)
	all := []string{"alice", "credential", "trust"}
	for _, who := range all {
		c.must(t, who, "GET", "/v3/auth/tokens", "", 200)
	}

	s.Stop() // a short absence is not noticed by those who are known
	for _, who := range all {
		c.must(t, who, "GET", "/v3/auth/tokens", "", 200)
	}
	s.Run(t)
	s.Change(t, func(conn *goldap.Conn) error { // no member any more
		r := goldap.NewModifyRequest("cn=staff,ou=UserGroups,"+slapd.Suffix, nil)
		r.Replace("member", []string{"uid=bob,ou=Users," + slapd.Suffix})
		return conn.Modify(r)
	})
	clock.now = clock.now.Add(cacheTime)
	for _, who := range all {
		c.must(t, who, "GET", "/v3/auth/tokens", "", 401)
	}
	c.enter(t, corpLogin("Alice", "alice-secret", scope), 401)
	c.tokens["unscoped"] = c.enter(t, corpLogin("Alice", "alice-secret", ""), 201)
	s.Delete(t, "uid=alice,ou=Users,"+slapd.Suffix)
	c.must(t, "unscoped", "GET", "/v3/auth/tokens", "", 200)
	clock.now = clock.now.Add(cacheTime)
	c.must(t, "unscoped", "GET", "/v3/auth/tokens", "", 401)
	c.subject = c.tokens["unscoped"]
	c.tokens["admin"] = c.login(t, "admin", "PASSWORD", `{"project": {"name": "admin", "domain": {"id": "default"}}}`)
	c.must(t, "admin", "GET", "/v3/auth/tokens", "", 404)
	c.enter(t, corpLogin("Alice", "alice-secret", ""), 401)
	c.enter(t, byCredential, 401)
	if w := c.do("", "POST", "/v3/auth/tokens", byTrust); w.Code != 401 && w.Code != 403 {
		t.Errorf("the trust still gives a token: %d %s", w.Code, w.Body)
	}
	c.must(t, "admin", "GET", "/v3/users/"+ids["alice"], "", 404)
}

// TestLDAPTrouble: what a directory that does not answer, or not with all, does
// to the callers, and that others do not suffer.
func TestLDAPTrouble(t *testing.T) {
	s, clock := newDirectory(t), &movable{time.Now()}
	c, ids := ldapCloud(t, s, clock, "")
	unexpected := "An unexpected error prevented the server from fulfilling your request."
	users := step{method: "GET", path: "/users?domain_id=$corp", status: 200, want: `"id":"$alice"`}
	away := step{method: "GET", path: "/users?domain_id=$corp", status: 500, want: unexpected}
	c.walk(t, ids, []step{users})
	s.Stop()
	c.walk(t, ids, []step{away, {method: "GET", path: "/users/$alice", status: 500, want: unexpected}, {method: "GET", path: "/users", status: 200}})
	if w := c.do("", "POST", "/v3/auth/tokens", corpLogin("Alice", "alice-secret", "")); w.Code != 500 || !strings.Contains(w.Body.String(), unexpected) {
		t.Errorf("login while the directory is away: %d %s", w.Code, w.Body)
	}
	c.login(t, "admin", "PASSWORD", "")
	s.Run(t)
	c.walk(t, ids, []step{users,
		{method: "PATCH", path: "/domains/$corp/config/ldap/password", body: `{"config": {"password": "wrong"}}`, status: 200},
		{method: "GET", path: "/users?domain_id=$corp", status: 500, want: "Unable to authenticate against Identity backend - Invalid username or password"},
		{method: "PATCH", path: "/domains/$corp/config/ldap", body: `{"config": {"ldap": {"password": "` + slapd.Password + `", "user_filter": "(uid=bob)"}}}`, status: 200},
		{method: "GET", path: "/users?domain_id=$corp&name=Alice", status: 200, want: `"users":[]`},
		{method: "PATCH", path: "/domains/$corp/config/ldap/user_filter", body: `{"config": {"user_filter": "(uid=b"}}`, status: 200},
		away,
		{method: "POST", path: "/users", body: `{"user": {"name": "x", "domain_id": "$corp"}}`, status: 500, want: unexpected},
		{method: "PATCH", path: "/domains/$corp/config/ldap/user_filter", body: `{"config": {"user_filter": null}}`, status: 200},
		{method: "PATCH", path: "/domains/$corp/config/identity", body: `{"config": {"identity": {"list_limit": 1}}}`, status: 200},
		{method: "GET", path: "/users?domain_id=$corp", status: 200, want: `"truncated":true`},
		{method: "GET", path: "/users?domain_id=default", status: 200, want: `"name":"admin"`},
		{method: "DELETE", path: "/domains/$corp/config/identity", status: 204},
		{method: "GET", path: "/users?domain_id=$corp", status: 200, want: `"users":[]`}, // kept here again, where there are none
	})
}

// TestLDAPSizeLimit tells the original's sentence.
func TestLDAPSizeLimit(t *testing.T) {
	ldif := ""
	for i := range 8 {
		ldif += slapd.User(fmt.Sprint("u", i), fmt.Sprint("u", i))
	}
	s := slapd.Start(t, ldif)
	c, ids := ldapCloud(t, s, &movable{time.Now()}, `, "user": "cn=reader,`+slapd.Suffix+`", "password": "reader-secret"`)
	c.walk(t, ids, []step{
		{method: "GET", path: "/users?domain_id=$corp", status: 500, want: "Number of User/Group entities returned by LDAP exceeded size limit. Contact your LDAP administrator."},
		{method: "PATCH", path: "/domains/$corp/config/ldap", body: `{"config": {"ldap": {"page_size": 3}}}`, status: 200},
		{method: "GET", path: "/users?domain_id=$corp", status: 200, want: `"name":"u7"`},
	})
}

// TestLDAPMappings: the operator's commands, and that nothing is left of a domain.
func TestLDAPMappings(t *testing.T) {
	ctx := t.Context()
	c, ids := ldapCloud(t, newDirectory(t), &movable{time.Now()}, "")
	if n, err := c.svc.PopulateMappings(ctx, "corp"); err != nil || n != 2 {
		t.Fatalf("populated: %d %v", n, err)
	}
	c.must(t, "admin", "GET", "/v3/users/"+ids["alice"], "", 200)
	c.must(t, "admin", "GET", "/v3/groups?domain_id="+ids["corp"], "", 200)
	for _, tc := range []struct {
		domain string
		filter keystone.IDMappingFilter
		want   int64
	}{
		{"corp", keystone.IDMappingFilter{LocalID: "alice"}, 1}, {"", keystone.IDMappingFilter{PublicID: ids["bob"]}, 1},
		{"Default", keystone.IDMappingFilter{}, 0}, {"", keystone.IDMappingFilter{EntityType: "group"}, 1}, {"", keystone.IDMappingFilter{}, 0},
	} {
		if n, err := c.svc.PurgeMappings(ctx, tc.domain, tc.filter); err != nil || n != tc.want {
			t.Errorf("%+v purges %d %v", tc, n, err)
		}
	}
	c.must(t, "admin", "GET", "/v3/users/"+ids["alice"], "", 404)
	if _, err := c.svc.PopulateMappings(ctx, "none"); err == nil {
		t.Error("a domain that is not there is populated")
	}
	if _, err := c.svc.PopulateMappings(ctx, "corp"); err != nil {
		t.Fatal(err)
	}
	c.walk(t, ids, []step{
		{method: "PUT", path: "/projects/$project/users/$bob/roles/$role", status: 204},
		{method: "PATCH", path: "/domains/$corp", body: `{"domain": {"enabled": false}}`, status: 200},
	})
	c.enter(t, corpLogin("Bob", "bob-secret", ""), 401)
	c.must(t, "admin", "DELETE", "/v3/domains/"+ids["corp"], "", 204)
	if n, err := c.svc.PurgeMappings(ctx, "", keystone.IDMappingFilter{}); err != nil || n != 0 {
		t.Errorf("%d mappings are left of the domain: %v", n, err)
	}
	if body := c.do("admin", "GET", "/v3/role_assignments", "").Body.String(); strings.Contains(body, ids["bob"]) {
		t.Errorf("grants are left of the domain: %s", body)
	}
}

// TestLDAPDefaultDomain: the default driver's IDs are the directory's own, and
// lists are of one domain where drivers are by domain.
func TestLDAPDefaultDomain(t *testing.T) {
	s := newDirectory(t)
	options := map[string]any{"url": s.URL, "suffix": slapd.Suffix, "user_id_attribute": "uid", "user_name_attribute": "cn"}
	open := func(mapped bool) *cloud {
		t.Helper()
		files := map[string]keystone.DomainConfig{"Default": {"identity": {"driver": "sql"}}} // so that the administrator is there to log in
		c := newCloudWith(t, service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Identity: service.IdentityConfig{Driver: "ldap",
			Drivers: map[string]identity.New{"ldap": ldap.New}, Options: keystone.DomainConfig{"ldap": options}, Domains: files, MapDefault: mapped, SpecificDrivers: true}})
		t.Cleanup(func() { c.svc.Close() })
		delete(files, "Default")
		c.must(t, "admin", "POST", "/v3/regions", `{"region": {}}`, 201) // the revision moves
		return c
	}
	c := open(false)
	c.must(t, "admin", "GET", "/v3/users/alice", "", 200)
	if rows := c.must(t, "admin", "GET", "/v3/users", "", 200)["users"].([]any); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	c.must(t, "admin", "PUT", "/v3/projects/"+c.id(t, "projects", "admin")+"/users/alice/roles/"+c.id(t, "roles", "member"), "", 204)
	c.login(t, "Alice", "alice-secret", `{"project": {"name": "admin", "domain": {"id": "default"}}}`)
	c = open(true)
	c.must(t, "admin", "GET", "/v3/users/alice", "", 404)
	c.login(t, "Alice", "alice-secret", "")
	c.must(t, "admin", "GET", "/v3/users/"+keystone.PublicID("default", "user", "alice"), "", 200)
}
