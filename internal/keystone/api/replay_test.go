package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// exchange is one question that the original was asked, and what it answered.
type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response struct {
		Status  int
		Headers [][2]string
		Body    any
	}
}

// notBuilt are the parts of the API that are not routed.
var notBuilt = regexp.MustCompile(`^\d+-v3-json-home`)

// TestReplay asks a fresh Keystone what the original was asked, in order, and
// compares status, headers and bodies; IDs and tokens are mapped as they appear.
func TestReplay(t *testing.T) {
	all := readExchanges(t)
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		r := newReplay(t, newCloudOn(t, d))
		for _, e := range all {
			t.Run(e.Name, func(t *testing.T) { r.play(t, e) })
		}
	})
}

// readExchanges gives those about what is built.
func readExchanges(t *testing.T) (all []exchange) {
	f, err := os.Open("testdata/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if !notBuilt.MatchString(e.Name) {
			all = append(all, e)
		}
	}
	if lines.Err() != nil || len(all) < 170 {
		t.Fatalf("%d exchanges: %v", len(all), lines.Err())
	}
	return all
}

type replay struct {
	cloud  *cloud
	ids    map[string]string // the original's to ours
	tokens map[string]string
	made   bool // the answer lists what the call made, in the order asked
}

// newReplay makes what was there when the recording began, with its IDs known.
func newReplay(t *testing.T, c *cloud) *replay {
	demo := c.must(t, "admin", "POST", "/v3/projects", `{"project": {"name": "demo"}}`, 201)["project"].(map[string]any)["id"].(string)
	user := c.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "demo", "password": "PASSWORD", "default_project_id": "`+demo+`"}}`, 201)["user"].(map[string]any)["id"].(string)
	r := &replay{cloud: c, tokens: map[string]string{"nonsense": "nonsense", "bad": "bad"}, ids: map[string]string{
		"f798945381344b149db1e5ee872b0540": c.id(t, "users", "admin"), "80bc93e177574429b4a4b1d0480c706c": user,
		"ed2b2413948c439eb37ea7e6dec8e4a7": c.id(t, "projects", "admin"), "d28c87713a4340a095af785198dda340": demo,
		"b1522bcdfbbb4bed8522c53d564c3c72": c.id(t, "roles", "admin"), "fc40794bebac4d2eab131735bdc3bf6f": c.id(t, "roles", "member"),
		"eb318cd1a20a47ea88cf6aa1a7acb99d": c.id(t, "roles", "reader"), "5b2f0443158b49029bbeb6aff086dba4": c.id(t, "services", "nova"),
	}}
	for _, grant := range []string{demo + "/users/" + user + "/roles/" + c.id(t, "roles", "member"), demo + "/users/" + c.id(t, "users", "admin") + "/roles/" + c.id(t, "roles", "admin")} {
		c.must(t, "admin", "PUT", "/v3/projects/"+grant, "", 204)
	}
	c.tokens["system"] = c.login(t, "admin", "PASSWORD", `{"system": {"all": true}}`)
	c.tokens["demo"] = c.login(t, "demo", "PASSWORD", `{"project": {"id": "`+demo+`"}}`)
	return r
}

// token gives ours for one of the original's: those that were not issued in
// the recording are told apart by how they begin.
func (r *replay) token(t *testing.T, old string) string {
	if tok, ok := r.tokens[old]; ok {
		return tok
	}
	who := map[string]string{"gAAAAABrA1oJaTXO": "admin", "gAAAAABrA1oJwGFF": "demo", "gAAAAABrA1oVWj7P": "system"}[old[:16]]
	if who != "" {
		r.tokens[old] = r.cloud.tokens[who]
	} else if strings.HasPrefix(old, "gAAAAABrA1oN0foc") { // made to be revoked
		r.tokens[old] = r.cloud.login(t, "demo", "PASSWORD", `"unscoped"`)
	} else {
		t.Fatalf("whose token is %s?", old)
	}
	return r.tokens[old]
}

// mapped replaces the original's IDs and tokens in a text by ours.
func (r *replay) mapped(s string) string {
	for old, ours := range r.ids {
		s = strings.ReplaceAll(s, old, ours)
	}
	for old, ours := range r.tokens {
		if len(old) > 20 {
			s = strings.ReplaceAll(s, old, ours)
		}
	}
	return s
}

func (r *replay) play(t *testing.T, e exchange) {
	body := e.Request.Body
	if bytes.HasPrefix(body, []byte(`"`)) { // text that is no JSON
		var text string
		_ = json.Unmarshal(body, &text)
		body = []byte(text)
	}
	sent := r.mapped(string(body))
	switch e.Name {
	case "024-auth-wrong-password", "025-auth-unknown-user", "086-user-password-wrong", "212-appcred-auth-wrong":
		sent = strings.ReplaceAll(sent, "PASSWORD", "wrong")
	case "073-user-create-no-name": // its answer tells the password
		sent = strings.ReplaceAll(sent, "PASSWORD", "secret")
	}
	req := httptest.NewRequest(e.Request.Method, r.mapped(e.Request.Path), strings.NewReader(sent))
	req.Host = "127.0.0.1:5000"
	for k, v := range e.Request.Headers {
		if k == "X-Auth-Token" || k == "X-Subject-Token" {
			v = r.token(t, v)
		}
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	r.cloud.api.ServeHTTP(w, req)
	if w.Code != e.Response.Status {
		t.Fatalf("status %d, the original's is %d\nsent %s\ngot  %s\nwant %v", w.Code, e.Response.Status, sent, w.Body, e.Response.Body)
	}
	r.made = w.Code == http.StatusCreated
	r.compareHeaders(t, e, w.Header())
	r.compareBody(t, e, w.Body.Bytes())
}

