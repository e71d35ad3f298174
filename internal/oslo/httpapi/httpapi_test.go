package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
)

type tokens map[string]auth.Identity

func (t tokens) Validate(_ context.Context, token string) (auth.Identity, error) {
	id, ok := t[token]
	if !ok {
		return id, auth.ErrInvalid
	}
	return id, nil
}

type thing struct {
	ID, Project string
	Name        string   `json:"name"`
	Tags        []string `json:"tags,omitempty"`
}

func (th thing) PolicyTarget() policy.Target { return policy.Target{"project_id": th.Project} }

type thingBody struct {
	Thing struct {
		Name string `json:"name"`
		Size int    `json:"size"`
	} `json:"thing"`
}

const thingSchema = `{"type": "object", "properties": {"thing": {"type": "object",
	"properties": {"name": {"type": "string", "minLength": 1, "maxLength": 5}, "size": {"type": ["integer", "null"], "minimum": 0},
		"kind": {"enum": ["a", "b"]}, "id": {"type": "string", "format": "uuid"}, "ref": {"oneOf": [{"type": "integer"}, {"type": "boolean"}]}},
	"required": ["name"], "additionalProperties": false}}, "required": ["thing"], "additionalProperties": false}`

const listQuery = `{"type": "object", "properties": {"limit": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+$"}}}, "additionalProperties": false}`

func find(ctx context.Context, id string) (thing, error) {
	if id != "t1" && id != "t2" {
		return thing{}, fault.NotFound("Thing %s could not be found.", id)
	}
	return thing{ID: id, Project: map[string]string{"t1": "p1", "t2": "p2"}[id], Name: id, Tags: []string{"x"}}, nil
}

var changes = Changes[thing]{Since("2.5", "tags", func(v *thing) { v.Tags = nil })}

