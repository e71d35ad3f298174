package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement/service"
	"nacre/internal/placement/store"
)

// leftOut are requests of the original's own tests that are not answered alike.
var leftOut = map[string]string{
	"bad content length not int": "net/http refuses such a request itself",
}

// gabbit is one line of testdata/gabbi.jsonl: requests that build a fixture, or
// tests upon one.
type gabbit struct {
	Fixture string
	Calls   [][]json.RawMessage // method, path, body, and the microversion unless it is the newest
	File    string
	Open    bool // every rule lets everybody
	Secure  bool // an administrator is not a service too
	Headers map[string]string
	Tests   []gabbiTest
}

type gabbiTest struct {
	Name                            string
	GET, PUT, POST, DELETE, OPTIONS string
	Headers                         map[string]any
	Body                            any
	Status                          string
	Strings                         []string
	Has                             map[string]string
	Lacks                           []string
	JSON                            map[string]any
}

func (g gabbiTest) request() (method, path string) {
	for _, r := range [][2]string{{"GET", g.GET}, {"PUT", g.PUT}, {"POST", g.POST}, {"DELETE", g.DELETE}, {"OPTIONS", g.OPTIONS}} {
		if r[1] != "" {
			return r[0], r[1]
		}
	}
	return "", ""
}

// shortID stands for a UUID in testdata.
var shortID = regexp.MustCompile(`<([0-9a-f]+)>`)

// TestGabbi answers the requests of the original's functional tests.
func TestGabbi(t *testing.T) {
	file, err := os.Open("testdata/gabbi.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fixtures := map[string]gabbit{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := shortID.ReplaceAllFunc(lines.Bytes(), func(id []byte) []byte {
			return fmt.Appendf(nil, "a0000000-0000-4000-8000-%012s", id[1:len(id)-1])
		})
		var g gabbit
		if err := json.Unmarshal(line, &g); err != nil {
			t.Fatal(err)
		}
		if g.File == "" {
			fixtures[g.Fixture] = g
			continue
		}
		t.Run(g.File, func(t *testing.T) { g.run(t, fixtures[g.Fixture]) })
	}
}

func (g gabbit) run(t *testing.T, fixture gabbit) {
	api := gabbiAPI(t, g)
	fixture.build(t, gabbiAPIOf(api, true))
	run := &gabbiRun{api: gabbiAPIOf(api, !g.Secure), seen: map[string]answer{}}
	for _, test := range g.Tests {
		if leftOut[test.Name] != "" {
			continue
		}
		for _, wrong := range run.test(g.Headers, test) {
			t.Errorf("%s: %s", test.Name, wrong)
		}
	}
}

func (g gabbit) build(t *testing.T, api http.Handler) {
	for _, call := range g.Calls {
		var method, path string
		version := MaxVersion
		for i, into := range []*string{&method, &path, nil, &version} {
			if into != nil && i < len(call) {
				if err := json.Unmarshal(call[i], into); err != nil {
					t.Fatal(err)
				}
			}
		}
		r := httptest.NewRequest(method, path, bytes.NewReader(call[2]))
		for k, v := range map[string]string{"X-Auth-Token": "admin", "X-Roles": "admin,service", "Content-Type": "application/json", "OpenStack-API-Version": "placement " + version} {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, r); w.Code >= 300 {
			t.Fatalf("fixture: %s %s %s: %d %s", method, path, call[2], w.Code, w.Body)
		}
	}
}

// claimed believes what a token says: user|project|roles|system.
type claimed struct{}

func (claimed) Validate(_ context.Context, token string) (auth.Identity, error) {
	p := strings.Split(token, "|")
	id := auth.Identity{UserID: p[0], ProjectID: p[1], System: p[3] == "all"}
	if p[2] != "" {
		id.Roles = strings.Split(p[2], ",")
	}
	return id, nil
}

func gabbiAPI(t *testing.T, g gabbit) *httpapi.API {
	t.Helper()
	st, err := store.New(t.Context(), dbtest.SQLite(t, store.Migrations()), clock.System)
	if err != nil {
		t.Fatal(err)
	}
	svc := service.New(service.Deps{Store: st, Clock: clock.System})
	door := httpapi.Door{Tokens: claimed{}}
	api, err := New(svc, door)
	if err == nil && g.Open {
		door.PolicyFile = filepath.Join(t.TempDir(), "policy.yaml")
		api, err = openAPI(svc, door, api.Table())
	}
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func openAPI(svc *service.Service, door httpapi.Door, table httpapi.Table) (*httpapi.API, error) {
	rules := map[string]string{}
	for _, r := range table {
		if r.Rule.Name != "" {
			rules[r.Rule.Name] = "@"
		}
	}
	data, err := json.Marshal(rules)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(door.PolicyFile, data, 0o600); err != nil {
		return nil, err
	}
	return New(svc, door)
}

// gabbiAPIOf reads who is asking from the headers that the original's tests use.
func gabbiAPIOf(api http.Handler, adminServes bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("X-Auth-Token"); token != "" {
			user, project, ok := strings.Cut(token, ":")
			if !ok {
				project = user
			}
			if p := r.Header.Get("X-Project-Id"); p != "" {
				project = p
			}
			roles, system := r.Header.Get("X-Roles"), r.Header.Get("Openstack-System-Scope")
			if system != "" {
				project = ""
			}
			if _, told := r.Header["X-Roles"]; !told && user == "admin" {
				if roles = "admin"; adminServes {
					roles = "admin,service"
				}
			}
			r.Header.Set("X-Auth-Token", strings.Join([]string{user, project, roles, system}, "|"))
		}
		api.ServeHTTP(w, r)
	})
}

