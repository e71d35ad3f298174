package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nacre/internal/glance/service"
)

// exchange is a request to a real Glance and its answer.
type exchange struct {
	Name    string `json:"name"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    any         `json:"body"`
	} `json:"response"`
}

// foreign are lists of a cloud that had other images as well: only their
// shape and links can be compared.
var foreign = []string{"086", "087", "088", "095", "097", "099", "101", "105"}

// pages are images that the recorded cloud got unrecorded before exchange 086.
var pages = []string{"5555791e-5a1d-464a-bbaf-7be0c52fa5de", "206a675c-4486-470c-915d-f40a94bcdadd",
	"6012e05f-9b43-4318-bab3-7048754cc76c", "7d12e05f-9b43-4318-bab3-7048754cc76c", "eebe7179-fd6f-4704-a789-9300f6cbc9cf"}

// TestGolden replays recorded requests, in order, to a fresh service.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	cloud := start(t, service.DefaultConfig())
	for _, file := range files {
		number := filepath.Base(file)[:3]
		if number == "086" {
			for i, id := range pages {
				cloud.do(t, "admin", "POST", "/v2/images", fmt.Sprintf(`{"id": %q, "name": "g-page%d", "disk_format": "raw", "container_format": "bare"}`, id, i), nil).want(t, 201, "")
			}
		}
		if number == "128" {
			loadDefinitions(t, cloud, load(t, file))
		}
		if number == "109" {
			cloud.imported(t, "admin", pages[0])
		}
		t.Run(filepath.Base(file), func(t *testing.T) { replay(t, cloud, load(t, file), slices.Contains(foreign, number)) })
	}
}

// loadDefinitions loads the namespaces of a recorded list as files, the last of
// the list first, and before them one that makes the resource types in the
// order in which the recorded cloud got them.
func loadDefinitions(t *testing.T, cloud *cloud, x exchange) {
	t.Helper()
	files := []string{`{"namespace": "first", "resource_type_associations": [{"name": "OS::Glance::Image"}, {"name": "OS::Cinder::Volume"},
		{"name": "OS::Nova::Server"}, {"name": "OS::Nova::Aggregate"}, {"name": "OS::Nova::Flavor"}, {"name": "OS::Trove::Instance"}]}`}
	found := x.Response.Body.(map[string]any)["namespaces"].([]any)
	for _, n := range slices.Backward(found) {
		n := maps.Clone(n.(map[string]any))
		delete(n, "self")
		delete(n, "schema")
		delete(n, "created_at")
		var types []any
		for _, as := range n["resource_type_associations"].([]any) {
			as := maps.Clone(as.(map[string]any))
			delete(as, "created_at")
			types = append(types, as)
		}
		n["resource_type_associations"] = types
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(text))
	}
	for _, text := range files {
		if _, err := cloud.svc.LoadMetadefs(t.Context(), []byte(text), service.MetadefLoad{}); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, file string) (x exchange) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

func replay(t *testing.T, cloud *cloud, x exchange, shapeOnly bool) {
	got := cloud.send(t, x.Request.Method, x.Request.Path, requestBody(t, x), x.Request.Headers)
	if got.status != x.Response.Status {
		t.Fatalf("%s %s: got %d, want %d\n%s", x.Request.Method, x.Request.Path, got.status, x.Response.Status, got.body)
	}
	for _, h := range x.Response.Headers {
		if len(got.body) == 0 && h[0] == "Content-Type" {
			continue
		}
		if v := got.header[http.CanonicalHeaderKey(h[0])]; h[0] == "Allow" {
			compareSets(t, strings.Join(v, ", "), h[1])
		} else if !slices.Contains(append(v, got.header[h[0]]...), h[1]) {
			t.Errorf("header %s: got %q, want %q", h[0], v, h[1])
		}
	}
	compareBody(t, got.body, x.Response.Body, shapeOnly)
}

// imported waits until nothing imports to an image any more. Its attributes and
// its properties are read one after the other.
func (c *cloud) imported(t *testing.T, as, id string) (image map[string]any) {
	t.Helper()
	waitFor(t, func() bool {
		image = nil
		body := c.do(t, as, "GET", "/v2/images/"+id, "", nil).want(t, 200, "").body
		if err := json.Unmarshal(body, &image); err != nil {
			t.Fatal(err)
		}
		return image["os_glance_import_task"] == nil && image["status"] != "importing"
	})
	return image
}

func compareSets(t *testing.T, got, want string) {
	t.Helper()
	a, b := strings.Split(got, ", "), strings.Split(want, ", ")
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// requestBody is the body that was sent. A new image gets the ID it got then.
func requestBody(t *testing.T, x exchange) []byte {
	t.Helper()
	var text string
	if json.Unmarshal(x.Request.Body, &text) == nil {
		return []byte(text)
	}
	created, _ := x.Response.Body.(map[string]any)
	if x.Request.Method != "POST" || x.Response.Status != 201 || created["id"] == nil {
		return x.Request.Body
	}
	var sent map[string]any
	if err := json.Unmarshal(x.Request.Body, &sent); err != nil {
		t.Fatal(err)
	}
	sent["id"] = created["id"]
	out, _ := json.Marshal(sent)
	return out
}

func compareBody(t *testing.T, body []byte, want any, shapeOnly bool) {
	t.Helper()
	if text, ok := want.(string); ok || want == nil {
		if string(body) != text {
			t.Errorf("got %q, want %q", body, text)
		}
		return
	}
	var got any
	if err := json.Unmarshal(bytes.TrimSpace(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if shapeOnly {
		compareList(t, got.(map[string]any), want.(map[string]any))
		return
	}
	if g, w := timeless(got), timeless(want); !reflect.DeepEqual(g, w) {
		t.Errorf("got  %v\nwant %v", g, w)
	}
}

var (
	instant = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\.000000)$`)
	taskID  = regexp.MustCompile(`(marker=|/v2/tasks/)[0-9a-f-]{36}$`)
)

