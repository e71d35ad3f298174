// Package cloudtest runs a whole cloud inside the test process, on the fake
// hypervisor, with users of every kind. Requests reach the services through
// the same handlers as over a socket.
package cloudtest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/cloud"
)

// Persona is a kind of user.
type Persona string

// The personas. Reader, member and admin share project "one"; OtherProject is a
// member of "two", OtherDomain of a project in another domain, System an admin of the system.
const (
	None         Persona = "none"
	Reader       Persona = "reader"
	Member       Persona = "member"
	Admin        Persona = "admin"
	OtherProject Persona = "other_project"
	OtherDomain  Persona = "other_domain"
	System       Persona = "system"
)

// Personas are all of them.
var Personas = []Persona{None, Reader, Member, Admin, OtherProject, OtherDomain, System}

// Cloud is a cloud within this process.
type Cloud struct {
	*cloud.Cloud
	t      testing.TB
	client http.Client

	mu     sync.Mutex
	tokens map[Persona]string
	IDs    map[string]string // of projects and users by name
}

const password = "a password of the test"

// Start starts a cloud with that many fake hosts; it stops with the test.
func Start(t testing.TB, hosts int, change ...func(*cloud.Config)) *Cloud {
	t.Helper()
	cfg := cloud.DefaultConfig()
	cfg.StateDir, cfg.VirtType, cfg.FakeHosts, cfg.AdminPassword, cfg.PortOffset = t.TempDir(), "fake", hosts, password, freeOffset(t)
	cfg.PasswordHashRounds, cfg.Host = 4, "testhost"
	for _, c := range change {
		c(&cfg)
	}
	running, err := cloud.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	if err := running.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &Cloud{Cloud: running, t: t, client: http.Client{Transport: running.Env.Transport, Timeout: time.Minute}, tokens: map[Persona]string{}, IDs: map[string]string{}}
}

// People makes the projects and users of all personas.
func (c *Cloud) People() {
	c.t.Helper()
	admin := c.login(map[string]any{"project": map[string]any{"name": "admin", "domain": map[string]string{"id": "default"}}}, "admin", "default")
	c.tokens[Admin] = admin
	make := func(kind, name string, more map[string]any) string {
		body := map[string]any{"name": name}
		for k, v := range more {
			body[k] = v
		}
		var out map[string]struct{ ID string }
		c.As(Admin).Identity().Post("/"+kind+"s", map[string]any{kind: body}).Want(201).Into(&out)
		c.IDs[name] = out[kind].ID
		return out[kind].ID
	}
	domain := make("domain", "elsewhere", nil)
	make("project", "one", nil)
	make("project", "two", nil)
	make("project", "far", map[string]any{"domain_id": domain})
	roles := c.roles()
	for _, p := range []struct {
		persona              Persona
		role, project, inDom string
	}{{Reader, "reader", "one", "default"}, {Member, "member", "one", "default"}, {Admin, "admin", "one", "default"},
		{OtherProject, "member", "two", "default"}, {OtherDomain, "member", "far", domain}, {System, "admin", "", "default"}} {
		name := "user-" + string(p.persona)
		id := make("user", name, map[string]any{"password": password, "domain_id": p.inDom})
		if p.project == "" {
			c.As(Admin).Identity().Put("/system/users/"+id+"/roles/"+roles[p.role], nil).Want(204)
			continue
		}
		c.As(Admin).Identity().Put("/projects/"+c.IDs[p.project]+"/users/"+id+"/roles/"+roles[p.role], nil).Want(204)
	}
	for _, p := range []struct {
		persona       Persona
		project, inDo string
	}{{Reader, "one", "default"}, {Member, "one", "default"}, {Admin, "one", "default"}, {OtherProject, "two", "default"}, {OtherDomain, "far", domain}} {
		c.tokens[p.persona] = c.login(map[string]any{"project": map[string]string{"id": c.IDs[p.project]}}, "user-"+string(p.persona), p.inDo)
	}
	c.tokens[System] = c.login(map[string]any{"system": map[string]bool{"all": true}}, "user-"+string(System), "default")
}

func (c *Cloud) roles() map[string]string {
	var out struct{ Roles []struct{ ID, Name string } }
	c.As(Admin).Identity().Get("/roles").Want(200).Into(&out)
	byName := map[string]string{}
	for _, r := range out.Roles {
		byName[r.Name] = r.ID
	}
	return byName
}

func (c *Cloud) login(scope map[string]any, user, domain string) string {
	c.t.Helper()
	body := map[string]any{"auth": map[string]any{"scope": scope, "identity": map[string]any{"methods": []string{"password"},
		"password": map[string]any{"user": map[string]any{"name": user, "password": password, "domain": map[string]string{"id": domain}}}}}}
	return c.As(None).Identity().Post("/auth/tokens", body).Want(201).Header.Get("X-Subject-Token")
}

