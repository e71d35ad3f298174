package api_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/keystone/identity/pam"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db/dbtest"
)

// TestPAM is a domain whose users are those of this host. In a PAM service of
// the test's own daemon, a user of every Debian, has a password.
func TestPAM(t *testing.T) {
	check := filepath.Join(t.TempDir(), "check")
	if err := os.WriteFile(check, []byte("#!/bin/sh\ntest \"$(tr -d '\\0')\" = daemon-secret\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("nacre-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	text := "auth required pam_exec.so quiet expose_authtok " + check + "\naccount required pam_permit.so\n"
	if err := os.WriteFile("/etc/pam.d/"+name, []byte(text), 0o644); err != nil {
		t.Fatalf("%v: this test is root's", err)
	}
	t.Cleanup(func() { os.Remove("/etc/pam.d/" + name) })
	c := newCloudWith(t, service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Identity: service.IdentityConfig{
		Drivers: map[string]identity.New{"pam": pam.New}, Options: keystone.DomainConfig{"pam": {"service": name, "min_uid": 1}}}})
	ids := map[string]string{"role": c.id(t, "roles", "member"), "project": c.id(t, "projects", "admin")}
	c.walk(t, ids, []step{
		{method: "POST", path: "/domains", body: `{"domain": {"name": "corp"}}`, status: 201, keep: "corp"},
		{method: "PUT", path: "/domains/$corp/config", body: `{"config": {"identity": {"driver": "pam"}}}`, status: 201},
		{method: "GET", path: "/users?domain_id=$corp&name=daemon", status: 200, want: `"name":"daemon"`, keep: "daemon"},
		{method: "GET", path: "/users?domain_id=$corp&name=root", status: 200, want: `"users":[]`},
		{method: "GET", path: "/groups?domain_id=$corp&name=daemon", status: 200, keep: "group"},
		{method: "GET", path: "/groups/$group/users", status: 200, want: `"id":"$daemon"`},
		{method: "PUT", path: "/projects/$project/groups/$group/roles/$role", status: 204},
		{method: "PATCH", path: "/users/$daemon", body: `{"user": {"password": "x"}}`, status: 403},
	})
	if ids["daemon"] != keystone.PublicID(ids["corp"], "user", "daemon") {
		t.Errorf("the ID of daemon is %s", ids["daemon"])
	}
	scope := fmt.Sprintf(`{"project": {"id": %q}}`, ids["project"])
	c.tokens["daemon"] = c.enter(t, corpLogin("daemon", "daemon-secret", scope), 201)
	c.walk(t, ids, []step{{as: "daemon", method: "GET", path: "/auth/tokens", status: 200, want: `"roles":[{"id":"$role","name":"member"}`}})
	wrong := c.do("", "POST", "/v3/auth/tokens", corpLogin("daemon", "wrong", scope))
	unknown := c.do("", "POST", "/v3/auth/tokens", corpLogin("root", "daemon-secret", scope))
	if wrong.Code != 401 || unknown.Code != 401 || wrong.Body.String() != unknown.Body.String() || strings.Contains(wrong.Body.String(), "PAM") {
		t.Errorf("%d %s, %d %s", wrong.Code, wrong.Body, unknown.Code, unknown.Body)
	}
}
