package api_test

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance/service"
)

// open is a cloud that shows where images are.
func open(t *testing.T) *cloud {
	config := service.DefaultConfig()
	config.ShowMultipleLocations, config.ShowImageDirectURL = true, true
	return start(t, config)
}

const bare = `{"disk_format": "raw", "container_format": "bare"}`

func TestLocationsShown(t *testing.T) {
	cloud := open(t)
	id := cloud.create(t, "member", bare)
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"locations":[]`)
	cloud.upload(t, "member", id, "data").want(t, 204, "")
	url := "file://" + cloud.dir + "/" + id
	a := cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"locations":[{"url":"`+url+`","metadata":{"store":"files"}}]`)
	a.want(t, 200, `"direct_url":"`+url+`"`)
	a.want(t, 200, `"stores":"files"`)
	cloud.do(t, "admin", "GET", "/v2/images/"+id+"/locations", "", nil).want(t, 200, `[{"url":"`+url+`","metadata":{"store":"files"}}]`)
	hidden := start(t, service.DefaultConfig())
	id = hidden.create(t, "member", bare)
	hidden.upload(t, "member", id, "data").want(t, 204, "")
	if a := hidden.do(t, "member", "GET", "/v2/images/"+id, "", nil); strings.Contains(string(a.body), hidden.dir) {
		t.Errorf("shown: %s", a.body)
	}
}

// TestPatchLocations is one image on its way.
func TestPatchLocations(t *testing.T) {
	cloud := open(t)
	id := cloud.create(t, "member", bare)
	add := func(at, url string) string {
		return fmt.Sprintf(`[{"op": "add", "path": "/locations/%s", "value": {"url": %q, "metadata": {"a": "b"}}}]`, at, url)
	}
	replace := func(url, metadata string) string {
		return fmt.Sprintf(`[{"op": "replace", "path": "/locations", "value": [{"url": %q, "metadata": %s}]}]`, url, metadata)
	}
	image := cloud.web + "/image"
	for _, bad := range []string{"file:///etc/passwd", "filesystem:///etc/passwd", "swift+config://ref1/glance/" + id, "rbd://a/b/c/d",
		"http://169.254.169.254/latest", "http://192.0.2.1:1/", "gopher://x", "%zz"} {
		cloud.patch(t, "member", id, add("-", bad)).want(t, 400, "Invalid location")
	}
	cloud.patch(t, "member", id, `[{"op": "add", "path": "/locations/-", "value": {"url": "http://x"}}]`).want(t, 400, "")
	cloud.patch(t, "member", id, `[{"op": "replace", "path": "/locations", "value": []}]`).want(t, 403, "Cannot set locations to empty list.")
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/locations/0"}]`).want(t, 409, "It's not allowed to remove locations if image status is queued.")
	cloud.patch(t, "member", id, add("x", image)).want(t, 400, "Invalid position for adding a location.")
	cloud.patch(t, "reader", id, add("-", image)).want(t, 403, "")
	a := cloud.patch(t, "member", id, add("-", image)).want(t, 200, `"status":"active"`)
	a.want(t, 200, `"locations":[{"url":"`+image+`","metadata":{"a":"b","store":"web"}}]`)
	a.want(t, 200, `"size":10`)
	cloud.do(t, "member", "GET", "/v2/images/"+id+"/file", "", map[string]string{"Range": "bytes=3-6"}).want(t, 206, "3456")
	cloud.patch(t, "member", id, add("-", image)).want(t, 400, "The location "+image+" already exists")
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/locations/0"}]`).want(t, 403, "Cannot remove last location in the image.")
	cloud.patch(t, "member", id, replace(image+"2", "{}")).want(t, 400, "Original locations is not empty: [")
	cloud.patch(t, "member", id, replace(image, `{"c": "d"}`)).want(t, 200, `"locations":[{"url":"`+image+`","metadata":{"c":"d","store":"web"}}]`)
	cloud.patch(t, "member", id, add("0", image+"2")).want(t, 200, `"locations":[{"url":"`+image+`2"`)
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/locations/5"}]`).want(t, 400, "Invalid position for removing a location.")
	cloud.patch(t, "member", id, `[{"op": "remove", "path": "/locations/0"}]`).want(t, 403, "delete_image_location")
	cloud.patch(t, "admin", id, `[{"op": "remove", "path": "/locations/0"}]`).want(t, 200, `"locations":[{"url":"`+image+`","metadata":{"c":"d","store":"web"}}]`)
	cloud.do(t, "member", "DELETE", "/v2/images/"+id, "", nil).want(t, 204, "")
}