// As acts as a persona; the administrator of project "admin" until People was called.
func (c *Cloud) As(p Persona) User { return User{c, p} }

// Token is a persona's token.
func (c *Cloud) Token(p Persona) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p == Admin && c.tokens[p] == "" {
		token, err := c.Env.Admin().Token(context.Background())
		if err != nil {
			c.t.Fatal(err)
		}
		c.tokens[p] = token
	}
	return c.tokens[p]
}

// User is a persona on its way to a service.
type User struct {
	c *Cloud
	p Persona
}

// API is a service as a persona sees it.
type API struct {
	User
	base    string
	version string // the microversion header's value
	media   string // of bodies; "" is JSON
	header  http.Header
}

// Identity is Keystone.
func (u User) Identity() API { return u.of("identity", "") }

// Compute is Nova at a microversion.
func (u User) Compute(version string) API { return u.of("compute", "compute "+version) }

// Network is Neutron, below /v2.0.
func (u User) Network() API { a := u.of("network", ""); a.base += "/v2.0"; return a }

// Image is Glance, below /v2.
func (u User) Image() API { a := u.of("image", ""); a.base += "/v2"; return a }

// Placement is Placement at a microversion.
func (u User) Placement(version string) API { return u.of("placement", "placement "+version) }

func (u User) of(kind, version string) API {
	for _, s := range cloud.Services {
		if s.Catalog.Type == kind {
			return API{User: u, base: u.c.Env.URL(s.Catalog.Port) + s.Catalog.Path, version: version}
		}
	}
	u.c.t.Fatalf("there is no service of type %s", kind)
	return API{}
}

// Answer is what came back.
type Answer struct {
	t      testing.TB
	what   string
	Status int
	Header http.Header
	Body   []byte
}

// Get, Post, Put and Delete send a request; a body is a string as it stands, or anything to be JSON.
func (a API) Get(path string) Answer            { return a.Do("GET", path, nil) }
func (a API) Post(path string, body any) Answer { return a.Do("POST", path, body) }
func (a API) Put(path string, body any) Answer  { return a.Do("PUT", path, body) }
func (a API) Delete(path string) Answer         { return a.Do("DELETE", path, nil) }

// With sends a header along.
func (a API) With(key, value string) API {
	if a.header = a.header.Clone(); a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(key, value)
	return a
}

// Upload puts bytes as they are.
func (a API) Upload(path, data string) Answer {
	a.media = "application/octet-stream"
	return a.Do("PUT", path, data)
}

// Do sends a request.
func (a API) Do(method, path string, body any) Answer {
	a.c.t.Helper()
	var data []byte
	switch b := body.(type) {
	case nil:
	case string:
		data = []byte(b)
	case []byte:
		data = b
	default:
		var err error
		if data, err = json.Marshal(b); err != nil {
			a.c.t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, a.base+path, bytes.NewReader(data))
	if err != nil {
		a.c.t.Fatal(err)
	}
	for key, values := range a.header {
		req.Header[key] = values
	}
	req.Header.Set("Accept", "application/json")
	if len(data) > 0 {
		req.Header.Set("Content-Type", cmp.Or(a.media, "application/json"))
	}
	if t := a.c.Token(a.p); t != "" {
		req.Header.Set("X-Auth-Token", t)
	}
	if a.version != "" {
		req.Header.Set("OpenStack-API-Version", a.version)
	}
	res, err := a.c.client.Do(req)
	if err != nil {
		a.c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return Answer{t: a.c.t, what: fmt.Sprintf("%s: %s %s", a.p, method, path), Status: res.StatusCode, Header: res.Header, Body: text}
}

// Want ends the test unless the answer has the status and says all the words.
func (a Answer) Want(status int, words ...string) Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: %d, want %d: %s", a.what, a.Status, status, a.Body)
	}
	for _, w := range words {
		if !strings.Contains(string(a.Body), w) {
			a.t.Fatalf("%s: no word of %q in %s", a.what, w, a.Body)
		}
	}
	return a
}

// Into decodes the answer.
func (a Answer) Into(v any) Answer {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("%s: %v in %s", a.what, err, a.Body)
	}
	return a
}

// Until asks again and again until ok; it waits for a state, never for a duration.
func Until(t testing.TB, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for end, late := time.Now().Add(limit), false; !late; time.Sleep(10 * time.Millisecond) {
		late = time.Now().After(end) // asked once more, should this process have stood still
		if ok() {
			return
		}
	}
	t.Fatalf("not within %s: %s", limit, what)
}
