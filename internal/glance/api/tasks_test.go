package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// lastTask is the newest task of an image.
func (c *cloud) lastTask(t *testing.T, as, id string) (task struct{ Status, Message string }) {
	t.Helper()
	var list struct {
		Tasks []struct{ Status, Message string }
	}
	body := c.do(t, as, "GET", "/v2/images/"+id+"/tasks", "", nil).want(t, 200, "").body
	if err := json.Unmarshal(body, &list); err != nil || len(list.Tasks) == 0 {
		t.Fatalf("%s, %v", body, err)
	}
	return list.Tasks[0]
}

func TestTasks(t *testing.T) {
	cloud := twoStores(t, fromHere())
	create := func(body string) answer { return cloud.do(t, "admin", "POST", "/v2/tasks", body, nil) }
	for body, want := range map[string]string{
		`{"input": {}}`:                                               "Task 'type' is required",
		`{"type": "import"}`:                                          "Task 'input' is required",
		`{"type": "export", "input": {}}`:                             "Provided object does not match schema 'task': 'export' is not one of ['import', 'api_image_import']",
		`{"type": "import", "input": [1]}`:                            "is not of type 'null', 'object'",
		`{"type": "import", "input": {"import_from": "file:///x"}}`:   "File based imports are not allowed. Please use a non-local source of image data.",
		`{"type": "import", "input": {"import_from": "swift://x"}}`:   "The given uri is not valid. Please specify a valid uri",
		`{"type": "import", "input": {"import_from": "http://x:0/"}}`: "URI for legacy import task does not pass filtering: http://x:0/",
	} {
		create(body).want(t, 400, want)
	}
	wait := func(body string) (task struct {
		ID, Status, Message, ImageID string
		Result                       map[string]string
		Input                        map[string]any
	}) {
		a := create(body).want(t, 201, `"status":"pending"`)
		if err := json.Unmarshal(a.body, &task); err != nil || !strings.HasSuffix(a.header.Get("Location"), "/v2/tasks/"+task.ID) {
			t.Fatal(err, a.header)
		}
		waitFor(t, func() bool {
			if err := json.Unmarshal(cloud.do(t, "admin", "GET", "/v2/tasks/"+task.ID, "", nil).want(t, 200, "").body, &task); err != nil {
				t.Fatal(err)
			}
			return task.Status == "success" || task.Status == "failure"
		})
		return task
	}
	task := wait(fmt.Sprintf(`{"type": "import", "input": {"import_from": %q, "import_from_format": "raw",
		"image_properties": {"name": "made", "disk_format": "raw", "container_format": "bare", "extra": "x"}}}`, site(t, "bytes")))
	if task.Status != "success" || task.Input["import_from_format"] != "raw" {
		t.Fatalf("got %+v", task)
	}
	cloud.do(t, "admin", "GET", "/v2/images/"+task.Result["image_id"], "", nil).want(t, 200, `"extra":"x"`).want(t, 200, `"status":"active"`)
	for body, want := range map[string]string{
		`{"type": "import", "input": {"import_from": "http://127.0.0.1/"}}`:                                                                     "Input does not contain 'import_from_format' field",
		`{"type": "import", "input": {"import_from": "http://127.0.0.1/", "import_from_format": "", "image_properties": {"disk_format": "x"}}}`: "does not match schema 'image'",
		`{"type": "import", "input": {"import_from": "http://127.0.0.1/", "import_from_format": "", "image_properties": {}}}`:                   "Properties disk_format, container_format must be set prior to saving data.",
		`{"type": "api_image_import", "input": {}}`:                                                                                             "POST /v2/images/{image_id}/import",
	} {
		if got := wait(body); got.Status != "failure" || !strings.Contains(got.Message, want) {
			t.Errorf("%s: got %+v, want %q", body, got, want)
		}
	}
	list := func(query string) answer { return cloud.do(t, "admin", "GET", "/v2/tasks"+query, "", nil) }
	list("?status=x").want(t, 400, "Invalid status value: x")
	list("?type=x").want(t, 400, "Invalid type value: x")
	list("?sort_key=x").want(t, 400, "Sort key supplied was not valid.")
	list("?sort_dir=x").want(t, 400, "Invalid sort direction: x")
	list("?limit=x").want(t, 400, "limit param must be an integer")
	list("?marker=x").want(t, 400, "Invalid marker format")
	list("?marker=0b7a4f3e-1111-4222-8333-444455556666").want(t, 400, "Task with the given id 0b7a4f3e-1111-4222-8333-444455556666 was not found")
	list("?status=success&sort_key=type").want(t, 200, task.ID)
	list("?limit=2&sort_dir=asc").want(t, 200, `"next":"/v2/tasks?limit=2&sort_dir=asc&marker=`)
	if a := list("?status=failure"); strings.Contains(string(a.body), task.ID) || strings.Contains(string(a.body), "message") {
		t.Errorf("got %s", a.body)
	}
	cloud.do(t, "admin", "GET", "/v2/tasks/nosuch", "", nil).want(t, 404, "Task with the given id nosuch was not found")
	gone := cloud.do(t, "admin", "DELETE", "/v2/tasks/"+task.ID, "", nil).want(t, 405, "They are auto deleted after reaching the time based on their expires_at property.")
	if gone.header.Get("Allow") != "GET" || strings.Contains(string(gone.body), "<br") {
		t.Errorf("got %s %v", gone.body, gone.header)
	}
	cloud.clock.skip(49)
	list("").want(t, 200, `"tasks":[]`)
	cloud.do(t, "admin", "GET", "/v2/tasks/"+task.ID, "", nil).want(t, 404, "")
}
