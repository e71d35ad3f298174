package service_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/web"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
)

// cached is a service with a cache and an image on a web server.
type cached struct {
	*service.Service
	dir  string
	url  string
	gets int // of the server
}

func withCache(t *testing.T, s *site, config service.Config) *cached {
	t.Helper()
	c := &cached{dir: t.TempDir()}
	config.ImageCacheDir = c.dir
	_, c.url = withWeb(t, s, config, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			c.gets++
		}
		ten(w, r)
	})
	remote, err := web.New(web.Config{AllowedNetworks: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	near, err := blob.NewFile(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Service, err = service.New(service.Deps{Store: store.New(s.db), Worker: "w", Clock: s.clock, Config: config,
		Cache:    &service.Cache{Files: near, Node: "here"},
		Backends: []service.Backend{{ID: "files", Blobs: files}, {ID: "web", Remote: remote}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// remote is an image of ten bytes whose hash is known.
func (c *cached) remote(t *testing.T) glance.Image {
	t.Helper()
	img := queued(t, c.Service, "raw")
	addLocation(t, c.Service, img, service.NewLocation{URL: c.url})
	if err := c.Uncache(caller(t), img.ID); err != nil { // what the hashing has brought
		t.Fatal(err)
	}
	c.gets = 0
	return status(t, c.Service, img.ID)
}

func (c *cached) has(t *testing.T) (images, queue []string) {
	t.Helper()
	have, queued, err := c.CacheState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range have {
		images = append(images, h.ImageID)
	}
	for _, q := range queued {
		queue = append(queue, q.ImageID)
	}
	return images, queue
}

func TestCache(t *testing.T) {
	s := newSite(t)
	c := withCache(t, s, service.DefaultConfig())
	img := c.remote(t)
	for range 3 {
		if got := readBack(t, c.Service, img); got != "0123456789" {
			t.Errorf("read %q", got)
		}
	}
	have, _, err := c.CacheState(t.Context())
	if c.gets != 1 || err != nil || len(have) != 1 || have[0].Hits != 2 || have[0].Size != 10 {
		t.Errorf("%d reads of the server, cached %+v, %v", c.gets, have, err)
	}
	if nodes, err := c.CachedNodes(t.Context(), img.ID); err != nil || !slices.Equal(nodes, []string{"here"}) {
		t.Errorf("nodes %v, %v", nodes, err)
	}
	near := uploaded(t, c.Service, "near")
	if readBack(t, c.Service, near); len(filesIn(t, c.dir)) != 1 {
		t.Errorf("what is a file here was cached: %v", filesIn(t, c.dir))
	}
	if err := c.DeleteImage(caller(t), img.ID); err != nil || len(filesIn(t, c.dir)) != 0 {
		t.Errorf("deleted: %v; left %v", err, filesIn(t, c.dir))
	}
}

// TestCacheInterrupted: who stops reading leaves nothing half.
func TestCacheInterrupted(t *testing.T) {
	s := newSite(t)
	c := withCache(t, s, service.DefaultConfig())
	img := c.remote(t)
	r, err := c.Open(caller(t), img, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if other := readBack(t, c.Service, img); other != "0123456789" { // while the first is on its way
		t.Errorf("read %q", other)
	}
	r.Close()
	if images, _ := c.has(t); len(images) != 0 || len(filesIn(t, c.dir)) != 0 {
		t.Errorf("cached %v, files %v", images, filesIn(t, c.dir))
	}
}

func TestCacheQueue(t *testing.T) {
	s := newSite(t)
	c := withCache(t, s, service.DefaultConfig())
	img, empty, gone := c.remote(t), queued(t, c.Service, "raw"), uploaded(t, c.Service, "gone")
	wantFault(t, c.QueueImage(caller(t), "00000000-0000-4000-8000-000000000000"), 404, "not found.")
	wantFault(t, c.QueueImage(caller(t), empty.ID), 400, "Only images with status active can be targeted for queueing")
	for _, id := range []string{img.ID, img.ID, gone.ID} {
		if err := c.QueueImage(caller(t), id); err != nil {
			t.Fatal(err)
		}
	}
	if images, queue := c.has(t); len(images) != 0 || len(queue) != 2 {
		t.Errorf("cached %v, queued %v", images, queue)
	}
	if err := c.DeleteImage(caller(t), gone.ID); err != nil {
		t.Fatal(err)
	}
	round(t, c.Service)
	if images, queue := c.has(t); !slices.Equal(images, []string{img.ID}) || len(queue) != 0 {
		t.Errorf("cached %v, queued %v", images, queue)
	}
	if err := c.Uncache(caller(t), img.ID); err != nil || len(filesIn(t, c.dir)) != 0 {
		t.Errorf("uncached: %v; left %v", err, filesIn(t, c.dir))
	}
	wantFault(t, c.Uncache(caller(t), "00000000-0000-4000-8000-000000000000"), 404, "not found.")
}

func TestCacheClear(t *testing.T) {
	s := newSite(t)
	c := withCache(t, s, service.DefaultConfig())
	near := uploaded(t, c.Service, "near")
	for what, want := range map[[2]bool][2]int{{true, false}: {0, 1}, {false, true}: {1, 0}, {true, true}: {0, 0}} {
		readBack(t, c.Service, c.remote(t))
		if err := c.QueueImage(caller(t), near.ID); err != nil {
			t.Fatal(err)
		}
		if err := c.ClearCache(t.Context(), what[0], what[1]); err != nil {
			t.Fatal(err)
		}
		if images, queue := c.has(t); len(images) != want[0] || len(queue) != want[1] {
			t.Errorf("%v: cached %v, queued %v", what, images, queue)
		}
		if err := c.ClearCache(t.Context(), true, true); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCachePrune: of three images of ten bytes two fit.
func TestCachePrune(t *testing.T) {
	config := service.DefaultConfig()
	config.ImageCacheMaxSize = 25
	s := newSite(t)
	c := withCache(t, s, config)
	var ids []string
	for range 3 {
		img := c.remote(t)
		ids = append(ids, img.ID)
		readBack(t, c.Service, img)
		s.clock.advance(time.Second)
	}
	readBack(t, c.Service, status(t, c.Service, ids[0])) // the second is the longest unused now
	files, bytes, err := c.PruneCache(t.Context())
	if files != 1 || bytes != 10 || err != nil {
		t.Errorf("pruned %d files, %d bytes, %v", files, bytes, err)
	}
	if images, _ := c.has(t); slices.Contains(images, ids[1]) || len(images) != 2 || len(filesIn(t, c.dir)) != 2 {
		t.Errorf("cached %v", images)
	}
}

// TestCacheClean: what a dead process and another database have left.
func TestCacheClean(t *testing.T) {
	s := newSite(t)
	c := withCache(t, s, service.DefaultConfig())
	lost, kept := c.remote(t), c.remote(t)
	for _, img := range []glance.Image{lost, kept} {
		readBack(t, c.Service, img)
	}
	if err := os.Remove(filepath.Join(c.dir, lost.ID)); err != nil {
		t.Fatal(err)
	}
	stranger, half := "99999999-9999-4999-8999-999999999999", ".partial/"+lost.ID+".0b7a4f3e-1111-4222-8333-444455556666"
	fresh := "88888888-8888-4888-8888-888888888888"
	for _, name := range []string{stranger, half, fresh} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if old := s.clock.Now().Add(-48 * time.Hour); name != fresh {
			if err := os.Chtimes(filepath.Join(c.dir, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.CleanCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := filesIn(t, c.dir)
	slices.Sort(left)
	want := []string{fresh, kept.ID}
	slices.Sort(want)
	if images, _ := c.has(t); !slices.Equal(left, want) || !slices.Equal(images, []string{kept.ID}) {
		t.Errorf("left %v, cached %v", left, images)
	}
}

// TestCacheWithoutEnd: who reads exactly the bytes there are never sees the
// end. The engine's files are others' here, so that they are worth it.
func TestCacheWithoutEnd(t *testing.T) {
	s := newSite(t)
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	near, err := blob.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Deps{Store: store.New(s.db), Worker: "w", Clock: s.clock, Config: service.DefaultConfig(),
		Cache: &service.Cache{Files: near, Node: "here"}, Backends: []service.Backend{{ID: "ceph", Blobs: renamed{files}}}})
	if err != nil {
		t.Fatal(err)
	}
	img := uploaded(t, svc, "0123456789")
	r, err := svc.Open(caller(t), img, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if have, _, err := svc.CacheState(t.Context()); err != nil || len(have) != 1 {
		t.Errorf("cached %v, %v", have, err)
	}
}

// TestCacheRefused: the bytes of a location that were not what the client had
// said are not those of what is uploaded instead.
func TestCacheRefused(t *testing.T) {
	s := newSite(t)
	c := withCache(t, s, service.DefaultConfig())
	img := queued(t, c.Service, "raw")
	said := service.NewLocation{URL: c.url, Validation: map[string]string{"os_hash_algo": "sha512", "os_hash_value": strings.Repeat("0", 128)}}
	if got, _ := addLocation(t, c.Service, img, said); got.Status != glance.Queued {
		t.Fatalf("got %+v", got)
	}
	if images, _ := c.has(t); len(images) != 0 {
		t.Errorf("cached %v", images)
	}
	if err := upload(t, c.Service, img.ID, strings.NewReader("other data")); err != nil {
		t.Fatal(err)
	}
	if got := readBack(t, c.Service, status(t, c.Service, img.ID)); got != "other data" {
		t.Errorf("read %q", got)
	}
}
