package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
)

var asBytes = map[string]string{"Content-Type": "application/octet-stream"}

// twoStores is a service with the stores one and two.
func twoStores(t *testing.T, config service.Config, also ...func(*service.Deps)) *cloud {
	t.Helper()
	dir := t.TempDir()
	d := service.Deps{Config: config}
	for _, id := range []string{"one", "two"} {
		files, err := blob.NewFile(filepath.Join(dir, id))
		if err != nil {
			t.Fatal(err)
		}
		d.Backends = append(d.Backends, service.Backend{ID: id, Blobs: files})
	}
	for _, fn := range also {
		fn(&d)
	}
	return startWith(t, dir, d)
}

// fromHere lets imports come from this host.
func fromHere(plugins ...string) service.Config {
	c := service.DefaultConfig()
	c.ImportFiltering.AllowedNetworks, c.ImportFiltering.AllowedPorts = []string{"127.0.0.1/32"}, nil
	c.ImageImportPlugins = plugins
	return c
}

func (c *cloud) stage(t *testing.T, as, id, data string) answer {
	t.Helper()
	return c.do(t, as, "PUT", "/v2/images/"+id+"/stage", data, asBytes)
}

func (c *cloud) importBy(t *testing.T, as, id, body string) answer {
	t.Helper()
	return c.do(t, as, "POST", "/v2/images/"+id+"/import", body, nil)
}

// site is a server of one file.
func site(t *testing.T, data string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, data) }))
	t.Cleanup(s.Close)
	return s.URL
}

