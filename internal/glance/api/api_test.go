package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/glance/api"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/httpapi"
)

// Projects of the personas, those of the recorded cloud.
const (
	adminProject  = "ed2b2413948c439eb37ea7e6dec8e4a7"
	memberProject = "d28c87713a4340a095af785198dda340"
)

// personas are who may call, by token.
var personas = map[string]auth.Identity{
	"admin":    {UserID: "u1", ProjectID: adminProject, Roles: []string{"admin", "member", "reader"}},
	"member":   {UserID: "u2", ProjectID: memberProject, Roles: []string{"member", "reader"}},
	"reader":   {UserID: "u3", ProjectID: memberProject, Roles: []string{"reader"}},
	"stranger": {UserID: "u4", ProjectID: "0123456789abcdef0123456789abcdef", Roles: []string{"member", "reader"}},
	"roleless": {UserID: "u5", ProjectID: memberProject},
	"system":   {UserID: "u6", System: true, Roles: []string{"admin", "member", "reader"}},
	"service":  {UserID: "u7", ProjectID: "5e41ce00000000000000000000000000", Roles: []string{"service"}},
}

type tokens struct{}

func (tokens) Validate(_ context.Context, token string) (auth.Identity, error) {
	if id, ok := personas[token]; ok {
		return id, nil
	}
	return auth.Identity{}, auth.ErrInvalid
}

// ticking is a clock that goes on by a second whenever it is read.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
	return c.now
}

// cloud is the service behind its API.
type cloud struct {
	svc *service.Service
	api http.Handler
	dir string // of the image files
}

func start(t testing.TB, config service.Config) *cloud {
	t.Helper()
	dir := t.TempDir()
	files, err := blob.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Worker: "test", Config: config,
		Backends: []service.Backend{{ID: "files", Blobs: files}}, Clock: &ticking{now: time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := api.New(svc, httpapi.Door{Tokens: tokens{}, IdentityURL: "http://127.0.0.1:5000/"})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{svc, a, dir}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *cloud) send(t testing.TB, method, path string, body []byte, header map[string]string) answer {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:9292"+path, bytes.NewReader(body))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	data, _ := io.ReadAll(w.Result().Body)
	return answer{w.Code, w.Result().Header, data}
}

// do sends a request as a persona; JSON unless header says otherwise.
func (c *cloud) do(t testing.TB, as, method, path, body string, header map[string]string) answer {
	t.Helper()
	all := map[string]string{"Accept": "application/json", "Content-Type": "application/json", "X-Auth-Token": as}
	for k, v := range header {
		all[k] = v
	}
	return c.send(t, method, path, []byte(body), all)
}

// want checks the status and that the body contains text.
func (a answer) want(t testing.TB, status int, text string) answer {
	t.Helper()
	if a.status != status || !strings.Contains(string(a.body), text) {
		t.Fatalf("got %d %s\nwant %d %s", a.status, a.body, status, text)
	}
	return a
}
