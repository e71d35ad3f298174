//go:build kill

package test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance/service"
	"nacre/test/host"
)

// twoRegions are a cloud and, in another region of its Keystone, an image
// service, which is killed while it imports from the first.
type twoRegions struct {
	*host.Host
	*host.API
	data   []byte // of the image of the first region
	source string // its ID
	before host.Footprint
}

// secondRegion is the image service that is killed. Its second store has room
// for less than the image.
const secondRegion = `
region: RegionTwo
port_offset: 100
host: second
fail_point: %[1]q
keystone_authtoken: {auth_url: "http://127.0.0.1:5000/v3", username: glance-two, password: svc}
glance:
  enabled_backends: [one:file, full:file]
  enabled_import_methods: [glance-download]
  import_filtering_opts: {allowed_ports: [9292, 9300]}
  backends:
    one: {filesystem_store_datadir: %[2]s/glance/one}
    full: {filesystem_store_datadir: %[2]s/glance/full}
`

func newTwoRegions(t *testing.T) *twoRegions {
	r := &twoRegions{Host: host.New(t), data: make([]byte, 8<<20)}
	_, _ = rand.Read(r.data)
	r.Serve("first", []string{"NACRE_ADMIN_PASSWORD=" + host.AdminPassword}, os.Getenv("NACRE_BINARY"), "up", "--virt-type", "fake", "--no-defaults",
		"--state-dir", r.Path("first"))
	r.Answers("first", "http://127.0.0.1:9292/")
	r.Until("the first cloud has an administrator", limit, func() bool {
		_, err := r.Login(map[string]any{"identity": host.WithPassword("admin", host.AdminPassword)})
		return err == nil
	})
	r.Admin().Script("user create --password svc glance-two", "role add --user glance-two --project service admin",
		"endpoint create --region RegionTwo image public http://127.0.0.1:9392", "endpoint create --region Slow image public http://127.0.0.1:9300")
	r.API = r.Host.API()
	r.source = r.image("9292")
	r.Want(204, "PUT", "9292/v2/images/"+r.source+"/file", bytes.NewReader(r.data), nil)
	r.Must("mkdir", "-p", r.Dir+"/glance/full")
	r.Must("mount", "-t", "tmpfs", "-o", "size=1m", "full", r.Dir+"/glance/full")
	r.up("")
	r.before = r.Settled()
	r.Kill()
	return r
}

func (r *twoRegions) up(failPoint string) {
	r.RunOnly("--config", r.Write("second.yaml", fmt.Sprintf(secondRegion, failPoint, r.Dir)), "glance-api")
}

func (r *twoRegions) image(port string) string {
	var img struct{ ID string }
	r.Want(201, "POST", port+"/v2/images", map[string]string{"name": "i", "disk_format": "raw", "container_format": "bare"}, &img)
	return img.ID
}

// begin imports the first region's image; the service may be killed before it answers.
func (r *twoRegions) begin(region string, stores ...string) (id string) {
	id = r.image("9392")
	_, err := r.Do("POST", "9392/v2/images/"+id+"/import", map[string]any{"stores": stores, "method": map[string]string{
		"name": "glance-download", "glance_region": region, "glance_image_id": r.source}}, nil)
	if err != nil && !errors.Is(err, host.ErrAway) {
		r.Fail("%v", err)
	}
	return id
}