func TestStage(t *testing.T) {
	config := service.DefaultConfig()
	config.ImageSizeCap = 1000
	config.WorkerSelfReferenceURL = "http://one.example:9292"
	cloud := start(t, config)
	id := cloud.create(t, "member", raw)
	cloud.do(t, "member", "PUT", "/v2/images/"+id+"/stage", "{}", nil).want(t, 415, "")
	cloud.stage(t, "stranger", id, "x").want(t, 404, "")
	cloud.stage(t, "member", id, strings.Repeat("x", 1001)).want(t, 413, "The incoming image is too large: The provided image is too large.")
	cloud.do(t, "member", "PUT", "/v2/images/"+id+"/stage", "four", map[string]string{"Content-Type": "application/octet-stream",
		"X-Openstack-Image-Size": "5"}).want(t, 400, "Size mismatch: expected 5 bytes, got 4 bytes")
	if got := string(cloud.show(t, id)); !strings.Contains(got, `"status":"queued"`) || !strings.Contains(got, `"size":null`) {
		t.Errorf("after refusals: %s", got)
	}
	cloud.stage(t, "member", id, "staged").want(t, 204, "")
	got := string(cloud.show(t, id))
	for _, want := range []string{`"status":"uploading"`, `"size":6`, `"checksum":null`, `"os_glance_stage_host":"http://one.example:9292"`} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in %s", want, got)
		}
	}
	cloud.stage(t, "member", id, "again").want(t, 409, "Image status transition from uploading to uploading is not allowed")
	cloud.upload(t, "member", id, "again").want(t, 409, "Image status transition from uploading to saving is not allowed")
	cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
	image := cloud.imported(t, "member", id)
	if image["status"] != "active" || image["os_glance_stage_host"] != nil {
		t.Errorf("got %v", image)
	}
	if a := cloud.do(t, "member", "GET", "/v2/images/"+id+"/file", "", nil); string(a.body) != "staged" {
		t.Errorf("got %q", a.body)
	}
	other := cloud.create(t, "member", raw)
	cloud.stage(t, "member", other, "staged").want(t, 204, "")
	cloud.do(t, "member", "DELETE", "/v2/images/"+other, "", nil).want(t, 204, "")
	if left, err := filepath.Glob(cloud.staging + "/*-*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestImportRefused: the sentences of the original, and nothing changed.
func TestImportRefused(t *testing.T) {
	config := fromHere()
	config.EnabledImportMethods = []string{service.GlanceDirect, service.WebDownload, service.CopyImage, service.GlanceDownload}
	cloud := twoStores(t, config, func(d *service.Deps) { d.Identity = identity{} })
	queued := cloud.create(t, "member", raw)
	bare := cloud.create(t, "member", `{"disk_format": "raw"}`)
	plain := cloud.create(t, "member", `{"container_format": "bare"}`)
	active := cloud.create(t, "member", raw)
	cloud.upload(t, "member", active, "x").want(t, 204, "")
	public := cloud.create(t, "admin", `{"disk_format": "raw", "container_format": "bare", "visibility": "public"}`)
	for name, tc := range map[string]struct {
		as, id, body string
		status       int
		text         string
	}{
		"no body":          {"member", queued, ``, 400, "Body expected in request."},
		"no method":        {"member", queued, `{}`, 400, "Import request requires a 'method' field."},
		"no name":          {"member", queued, `{"method": {}}`, 400, "Import request requires a 'name' field."},
		"unknown method":   {"member", queued, `{"method": {"name": "x"}}`, 400, "Unknown import method name 'x'."},
		"must":             {"member", queued, `{"method": {"name": "web-download"}, "all_stores_must_succeed": 1}`, 400, "'all_stores_must_succeed' must be boolean value only"},
		"all":              {"member", queued, `{"method": {"name": "web-download"}, "all_stores": "yes"}`, 400, "'all_stores' must be boolean value only"},
		"stores twice":     {"member", queued, `{"method": {"name": "web-download"}, "all_stores": true, "stores": ["one"]}`, 400, "All_stores parameter can't be used with"},
		"no list":          {"member", queued, `{"method": {"name": "web-download"}, "stores": "one"}`, 400, "must be a list"},
		"active":           {"member", active, `{"method": {"name": "web-download", "uri": "http://x/"}}`, 409, "Image with status active cannot be target for import"},
		"copy of queued":   {"admin", queued, `{"method": {"name": "copy-image"}}`, 409, "Only images with status active can be targeted for copying"},
		"not staged":       {"member", queued, `{"method": {"name": "glance-direct"}}`, 409, "Image needs to be staged before 'glance-direct' method can be used"},
		"no container":     {"member", bare, `{"method": {"name": "web-download", "uri": "http://x/"}}`, 409, "'container_format' needs to be set before import"},
		"no disk":          {"member", plain, `{"method": {"name": "web-download", "uri": "http://x/"}}`, 409, "'disk_format' needs to be set before import"},
		"no region":        {"member", queued, `{"method": {"name": "glance-download"}}`, 400, "'glance_region' needs to be set for glance-download import method"},
		"no image":         {"member", queued, `{"method": {"name": "glance-download", "glance_region": "r"}}`, 400, "'glance_image_id' needs to be set for glance-download import method"},
		"no UUID":          {"member", queued, `{"method": {"name": "glance-download", "glance_region": "r", "glance_image_id": "x"}}`, 400, "Remote image id does not look like a UUID: x"},
		"copy by a member": {"member", active, `{"method": {"name": "copy-image"}, "stores": ["two"]}`, 403, "You are not authorized to complete copy_image action."},
		"by a reader":      {"reader", queued, `{"method": {"name": "web-download", "uri": "http://x/"}}`, 403, "You are not authorized to complete modify_image action."},
		"a stranger's":     {"stranger", queued, `{"method": {"name": "web-download", "uri": "http://x/"}}`, 404, "No image found with ID"},
		"somebody's":       {"member", public, `{"method": {"name": "web-download", "uri": "http://x/"}}`, 403, "You do not own this image"},
		"no such store":    {"member", queued, `{"method": {"name": "web-download", "uri": "http://x/"}, "stores": ["three"]}`, 409, "Unknown scheme 'three' found in URI"},
		"already there":    {"admin", active, `{"method": {"name": "copy-image"}, "stores": ["one"]}`, 400, "Image is already present at store 'one'"},
		"a file":           {"member", queued, `{"method": {"name": "web-download", "uri": "file:///etc/passwd"}}`, 400, "URI for web-download does not pass filtering: file:///etc/passwd"},
		"no URI":           {"member", queued, `{"method": {"name": "web-download"}}`, 400, "URI for web-download does not pass filtering"},
	} {
		t.Run(name, func(t *testing.T) { cloud.importBy(t, tc.as, tc.id, tc.body).want(t, tc.status, tc.text) })
	}
	if got := cloud.imported(t, "member", queued); got["status"] != "queued" || got["os_glance_importing_to_stores"] != nil {
		t.Errorf("got %v", got)
	}
}

func TestWebDownload(t *testing.T) {
	cloud := twoStores(t, fromHere())
	id := cloud.create(t, "member", raw)
	cloud.importBy(t, "member", id, fmt.Sprintf(`{"method": {"name": "web-download", "uri": %q}, "stores": ["two"]}`, site(t, "bytes"))).want(t, 202, "")
	got := cloud.imported(t, "member", id)
	if got["status"] != "active" || got["stores"] != "two" || got["size"] != 5.0 || got["os_glance_failed_import"] != "" {
		t.Errorf("got %v", got)
	}
	if task := cloud.lastTask(t, "member", id); task.Status != "success" || task.Message != "Copied 0 MiB" {
		t.Errorf("task: %+v", task)
	}
}

// resolver answers with addresses inside of the cloud.
type resolver struct{}

func (resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	switch host {
	case "metadata.example":
		return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
	case "images.example":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return nil, errors.New("no such host")
}

// TestWebDownloadFails: what cannot be fetched, or may not be, leaves a queued
// image and a task that says why.
func TestWebDownloadFails(t *testing.T) {
	hidden := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer hidden.Close()
	var redirect string
	open := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, redirect, http.StatusFound)
		case "/short":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		case "/qcow2":
			io.WriteString(w, "QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x10\x00"+strings.Repeat("\x00", 1024))
		default:
			http.NotFound(w, r)
		}
	}))
	defer open.Close()
	port := open.URL[strings.LastIndex(open.URL, ":"):]
	config := fromHere()
	config.ImportFiltering.Resolver = resolver{}
	config.ImageSizeCap = 100_000
	cloud := twoStores(t, config)
	for name, tc := range map[string]struct{ uri, redirect, message string }{
		"not there":          {open.URL + "/nosuch", "", "HTTP Error 404: Not Found"},
		"ends early":         {open.URL + "/short", "", "could not be read."},
		"metadata":           {"http://metadata.example/latest", "", "URI for web-download does not pass filtering: http://metadata.example/latest"},
		"no name":            {"http://nosuch.example/", "", "http://nosuch.example/ could not be read."},
		"redirected inside":  {open.URL + "/redirect", "http://127.0.0.2" + port, "does not pass filtering"},
		"redirected to meta": {open.URL + "/redirect", "http://metadata.example/", "does not pass filtering"},
		"redirected to file": {open.URL + "/redirect", "file:///etc/passwd", "does not pass filtering"},
		"unsafe":             {"http://images.example" + port + "/qcow2", "", "Image failed safety checks"},
	} {
		t.Run(name, func(t *testing.T) {
			redirect = tc.redirect
			id := cloud.create(t, "member", raw)
			cloud.importBy(t, "member", id, fmt.Sprintf(`{"method": {"name": "web-download", "uri": %q}, "all_stores": true}`, tc.uri)).want(t, 202, "")
			got := cloud.imported(t, "member", id)
			if got["status"] != "queued" || got["size"] != nil || got["os_glance_importing_to_stores"] != "" || got["os_glance_failed_import"] == "" {
				t.Errorf("got %v", got)
			}
			if task := cloud.lastTask(t, "member", id); task.Status != "failure" || !strings.Contains(task.Message, tc.message) {
				t.Errorf("task: %+v, want %q", task, tc.message)
			}
		})
	}
}

