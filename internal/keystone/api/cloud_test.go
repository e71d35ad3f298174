package api_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nacre/internal/keystone/api"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/httpapi"
)

// cloud is a bootstrapped identity service.
type cloud struct {
	svc    *service.Service
	api    http.Handler
	table  httpapi.Table
	tokens map[string]string // by persona

	subject string // X-Subject-Token; "" is the caller's own
}

func newCloud(t testing.TB, options ...func(*service.Config)) *cloud {
	t.Helper()
	return newCloudOn(t, dbtest.SQLite(t, store.Migrations), options...)
}

func newCloudOn(t testing.TB, d *db.DB, options ...func(*service.Config)) *cloud {
	t.Helper()
	deps := service.Deps{Store: store.New(d)}
	for _, set := range options {
		set(&deps.Config)
	}
	return newCloudWith(t, deps)
}

// newCloudWith takes what a test cares about; the rest is made.
func newCloudWith(t testing.TB, deps service.Deps) *cloud {
	t.Helper()
	keys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	credentialKeys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	receiptKeys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	deps.Tokens, deps.Receipts = token.NewFernet(keys, deps.Config.Methods), token.NewReceipts(receiptKeys, deps.Config.Methods)
	deps.Config.PasswordHashRounds = 4
	deps.CredentialKeys = credentialKeys
	svc := service.New(deps)
	at := func(name, typ, url string) service.BootstrapService {
		return service.BootstrapService{Name: name, Type: typ, Public: url, Internal: url, Admin: url}
	}
	err = svc.Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "PASSWORD", Region: "RegionOne",
		Services: []service.BootstrapService{at("keystone", "identity", "http://127.0.0.1:5000/v3/"), at("nova", "compute", "http://127.0.0.1:8774/v2.1"),
			at("cinder", "volumev3", "http://127.0.0.1:8776/v3/%(project_id)s")},
		Users: []service.BootstrapUser{{Name: "nova", Password: "nova-secret"}, {Name: "cinder"}}})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(svc, httpapi.Door{Tokens: svc, IdentityURL: "http://127.0.0.1:5000/v3"})
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{svc: svc, api: handler, table: handler.Table(), tokens: map[string]string{}}
	c.tokens["admin"] = c.login(t, "admin", "PASSWORD", `{"project": {"name": "admin", "domain": {"id": "default"}}}`)
	return c
}

// do sends a request with a persona's token, or with the very token, or none.
func (c *cloud) do(who, method, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Host = "127.0.0.1:5000"
	if tok, ok := c.tokens[who]; ok {
		who = tok
	}
	if who != "" {
		req.Header.Set("X-Auth-Token", who)
		req.Header.Set("X-Subject-Token", cmp.Or(c.subject, who))
	}
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, req)
	return w
}

// must is do with an expected status; it gives the decoded body.
func (c *cloud) must(t testing.TB, who, method, path, body string, status int) map[string]any {
	t.Helper()
	w := c.do(who, method, path, body)
	if w.Code != status {
		t.Fatalf("%s %s as %s: %d %s, want %d", method, path, who, w.Code, w.Body, status)
	}
	var doc map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
	}
	return doc
}

// id finds a resource of a collection by its name.
func (c *cloud) id(t testing.TB, collection, name string) string {
	t.Helper()
	rows := c.must(t, "admin", "GET", "/v3/"+collection+"?name="+name, "", 200)[collection].([]any)
	if len(rows) != 1 {
		t.Fatalf("%d %s are called %s", len(rows), collection, name)
	}
	return rows[0].(map[string]any)["id"].(string)
}

// loginBody is a request for a token with a password.
func loginBody(user, password, scope string) string {
	if scope != "" {
		scope = `, "scope": ` + scope
	}
	return `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "` + user +
		`", "domain": {"id": "default"}, "password": "` + password + `"}}}` + scope + `}}`
}

func (c *cloud) login(t testing.TB, user, password, scope string) string {
	t.Helper()
	w := c.do("", "POST", "/v3/auth/tokens", loginBody(user, password, scope))
	if w.Code != 201 {
		t.Fatalf("login of %s: %d %s", user, w.Code, w.Body)
	}
	return w.Header().Get("X-Subject-Token")
}