// answer is what a request was answered.
type answer struct {
	url    string
	header http.Header
	body   string
}

func (a answer) find(path string) []any {
	var doc any
	if json.Unmarshal([]byte(a.body), &doc) != nil {
		return nil
	}
	return find(doc, path)
}

// gabbiRun remembers the answers that later requests refer to.
type gabbiRun struct {
	api  http.Handler
	last answer
	seen map[string]answer
}

var (
	reference = regexp.MustCompile(`(?:\$HISTORY\[['"]([^'"]+)['"]\]\.)?\$RESPONSE\[(?:'(.+?)'|"(.+?)")\]`)
	urlOf     = regexp.MustCompile(`\$HISTORY\[['"]([^'"]+)['"]\]\.\$URL`)
)

// fill puts earlier answers where a value refers to them.
func (g *gabbiRun) fill(v any) any {
	switch t := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range t {
			out[g.fill(k).(string)] = g.fill(e)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, e := range t {
			out[i] = g.fill(e)
		}
		return out
	case string:
		return g.fillText(t)
	}
	return v
}

func (g *gabbiRun) fillText(text string) any {
	if m := reference.FindStringSubmatch(text); m != nil && m[0] == text {
		return g.refer(m)
	}
	text = reference.ReplaceAllStringFunc(text, func(ref string) string { return fmt.Sprint(g.refer(reference.FindStringSubmatch(ref))) })
	text = urlOf.ReplaceAllStringFunc(text, func(ref string) string { return g.seen[urlOf.FindStringSubmatch(ref)[1]].url })
	return strings.NewReplacer("$LAST_URL", g.last.url, "$LOCATION", g.last.header.Get("Location")).Replace(text)
}

func (g *gabbiRun) refer(m []string) any {
	from := g.last
	if m[1] != "" {
		from = g.seen[m[1]]
	}
	if found := from.find(m[2] + m[3]); len(found) == 1 {
		return found[0]
	}
	return nil
}

// test makes a request and lists what is wrong with its answer.
func (g *gabbiRun) test(headers map[string]string, test gabbiTest) (wrong []string) {
	method, path := test.request()
	url := strings.TrimPrefix(g.fillText(path).(string), "http://example.com")
	body, ok := g.fill(test.Body).(string)
	if !ok && test.Body != nil {
		data, err := httpapi.Encode(g.fill(test.Body))
		if err != nil {
			return []string{err.Error()}
		}
		body = string(data)
	}
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	for k, v := range test.Headers {
		r.Header.Set(k, fmt.Sprint(g.fill(v)))
	}
	w := httptest.NewRecorder()
	g.api.ServeHTTP(w, r)
	g.last = answer{url, w.Header(), w.Body.String()}
	g.seen[test.Name] = g.last
	if want := strings.Split(test.Status, " || "); test.Status == "" && w.Code != 200 || test.Status != "" && !slices.Contains(want, fmt.Sprint(w.Code)) {
		wrong = append(wrong, fmt.Sprintf("%s %s %s: %d, not %s: %s", method, url, body, w.Code, test.Status, w.Body))
	}
	return append(wrong, g.compare(test)...)
}

func (g *gabbiRun) compare(test gabbiTest) (wrong []string) {
	plain := strings.NewReplacer(`\"`, `"`, `\n`, "\n").Replace(g.last.body)
	for _, s := range test.Strings {
		if s = fmt.Sprint(g.fill(s)); !like(g.last.body, s) && !strings.Contains(g.last.body, s) && !strings.Contains(plain, s) {
			wrong = append(wrong, fmt.Sprintf("no %q in %s", s, g.last.body))
		}
	}
	for k, v := range test.Has {
		if want, got := fmt.Sprint(g.fill(v)), g.last.header.Get(k); got != want && !like(got, want) {
			wrong = append(wrong, fmt.Sprintf("header %s: %q, not %q", k, got, want))
		}
	}
	for _, k := range test.Lacks {
		if g.last.header.Get(k) != "" {
			wrong = append(wrong, "header "+k+" is there")
		}
	}
	for path, v := range test.JSON {
		path, want := fmt.Sprint(g.fill(path)), g.fill(v)
		if found := g.last.find(path); !same(found, want) {
			wrong = append(wrong, fmt.Sprintf("%s: %v, not %v in %s", path, found, want, g.last.body))
		}
	}
	return wrong
}

// same compares what a path has found with one value, a list of them, or a pattern.
func same(found []any, want any) bool {
	text := strings.ReplaceAll(fmt.Sprint(found), " ", ", ")
	if len(found) == 1 {
		if text = fmt.Sprint(found[0]); gocmp.Equal(found[0], want) {
			return true
		}
	}
	if pattern, ok := want.(string); ok {
		return like(text, pattern)
	}
	list, ok := want.([]any)
	return ok && gocmp.Equal(append([]any{}, found...), list)
}

// like matches a text with a pattern, which is between slashes.
func like(text, pattern string) bool {
	if len(pattern) < 2 || pattern[0] != '/' || pattern[len(pattern)-1] != '/' {
		return false
	}
	re, err := regexp.Compile(pattern[1 : len(pattern)-1])
	return err == nil && re.MatchString(text)
}