func (r *replay) compareHeaders(t *testing.T, e exchange, got http.Header) {
	for _, h := range e.Response.Headers {
		name, want := h[0], r.mapped(h[1])
		switch name {
		case "x-openstack-request-id":
			if !strings.HasPrefix(got.Get(name), "req-") {
				t.Errorf("no request ID")
			}
		case "X-Subject-Token":
			if e.Request.Method == "POST" {
				r.tokens[h[1]] = got.Get(name)
			} else if got.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Get(name), want)
			}
		case "Allow": // each route here is its own, there is is by class
			if !strings.Contains(got.Get(name), "OPTIONS") {
				t.Errorf("Allow: %q", got.Get(name))
			}
		case "Content-Type":
			if e.Response.Status == 204 || e.Request.Method == "HEAD" {
				continue
			}
			fallthrough
		default:
			if got.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Get(name), want)
			}
		}
	}
}

func (r *replay) compareBody(t *testing.T, e exchange, text []byte) {
	if e.Request.Method == "HEAD" || e.Response.Body == nil {
		if len(text) > 0 {
			t.Errorf("a body: %s", text)
		}
		return
	}
	if html, ok := e.Response.Body.(string); ok {
		if d := cmp.Diff(html, string(text)); d != "" {
			t.Error(d)
		}
		return
	}
	var got any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, d := range r.differences("", e.Response.Body, got) {
		t.Error(d)
	}
	if t.Failed() {
		t.Logf("got  %s", text)
	}
}

// varies are the values that no two clouds have in common.
var varies = regexp.MustCompile(`(audit_ids|issued_at|expires_at|issued_before|revoked_at)$|\.secret$|^\.token\.(catalog|roles)$|^\.catalog$|^\.error\.identity`)

// newer are attributes that came after the recording.
var newer = regexp.MustCompile(`^\.mapping\.schema_version$`)

// newID is that of a project which was never made.
var newID = regexp.MustCompile(`project id [0-9a-f]{32}`)

var hexID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// differences compares the original's value with ours. An ID seen for the
// first time is taken for ours in the same place.
func (r *replay) differences(path string, want, got any) (out []string) {
	if varies.MatchString(path) {
		if reflect.TypeOf(want) != reflect.TypeOf(got) {
			return []string{fmt.Sprintf("%s: is %T, want %T", path, got, want)}
		}
		return nil
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v, want an object", path, got)}
		}
		for _, key := range []string{"id", "access", "domain_id"} { // a domain may be made along with an identity provider
			if id, ok := w[key].(string); ok && hexID.MatchString(id) && r.ids[id] == "" {
				r.ids[id], _ = g[key].(string)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if v, ok := g[k]; ok {
				out = append(out, r.differences(path+"."+k, w[k], v)...)
			} else if r.ids[k] != "" {
				out = append(out, r.differences(path+"."+k, w[k], g[r.ids[k]])...)
			} else {
				out = append(out, path+"."+k+": is missing")
			}
		}
		for k := range g {
			if _, ok := w[k]; !ok && !newer.MatchString(path+"."+k) && !slices.Contains(slices.Collect(maps.Values(r.ids)), k) {
				out = append(out, path+"."+k+": is not in the original")
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v, want a list", path, got)}
		}
		return r.listDifferences(path, w, g)
	case string:
		if text, ok := got.(string); ok && newID.MatchString(w) {
			w, got = newID.ReplaceAllString(w, "ID"), newID.ReplaceAllString(text, "ID")
		}
		if r.mapped(w) != got {
			return []string{fmt.Sprintf("%s: %q, want %q", path, got, r.mapped(w))}
		}
		return nil
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s: %v, want %v", path, got, want)}
	}
	return nil
}

// listDifferences compares lists. Lists of resources hold others in another
// cloud: those that both know are compared, by ID.
func (r *replay) listDifferences(path string, want, got []any) (out []string) {
	for i, w := range want {
		m, isObject := w.(map[string]any)
		id, hasID := m["id"].(string)
		switch {
		case hasID && r.ids[id] == "" && r.made && i < len(got):
			out = append(out, r.differences(path+"[]", w, got[i])...)
		case !isObject && (i >= len(got) || r.differences(path, w, got[i]) != nil):
			return []string{fmt.Sprintf("%s: %v, want %v", path, got, want)}
		case hasID && r.ids[id] == "" && path == ".application_credential.access_rules" && i < len(got):
			out = append(out, r.differences(path+"[]", w, got[i])...)
		case hasID && r.ids[id] != "":
			at := slices.IndexFunc(got, func(g any) bool { return g.(map[string]any)["id"] == r.ids[id] })
			if at < 0 {
				out = append(out, fmt.Sprintf("%s: %s (%v) is missing", path, id, m["name"]))
			} else {
				out = append(out, r.differences(path+"[]", w, got[at])...)
			}
		case isObject && !hasID && path != ".events" && path != ".role_inferences":
			if !slices.ContainsFunc(got, func(g any) bool { return r.differences(path+"[]", w, g) == nil }) {
				out = append(out, fmt.Sprintf("%s: %v is missing", path, w))
			}
		}
	}
	return out
}
