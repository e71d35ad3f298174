package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nacre/internal/glance/api"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/httpapi"
)

// protections is a configuration with a file of these sections: a name, then who
// may create, read, update and delete.
func protections(t *testing.T, format string, sections ...[5]string) service.Config {
	t.Helper()
	config := fromHere()
	config.PropertyProtectionRuleFormat, config.PropertyProtectionFile = format, filepath.Join(t.TempDir(), "protections.conf")
	var text strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&text, "[%s]\ncreate = %s\nread = %s\nupdate = %s\ndelete = %s\n\n", s[0], s[1], s[2], s[3], s[4])
	}
	if err := os.WriteFile(config.PropertyProtectionFile, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// byRoles has a property that members may do everything to, some for which they
// lack one right, some of which they may know nothing, and one that is nobody's.
var byRoles = [][5]string{
	{"^x_open", "member", "member", "member", "member"},
	{"^x_fixed", "admin,member", "admin,member", "admin", "admin,member"},
	{"^x_kept", "admin,member", "admin,member", "admin,member", "admin"},
	{"^x_given", "admin", "admin,member", "admin", "admin"},
	{"^x_blind", "admin,member", "admin", "admin,member", "admin,member"},
	{"^x_secret", "admin", "admin", "admin", "admin"},
	{"^x_closed", "!", "@", "!", "!"},
	{"^x_never", "admin", "!", "admin", "admin"},
}

// has checks which of the properties an answer has.
func (a answer) has(t *testing.T, properties ...string) {
	t.Helper()
	var got []string
	var image map[string]any
	if err := json.Unmarshal(a.body, &image); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	for name := range image {
		if strings.HasPrefix(name, "x_") {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, properties) {
		t.Errorf("got %v, want %v", got, properties)
	}
}

func TestProtectedCreate(t *testing.T) {
	cloud := start(t, protections(t, "roles", byRoles...))
	for property, who := range map[string]string{"x_secret": "member", "x_given": "member", "x_closed": "admin", "unlisted": "admin", "x_never": "member"} {
		cloud.do(t, who, "POST", "/v2/images", fmt.Sprintf(`{%q: "v"}`, property), nil).want(t, 403, "Attribute '"+property+"' is reserved.<br")
	}
	a := cloud.do(t, "member", "POST", "/v2/images", `{"x_open": "1", "x_fixed": "2", "x_kept": "3", "x_blind": "4"}`, nil).want(t, 201, "")
	a.has(t, "x_fixed", "x_kept", "x_open")
	var image struct{ ID string }
	if err := json.Unmarshal(a.body, &image); err != nil {
		t.Fatal(err)
	}
	cloud.do(t, "admin", "GET", "/v2/images/"+image.ID, "", nil).want(t, 200, `"x_blind":"4"`).has(t, "x_blind", "x_fixed", "x_kept", "x_open")
}

// TestProtectedRead: show, list and filters tell a caller nothing of what he may
// not read.
func TestProtectedRead(t *testing.T) {
	cloud := start(t, protections(t, "roles", byRoles...))
	id := cloud.create(t, "admin", `{"visibility": "public", "x_given": "1", "x_secret": "2", "x_never": "3"}`)
	cloud.do(t, "admin", "GET", "/v2/images/"+id, "", nil).has(t, "x_given", "x_secret")
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).has(t, "x_given")
	list := func(as, query string) string {
		return string(cloud.do(t, as, "GET", "/v2/images"+query, "", nil).want(t, 200, `"first":"/v2/images`).body)
	}
	if got := list("member", ""); !strings.Contains(got, "x_given") || strings.Contains(got, "x_secret") || strings.Contains(got, "x_never") {
		t.Errorf("got %s", got)
	}
	for query, want := range map[string][2]bool{ // found by admin and member
		"?x_given=1":             {true, true},
		"?x_secret=2":            {true, false},
		"?x_secret=3":            {false, false},
		"?x_never=3":             {false, false},
		"?x_given=1&x_secret=2":  {true, false},
		"?unlisted=1":            {false, false},
		"?limit=1&x_secret=2":    {true, false},
		"?x_secret=2&name=other": {false, false},
	} {
		for i, as := range []string{"admin", "member"} {
			if got := list(as, query); strings.Contains(got, id) != want[i] || !want[i] && strings.Contains(got, `"next"`) {
				t.Errorf("%s %s: got %s", as, query, got)
			}
		}
	}
	cloud.do(t, "member", "GET", "/v2/images?x_secret=2&limit=x", "", nil).want(t, 400, "limit param must be an integer")
	cloud.do(t, "system", "GET", "/v2/schemas/image", "", nil).want(t, 200, "additionalProperties")
}

func TestProtectedPatch(t *testing.T) {
	cloud := start(t, protections(t, "roles", byRoles...))
	id := cloud.create(t, "member", `{"x_open": "1", "x_fixed": "1", "x_kept": "1", "x_blind": "1"}`)
	cloud.patch(t, "admin", id, `[{"op": "add", "path": "/x_given", "value": "1"}, {"op": "add", "path": "/x_secret", "value": "1"}]`).want(t, 200, "")
	const reserved, absent = "Attribute '%s' is reserved.", "Property %s does not exist."
	for _, tc := range []struct {
		op, property string
		status       int
		text         string
	}{
		{"replace", "x_open", 200, ""},
		{"add", "x_open", 200, ""},
		{"replace", "x_fixed", 403, reserved},
		{"add", "x_fixed", 403, reserved}, // which is an update, for it is there
		{"remove", "x_kept", 403, reserved},
		{"replace", "x_kept", 200, ""},
		{"replace", "x_given", 403, reserved},
		{"remove", "x_given", 403, reserved},
		{"replace", "x_secret", 409, absent}, // whether it is there
		{"remove", "x_secret", 409, absent},
		{"add", "x_secret", 403, reserved},
		{"replace", "x_secret_2", 409, absent}, // or not
		{"remove", "x_secret_2", 409, absent},
		{"add", "x_secret_2", 403, reserved},
		{"replace", "x_blind", 409, absent},
		{"remove", "x_blind", 409, absent},
		{"add", "x_blind", 200, ""}, // may be written, though not read
		{"add", "unlisted", 403, reserved},
		{"remove", "x_fixed", 200, ""},
		{"remove", "x_open", 200, ""},
	} {
		text := tc.text
		if text != "" {
			text = fmt.Sprintf(text, tc.property)
		}
		value := fmt.Sprintf(`[{"op": %q, "path": "/%s", "value": "2"}]`, tc.op, tc.property)
		cloud.patch(t, "member", id, value).want(t, tc.status, text)
	}
	cloud.patch(t, "member", id, `[{"op": "add", "path": "/x_open", "value": "3"}, {"op": "add", "path": "/x_secret", "value": "3"}]`).want(t, 403, "")
	a := cloud.do(t, "admin", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"x_secret":"1"`).want(t, 200, `"x_blind":"2"`)
	a.has(t, "x_blind", "x_given", "x_kept", "x_secret") // what members may not see stays when they change the image
	cloud.do(t, "member", "PATCH", "/v2/images/"+id, `[{"add": "/x_blind", "value": "4"}]`,
		map[string]string{"Content-Type": "application/openstack-images-v2.0-json-patch"}).want(t, 200, "")
}

// TestProtectedQuota counts what a caller may know of, and says no other number.
func TestProtectedQuota(t *testing.T) {
	config := protections(t, "roles", byRoles...)
	config.ImagePropertyQuota = 3
	cloud := start(t, config)
	const over = "The limit has been exceeded on the number of allowed image properties. Attempted: %d, Maximum: 3<br"
	id := cloud.create(t, "member", `{"x_open": "1", "x_blind": "1"}`)
	add := func(as string, names ...string) answer {
		var ops []string
		for _, name := range names {
			ops = append(ops, fmt.Sprintf(`{"op": "add", "path": "/%s", "value": "2"}`, name))
		}
		return cloud.patch(t, as, id, "["+strings.Join(ops, ", ")+"]")
	}
	add("admin", "x_secret").want(t, 200, "")
	add("member", "x_open2", "x_open3").want(t, 200, "")
	add("member", "x_open4").want(t, 413, fmt.Sprintf(over, 4))
	add("member", "x_open4", "x_blind").want(t, 413, fmt.Sprintf(over, 5)) // what he writes himself he knows
	add("admin", "x_secret2").want(t, 413, fmt.Sprintf(over, 6))
	add("admin", "x_secret", "x_open").want(t, 200, "")                                                                                    // nothing new
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/x_open"}, {"op": "add", "path": "/x_open5", "value": "1"}]`).want(t, 413, "") // as many, but a new one
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/x_open"}]`).want(t, 200, "")
}

// TestProtectedImport: what a task and another region bring is held to the same
// rules; what the service and the operator write is not.
func TestProtectedImport(t *testing.T) {
	sections := append(byRoles, [5]string{"^hw_", "admin", "admin,member", "admin", "admin"})
	config := protections(t, "roles", sections...)
	config.EnabledImportMethods = append(config.EnabledImportMethods, service.GlanceDownload)
	config.ImageImportPlugins = []string{"inject_image_metadata"}
	config.InjectMetadata.Inject = map[string]string{"x_given": "operator"}
	remote := start(t, service.DefaultConfig())
	server := httptest.NewServer(remote.api)
	defer server.Close()
	source := remote.create(t, "member", `{"disk_format": "raw", "container_format": "bare", "visibility": "community", "hw_disk_bus": "scsi"}`)
	remote.upload(t, "member", source, "bytes").want(t, 204, "")
	cloud := twoStores(t, config, func(d *service.Deps) { d.Identity = identity{far: server.URL} })
	body := fmt.Sprintf(`{"method": {"name": "glance-download", "glance_region": "far", "glance_image_id": %q}}`, source)
	for as, want := range map[string][2]string{"admin": {"active", ""}, "member": {"queued", "Attribute 'hw_disk_bus' is reserved."}} {
		id := cloud.create(t, as, raw)
		cloud.importBy(t, as, id, body).want(t, 202, "")
		got, task := cloud.imported(t, as, id), cloud.lastTask(t, as, id)
		if got["status"] != want[0] || as != "admin" && task.Message != want[1] {
			t.Errorf("%s: got %v, %+v", as, got, task)
		}
	}
	id := cloud.create(t, "member", raw)
	cloud.stage(t, "member", id, "bytes").want(t, 204, "")
	cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
	if got := cloud.imported(t, "member", id); got["status"] != "active" || got["x_given"] != "operator" || got["os_glance_failed_import"] != "" {
		t.Errorf("got %v", got)
	}
	a := cloud.do(t, "admin", "POST", "/v2/tasks", fmt.Sprintf(`{"type": "import", "input": {"import_from": %q, "import_from_format": "raw",
		"image_properties": {"disk_format": "raw", "container_format": "bare", "x_closed": "1"}}}`, site(t, "bytes")), nil).want(t, 201, "")
	task := a.header.Get("Location")[len("http://127.0.0.1:9292"):]
	waitFor(t, func() bool {
		return strings.Contains(string(cloud.do(t, "admin", "GET", task, "", nil).body), `"status":"failure"`)
	})
	cloud.do(t, "admin", "GET", task, "", nil).want(t, 200, "Attribute 'x_closed' is reserved.")
}

// TestProtectedByPolicies asks the rules of the service's policy.
func TestProtectedByPolicies(t *testing.T) {
	config := protections(t, "policies", [5]string{"^x_open", "@", "@", "@", "@"}, [5]string{"^x_secret", "context_is_admin", "context_is_admin", "context_is_admin", "!"})
	cloud := start(t, config)
	id := cloud.create(t, "admin", `{"visibility": "public", "x_open": "1", "x_secret": "1"}`)
	cloud.do(t, "admin", "GET", "/v2/images/"+id, "", nil).has(t, "x_open", "x_secret")
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).has(t, "x_open")
	cloud.do(t, "member", "POST", "/v2/images", `{"x_secret": "1"}`, nil).want(t, 403, "Attribute 'x_secret' is reserved.")
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/x_secret"}]`).want(t, 403, "Attribute 'x_secret' is reserved.")
}

// TestProtectionsRefused: a wrong file keeps the service from starting.
func TestProtectionsRefused(t *testing.T) {
	for _, config := range []service.Config{
		protections(t, "roles", [5]string{"(?=x)", "@", "@", "@", "@"}),
		protections(t, "policies", [5]string{"a", "one,two", "@", "@", "@"}),
		protections(t, "neither", [5]string{"a", "@", "@", "@", "@"}),
	} {
		if err := config.Check(); err == nil {
			t.Errorf("taken: %+v", config)
		}
	}
	cloud := start(t, service.DefaultConfig())
	svc, err := service.New(service.Deps{Config: protections(t, "policies", [5]string{"a", "@", "@", "nosuch", "@"}), Backends: cloud.svc.Backends(),
		Store: cloud.store, Worker: "other"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.New(svc, httpapi.Door{Tokens: tokens{}})
	if want := `line 4: update: the policy has no rule "nosuch"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}
