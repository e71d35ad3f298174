package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"nacre/internal/glance/service"
	"nacre/internal/oslo/httpapi"
)

// guest is the member of the image that TestPersonas asks about.
const guest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestPersonas asks every route as every persona; a route without a line fails.
func TestPersonas(t *testing.T) {
	cloud := start(t, service.DefaultConfig())
	who, want := readPersonas(t)
	for _, row := range cloud.api.(*httpapi.API).Table() {
		route := row.Method + " " + row.Path
		codes, ok := want[route]
		if !ok {
			t.Errorf("%s is not in testdata/personas.txt", route)
			continue
		}
		for i, as := range who {
			if got := ask(t, cloud, as, row); got.status != codes[i] {
				t.Errorf("%s as %s: got %d %s, want %d", route, as, got.status, got.body, codes[i])
			}
		}
	}
}

func readPersonas(t *testing.T) (who []string, want map[string][]int) {
	t.Helper()
	text, err := os.ReadFile("testdata/personas.txt")
	if err != nil {
		t.Fatal(err)
	}
	want = map[string][]int{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if comment, ok := strings.CutPrefix(line, "#  "); ok {
			who = strings.Fields(comment)
		} else if fields[0] != "#" {
			var codes []int
			for _, f := range fields[2:] {
				n, _ := strconv.Atoi(f)
				codes = append(codes, n)
			}
			want[fields[0]+" "+fields[1]] = codes
		}
	}
	return who, want
}

// ask sends a good request of the route about an image made for it.
func ask(t *testing.T, cloud *cloud, as string, row httpapi.Route) answer {
	t.Helper()
	id := cloud.create(t, "member", `{"name": "x", "disk_format": "raw", "container_format": "bare", "tags": ["t"]}`)
	cloud.do(t, "member", "POST", "/v2/images/"+id+"/members", fmt.Sprintf(`{"member": %q}`, guest), nil).want(t, 200, "")
	if strings.HasPrefix(row.Path, "/v2/metadefs/") {
		return askMetadefs(t, cloud, as, row)
	}
	header := map[string]string{}
	bytes := map[string]string{"Content-Type": "application/octet-stream"}
	switch {
	case row.Method == "PUT" && (strings.HasSuffix(row.Path, "/file") || strings.HasSuffix(row.Path, "/stage")):
		header = bytes
	case row.Method == "POST" && strings.HasSuffix(row.Path, "/import"):
		cloud.do(t, "member", "PUT", "/v2/images/"+id+"/stage", "data", bytes).want(t, 204, "")
	default:
		cloud.upload(t, "member", id, "data").want(t, 204, "")
	}
	body, task := "", ""
	switch {
	case row.Method == "POST" && strings.HasSuffix(row.Path, "/import"):
		body = `{"method": {"name": "glance-direct"}}`
	case row.Method == "POST" && row.Path == "/v2/tasks":
		body = localTask
	case strings.HasSuffix(row.Path, "/{task_id}"):
		task = cloud.task(t)
	case row.Method == "POST" && strings.HasSuffix(row.Path, "/members"):
		body = `{"member": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}`
	case row.Method == "PUT" && strings.HasSuffix(row.Path, "{member_id}"):
		body = `{"status": "accepted"}`
	case row.Method == "POST" && strings.HasSuffix(row.Path, "/locations"):
		body = `{"url": "http://192.0.2.1/image"}`
	case row.Method == "POST" && row.Path == "/v2/images":
		body = "{}"
	case row.Method == "PATCH":
		body, header["Content-Type"] = `[{"op": "replace", "path": "/name", "value": "y"}]`, "application/openstack-images-v2.1-json-patch"
	}
	path := strings.NewReplacer("{image_id}", id, "{tag_value}", "t", "{store_id}", "files", "{member_id}", guest, "{task_id}", task).Replace(row.Path)
	return cloud.do(t, as, row.Method, path, body, header)
}

// localTask asks for what nobody may fetch.
const localTask = `{"type": "import", "input": {"import_from": "http://127.0.0.1/x", "import_from_format": "raw",
	"image_properties": {"disk_format": "raw", "container_format": "bare"}}}`

// task makes a task and returns its ID.
func (c *cloud) task(t *testing.T) string {
	t.Helper()
	var task struct{ ID string }
	if err := json.Unmarshal(c.do(t, "admin", "POST", "/v2/tasks", localTask, nil).want(t, 201, "").body, &task); err != nil {
		t.Fatal(err)
	}
	return task.ID
}

// metadefBodies are good bodies by the end of a path and the method.
var metadefBodies = map[string]string{
	"POST namespaces": `{"namespace": "New"}`, "PUT {namespace_name}": `{"namespace": "NS"}`,
	"POST objects": `{"name": "new"}`, "PUT {object_name}": `{"name": "o"}`,
	"POST properties":     `{"name": "new", "title": "T", "type": "string"}`,
	"PUT {property_name}": `{"name": "p", "title": "T", "type": "string"}`,
	"POST tags":           `{"tags": [{"name": "new"}]}`, "PUT {tag_name}": `{"name": "t"}`,
	"POST resource_types": `{"name": "new"}`,
}

// askMetadefs sends a good request of the route about a private namespace of
// the member's and the reader's project.
func askMetadefs(t *testing.T, cloud *cloud, as string, row httpapi.Route) answer {
	t.Helper()
	for _, name := range []string{"NS", "New"} {
		cloud.do(t, "admin", "DELETE", "/v2/metadefs/namespaces/"+name, "", nil)
	}
	cloud.do(t, "admin", "POST", "/v2/metadefs/namespaces", fmt.Sprintf(`{"namespace": "NS", "owner": %q, "objects": [{"name": "o"}],
		"properties": {"p": {"title": "T", "type": "string"}}, "tags": [{"name": "t"}], "resource_type_associations": [{"name": "r"}]}`, memberProject), nil).
		want(t, 201, "")
	name := strings.NewReplacer("{namespace_name}", "NS", "{object_name}", "o", "{property_name}", "p", "{tag_name}", "t", "{name}", "r").Replace(row.Path)
	if strings.HasSuffix(row.Path, "{tag_name}") && row.Method == "POST" {
		name += "2"
	}
	return cloud.do(t, as, row.Method, name, metadefBodies[row.Method+" "+path.Base(row.Path)], nil)
}