// TestCopyImage: one that every store has is nothing to do.
func TestCopyImage(t *testing.T) {
	cloud := twoStores(t, service.DefaultConfig())
	id := cloud.create(t, "member", raw)
	cloud.upload(t, "member", id, "bytes").want(t, 204, "")
	for range 2 {
		waitFor(t, func() bool { // the task before may not have ended, though the image shows nothing of it any more
			return cloud.importBy(t, "admin", id, `{"method": {"name": "copy-image"}, "all_stores": true}`).status == 202
		})
		if got := cloud.imported(t, "member", id); got["status"] != "active" || got["stores"] != "one,two" || got["os_glance_importing_to_stores"] != "" {
			t.Errorf("got %v", got)
		}
	}
	if data, err := os.ReadFile(filepath.Join(cloud.dir, "two", id)); string(data) != "bytes" {
		t.Errorf("got %q, %v", data, err)
	}
	alone := start(t, service.DefaultConfig())
	id = alone.create(t, "member", raw)
	alone.upload(t, "member", id, "bytes").want(t, 204, "")
	alone.importBy(t, "admin", id, `{"method": {"name": "copy-image"}, "all_stores": true}`).want(t, 202, "")
	if got := alone.imported(t, "member", id); got["os_glance_importing_to_stores"] != "" || got["os_glance_failed_import"] != "" {
		t.Errorf("a client would wait for ever: %v", got)
	}
}

