package api_test

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

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
		`{}`:         "'url' is a required property",
		`{"url": 1}`: "'url' is a required property",
		`{"url": "` + cloud.web + `/absent", "validation_data": 1}`:                                          "is not of type 'object'",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_algo": "sha3", "os_hash_value": "0"}}`:    "'sha3' is not one of",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_value": "0"}}`:                            "'os_hash_algo' is a dependency of 'os_hash_value'",
		`{"url": "` + cloud.web + `", "validation_data": {"x": "0"}}`:                                        "Additional properties are not allowed",
		`{"url": "` + cloud.web + `", "validation_data": {"os_hash_algo": "sha256", "os_hash_value": "00"}}`: "is not the correct size for (sha256) (should be (32) bytes)",
		`{"url": "http://169.254.169.254/"}`:                                                                 "Invalid location",
	} {
		add("member", body).want(t, 400, want)
	}
	add("member", `{"url": "rbd://f/p/i/snap"}`).want(t, 403, "http store must be enabled to use location API by normal user.")
	add("reader", `{"url": "`+cloud.web+`"}`).want(t, 403, "")
	cloud.upload(t, "member", id, "data").want(t, 204, "")
	add("member", `{"url": "`+cloud.web+`"}`).want(t, 409, "It's not allowed to add locations if image status is active.")
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
