package service_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/web"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
)

// uploaded is an active image with these bytes.
func uploaded(t *testing.T, svc *service.Service, text string) glance.Image {
	t.Helper()
	img := queued(t, svc, "raw")
	if err := upload(t, svc, img.ID, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return status(t, svc, img.ID)
}

func stores(img glance.Image) string {
	var ids []string
	for _, l := range img.Locations {
		ids = append(ids, l.Store)
	}
	return strings.Join(ids, ",")
}

func readBack(t *testing.T, svc *service.Service, img glance.Image, prefer ...string) string {
	t.Helper()
	r, err := svc.Open(caller(t), img, prefer, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCopyTo(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := uploaded(t, svc, "bytes")
	for range 2 {
		if err := svc.CopyTo(caller(t), img, "more"); err != nil {
			t.Fatal(err)
		}
	}
	got := status(t, svc, img.ID)
	if stores(got) != "files,more" || got.Status != glance.Active || got.Size != 5 || got.HashValue != img.HashValue {
		t.Errorf("got %+v", got)
	}
	if data, err := os.ReadFile(filepath.Join(s.second, img.ID)); string(data) != "bytes" || err != nil {
		t.Errorf("copied %q, %v", data, err)
	}
	if err := svc.DeleteImage(caller(t), img.ID); err != nil {
		t.Fatal(err)
	}
	if left := append(s.left(t), filesIn(t, s.second)...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAddDataRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		body   io.Reader
		store  string
		status int
		text   string
	}{
		"other bytes":   {strings.NewReader("other"), "more", 0, "hash to"},
		"source breaks": {&failing{3}, "more", http.StatusBadRequest, "ended before its end"},
		"no such store": {strings.NewReader("bytes"), "nosuch", http.StatusBadRequest, "nosuch"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			svc := s.process(t, "w", service.DefaultConfig())
			img := uploaded(t, svc, "bytes")
			err := svc.AddData(caller(t), img.ID, service.Data{Body: tc.body, Length: glance.None, Store: tc.store})
			if tc.status != 0 {
				wantFault(t, err, tc.status, tc.text)
			} else if err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v", err)
			}
			if got := status(t, svc, img.ID); stores(got) != "files" || got.Status != glance.Active || got.HashValue != img.HashValue {
				t.Errorf("the image is %+v", got)
			}
			if left := filesIn(t, s.second); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
	t.Run("queued", func(t *testing.T) {
		s := newSite(t)
		svc := s.process(t, "w", service.DefaultConfig())
		err := svc.AddData(caller(t), queued(t, svc, "raw").ID, service.Data{Body: strings.NewReader("x"), Length: 1})
		wantFault(t, err, http.StatusConflict, "Only images with status active")
	})
}

// TestKilledWhileCopying leaves a copy as a killed process does, at each point
// at which one can be.
func TestKilledWhileCopying(t *testing.T) {
	for name, committed := range map[string]bool{"writing": false, "committed": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			img := uploaded(t, s.process(t, "w", service.DefaultConfig()), "bytes")
			killCopy(t, s, img, committed)
			next := s.process(t, "w", service.DefaultConfig())
			if err := next.CopyTo(caller(t), img, "more"); err != nil {
				t.Errorf("copied again: %v", err)
			}
			got := status(t, next, img.ID)
			if stores(got) != "files,more" || readBack(t, next, got, "more") != "bytes" || readBack(t, next, got) != "bytes" {
				t.Errorf("got %+v", got)
			}
			if left := filesIn(t, s.second); len(left) != 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func killCopy(t *testing.T, s *site, img glance.Image, committed bool) {
	t.Helper()
	up := glance.Upload{ImageID: img.ID, ID: "0b7a4f3e-1111-4222-8333-444455556666", Worker: "w", ExpiresAt: s.clock.Now().Add(30e9)}
	if _, err := store.New(s.db).BeginCopy(t.Context(), up, "more"); err != nil {
		t.Fatal(err)
	}
	files, err := blob.NewFile(s.second)
	if err != nil {
		t.Fatal(err)
	}
	w, err := files.Create(t.Context(), img.ID, up.ID, blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if committed {
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHealKeepsCopies: what a dead copy left goes, what the image has stays.
func TestHealKeepsCopies(t *testing.T) {
	s := newSite(t)
	img := uploaded(t, s.process(t, "w", service.DefaultConfig()), "bytes")
	killCopy(t, s, img, true)
	next := s.process(t, "w", service.DefaultConfig())
	round(t, next)
	if got := status(t, next, img.ID); stores(got) != "files" || got.Status != glance.Active || readBack(t, next, got) != "bytes" {
		t.Errorf("got %+v", got)
	}
	if left := filesIn(t, s.second); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRemoveFrom(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := uploaded(t, svc, "bytes")
	remove := func(id, from string) error { return svc.RemoveFrom(caller(t), id, from) }
	wantFault(t, remove(img.ID, "nosuch"), http.StatusConflict, "The selected store nosuch is not available on this node.")
	wantFault(t, remove(queued(t, svc, "raw").ID, "files"), http.StatusConflict, "if image status is not 'active'")
	wantFault(t, remove(img.ID, "files"), http.StatusForbidden, "from the only store containing it.")
	if err := svc.CopyTo(caller(t), img, "more"); err != nil {
		t.Fatal(err)
	}
	if err := remove(img.ID, "files"); err != nil {
		t.Fatal(err)
	}
	got := status(t, svc, img.ID)
	if stores(got) != "more" || readBack(t, svc, got) != "bytes" || len(s.left(t)) != 0 {
		t.Errorf("got %+v; left %v", got, s.left(t))
	}
	if err := svc.CopyTo(caller(t), got, "files"); err != nil {
		t.Errorf("back again: %v", err)
	}
}

// TestOpenElsewhere: a store that lost the bytes does not hide those that have them.
func TestOpenElsewhere(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := uploaded(t, svc, "bytes")
	if err := svc.CopyTo(caller(t), img, "more"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.dir, img.ID)); err != nil {
		t.Fatal(err)
	}
	if got := readBack(t, svc, status(t, svc, img.ID)); got != "bytes" {
		t.Errorf("read %q", got)
	}
}

// withWeb is a service that has a store of URLs whose server gives these answers.
func withWeb(t *testing.T, s *site, config service.Config, handler http.HandlerFunc) (*service.Service, string) {
	t.Helper()
	at := httptest.NewServer(handler)
	t.Cleanup(at.Close)
	remote, err := web.New(web.Config{AllowedNetworks: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Deps{Store: store.New(s.db), Worker: "w", Clock: s.clock, Config: config,
		Backends: []service.Backend{{ID: "files", Blobs: files}, {ID: "web", Remote: remote}}})
	if err != nil {
		t.Fatal(err)
	}
	return svc, at.URL + "/image"
}

func ten(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "image", time.Time{}, strings.NewReader("0123456789"))
}

const (
	tenMD5    = "781e5e245d69b566979b86e28d23f2c7"
	tenSHA256 = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
)

// addLocation adds a location and says what became of it, and why.
func addLocation(t *testing.T, svc *service.Service, img glance.Image, n service.NewLocation) (glance.Image, glance.Task) {
	t.Helper()
	if err := svc.AddLocation(caller(t), img.ID, n); err != nil {
		t.Fatal(err)
	}
	if got := status(t, svc, img.ID); got.Status != glance.Queued || got.HasData() || got.Properties[glance.ImportTask] == nil {
		t.Errorf("before: %+v", got)
	}
	failed := svc.Locate(t.Context(), img.ID)
	img = status(t, svc, img.ID)
	tasks, err := svc.ImageTasks(t.Context(), img)
	if err != nil || len(tasks) == 0 || tasks[0].Type != glance.LocationImport || (failed == nil) != (tasks[0].Status == glance.TaskSuccess) {
		t.Fatalf("failed: %v; tasks %+v, %v", failed, tasks, err)
	}
	if img.Properties[glance.ImportTask] != nil {
		t.Errorf("still busy: %+v", img)
	}
	return img, tasks[0]
}

func expect(value string) map[string]string {
	return map[string]string{"os_hash_algo": "sha256", "os_hash_value": value}
}

// TestAddLocation: what the hashing makes of it.
func TestAddLocation(t *testing.T) {
	lazy := service.DefaultConfig()
	lazy.DoSecureHash = false
	wrong := strings.Repeat("0", 64)
	for name, tc := range map[string]struct {
		config     service.Config
		validation map[string]string
		status     glance.Status
		algo, sum  string
		message    string
	}{
		"not told":      {service.DefaultConfig(), nil, glance.Active, "sha512", tenMD5, ""},
		"told":          {service.DefaultConfig(), expect(tenSHA256), glance.Active, "sha256", tenMD5, ""},
		"told wrong":    {service.DefaultConfig(), expect(wrong), glance.Queued, "", "", "os_hash_value: (" + wrong + ") not matched with actual os_hash_value: (" + tenSHA256 + ")"},
		"believed":      {lazy, expect(tenSHA256), glance.Active, "sha256", "", ""},
		"nothing known": {lazy, nil, glance.Active, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			svc, url := withWeb(t, s, tc.config, ten)
			got, task := addLocation(t, svc, queued(t, svc, "raw"), service.NewLocation{URL: url, Validation: tc.validation})
			if got.Status != tc.status || got.HashAlgo != tc.algo || got.Checksum != tc.sum || task.Message != tc.message {
				t.Errorf("got %+v, %+v", got, task)
			}
			active := tc.status == glance.Active
			if got.HasData() != active || active && (got.Size != 10 || readBack(t, svc, got) != "0123456789") || !active && got.Size != glance.None {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestHashRetries: a server that fails is asked again, and not for ever. What
// was active before stays so, without a hash.
func TestHashRetries(t *testing.T) {
	unavailable := func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }
	half := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("01234"))
	}
	for name, tc := range map[string]struct {
		fail     func(http.ResponseWriter)
		failures int
		value    string
		status   glance.Status
		algo     string
		sum      string
		message  string
	}{
		"comes back":             {unavailable, 3, tenSHA256, glance.Active, "sha256", tenMD5, ""},
		"stays away":             {unavailable, 4, tenSHA256, glance.Queued, "", "", "Hash calculation failed for image"},
		"breaks off":             {half, 4, tenSHA256, glance.Queued, "", "", "Hash calculation failed for image"},
		"stays away, active":     {unavailable, 4, "", glance.Active, "", "", "Hash calculation failed for image"},
		"breaks off, active":     {half, 4, "", glance.Active, "sha512", "", ""},
		"comes together, active": {half, 3, "", glance.Active, "sha512", tenMD5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := newSite(t)
			svc, url := withWeb(t, s, service.DefaultConfig(), func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					if asked++; asked <= tc.failures {
						tc.fail(w)
						return
					}
				}
				ten(w, r)
			})
			n := service.NewLocation{URL: url}
			if tc.value != "" {
				n.Validation = expect(tc.value)
			}
			got, task := addLocation(t, svc, queued(t, svc, "raw"), n)
			if got.Status != tc.status || got.HashAlgo != tc.algo || got.Checksum != tc.sum || (got.HashValue == "") != (tc.sum == "") ||
				!strings.HasPrefix(task.Message, tc.message) || tc.message == "" && task.Message != "" || asked > 4 {
				t.Errorf("got %+v, %+v, asked %d times", got, task, asked)
			}
		})
	}
}

// TestAddLocationTooLate: an image that got its bytes otherwise meanwhile keeps them.
func TestAddLocationTooLate(t *testing.T) {
	s := newSite(t)
	svc, url := withWeb(t, s, service.DefaultConfig(), ten)
	img := queued(t, svc, "raw")
	if err := svc.AddLocation(caller(t), img.ID, service.NewLocation{URL: url, Validation: expect(tenSHA256)}); err != nil {
		t.Fatal(err)
	}
	again := svc.AddLocation(caller(t), img.ID, service.NewLocation{URL: url})
	wantFault(t, again, http.StatusConflict, "Image has active task")
	if err := upload(t, svc, img.ID, strings.NewReader("bytes")); err != nil {
		t.Fatal(err)
	}
	wantFault(t, svc.Locate(t.Context(), img.ID), http.StatusConflict, "It's not allowed to add locations if image status is active.")
	if got := status(t, svc, img.ID); stores(got) != "files" || readBack(t, svc, got) != "bytes" || got.HashAlgo != "sha512" || len(got.HashValue) != 128 {
		t.Errorf("got %+v", got)
	}
}

// TestDeleteWhileHashed: it does not go on to the end of a large image.
func TestDeleteWhileHashed(t *testing.T) {
	s := newSite(t)
	began := make(chan struct{})
	svc, url := withWeb(t, s, service.DefaultConfig(), func(w http.ResponseWriter, r *http.Request) {
		if w.Header().Set("Content-Length", "10"); r.Method == http.MethodGet {
			w.(http.Flusher).Flush()
			close(began)
			<-r.Context().Done()
		}
	})
	img := queued(t, svc, "raw")
	if err := svc.AddLocation(caller(t), img.ID, service.NewLocation{URL: url}); err != nil {
		t.Fatal(err)
	}
	deleted := make(chan error, 1)
	go func() { <-began; deleted <- svc.DeleteImage(caller(t), img.ID) }()
	if err := svc.Locate(t.Context(), img.ID); err == nil {
		t.Error("it ended well")
	}
	tasks, err := svc.ImageTasks(t.Context(), img)
	if derr := <-deleted; derr != nil || err != nil || tasks[0].Status != glance.TaskFailure || tasks[0].Message != "Image has been deleted, aborting import." {
		t.Errorf("deleted: %v; tasks %+v, %v", derr, tasks, err)
	}
}

// TestOwnLocation: a peer has written the object itself, as Nova does in Ceph,
// and only tells of it. The store is named by the URL, whatever the kind.
func TestOwnLocation(t *testing.T) {
	s := newSite(t)
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Deps{Store: store.New(s.db), Worker: "w", Clock: s.clock, Config: service.DefaultConfig(),
		Backends: []service.Backend{{ID: "ceph", Blobs: renamed{files}}}})
	if err != nil {
		t.Fatal(err)
	}
	img := queued(t, svc, "raw")
	its := "rbd://fsid/images/" + img.ID + "/snap"
	add := func(url string, validation map[string]string) (glance.Image, string) {
		s.clock.advance(time.Second) // the newest task is the last
		img, task := addLocation(t, svc, img, service.NewLocation{URL: url, Validation: validation})
		return img, task.Message
	}
	if got, why := add(its, nil); got.Status != glance.Queued || why != "Invalid location" {
		t.Errorf("nothing is there: %+v, %s", got, why)
	}
	if err := os.WriteFile(filepath.Join(s.dir, img.ID), []byte("snapshot"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, why := add("rbd://fsid/images/other/snap", nil); got.Status != glance.Queued || why != "Invalid location" || len(s.left(t)) != 1 {
		t.Errorf("another's: %+v, %s; left %v", got, why, s.left(t))
	}
	if got, why := add(its, expect(tenSHA256)); got.Status != glance.Queued || !strings.Contains(why, "not matched") || len(s.left(t)) != 0 {
		t.Errorf("other bytes: %+v, %s; left %v", got, why, s.left(t))
	}
	if err := os.WriteFile(filepath.Join(s.dir, img.ID), []byte("snapshot"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := add(its, nil); got.Status != glance.Active || got.Size != 8 || readBack(t, svc, got) != "snapshot" || got.HashValue == "" {
		t.Errorf("got %+v", got)
	}
	if err := svc.DeleteImage(caller(t), img.ID); err != nil || len(s.left(t)) != 0 {
		t.Errorf("deleted: %v; left %v", err, s.left(t))
	}
}

// renamed is a store of files whose URLs are those of Ceph.
type renamed struct{ *blob.File }

func (renamed) URL(image string) string { return "rbd://fsid/images/" + image + "/snap" }

// InUse makes it one of those that others write to.
func (renamed) InUse(context.Context, string) (bool, error) { return false, nil }

// TestTidyLeavesPeers: what a peer writes is not removed while it has not told
// where it is, but not kept for ever either.
func TestTidyLeavesPeers(t *testing.T) {
	s := newSite(t)
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Deps{Store: store.New(s.db), Worker: "w", Clock: s.clock, Config: service.DefaultConfig(),
		Backends: []service.Backend{{ID: "ceph", Blobs: renamed{files}}}})
	if err != nil {
		t.Fatal(err)
	}
	img := queued(t, svc, "raw")
	if err := os.WriteFile(filepath.Join(s.dir, img.ID), []byte("snapshot"), 0o600); err != nil {
		t.Fatal(err)
	}
	round(t, svc)
	if got := s.left(t); len(got) != 1 {
		t.Errorf("at once: left %v", got)
	}
	s.clock.advance(25 * time.Hour)
	round(t, svc)
	if got := s.left(t); len(got) != 0 {
		t.Errorf("a day later: left %v", got)
	}
}

// TestPurge forgets images by and by.
func TestPurge(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := svc.NewImage(project)
	img.Tags, img.DiskFormat, img.ContainerFormat = []string{"a", "b"}, "raw", "bare"
	img, err := svc.CreateImage(caller(t), img)
	if err != nil {
		t.Fatal(err)
	}
	kept := uploaded(t, svc, "kept")
	if err := svc.DeleteImage(caller(t), img.ID); err != nil {
		t.Fatal(err)
	}
	purge := func(images bool) int64 {
		n, err := svc.Purge(t.Context(), 24*time.Hour, images)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := purge(true); n != 0 {
		t.Errorf("%d rows before their time", n)
	}
	s.clock.advance(25 * time.Hour)
	if n := purge(false); n != 2 {
		t.Errorf("%d rows, want the tags", n)
	}
	again := svc.NewImage(project)
	again.ID = img.ID
	_, err = svc.CreateImage(caller(t), again)
	wantFault(t, err, http.StatusConflict, "already exists")
	if n := purge(true); n != 1 {
		t.Errorf("%d rows, want the image", n)
	}
	if _, err := svc.CreateImage(caller(t), again); err != nil {
		t.Errorf("its ID again: %v", err)
	}
	if got := status(t, svc, kept.ID); readBack(t, svc, got) != "kept" {
		t.Errorf("kept: %+v", got)
	}
}

func TestDelayedDelete(t *testing.T) {
	config := service.DefaultConfig()
	config.DelayedDelete, config.ScrubTime = true, 60
	s := newSite(t)
	svc := s.process(t, "w", config)
	gone, kept, saved, empty := uploaded(t, svc, "gone"), uploaded(t, svc, "kept"), uploaded(t, svc, "saved"), queued(t, svc, "raw")
	if err := svc.CopyTo(caller(t), kept, "more"); err != nil {
		t.Fatal(err)
	}
	if err := svc.RemoveFrom(caller(t), kept.ID, "files"); err != nil {
		t.Fatal(err)
	}
	for _, img := range []glance.Image{gone, saved, empty} {
		if err := svc.DeleteImage(caller(t), img.ID); err != nil {
			t.Fatal(err)
		}
	}
	round(t, svc)
	if left := s.left(t); len(left) != 3 {
		t.Errorf("before their time: %v", left)
	}
	if got := status(t, svc, kept.ID); stores(got) != "more" {
		t.Errorf("got %+v", got)
	}
	wantFault(t, svc.CopyTo(caller(t), status(t, svc, kept.ID), "files"), http.StatusConflict, "still being removed")
	if err := svc.Restore(t.Context(), saved.ID); err != nil {
		t.Fatal(err)
	}
	wantFault(t, svc.Restore(t.Context(), empty.ID), http.StatusNotFound, "waits to be scrubbed")
	s.clock.advance(time.Minute)
	if n, err := svc.Scrub(t.Context()); n != 2 || err != nil {
		t.Errorf("scrubbed %d, %v", n, err)
	}
	round(t, svc)
	if left := s.left(t); len(left) != 1 || left[0] != saved.ID {
		t.Errorf("left: %v", left)
	}
	if got := status(t, svc, saved.ID); got.Status != glance.Active || readBack(t, svc, got) != "saved" {
		t.Errorf("restored: %+v", got)
	}
	wantFault(t, svc.Restore(t.Context(), gone.ID), http.StatusNotFound, "waits to be scrubbed")
	if err := svc.CopyTo(caller(t), status(t, svc, kept.ID), "files"); err != nil {
		t.Errorf("back again: %v", err)
	}
}

// TestLocationQuotas: neither more locations nor more bytes than are allowed.
func TestLocationQuotas(t *testing.T) {
	config := service.DefaultConfig()
	config.ImageLocationQuota, config.UserStorageQuota, config.DoSecureHash = 2, "35", false
	s := newSite(t)
	svc, url := withWeb(t, s, config, ten)
	img := queued(t, svc, "raw")
	add := func(id, query string) error {
		_, err := svc.UpdateImage(caller(t), id, []service.Change{{Op: "add", Property: "locations", Position: "-",
			Locations: []service.NewLocation{{URL: url + query}}}})
		return err
	}
	for _, query := range []string{"?1", "?2"} {
		if err := add(img.ID, query); err != nil {
			t.Fatal(err)
		}
	}
	wantFault(t, add(img.ID, "?3"), http.StatusRequestEntityTooLarge, "number of allowed image locations. Attempted: 3, Maximum: 2")
	if got, task := addLocation(t, svc, queued(t, svc, "raw"), service.NewLocation{URL: url}); got.Status != glance.Active {
		t.Errorf("got %+v, %+v", got, task)
	}
	got, task := addLocation(t, svc, queued(t, svc, "raw"), service.NewLocation{URL: url})
	if got.Status != glance.Queued || !strings.Contains(task.Message, "The size of the data 10 will exceed the limit. 5 bytes remaining.") {
		t.Errorf("got %+v, %+v", got, task)
	}
}