// full is a store with no room.
type full struct{ blob.Store }

func (full) Create(context.Context, string, string, int64) (blob.Writer, error) {
	return nil, blob.ErrFull
}

// TestSomeStores: with all_stores_must_succeed false, a store that takes nothing
// keeps no other from having the image.
func TestSomeStores(t *testing.T) {
	cloud := twoStores(t, service.DefaultConfig(), func(d *service.Deps) { d.Backends[0].Blobs = full{d.Backends[0].Blobs} })
	for must, want := range map[bool][3]string{false: {"active", "one", "success"}, true: {"queued", "one", "failure"}} {
		id := cloud.create(t, "member", raw)
		cloud.stage(t, "member", id, "bytes").want(t, 204, "")
		cloud.importBy(t, "member", id, fmt.Sprintf(`{"method": {"name": "glance-direct"}, "all_stores": true, "all_stores_must_succeed": %v}`, must)).want(t, 202, "")
		got := cloud.imported(t, "member", id)
		if got["status"] != want[0] || got["os_glance_failed_import"] != want[1] || got["os_glance_importing_to_stores"] != "" {
			t.Errorf("must %v: got %v", must, got)
		}
		if task := cloud.lastTask(t, "member", id); task.Status != want[2] || must && !strings.HasPrefix(task.Message, "Image storage media is full") {
			t.Errorf("must %v: task %+v", must, task)
		}
	}
}

// TestDeleteWhileImporting: the server never ends its answer; the image is
// deleted all the same, and the task says so.
func TestDeleteWhileImporting(t *testing.T) {
	begun, stop := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "some")
		w.(http.Flusher).Flush()
		close(begun)
		<-stop
	}))
	defer server.Close()
	defer close(stop)
	cloud := twoStores(t, fromHere())
	id := cloud.create(t, "member", raw)
	cloud.importBy(t, "member", id, fmt.Sprintf(`{"method": {"name": "web-download", "uri": %q}}`, server.URL)).want(t, 202, "")
	<-begun
	if got := string(cloud.show(t, id)); !strings.Contains(got, `"status":"importing"`) || !strings.Contains(got, `"os_glance_importing_to_stores":"one"`) {
		t.Errorf("got %s", got)
	}
	cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 409, "")
	cloud.upload(t, "member", id, "x").want(t, 409, "Image status transition from importing to saving is not allowed")
	cloud.do(t, "member", "DELETE", "/v2/images/"+id, "", nil).want(t, 204, "")
	waitFor(t, func() bool {
		list := string(cloud.do(t, "admin", "GET", "/v2/tasks?status=failure", "", nil).want(t, 200, "").body)
		return strings.Contains(list, `"status":"failure"`)
	})
	waitFor(t, func() bool {
		left, err := filepath.Glob(cloud.staging + "/.partial/*")
		return err == nil && len(left) == 0
	})
}