// TestPatchKnownHash: a client vouches for the bytes.
func TestPatchKnownHash(t *testing.T) {
	cloud := open(t)
	sum := sha512.Sum512([]byte("0123456789"))
	add := func(id, data string) answer {
		return cloud.patch(t, "member", id, fmt.Sprintf(`[{"op": "add", "path": "/locations/-", "value": {"url": %q, "metadata": {},
			"validation_data": {%s}}}]`, cloud.web+"/image", data))
	}
	good := `"os_hash_algo": "sha512", "os_hash_value": "` + hex.EncodeToString(sum[:]) + `"`
	id := cloud.create(t, "member", bare)
	add(id, `"os_hash_algo": "md5", "os_hash_value": "00"`).want(t, 409, "os_hash_algo must be sha512, not md5")
	add(id, `"os_hash_algo": "sha512", "os_hash_value": "xy"`).want(t, 409, "os_hash_value (xy) is not a valid hexadecimal value")
	add(id, `"os_hash_algo": "sha512", "os_hash_value": "00"`).want(t, 409, "(should be 64 bytes)")
	add(id, good+`, "checksum": "zz345678901234567890123456789012"`).want(t, 409, "checksum (zz345678901234567890123456789012) is not a valid")
	add(id, good).want(t, 200, hex.EncodeToString(sum[:]))
	add(id, `"os_hash_algo": "sha512", "os_hash_value": "`+strings.Repeat("0", 128)+`"`).want(t, 409, "os_hash_value is already set with a different value")
}

func TestAddLocationRefused(t *testing.T) {
	cloud := open(t)
	id := cloud.create(t, "member", bare)
	add := func(as, body string) answer { return cloud.do(t, as, "POST", "/v2/images/"+id+"/locations", body, nil) }
	for body, want := range map[string]string{
		`[]`:         "[] is not of type 'object'",
		`{}`:         "'url' is a required property",
		`{"url": 1}`: "1 is not of type 'string'",
		`{"url": "` + cloud.web + `", "validation_data": null}`:                                                                         "None is not of type 'object'",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_algo": "md5", "os_hash_value": "` + strings.Repeat("0", 129) + `"}}`: "0' is too long",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_algo": "md5", "os_hash_value": ""}}`:                                 "is not the correct size for (md5) (should be (16) bytes)",
		`{"url": "` + cloud.web + `/absent", "validation_data": 1}`:                                                                     "is not of type 'object'",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_algo": "sha3", "os_hash_value": "0"}}`:                               "'sha3' is not one of",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_value": "0"}}`:                                                       "'os_hash_algo' is a dependency of 'os_hash_value'",
		`{"url": "` + cloud.web + `", "validation_data": {"x": "0"}}`:                                                                   "Additional properties are not allowed",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_algo": "sha256", "os_hash_value": "00"}}`:                            "is not the correct size for (sha256) (should be (32) bytes)",
	} {
		add("member", body).want(t, 400, want)
	}
	add("member", `{"url": "rbd://f/p/i/snap"}`).want(t, 403, "http store must be enabled to use location API by normal user.")
	add("reader", `{"url": "`+cloud.web+`"}`).want(t, 403, "")
	cloud.upload(t, "member", id, "data").want(t, 204, "")
	add("member", `{"url": "`+cloud.web+`"}`).want(t, 409, "It's not allowed to add locations if image status is active.")
}

