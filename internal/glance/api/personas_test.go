package api_test

import (
	"fmt"
	"os"
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
	header := map[string]string{}
	if row.Method != "PUT" || !strings.HasSuffix(row.Path, "/file") {
		cloud.upload(t, "member", id, "data").want(t, 204, "")
	} else {
		header["Content-Type"] = "application/octet-stream"
	}
	body := ""
	switch {
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
	path := strings.NewReplacer("{image_id}", id, "{tag_value}", "t", "{store_id}", "files", "{member_id}", guest).Replace(row.Path)
	return cloud.do(t, as, row.Method, path, body, header)
}