// TestImportTwice: of many requests for one image, one is accepted.
func TestImportTwice(t *testing.T) {
	cloud := twoStores(t, fromHere())
	id := cloud.create(t, "member", raw)
	cloud.stage(t, "member", id, "bytes").want(t, 204, "")
	answers := make(chan int, 8)
	for range cap(answers) {
		go func() { answers <- cloud.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).status }()
	}
	accepted := 0
	for range cap(answers) {
		switch status := <-answers; status {
		case 202:
			accepted++
		case 409:
		default:
			t.Errorf("got %d", status)
		}
	}
	if accepted != 1 || cloud.imported(t, "member", id)["status"] != "active" {
		t.Errorf("%d were accepted", accepted)
	}
}

// identity is Keystone with an image service in the region far.
type identity struct {
	far    string
	limits map[string]int64
}

func (i identity) Bounds(_ context.Context, project string) ([]glance.Bound, error) {
	return []glance.Bound{{Of: project, Projects: []string{project}, Limits: i.limits}}, nil
}
func (identity) Trust(context.Context, time.Time) (string, error) { return "", errors.New("no trusts") }
func (identity) TokenByTrust(context.Context, string) (string, error) {
	return "", errors.New("no trusts")
}
func (identity) EndTrust(context.Context, string) error { return nil }
func (i identity) Endpoint(_ context.Context, region, availability string) (string, error) {
	if region == "far" && availability == "public" {
		return i.far, nil
	}
	return "", nil
}

// TestGlanceDownload takes an image of another region, as its caller.
func TestGlanceDownload(t *testing.T) {
	remote := start(t, service.DefaultConfig())
	server := httptest.NewServer(remote.api)
	defer server.Close()
	source := remote.create(t, "member", `{"disk_format": "raw", "container_format": "bare", "hw_disk_bus": "scsi", "other": "x", "min_ram": 7}`)
	config := fromHere()
	config.EnabledImportMethods = append(config.EnabledImportMethods, service.GlanceDownload)
	cloud := twoStores(t, config, func(d *service.Deps) { d.Identity = identity{far: server.URL} })
	get := func(as, region, image string) (map[string]any, string) {
		id := cloud.create(t, as, `{"disk_format": "qcow2", "container_format": "ovf"}`)
		cloud.importBy(t, as, id, fmt.Sprintf(`{"method": {"name": "glance-download", "glance_region": %q, "glance_image_id": %q}}`, region, image)).want(t, 202, "")
		return cloud.imported(t, as, id), cloud.lastTask(t, as, id).Message
	}
	if got, why := get("member", "far", source); got["status"] != "queued" || why != "Source image status should be active instead of queued" {
		t.Errorf("got %v, %s", got, why)
	}
	remote.upload(t, "member", source, "from far away").want(t, 204, "")
	if got, why := get("member", "far", source); got["status"] != "active" || got["disk_format"] != "raw" || got["container_format"] != "bare" ||
		got["hw_disk_bus"] != "scsi" || got["other"] != nil || got["min_ram"] != 0.0 || got["size"] != 13.0 {
		t.Errorf("got %v, %s", got, why)
	}
	if got, why := get("member", "nowhere", source); got["disk_format"] != "qcow2" || got["hw_disk_bus"] != nil || why != "public glance endpoint not found for region nowhere" {
		t.Errorf("got %v, %s", got, why)
	}
	if got, why := get("stranger", "far", source); got["status"] != "queued" || why != "HTTP Error 404: Not Found" {
		t.Errorf("somebody else's image: got %v, %s", got, why)
	}
}