// TestAddLocationFails: what is wrong with an address is found by a task, and the
// image is queued as before.
func TestAddLocationFails(t *testing.T) {
	cloud := open(t)
	zeroes := strings.Repeat("0", 32)
	for name, tc := range map[string]struct{ image, location, why string }{
		"inside":      {bare, `{"url": "http://169.254.169.254/latest"}`, "Invalid location"},
		"no store":    {bare, `{"url": "httpx://a/b"}`, "Invalid location"},
		"no formats":  {`{}`, `{"url": "` + cloud.web + `/image"}`, "Properties disk_format, container_format must be set prior to saving data."},
		"other bytes": {bare, `{"url": "` + cloud.web + `/image", "validation_data": {"os_hash_algo": "md5", "os_hash_value": "` + zeroes + `"}}`, "os_hash_value: (" + zeroes + ") not matched with actual os_hash_value: (781e5e245d69b566979b86e28d23f2c7)"},
	} {
		t.Run(name, func(t *testing.T) {
			id := cloud.create(t, "member", tc.image)
			a := cloud.do(t, "member", "POST", "/v2/images/"+id+"/locations", tc.location, nil).want(t, 202, "")
			if len(a.body) > 0 {
				t.Errorf("answered %s", a.body)
			}
			task := cloud.located(t, id)
			if task.Status != "failure" || task.Message != tc.why {
				t.Errorf("got %+v", task)
			}
			got := cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"status":"queued"`).want(t, 200, `"locations":[]`)
			got.want(t, 200, `"checksum":null`).want(t, 200, `"os_hash_algo":null,"os_hash_value":null`)
			if strings.Contains(string(got.body), "os_glance_import_task") {
				t.Errorf("busy: %s", got.body)
			}
		})
	}
}

// located waits until the image's task is over.
func (c *cloud) located(t *testing.T, id string) (task struct{ Status, Message string }) {
	t.Helper()
	waitFor(t, func() bool {
		task = c.lastTask(t, "member", id)
		return task.Status == "success" || task.Status == "failure"
	})
	return task
}

// TestAddLocationTask: what clients see on the way.
func TestAddLocationTask(t *testing.T) {
	config := service.DefaultConfig()
	config.ShowMultipleLocations = true
	asked, goOn := make(chan struct{}), make(chan struct{})
	cloud := start(t, config)
	slow := patientSite(t, asked, goOn)
	id := cloud.create(t, "member", bare)
	add := func() answer {
		return cloud.do(t, "member", "POST", "/v2/images/"+id+"/locations", `{"url": "`+slow+`"}`, nil)
	}
	add().want(t, 202, "")
	<-asked // how large it is
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"status":"queued"`).want(t, 200, `"os_glance_import_task":"`)
	cloud.do(t, "member", "GET", "/v2/images/"+id+"/tasks", "", nil).want(t, 200, `"status":"processing"`)
	add().want(t, 409, "Image has active task")
	cloud.do(t, "member", "POST", "/v2/images/"+id+"/import", `{"method": {"name": "web-download", "uri": "http://192.0.2.1/"}}`, nil).
		want(t, 409, "Image has active task")
	goOn <- struct{}{}
	<-asked // for its bytes
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"status":"active"`).want(t, 200, `"os_hash_algo":"sha512","os_hash_value":null`)
	add().want(t, 409, "It's not allowed to add locations if image status is active.")
	goOn <- struct{}{}
	cloud.located(t, id)
	sum := sha512.Sum512([]byte("0123456789"))
	got := cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"os_hash_value":"`+hex.EncodeToString(sum[:])+`"`)
	if strings.Contains(string(got.body), "os_glance_import_task") {
		t.Errorf("busy: %s", got.body)
	}
	var list struct{ Tasks []map[string]any }
	body := cloud.do(t, "member", "GET", "/v2/images/"+id+"/tasks", "", nil).body
	if err := json.Unmarshal(body, &list); err != nil || len(list.Tasks) != 1 {
		t.Fatalf("%s, %v", body, err)
	}
	task := list.Tasks[0]
	want := map[string]any{"type": "location_import", "status": "success", "owner": memberProject, "user_id": "u2", "image_id": id, "message": "",
		"input": map[string]any{"image_id": id, "loc_url": slow, "validation_data": map[string]any{}}, "result": map[string]any{"image_id": id}}
	for name, v := range want {
		if !reflect.DeepEqual(task[name], v) {
			t.Errorf("%s: got %v, want %v", name, task[name], v)
		}
	}
	cloud.do(t, "admin", "GET", "/v2/tasks", "", nil).want(t, 200, `"type":"location_import"`)
	cloud.do(t, "admin", "GET", fmt.Sprintf("/v2/tasks/%s", task["id"]), "", nil).want(t, 200, `"loc_url":"`+slow+`"`)
}

// patientSite has ten bytes. It tells of each request, and waits before it answers.
func patientSite(t *testing.T, asked chan<- struct{}, goOn <-chan struct{}) string {
	t.Helper()
	over := make(chan struct{})
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
			select {
			case <-goOn:
			case <-over:
			}
		case <-over:
		}
		http.ServeContent(w, r, "image", time.Time{}, strings.NewReader("0123456789"))
	}))
	t.Cleanup(func() { close(over); at.Close() })
	return at.URL
}

