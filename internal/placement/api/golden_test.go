package api

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement/service"
	"nacre/internal/placement/store"
)

type personas map[string]auth.Identity

func (p personas) Validate(_ context.Context, token string) (auth.Identity, error) {
	id, ok := p[token]
	if !ok {
		return id, auth.ErrInvalid
	}
	return id, nil
}

func testAPI(t testing.TB) *httpapi.API {
	t.Helper()
	st, err := store.New(t.Context(), dbtest.SQLite(t, store.Migrations()), clock.System)
	if err != nil {
		t.Fatal(err)
	}
	api, err := New(service.New(service.Deps{Store: st, Clock: clock.System}), httpapi.Door{IdentityURL: "http://127.0.0.1:5000/", Tokens: personas{
		"admin":   {UserID: "a", ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7", Roles: []string{"admin"}},
		"service": {UserID: "s", ProjectID: "services", Roles: []string{"service"}},
		"member":  {UserID: "m", ProjectID: "demo", Roles: []string{"member", "reader"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// exchange is one recorded request to the original and its answer.
type exchange struct {
	Name    string
	Request struct {
		Method, Path, As string
		Headers          map[string]string
		Body             json.RawMessage
	}
	Response struct {
		Status  int
		Headers [][2]string
		Body    any
	}
}

// otherProviders are answers in which the recorded cloud shows providers of its own.
var otherProviders = map[string]string{"007-mv-none": "", "008-mv-latest": "", "011-mv-other-service": "", "034-rc-list": "", "066-usages": "", "067-usages-1.37": ""}

// others are requests that somebody else makes here: the recorded cloud still
// let administrators do what is now for services alone.
var others = map[string]string{"075-reshaper-invalid": "service"}

// vague is what may differ: IDs made by the service, and why a text is no JSON.
var vague = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`req-[0-9a-f-]{36}`), "req-ID"},
	{regexp.MustCompile(`"g-x\\*", [0-9a-f-]{36}`), `"g-x", ID`},
	{regexp.MustCompile(`Malformed JSON: .*`), "Malformed JSON"},
}

func blur(v any) any {
	switch t := v.(type) {
	case string:
		for _, b := range vague {
			t = b.re.ReplaceAllString(t, b.with)
		}
		return t
	case map[string]any:
		for k := range t {
			t[k] = blur(t[k])
		}
	case []any:
		names := true
		for i := range t {
			t[i] = blur(t[i])
			_, isString := t[i].(string)
			names = names && isString
		}
		if names { // lists of names have no order in the original
			set := map[string]any{}
			for _, n := range t {
				set[n.(string)] = true
			}
			return set
		}
	}
	return v
}

// TestOriginal sends what was sent to a real Placement and compares the answers.
func TestOriginal(t *testing.T) {
	api := testAPI(t)
	file, err := os.Open("testdata/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x exchange
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		t.Run(x.Name, func(t *testing.T) { replay(t, api, x) })
	}
}

func replay(t *testing.T, api http.Handler, x exchange) {
	body := []byte(x.Request.Body)
	var text string
	if json.Unmarshal(body, &text) == nil && text != "" {
		body = []byte(text)
	}
	r := httptest.NewRequest(x.Request.Method, "http://127.0.0.1:8778"+x.Request.Path, bytes.NewReader(body))
	for k, v := range x.Request.Headers {
		r.Header.Set(k, v)
	}
	if who := cmp.Or(others[x.Name], x.Request.As); who != "" {
		r.Header.Set("X-Auth-Token", who)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != x.Response.Status {
		t.Fatalf("%d %s, the original says %d", w.Code, w.Body, x.Response.Status)
	}
	for _, h := range x.Response.Headers {
		compareHeader(t, w.Header(), h[0], h[1])
	}
	if _, other := otherProviders[x.Name]; other {
		return
	}
	var got any
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		got = w.Body.String()
	} else if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
	}
	if d := gocmp.Diff(blur(x.Response.Body), blur(got)); d != "" {
		t.Errorf("- the original, + ours\n%s", d)
	}
}

// compareHeader wants the same value, or any where it is a time or an ID.
func compareHeader(t *testing.T, have http.Header, name, want string) {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Connection", "Date", "Content-Length":
		return
	case "Last-Modified", "X-Openstack-Request-Id":
		if have.Get(name) == "" {
			t.Errorf("no header %s", name)
		}
		return
	}
	if got := have.Get(name); got != want {
		t.Errorf("header %s: %q, the original says %q", name, got, want)
	}
}

func BenchmarkCandidates(b *testing.B) {
	for _, hosts := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			api := testAPI(b)
			call := func(method, path, body string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, path, strings.NewReader(body))
				r.Header.Set("X-Auth-Token", "admin")
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("OpenStack-API-Version", "placement 1.39")
				w := httptest.NewRecorder()
				api.ServeHTTP(w, r)
				if w.Code >= 300 {
					b.Fatal(w.Code, w.Body)
				}
				return w
			}
			for i := range hosts {
				id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
				call("POST", "/resource_providers", fmt.Sprintf(`{"name": "h%d", "uuid": "%s"}`, i, id))
				call("PUT", "/resource_providers/"+id+"/inventories", `{"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}, "MEMORY_MB": {"total": 4096}, "DISK_GB": {"total": 100}}}`)
			}
			start := time.Now()
			call("GET", "/allocation_candidates?resources=VCPU:1&limit=1", "") // reads all providers
			b.Logf("%d providers read in %s", hosts, time.Since(start))
			for b.Loop() {
				call("GET", "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1000", "")
			}
		})
	}
}