// ends wants the image active with the bytes of the first region, or queued and
// a task that says why; when it is deleted nothing is left.
func (r *twoRegions) ends(t *testing.T, id, status string) {
	t.Helper()
	var img struct {
		Status string
		Task   string `json:"os_glance_import_task"`
		Hash   string `json:"os_hash_value"`
	}
	r.Until("the import is over", limit, func() bool {
		img.Task = ""
		r.Want(200, "GET", "9392/v2/images/"+id, nil, &img)
		return img.Status != "importing" && img.Task == ""
	})
	var tasks struct {
		Tasks []struct{ Status, Message string }
	}
	r.Want(200, "GET", "9392/v2/images/"+id+"/tasks", nil, &tasks)
	if img.Status != status || len(tasks.Tasks) != 1 {
		t.Errorf("%s, want %s: %+v", img.Status, status, tasks)
	}
	kept, _ := os.ReadFile(r.Dir + "/glance/one/" + id)
	if status == "active" && (img.Hash != fmt.Sprintf("%x", sha512.Sum512(r.data)) || !bytes.Equal(kept, r.data)) {
		t.Errorf("other bytes: %d in the store, hash %s", len(kept), img.Hash)
	} else if status == "queued" && (len(kept) > 0 || tasks.Tasks[0].Status != "failure" || tasks.Tasks[0].Message == "") {
		t.Errorf("%d bytes are left, and the task is %+v", len(kept), tasks)
	}
	var trusts struct{ Trusts []any }
	r.Want(200, "GET", "5000/v3/OS-TRUST/trusts", nil, &trusts)
	if len(trusts.Trusts) > 0 {
		t.Errorf("trusts are left: %v", trusts.Trusts)
	}
	r.Want(204, "DELETE", "9392/v2/images/"+id, nil, nil)
	r.before = append(r.before, "row glance.tasks") // tasks are told for two days
	sameAs(t, r.Host, r.before)
}

// TestKilledBetweenRegions kills an image service at every point of an import
// from another region, also of one that is undone, in the middle of the
// download, and at some moments. Started again, without its caller's token, it
// ends the import.
func TestKilledBetweenRegions(t *testing.T) {
	r := newTwoRegions(t)
	for _, point := range service.FailPoints() {
		r.Sub(point, func(t *testing.T) {
			stores, status := []string{"one"}, "active"
			if strings.Contains(point, ".undo.") || strings.Contains(point, ".failed.") {
				stores, status = []string{"one", "full"}, "queued"
			}
			r.up("glance." + point)
			id := r.begin("RegionOne", stores...)
			r.Died(limit)
			r.up("")
			defer r.Kill()
			r.ends(t, id, status)
		})
	}
	r.Sub("in the download", func(t *testing.T) {
		more := make(chan struct{})
		r.slow(t, more)
		r.up("")
		id := r.begin("Slow", "one")
		r.Until("the half has come", limit, func() bool {
			size := r.Must("sh", "-c", "cat "+r.Dir+"/glance/staging/.partial/* 2>/dev/null | wc -c")
			return strings.TrimSpace(size) == fmt.Sprint(len(r.data)/2)
		})
		r.Kill()
		close(more)
		r.up("")
		defer r.Kill()
		r.ends(t, id, "active")
	})
	for n := range 5 {
		r.Sub(fmt.Sprint("at some moment ", n), func(t *testing.T) {
			r.up("")
			id := r.begin("RegionOne", "one")
			time.Sleep(time.Duration(mathrand.IntN(100)) * time.Millisecond)
			r.Kill()
			r.up("")
			defer r.Kill()
			r.ends(t, id, "active")
		})
	}
}

// slow is the first region's image service, which stops in the middle of an
// image until more is closed.
func (r *twoRegions) slow(t *testing.T, more chan struct{}) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:9292"})
	proxy.Transport = r.HTTP().Transport
	proxy.FlushInterval = -1
	proxy.ModifyResponse = func(res *http.Response) error {
		if strings.HasSuffix(res.Request.URL.Path, "/file") {
			res.Body = &halting{res.Body, len(r.data) / 2, more}
		}
		return nil
	}
	server := &http.Server{Handler: proxy}
	l := r.Listen("127.0.0.1:9300")
	t.Cleanup(func() { server.Close() })
	go server.Serve(l)
}

// halting is a body that waits in the middle.
type halting struct {
	io.ReadCloser
	left int
	more <-chan struct{}
}

// Read implements io.Reader.
func (h *halting) Read(p []byte) (int, error) {
	if h.left == 0 {
		<-h.more
		return h.ReadCloser.Read(p)
	}
	n, err := h.ReadCloser.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}
