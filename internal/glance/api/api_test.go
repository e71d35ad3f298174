package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/glance/api"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/web"
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

// ticking is a clock that goes on by a second with each request.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *ticking) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
}

// skip goes on by so many hours.
func (c *ticking) skip(hours int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Duration(hours) * time.Hour)
}

// cloud is the service behind its API.
type cloud struct {
	svc   *service.Service
	api   http.Handler
	dir   string // of the image files
	web   string // URL of a web server that has 10 bytes at /image
	clock *ticking

	staging string // directory of the staging area
	store   *store.Store
}

func start(t testing.TB, config service.Config) *cloud {
	t.Helper()
	dir := t.TempDir()
	files, err := blob.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	more, err := blob.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "image", time.Time{}, strings.NewReader("0123456789"))
	}))
	t.Cleanup(at.Close)
	remote, err := web.New(web.Config{AllowedNetworks: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	backends := []service.Backend{{ID: "files", Blobs: files}, {ID: "more", Blobs: more, Weight: 7}, {ID: "web", Remote: remote}}
	if !config.ShowMultipleLocations && !config.ShowImageDirectURL {
		backends = backends[:1] // as the recorded cloud has
	}
	var cache *service.Cache
	if config.ImageCacheDir != "" {
		near, err := blob.NewFile(config.ImageCacheDir)
		if err != nil {
			t.Fatal(err)
		}
		cache = &service.Cache{Files: near, Node: "here"}
	}
	c := startWith(t, dir, service.Deps{Config: config, Backends: backends, Cache: cache})
	c.web = at.URL
	return c
}

// startWith completes d and starts the service.
func startWith(t testing.TB, dir string, d service.Deps) *cloud {
	t.Helper()
	d.Store, d.Worker, d.Staging = store.New(dbtest.SQLite(t, store.Migrations)), "test", t.TempDir()
	return run(t, dir, d)
}

// startOn starts another process on the database of c.
func startOn(t testing.TB, c *cloud, config service.Config) *cloud {
	t.Helper()
	return run(t, c.dir, service.Deps{Config: config, Backends: c.svc.Backends(), Store: c.store, Worker: "other", Staging: t.TempDir()})
}

func run(t testing.TB, dir string, d service.Deps) *cloud {
	t.Helper()
	clock := &ticking{now: time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)}
	d.Clock = clock
	svc, err := service.New(d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = svc.Carry(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	a, err := api.New(svc, httpapi.Door{Tokens: tokens{}, IdentityURL: "http://127.0.0.1:5000/"})
	if err != nil {
		t.Fatal(err)
	}
	return &cloud{svc: svc, api: a, dir: dir, clock: clock, staging: d.Staging, store: d.Store}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *cloud) send(t testing.TB, method, path string, body []byte, header map[string]string) answer {
	t.Helper()
	c.clock.tick()
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

// create makes an image and returns its ID.
func (c *cloud) create(t testing.TB, as, body string) string {
	t.Helper()
	var img struct {
		ID string `json:"id"`
	}
	a := c.do(t, as, "POST", "/v2/images", body, nil).want(t, 201, "")
	if err := json.Unmarshal(a.body, &img); err != nil {
		t.Fatal(err)
	}
	return img.ID
}

func (c *cloud) upload(t testing.TB, as, id, data string) answer {
	t.Helper()
	return c.do(t, as, "PUT", "/v2/images/"+id+"/file", data, map[string]string{"Content-Type": "application/octet-stream"})
}

func (c *cloud) patch(t testing.TB, as, id, body string) answer {
	t.Helper()
	return c.do(t, as, "PATCH", "/v2/images/"+id, body, map[string]string{"Content-Type": "application/openstack-images-v2.1-json-patch"})
}

const raw = `{"name": "x", "disk_format": "raw", "container_format": "bare"}`

func (c *cloud) show(t testing.TB, id string) []byte {
	t.Helper()
	return c.do(t, "member", "GET", "/v2/images/"+id, "", nil).body
}

func TestErrorForms(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	for accept, tc := range map[string]struct{ kind, want string }{
		"application/json":                {"application/json", `{"message":"No image found with ID a<b<br /><br />\n\n\n","code":"404 Not Found","title":"Not Found"}`},
		"*/*":                             {"text/html; charset=UTF-8", "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No image found with ID a&lt;b<br /><br />\n\n\n\n </body>\n</html>"},
		"text/html;q=0.5, application/*":  {"application/json", `{"message"`},
		"text/html, application/json;q=0": {"text/html; charset=UTF-8", "<html>"},
		"image/png":                       {"text/plain; charset=UTF-8", "404 Not Found\n\nNo image found with ID a"},
	} {
		got := cloud.do(t, "admin", "GET", "/v2/images/a%3Cb", "", map[string]string{"Accept": accept})
		if got.header.Get("Content-Type") != tc.kind || !strings.HasPrefix(string(got.body), tc.want) {
			t.Errorf("%s: got %s %q", accept, got.header.Get("Content-Type"), got.body)
		}
	}
}

func TestPatch(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	id := cloud.create(t, "member", `{"name": "x", "a~b/c": "1", "kernel_id": null}`)
	for body, tc := range map[string]struct {
		status int
		want   string
	}{
		`[{"op": "add", "path": "/a~0b~1c", "value": "2"}]`:             {200, `"a~b/c":"2"`},
		`[{"op": "add", "path": "/Upper", "value": "2"}]`:               {200, `"Upper":"2"`},
		`[{"op": "replace", "path": "/name", "value": null}]`:           {200, `"name":null`},
		`[{"op": "replace", "path": "/kernel_id", "value": "x"}]`:       {400, "'x' does not match '^([0-9a-fA-F]){8}-"},
		`[{"op": "replace", "path": "/min_ram", "value": "x"}]`:         {400, "'x' is not of type 'integer'"},
		`[{"op": "replace", "path": "/protected", "value": 1}]`:         {400, "1 is not of type 'boolean'"},
		`[{"op": "replace", "path": "/os_hidden", "value": "x"}]`:       {400, "{'description': 'If true, image will not appear in default image list '\\n                    'response.',\\n     'type': 'boolean'}"},
		`[{"op": "replace", "path": "/tags", "value": ["a", 5]}]`:       {400, "schema['properties']['tags']['items']:\\n    {'maxLength': 255, 'type': 'string'}\\n\\nOn instance['tags'][1]:\\n    5"},
		`[{"op": "replace", "path": "/tags/0", "value": "a"}]`:          {400, "Invalid JSON pointer for this resource: '/tags/0'"},
		`[{"op": "add", "path": "/x", "value": 5}]`:                     {400, "5 is not of type 'string'"},
		`[{"op": "add", "path": "/x"}]`:                                 {400, `requires a member named \"value\"`},
		`[{"op": "add", "value": "x"}]`:                                 {400, "Unable to find 'path' in JSON Schema change"},
		`[{"path": "/x", "value": "x"}]`:                                {400, "Unable to find `op` in JSON Schema change."},
		`[{"op": "add", "path": "/x//y", "value": "x"}]`:                {400, "contains adjacent"},
		`[{"op": "add", "path": "/x/", "value": "x"}]`:                  {400, "end with"},
		`[{"op": "add", "path": "/x~2", "value": "x"}]`:                 {400, "not part of a recognized escape sequence"},
		`[{"op": "add", "path": "/os_glance_x", "value": "x"}]`:         {403, "Attribute 'os_glance_x' is reserved."},
		`[{"op": "add", "path": "/deleted", "value": "x"}]`:             {403, "Attribute 'deleted' is reserved."},
		`[{"op": "replace", "path": "/id", "value": "x"}]`:              {403, "Attribute 'id' is read-only."},
		`[{"op": "replace", "path": "/owner", "value": "x"}]`:           {403, "Owner can't be updated by non admin."},
		`[{"op": "replace", "path": "/visibility", "value": "public"}]`: {403, "You are not authorized to complete publicize_image action."},
		`["x"]`: {400, "Operations must be JSON objects."},
		`"x"`:   {400, "Unexpected body type. Expected list/dict."},
		`[{"op": "replace", "path": "/name", "value": "n"}, {"op": "remove", "path": "/nosuch"}]`: {409, "Property nosuch does not exist."},
	} {
		if got := cloud.patch(t, "member", id, body); got.status != tc.status || !strings.Contains(string(got.body), tc.want) {
			t.Errorf("%s:\ngot %d %s\nwant %d %s", body, got.status, got.body, tc.status, tc.want)
		}
	}
	if got := string(cloud.show(t, id)); strings.Contains(got, `"name":"n"`) {
		t.Errorf("half a patch was made: %s", got)
	}
	old := map[string]string{"Content-Type": "application/openstack-images-v2.0-json-patch"}
	cloud.do(t, "member", "PATCH", "/v2/images/"+id, `[{"add": "/name", "value": "y"}]`, old).want(t, 409, "Property name already present.")
	cloud.do(t, "member", "PATCH", "/v2/images/"+id, `[{"add": "/x", "remove": "/y", "value": "y"}]`, old).want(t, 400, "must contain only one member")
	cloud.do(t, "member", "PATCH", "/v2/images/"+id, `[{}]`, old).want(t, 400, "must contain exactly one member")
	cloud.patch(t, "admin", id, `[{"op": "replace", "path": "/owner", "value": "`+adminProject+`"}]`).want(t, 200, adminProject)
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 404, "No image found")
}

func TestCreate(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	for body, tc := range map[string]struct {
		status int
		want   string
	}{
		`{"self": "x"}`:                             {403, "Attribute 'self' is read-only."},
		`{"locations": []}`:                         {403, "Attribute 'locations' is reserved."},
		`{"os_glance_import_task": "x"}`:            {403, "is reserved."},
		`{"created_at": "x"}`:                       {403, "Attribute 'created_at' is read-only."},
		`{"owner": "other"}`:                        {403, "You are not permitted to create images owned by 'other'"},
		`{"visibility": "community"}`:               {201, `"visibility":"community"`},
		`{"min_ram": -1}`:                           {400, "Cannot be a negative value"},
		`{"min_disk": 2147483648}`:                  {400, "'min_disk' value out of range, must not exceed 2147483647."},
		`{"tags": ["b", "a", "b"]}`:                 {201, `"tags":["a","b"]`},
		`{"os_hidden": true, "hw_x": "y"}`:          {201, `"hw_x":"y"`},
		`[]`:                                        {400, "Unexpected body type."},
		`{"name": "x"} {}`:                          {400, "Malformed JSON in request body."},
		`{"` + strings.Repeat("x", 256) + `": "y"}`: {400, "Custom property should not be greater than 255 characters."},
	} {
		if got := cloud.do(t, "member", "POST", "/v2/images", body, nil); got.status != tc.status || !strings.Contains(string(got.body), tc.want) {
			t.Errorf("%s:\ngot %d %s\nwant %d %s", body, got.status, got.body, tc.status, tc.want)
		}
	}
	cloud.do(t, "admin", "POST", "/v2/images", `{"owner": "other", "visibility": "public"}`, nil).want(t, 201, `"owner":"other"`)
}

func TestListFilters(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	for i, body := range []string{
		`{"name": "a,b", "disk_format": "raw", "container_format": "bare", "min_ram": 64}`,
		`{"name": "c", "disk_format": "qcow2", "container_format": "bare", "os": "x", "tags": ["t", "u"]}`,
		`{"name": "d", "os_hidden": true}`,
		`{"name": "e", "visibility": "community", "protected": true}`,
	} {
		id := cloud.create(t, "member", body)
		if i == 0 {
			cloud.upload(t, "member", id, "12345").want(t, 204, "")
		}
	}
	for query, want := range map[string]string{
		"":                                      "e c a,b",
		"name=c":                                "c",
		`name=in:"a,b",c`:                       "c a,b",
		"sort=name":                             "e c a,b",
		"sort=name:asc":                         "a,b c e",
		"sort_key=name&sort_dir=asc":            "a,b c e",
		"disk_format=in:raw,qcow2&sort=size":    "a,b c",
		"os=x":                                  "c",
		"os=y":                                  "",
		"tag=t&tag=u":                           "c",
		"tag=t&tag=v":                           "",
		"os_hidden=true":                        "d",
		"protected=true":                        "e",
		"visibility=community":                  "e",
		"visibility=shared":                     "c a,b",
		"visibility=public":                     "",
		"size_min=5":                            "a,b",
		"size_max=5":                            "a,b",
		"size=4":                                "",
		"min_ram=64":                            "a,b",
		"status=active":                         "a,b",
		"status=in:active,queued":               "e c a,b",
		"created_at=gt:2020-01-01T00:00:00Z":    "e c a,b",
		"created_at=lt:2020-01-01":              "",
		"created_at=2020-01-01T00:00:00Z":       "",
		"created_at=neq:2020-01-01T01:00:00+01": "e c a,b",
		"owner=" + memberProject:                "e c a,b",
		"owner=x":                               "",
		"checksum=827ccb0eea8a706c4c34a16891f84e7b": "a,b",
		"limit=1": "e",
	} {
		got := cloud.do(t, "member", "GET", "/v2/images?"+query, "", nil).want(t, 200, "")
		var list struct {
			Images []struct {
				Name string `json:"name"`
			} `json:"images"`
		}
		if err := json.Unmarshal(got.body, &list); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, img := range list.Images {
			names = append(names, img.Name)
		}
		if g := strings.Join(names, " "); g != want {
			t.Errorf("%s: got %q, want %q", query, g, want)
		}
	}
	for query, want := range map[string]string{
		"created_at=gt:x":            `Bad \"created_at\" query filter format.`,
		"created_at=like:2020-01-01": "Unable to filter on a unknown operator.",
		"name=like:x":                "Unable to filter by unknown operator 'like'.",
		`name=in:a"b"`:               "There is no comma before opening quotation mark.",
		`name=in:"a"b`:               "There is no comma after closing quotation mark.",
		`name=in:"a`:                 "The quote is not closed.",
		"size_min=x":                 "Unable to filter on a range with a non-numeric value.",
		"os_hidden=maybe":            "Invalid value 'maybe' for 'os_hidden' filter.",
		"member_status=x":            "Invalid status: x",
		"changes-since=x":            "no longer available on v2.",
		"sort=name&sort_key=name":    "Old and new sorting syntax cannot be combined",
		"sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=asc": "Number of sort dirs does not match the number of sort keys",
	} {
		cloud.do(t, "member", "GET", "/v2/images?"+query, "", nil).want(t, 400, want)
	}
	if got := cloud.do(t, "stranger", "GET", "/v2/images", "", nil); !strings.Contains(string(got.body), `"images":[]`) {
		t.Errorf("a stranger sees %s", got.body)
	}
}

func TestPages(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	for i := range 5 {
		cloud.create(t, "member", fmt.Sprintf(`{"name": "i%d"}`, i))
	}
	next, seen := "/v2/images?limit=2&sort=name:asc", ""
	for pages := 0; next != ""; pages++ {
		var list struct {
			Images []struct{ Name string }
			Next   string
		}
		got := cloud.do(t, "member", "GET", next, "", nil).want(t, 200, "/v2/images?limit=2&sort=name%3Aasc")
		if err := json.Unmarshal(got.body, &list); err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, img := range list.Images {
			seen += img.Name
		}
		next = list.Next
	}
	if seen != "i0i1i2i3i4" {
		t.Errorf("got %s", seen)
	}
}

func TestMembers(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	id := cloud.create(t, "member", raw)
	stranger := personas["stranger"].ProjectID
	path := "/v2/images/" + id + "/members"
	cloud.do(t, "member", "POST", path, `{"member": ""}`, nil).want(t, 400, "Member can't be empty")
	cloud.do(t, "member", "POST", path, `[]`, nil).want(t, 400, "Expected a member in the form")
	cloud.do(t, "member", "POST", path, fmt.Sprintf(`{"member": %q}`, stranger), nil).want(t, 200, `"status":"pending"`)
	cloud.do(t, "member", "POST", path, fmt.Sprintf(`{"member": %q}`, guest), nil).want(t, 200, "")
	cloud.do(t, "member", "PUT", path+"/"+stranger, `{"status": "accepted"}`, nil).want(t, 403, "modify_member")
	listed := func(query, want string) {
		t.Helper()
		got := cloud.do(t, "stranger", "GET", "/v2/images"+query, "", nil)
		if strings.Contains(string(got.body), id) != (want != "") {
			t.Errorf("%s: got %s", query, got.body)
		}
	}
	cloud.do(t, "stranger", "GET", "/v2/images/"+id, "", nil).want(t, 200, "")
	listed("", "")
	listed("?member_status=pending", "it")
	cloud.do(t, "stranger", "PUT", path+"/"+stranger, `{"status": "accepted"}`, nil).want(t, 200, `"status":"accepted"`)
	listed("", "it")
	if got := cloud.do(t, "stranger", "GET", path, "", nil).want(t, 200, stranger); strings.Contains(string(got.body), guest) {
		t.Errorf("a member sees another: %s", got.body)
	}
	cloud.do(t, "stranger", "GET", path+"/"+guest, "", nil).want(t, 404, "not found in the member list")
	cloud.do(t, "stranger", "PUT", path+"/"+guest, `{"status": "rejected"}`, nil).want(t, 404, "not found in the member list")
	cloud.do(t, "stranger", "DELETE", path+"/"+stranger, "", nil).want(t, 403, "delete_member")
	cloud.do(t, "stranger", "PUT", "/v2/images/"+id+"/tags/x", "", nil).want(t, 403, "You do not own this image")
	cloud.upload(t, "stranger", id, "x").want(t, 403, "Not allowed to upload image data for image "+id)
	cloud.patch(t, "member", id, `[{"op": "replace", "path": "/visibility", "value": "private"}]`).want(t, 200, "")
	cloud.do(t, "member", "GET", path, "", nil).want(t, 403, "Not allowed to list members for image "+id+": Only shared images have members.")
	cloud.do(t, "member", "GET", path+"/"+guest, "", nil).want(t, 404, "Only shared images have members.")
	cloud.do(t, "stranger", "GET", "/v2/images/"+id, "", nil).want(t, 404, "")
}

// TestVisibility: the community's images are found by whoever asks for them,
// shared ones by how the caller answered.
func TestVisibility(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	make := func(visibility string) string {
		return cloud.create(t, "admin", fmt.Sprintf(`{"disk_format": "raw", "container_format": "bare", "visibility": %q}`, visibility))
	}
	private, shared, community, public := make("private"), make("shared"), make("community"), make("public")
	member := personas["member"].ProjectID
	cloud.do(t, "admin", "POST", "/v2/images/"+shared+"/members", fmt.Sprintf(`{"member": %q}`, member), nil).want(t, 200, "")
	answer := func(status string) {
		cloud.do(t, "member", "PUT", "/v2/images/"+shared+"/members/"+member, fmt.Sprintf(`{"status": %q}`, status), nil).want(t, 200, status)
	}
	lists := func(query string, want ...string) {
		t.Helper()
		got := string(cloud.do(t, "member", "GET", "/v2/images?"+query, "", nil).want(t, 200, "").body)
		for _, id := range []string{private, shared, community, public} {
			if strings.Contains(got, id) != slices.Contains(want, id) {
				t.Errorf("%s: want %v of %v in %s", query, want, []string{private, shared, community, public}, got)
			}
		}
	}
	lists("", public)
	lists("visibility=all", community, public)
	lists("visibility=community", community)
	lists("member_status=all", shared, public)
	lists("member_status=pending&visibility=shared", shared)
	answer("rejected")
	lists("member_status=rejected", shared, public)
	lists("member_status=all&visibility=all", shared, community, public)
	answer("accepted")
	lists("visibility=all", shared, community, public)
	lists("visibility=shared", shared)
	cloud.do(t, "member", "GET", "/v2/images/"+community, "", nil).want(t, 200, "")
	cloud.do(t, "member", "GET", "/v2/images/"+private, "", nil).want(t, 404, "")
	cloud.do(t, "member", "GET", "/v2/images?visibility=none", "", nil).want(t, 400, "Invalid visibility value: none")
}