// TestKeystoneLimits counts what is there against what Keystone allows.
func TestKeystoneLimits(t *testing.T) {
	config := fromHere()
	config.UseKeystoneLimits = true
	limits := map[string]int64{"image_size_total": 2, "image_stage_total": 1, "image_count_total": 3, "image_count_uploading": 1}
	cloud := twoStores(t, config, func(d *service.Deps) { d.Identity = identity{limits: limits} })
	const over = "The request returned a 413 Request Entity Too Large. This generally means that rate limiting or a quota threshold was breached." +
		`\n\nThe response body:\nProject ` + memberProject + " is over a limit for "
	first, second, third := cloud.create(t, "member", raw), cloud.create(t, "member", raw), cloud.create(t, "member", raw)
	cloud.do(t, "member", "POST", "/v2/images", raw, nil).want(t, 413,
		over+"[Resource image_count_total is over limit of 3 due to current usage 3 and delta 1]")
	cloud.stage(t, "member", first, strings.Repeat("x", 2<<20)).want(t, 413, over+"[Resource image_stage_total is over limit of 1 due to current usage 0 and delta 2]")
	cloud.stage(t, "member", first, strings.Repeat("x", 1<<20)).want(t, 204, "")
	cloud.stage(t, "member", second, "x").want(t, 413, over+"[Resource image_count_uploading is over limit of 1 due to current usage 2 and delta 0]")
	cloud.do(t, "member", "GET", "/v2/info/usage", "", nil).want(t, 200, `"image_stage_total":{"limit":1,"usage":1}`)
	cloud.importBy(t, "member", first, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
	if got := cloud.imported(t, "member", first); got["status"] != "active" {
		t.Fatalf("got %v, %s", got, cloud.lastTask(t, "member", first).Message)
	}
	cloud.upload(t, "member", second, strings.Repeat("x", 2<<20)).want(t, 413, over+"[Resource image_size_total is over limit of 2 due to current usage 1 and delta 2]")
	cloud.upload(t, "member", second, strings.Repeat("x", 1<<20)).want(t, 204, "")
	cloud.do(t, "member", "GET", "/v2/info/usage", "", nil).want(t, 200, `"image_size_total":{"limit":2,"usage":2}`)
	cloud.upload(t, "member", third, strings.Repeat("x", 1<<20)).want(t, 413, "current usage 2 and delta 1")
	cloud.do(t, "admin", "GET", "/v2/info/usage", "", nil).want(t, 200, `"image_count_total":{"limit":3,"usage":0}`)
}

// TestStageHost: what another process has staged it imports, and deletes.
func TestStageHost(t *testing.T) {
	config := service.DefaultConfig()
	there := start(t, config)
	calls := make(chan string, 2)
	broken := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls <- r.Method + " " + r.Header.Get("X-Auth-Token")
		if broken {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		there.api.ServeHTTP(w, r)
	}))
	defer server.Close()
	config.WorkerSelfReferenceURL = server.URL
	here := startWith(t, there.dir, service.Deps{Config: config, Backends: there.svc.Backends()})
	id := here.create(t, "member", raw)
	there.create(t, "member", fmt.Sprintf(`{"id": %q, "disk_format": "raw", "container_format": "bare"}`, id))
	here.stage(t, "member", id, "here").want(t, 204, "")
	there.stage(t, "member", id, "there").want(t, 204, "")
	config.WorkerSelfReferenceURL = "http://another.example"
	other := startOn(t, here, config)
	other.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 202, "")
	if got := <-calls; got != "POST member" {
		t.Errorf("got %s", got)
	}
	if got := there.imported(t, "member", id); got["status"] != "active" {
		t.Errorf("got %v", got)
	}
	other.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 409, "Conflict")
	broken = true
	<-calls
	other.importBy(t, "member", id, `{"method": {"name": "glance-direct"}}`).want(t, 503, "")
	<-calls
	other.do(t, "member", "DELETE", "/v2/images/"+id, "", nil).want(t, 204, "") // here, since nobody answers there
	if got := <-calls; got != "DELETE member" {
		t.Errorf("got %s", got)
	}
	other.do(t, "member", "GET", "/v2/images/"+id, "", nil).want(t, 404, "")
}