// timeless replaces times, directories and what is new for each task, sorts tags,
// and leaves out what the recorded cloud is too old for.
func timeless(v any) any {
	switch t := v.(type) {
	case string:
		if instant.MatchString(t) {
			return "TIME"
		}
		return taskID.ReplaceAllString(t, "${1}ID")
	case []any:
		for i := range t {
			t[i] = timeless(t[i])
		}
	case map[string]any:
		if kind, _ := t["type"].(string); strings.HasSuffix(kind, "import") {
			for _, k := range []string{"id", "request_id", "user_id"} {
				if t[k] != nil {
					t[k] = "ID"
				}
			}
		}
		delete(t, "weight")
		for k := range t {
			t[k] = timeless(t[k])
			if k == "data_dir" {
				t[k] = "DIR"
			}
			if tags, ok := t[k].([]any); ok && k == "tags" {
				slices.SortFunc(tags, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			}
		}
	}
	return v
}

// compareList compares links, page size and the attributes of the images.
func compareList(t *testing.T, got, want map[string]any) {
	t.Helper()
	if got["first"] != want["first"] || got["schema"] != want["schema"] {
		t.Errorf("got %v, %v, want %v, %v", got["first"], got["schema"], want["first"], want["schema"])
	}
	if _, more := want["next"]; more && !strings.HasPrefix(fmt.Sprint(got["next"]), fmt.Sprint(want["first"])) {
		t.Errorf("next: got %v, want like %v", got["next"], want["next"])
	}
	images := got["images"].([]any)
	if len(images) == 0 {
		t.Fatal("no images")
	}
	attributes := slices.Sorted(maps.Keys(want["images"].([]any)[0].(map[string]any)))
	for _, name := range attributes {
		_, base := images[0].(map[string]any)[name]
		if !base && name != "stores" && !strings.Contains(name, ".") && !slices.Contains([]string{"hw_disk_bus", "foo", "img_hv_type"}, name) {
			t.Errorf("attribute %s is missing", name)
		}
	}
}