func TestDeleteFromStore(t *testing.T) {
	cloud := open(t)
	id := cloud.create(t, "member", bare)
	cloud.upload(t, "member", id, "data").want(t, 204, "")
	remove := func(as, store, id string) answer {
		return cloud.do(t, as, "DELETE", "/v2/stores/"+store+"/"+id, "", nil)
	}
	remove("admin", "nosuch", "00000000-0000-4000-8000-000000000000").want(t, 409, "The selected store nosuch is not available on this node.")
	remove("admin", "nosuch", id).want(t, 409, "The selected store nosuch is not available on this node.")
	remove("admin", "files", "00000000-0000-4000-8000-000000000000").want(t, 404, "Failed to find image 00000000-0000-4000-8000-000000000000")
	remove("admin", "files", id).want(t, 403, "from the only store containing it. Consider deleting the image instead.")
	cloud.patch(t, "member", id, `[{"op": "add", "path": "/locations/-", "value": {"url": "`+cloud.web+`/image", "metadata": {}}}]`).want(t, 200, "files,web")
	remove("member", "files", id).want(t, 403, "delete_image_location")
	remove("admin", "more", id).want(t, 404, "Image "+id+" is not stored in store more.")
	remove("admin", "files", id).want(t, 204, "")
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"stores":"web"`)
}

func TestStores(t *testing.T) {
	cloud := open(t)
	cloud.do(t, "reader", "GET", "/v2/info/stores", "", nil).want(t, 200, `{"stores":[{"id":"files","default":"true"},{"id":"more"},{"id":"web","read-only":"true"}]}`)
	cloud.do(t, "admin", "GET", "/v2/info/stores/detail", "", nil).want(t, 200, `{"id":"web","read-only":"true","type":"http","properties":{},"weight":0}`)
	if got := cloud.do(t, "member", "POST", "/v2/images", bare, nil).header.Get("OpenStack-image-store-ids"); got != "files,more,web" {
		t.Errorf("store IDs: %q", got)
	}
	id := cloud.create(t, "member", bare)
	put := func(store string) answer {
		return cloud.do(t, "member", "PUT", "/v2/images/"+id+"/file", "data", map[string]string{"Content-Type": "application/octet-stream", "X-Image-Meta-Store": store})
	}
	put("nosuch").want(t, 400, "nosuch")
	put("web").want(t, 410, "Adding images to store is disabled.")
	put("more").want(t, 204, "")
	cloud.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 200, `"stores":"more"`)
}
