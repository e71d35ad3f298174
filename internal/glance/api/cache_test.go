package api_test

import (
	"testing"

	"nacre/internal/glance/service"
)

// TestCacheAPI is the cache as an administrator sees it.
func TestCacheAPI(t *testing.T) {
	config := service.DefaultConfig()
	config.ImageCacheDir = t.TempDir()
	cloud := start(t, config)
	id := cloud.create(t, "member", raw)
	admin := func(method, path string, header map[string]string) answer {
		return cloud.do(t, "admin", method, "/v2/cache"+path, "", header)
	}
	admin("GET", "", nil).want(t, 200, `{"cached_images":[],"queued_images":[]}`)
	admin("PUT", "/"+id, nil).want(t, 400, "Only images with status active can be targeted for queueing")
	admin("PUT", "/00000000-0000-4000-8000-000000000000", nil).want(t, 404, "Image 00000000-0000-4000-8000-000000000000 not found.")
	cloud.upload(t, "member", id, "data").want(t, 204, "")
	admin("PUT", "/"+id, nil).want(t, 202, "")
	admin("GET", "", nil).want(t, 200, `{"cached_images":[],"queued_images":["`+id+`"]}`)
	admin("DELETE", "", map[string]string{"X-Image-Cache-Clear-Target": "all"}).want(t, 400, "If provided 'x-image-cache-clear-target' must be")
	admin("DELETE", "", map[string]string{"X-Image-Cache-Clear-Target": "cache"}).want(t, 204, "")
	admin("DELETE", "/"+id, nil).want(t, 204, "")
	admin("GET", "", nil).want(t, 200, `"queued_images":[]`)
	admin("DELETE", "/00000000-0000-4000-8000-000000000000", nil).want(t, 404, "not found.")
	admin("PUT", "/"+id, nil).want(t, 202, "")
	for _, l := range cloud.svc.Loops() {
		if l.Name == "image_cache" {
			if err := l.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	admin("GET", "", nil).want(t, 200, `{"cached_images":[{"image_id":"`+id+`","hits":0,"last_accessed":1795`)
	admin("GET", "/nodes/"+id, nil).want(t, 200, `["here"]`)
	admin("POST", "/clean", nil).want(t, 200, "")
	admin("POST", "/prune", nil).want(t, 200, `{"total_files_pruned":0,"total_bytes_pruned":0}`)
	cloud.do(t, "member", "GET", "/v2/cache", "", nil).want(t, 403, "Access was denied to this resource.")
	cloud.do(t, "admin", "GET", "/versions", "", nil).want(t, 200, `{"id":"v2.18","status":"CURRENT"`)
}