func testAPI(t *testing.T, change func(*Service)) *API {
	t.Helper()
	owner := policy.Rule{Name: "things:owner", Check: "role:admin or project_id:%(project_id)s"}
	s := Service{Name: "test", Type: "compute", Prefix: "/v2.1", MinVersion: "2.1", MaxVersion: "2.9", OptionalProject: true,
		VersionHeaders: []string{"X-Old-Version"}, HeadFromGet: true, BodyLimit: 200,
		Schemas: fstest.MapFS{"thing.json": {Data: []byte(thingSchema)}, "list.json": {Data: []byte(listQuery)}},
		Rules:   []policy.Rule{{Name: "context_is_admin", Check: "role:admin"}}, AdminRule: "context_is_admin",
		Fault: func(_ *Call, f *fault.Fault) Response {
			body, _ := json.Marshal(map[string]any{"code": f.Status, "message": f.Message})
			return Response{Status: f.Status, Body: body}
		},
		Roots: Table{{Method: "GET", Path: "/", Status: 300, Public: true, Do: Get(func(c *Call) (any, error) { return map[string]string{"at": c.BaseURL()}, nil })}},
		Table: Table{
			{Method: "GET", Path: "/things", Status: 200, Queries: Schemas{"2.1": "list.json"}, Do: Get(func(c *Call) (any, error) { return map[string]bool{"admin": c.Caller.Admin}, nil })},
			{Method: "POST", Path: "/things", Status: 202, Rule: policy.Rule{Name: "things:create", Check: "role:member"}, Bodies: Schemas{"2.1": "thing.json"},
				Do: JSON(func(c *Call, b thingBody) (thing, error) { return thing{Name: b.Thing.Name}, nil })},
			{Method: "GET", Path: "/things/{thing_id}", Status: 200, Rule: owner, Do: On(find, func(c *Call, th thing) (thing, error) {
				changes.Before(c.Version, &th)
				return th, nil
			})},
			{Method: "DELETE", Path: "/things/{thing_id}", Status: 204, Rule: owner, Do: On(find, func(*Call, thing) (None, error) { return None{}, nil })},
			{Method: "POST", Path: "/things/{thing_id}/action", Action: "poke", Status: 202, Rule: owner, Do: OnJSON(find, func(*Call, thing, struct{ Poke any }) (None, error) { return None{}, nil })},
			{Method: "POST", Path: "/things/{thing_id}/action", Action: "push", Min: "2.3", Status: 202, Do: OnJSON(find, func(*Call, thing, struct{}) (None, error) { return None{}, nil })},
			{Method: "GET", Path: "/things/new", Status: 200, Min: "2.2", Max: "2.4", Do: Get(func(*Call) (string, error) { return "new", nil })},
			{Method: "GET", Path: "/boom", Status: 200, Do: Get(func(*Call) (any, error) { panic("secret") })},
			{Method: "GET", Path: "/broken", Status: 200, Do: Get(func(*Call) (any, error) { return nil, io.ErrUnexpectedEOF })},
			{Method: "PUT", Path: "/file/{name...}", RawBody: true, Do: Raw(func(c *Call, w http.ResponseWriter) error {
				n, err := io.Copy(io.Discard, c.R.Body)
				w.WriteHeader(200)
				_, _ = w.Write([]byte(c.Param("name") + " " + string(rune('0'+n/1000))))
				return err
			})},
		}}
	if change != nil {
		change(&s)
	}
	api, err := New(s, Door{IdentityURL: "http://id/", Tokens: tokens{"m": {UserID: "u", ProjectID: "p1", Roles: []string{"member"}},
		"r": {UserID: "u", ProjectID: "p1", Roles: []string{"reader"}}, "a": {UserID: "u", ProjectID: "p3", Roles: []string{"admin"}}, "s": {Roles: []string{"service"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestServe(t *testing.T) {
	api := testAPI(t, nil)
	for name, tc := range map[string]struct {
		method, path, token, version, body string
		status                             int
		want                               string
	}{
		"discovery":         {"GET", "/", "", "", "", 300, `{"at":"http://example.com"}`},
		"no token":          {"GET", "/v2.1/things", "", "", "", 401, `"title": "Unauthorized"`},
		"bad token":         {"GET", "/v2.1/things", "x", "", "", 401, `requires authentication`},
		"unknown, no token": {"GET", "/v2.1/nosuch", "", "", "", 401, ``},
		"unknown":           {"GET", "/v2.1/nosuch", "m", "", "", 404, `could not be found`},
		"outside":           {"GET", "/v3/things", "m", "", "", 404, ``},
		"list":              {"GET", "/v2.1/things?limit=3", "m", "", "", 200, `{"admin":false}`},
		"admin":             {"GET", "/v2.1/things", "a", "", "", 200, `{"admin":true}`},
		"bad query":         {"GET", "/v2.1/things?limit=x", "m", "", "", 400, `'x' does not match '^[0-9]+$'`},
		"unknown query":     {"GET", "/v2.1/things?a=x", "m", "", "", 400, `('a' was unexpected)`},
		"project in URL":    {"GET", "/v2.1/p1/things", "m", "", "", 200, ``},
		"other's URL":       {"GET", "/v2.1/p9/things", "m", "", "", 400, `URL's project_id 'p9' doesn't match`},
		"create":            {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a"}}`, 202, `"name":"a"`},
		"reader creates":    {"POST", "/v2.1/things", "r", "", `{"thing": {"name": "a"}}`, 403, `Policy doesn't allow things:create`},
		"schema first":      {"POST", "/v2.1/things", "r", "", `{}`, 400, `'thing' is a required property`},
		"too long":          {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "abcdef"}}`, 400, `'abcdef' is too long`},
		"wrong type":        {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a", "size": "x"}}`, 400, `'x' is not of type 'integer', 'null'`},
		"enum":              {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a", "kind": "c"}}`, 400, `'c' is not one of ['a', 'b']`},
		"format":            {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a", "id": "c"}}`, 400, `'c' is not a 'uuid'`},
		"alternatives":      {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a", "ref": "c"}}`, 400, `'c' is not valid under any of the given schemas`},
		"extra":             {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a", "zz": 1, "y": 2}}`, 400, `('y', 'zz' were unexpected)`},
		"not JSON":          {"POST", "/v2.1/things", "m", "", `{nope`, 400, `Malformed JSON`},
		"empty":             {"POST", "/v2.1/things", "m", "", ``, 400, `malformed`},
		"NUL in the body":   {"POST", "/v2.1/things", "m", "", `{"thing": {"name": "a\\\u0000"}}`, 400, `Malformed JSON`},
		"NUL in the path":   {"GET", "/v2.1/things/t1%00", "m", "", "", 404, ``},
		"too large":         {"POST", "/v2.1/things", "m", "", `{"thing": "` + strings.Repeat("x", 300) + `"}`, 413, `too large`},
		"show":              {"GET", "/v2.1/things/t1", "m", "2.5", "", 200, `"tags":["x"]`},
		"older show":        {"GET", "/v2.1/things/t1", "m", "2.4", "", 200, `"name":"t1"}`},
		"other's":           {"GET", "/v2.1/things/t2", "m", "", "", 403, `things:owner`},
		"absent":            {"GET", "/v2.1/things/t9", "m", "", "", 404, `Thing t9 could not be found.`},
		"head":              {"HEAD", "/v2.1/things/t1", "m", "", "", 200, ``},
		"delete":            {"DELETE", "/v2.1/things/t1", "m", "", "", 204, ``},
		"wrong method":      {"PATCH", "/v2.1/things/t1", "m", "", "", 404, ``},
		"action":            {"POST", "/v2.1/things/t1/action", "m", "", `{"poke": null}`, 202, ``},
		"unknown action":    {"POST", "/v2.1/things/t1/action", "m", "", `{"kick": null}`, 400, `There is no such action: kick`},
		"action too new":    {"POST", "/v2.1/things/t1/action", "m", "2.2", `{"push": {}}`, 404, ``},
		"two actions":       {"POST", "/v2.1/things/t1/action", "m", "", `{"poke": 1, "push": 2}`, 400, `Malformed request body`},
		"literal wins":      {"GET", "/v2.1/things/new", "m", "2.3", "", 200, `"new"`},
		"version too old":   {"GET", "/v2.1/things/new", "m", "2.1", "", 404, ``},
		"version too high":  {"GET", "/v2.1/things", "m", "2.99", "", 406, `Version 2.99 is not supported by the API. Minimum is 2.1 and maximum is 2.9.`},
		"version malformed": {"GET", "/v2.1/things", "m", "2.x", "", 400, `API Version String 2.x is of invalid format`},
		"panic":             {"GET", "/v2.1/boom", "m", "", "", 500, `Unexpected API Error`},
		"failure":           {"GET", "/v2.1/broken", "m", "", "", 500, `Unexpected API Error`},
		"stream":            {"PUT", "/v2.1/file/a%2Fb/c", "m", "", strings.Repeat("x", 5000), 200, `a/b/c 5`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			if tc.token != "" {
				r.Header.Set("X-Auth-Token", tc.token)
			}
			if tc.version != "" {
				r.Header.Set("OpenStack-API-Version", "compute "+tc.version)
			}
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Fatalf("%d %s, want %d with %s", w.Code, w.Body, tc.status, tc.want)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "EOF") {
				t.Fatalf("a failure tells its cause: %s", w.Body)
			}
			if !requestIDForm.MatchString(w.Header().Get("x-openstack-request-id")) {
				t.Fatalf("request ID %q", w.Header().Get("x-openstack-request-id"))
			}
		})
	}
}

func TestOlderVersionHidesTags(t *testing.T) {
	r := httptest.NewRequest("GET", "/v2.1/things/t1", nil)
	r.Header.Set("X-Auth-Token", "m")
	r.Header.Set("X-Old-Version", "2.4")
	w := httptest.NewRecorder()
	testAPI(t, nil).ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "tags") || w.Header().Get("X-Old-Version") != "2.4" || len(w.Header().Values("Vary")) != 2 {
		t.Fatalf("%s %v", w.Body, w.Header())
	}
}

func TestPolicyFirst(t *testing.T) {
	api := testAPI(t, func(s *Service) { s.PolicyFirst = true })
	r := httptest.NewRequest("POST", "/v2.1/things", strings.NewReader("{}"))
	r.Header.Set("X-Auth-Token", "r")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != 403 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestTheSameRowTwice(t *testing.T) {
	s := Service{Name: "x", Table: Table{{Method: "GET", Path: "/a", Min: "2.1", Max: "2.5"}, {Method: "GET", Path: "/a", Min: "2.5"}}}
	if _, err := New(s, Door{}); err == nil {
		t.Fatal("overlapping rows are accepted")
	}
	s.Table[1].Min = "2.6"
	if _, err := New(s, Door{}); err != nil {
		t.Fatal(err)
	}
}

func FuzzServe(f *testing.F) {
	api := testAPI(&testing.T{}, nil)
	f.Add("POST", "/v2.1/things", `{"thing": {"name": "a"}}`, "compute 2.3")
	f.Add("POST", "/v2.1/things/t1/action", `{"poke": [1, {"a": null}]}`, "latest")
	f.Add("GET", "/v2.1/%zz/..//", ``, ",,compute")
	f.Fuzz(func(t *testing.T, method, path, body, version string) {
		r, err := http.NewRequest(method, "http://h"+path, strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		r.Header["Openstack-Api-Version"] = []string{version}
		r.Header.Set("X-Auth-Token", "m")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code >= 500 && !strings.Contains(path, "boom") && !strings.Contains(path, "broken") {
			t.Fatalf("%s %s %s: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}

func BenchmarkShow(b *testing.B) {
	api := testAPI(&testing.T{}, nil)
	r := httptest.NewRequest("GET", "/v2.1/things/t1", nil)
	r.Header.Set("X-Auth-Token", "m")
	for b.Loop() {
		api.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// TestPublicURL: answers name the public address, and what a client has signed
// is the address that it used, by the public scheme.
func TestPublicURL(t *testing.T) {
	for _, tc := range [][3]string{
		{"", "10.0.0.1:5000", "http://10.0.0.1:5000 http://10.0.0.1:5000/v3/x?a=b"},
		{"https://cloud.example:5000", "10.0.0.1:5000", "https://cloud.example:5000 https://10.0.0.1:5000/v3/x?a=b"},
		{"https://cloud.example/identity", "10.0.0.1:5000", "https://cloud.example/identity https://10.0.0.1:5000/v3/x?a=b"},
		{"https://cloud.example/identity", "cloud.example", "https://cloud.example/identity https://cloud.example/identity/v3/x?a=b"},
	} {
		public, want := tc[0], tc[2]
		r := httptest.NewRequest("GET", "/v3/x?a=b", nil)
		r.Host = tc[1]
		c := &Call{R: r, api: &API{door: Door{PublicURL: public}}}
		u, err := c.RequestURL()
		if got := c.BaseURL() + " " + u.String(); err != nil || got != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
	}
}

// away is an identity service that nobody reaches.
type away struct{}

func (away) Validate(context.Context, string) (auth.Identity, error) {
	return auth.Identity{}, errors.New("no route to host")
}

// TestIdentityAway: a token that nobody can be asked about is not called wrong.
func TestIdentityAway(t *testing.T) {
	for kind, want := range map[string]string{"": "503 The Keystone service is temporarily unavailable.", "identity": "500 Unexpected API Error"} {
		api := testAPI(t, func(s *Service) { s.Type = kind })
		api.door.Tokens = away{}
		r := httptest.NewRequest("GET", "/v2.1/things", nil)
		for token, want := range map[string]string{"m": want, "": "401 requires authentication"} {
			r.Header.Set("X-Auth-Token", token)
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if status, text, _ := strings.Cut(want, " "); strconv.Itoa(w.Code) != status || !strings.Contains(w.Body.String(), text) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%q, token %q: %d %s", kind, token, w.Code, w.Body)
			}
		}
	}
}
