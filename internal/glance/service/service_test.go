package service_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/service"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

const project = "p"

// hand is a clock that is set by hand.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// site is a database and two directories that processes come and go on.
type site struct {
	db     *db.DB
	dir    string // of the store "files"
	second string // of the store "more"
	clock  *hand
}

func newSite(t testing.TB) *site {
	return &site{dbtest.SQLite(t, store.Migrations), t.TempDir(), t.TempDir(), &hand{now: time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)}}
}

// process is a service as it is after a start.
func (s *site) process(t testing.TB, worker string, config service.Config) *service.Service {
	t.Helper()
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	more, err := blob.NewFile(s.second)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := service.New(service.Deps{Store: store.New(s.db), Worker: worker, Clock: s.clock, Config: config,
		Backends: []service.Backend{{ID: "files", Blobs: files}, {ID: "more", Blobs: more}}})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// round runs every loop once.
func round(t testing.TB, svc *service.Service) {
	t.Helper()
	for _, l := range svc.Loops() {
		if err := l.Run(context.Background()); err != nil {
			t.Errorf("%s: %v", l.Name, err)
		}
	}
}

// left lists every file of the store "files".
func (s *site) left(t testing.TB) []string { return filesIn(t, s.dir) }

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	names := []string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func caller(t testing.TB) context.Context {
	return auth.WithCaller(t.Context(), auth.Identity{UserID: "u", ProjectID: project, Roles: []string{"member"}})
}

// queued makes an image without bytes.
func queued(t testing.TB, svc *service.Service, disk string) glance.Image {
	t.Helper()
	img := svc.NewImage(project)
	img.DiskFormat, img.ContainerFormat = disk, "bare"
	img, err := svc.CreateImage(caller(t), img)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func upload(t testing.TB, svc *service.Service, id string, body io.Reader) error {
	return svc.Upload(caller(t), id, service.Data{Body: body, Length: glance.None})
}

func status(t testing.TB, svc *service.Service, id string) glance.Image {
	t.Helper()
	img, err := svc.Image(caller(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// wantQueued checks that an image is as if nothing had ever been uploaded.
func wantQueued(t *testing.T, s *site, svc *service.Service, id string) {
	t.Helper()
	img := status(t, svc, id)
	if img.Status != glance.Queued || img.Size != glance.None || img.HasData() || img.Checksum != "" {
		t.Errorf("the image is %+v", img)
	}
	if left := s.left(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func wantFault(t *testing.T, err error, status int, text string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Status != status || !strings.Contains(f.Message+f.Detail, text) {
		t.Errorf("got %v, want %d %s", err, status, text)
	}
}

func TestUpload(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	data := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // several pieces
	if err := upload(t, svc, img.ID, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	got := status(t, svc, img.ID)
	if got.Status != glance.Active || got.Size != int64(len(data)) || got.VirtualSize != got.Size || !got.In("files") ||
		len(got.Checksum) != 32 || len(got.HashValue) != 128 {
		t.Errorf("got %+v", got)
	}
	r, err := svc.Open(caller(t), got, nil, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, data[16:]) {
		t.Errorf("read %d bytes, %v", len(back), err)
	}
	err = upload(t, svc, img.ID, strings.NewReader("again"))
	wantFault(t, err, http.StatusConflict, "Image status transition from active to saving is not allowed")
	if err := svc.DeleteImage(caller(t), img.ID); err != nil {
		t.Error(err)
	}
	if left := s.left(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestUploadChecksums(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	if err := upload(t, svc, img.ID, strings.NewReader("staged data")); err != nil {
		t.Fatal(err)
	}
	got := status(t, svc, img.ID)
	if got.Checksum != "28a8a2a9b42e874de08687bc9a401d46" || got.HashAlgo != "sha512" ||
		!strings.HasPrefix(got.HashValue, "523c787fee45e3c47566732df73a469f") {
		t.Errorf("got %s, %s", got.Checksum, got.HashValue)
	}
}

// failing reads n bytes and then fails.
type failing struct{ n int }

func (f *failing) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := min(f.n, len(p))
	clear(p[:n])
	f.n -= n
	return n, nil
}

func TestUploadRefused(t *testing.T) {
	small := service.DefaultConfig()
	small.ImageSizeCap = 1000
	quota := service.DefaultConfig()
	quota.UserStorageQuota = "1KB"
	strict := service.DefaultConfig()
	strict.RequireImageFormatMatch = true
	overlay := make([]byte, 1024)
	copy(overlay, "QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x10\x00")
	five := int64(5)
	for name, tc := range map[string]struct {
		config service.Config
		disk   string
		data   service.Data
		status int
		text   string
	}{
		"too large":         {small, "raw", service.Data{Body: &failing{1001}, Length: glance.None}, 413, "The incoming image is too large: The provided image is too large."},
		"announced":         {small, "raw", service.Data{Length: 1001}, 413, "The incoming image is too large"},
		"over quota":        {quota, "raw", service.Data{Body: strings.NewReader(strings.Repeat("x", 1025)), Length: glance.None}, 413, "will exceed the limit. 1024 bytes remaining."},
		"announced quota":   {quota, "raw", service.Data{Length: 1030}, 413, "Image exceeds the storage quota: The size of the data 1030 will exceed the limit."},
		"aborted":           {service.DefaultConfig(), "raw", service.Data{Body: &failing{3 << 20}, Length: glance.None}, 400, ""},
		"aborted at once":   {service.DefaultConfig(), "raw", service.Data{Body: &failing{0}, Length: glance.None}, 400, ""},
		"other size":        {service.DefaultConfig(), "raw", service.Data{Body: strings.NewReader("1234"), Expected: &five, Length: 5}, 400, "Size mismatch: expected 5 bytes, got 4 bytes"},
		"not qcow2":         {strict, "qcow2", service.Data{Body: strings.NewReader("text"), Length: 4}, 415, "Image disk_format qcow2 does not match stream data raw"},
		"backing file":      {service.DefaultConfig(), "qcow2", service.Data{Body: bytes.NewReader(overlay), Length: 1024}, 415, "Image failed safety checks"},
		"backing, as raw":   {service.DefaultConfig(), "raw", service.Data{Body: bytes.NewReader(overlay), Length: 1024}, 415, "Image failed safety checks"},
		"qcow2, not vmdk":   {service.DefaultConfig(), "vmdk", service.Data{Body: bytes.NewReader(overlay), Length: 1024}, 415, "does not match stream data qcow2"},
		"no such store":     {service.DefaultConfig(), "raw", service.Data{Body: strings.NewReader("x"), Store: "nosuch"}, 400, "nosuch"},
		"format is not set": {service.DefaultConfig(), "", service.Data{Body: strings.NewReader("x")}, 400, "Property disk_format must be set prior to saving data."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			svc := s.process(t, "w", tc.config)
			img := queued(t, svc, tc.disk)
			wantFault(t, svc.Upload(caller(t), img.ID, tc.data), tc.status, tc.text)
			wantQueued(t, s, svc, img.ID)
		})
	}
}

// TestUploadContainers: what is not bare is a disk image in something else, or
// none at all.
func TestUploadContainers(t *testing.T) {
	svc := newSite(t).process(t, "w", service.DefaultConfig())
	kernel := make([]byte, 8192)
	copy(kernel[510:], "\x55\xaa")
	overlay := make([]byte, 8192)
	copy(overlay, "QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x10\x00")
	for name, tc := range map[string]struct {
		disk, container string
		data            []byte
		refused         string
	}{
		"kernel":             {"aki", "aki", kernel, ""},
		"disk as kernel":     {"aki", "aki", overlay, "Image disk_format aki does not match stream data qcow2"},
		"unknown archive":    {"vmdk", "ova", make([]byte, 4096), ""},
		"disk as archive":    {"vmdk", "ova", overlay, "Image container_format ova does not match stream data qcow2"},
		"overlay in ovf":     {"qcow2", "ovf", overlay, "Image failed safety checks"},
		"anything in docker": {"raw", "docker", kernel, ""},
	} {
		t.Run(name, func(t *testing.T) {
			img := svc.NewImage(project)
			img.DiskFormat, img.ContainerFormat = tc.disk, tc.container
			img, err := svc.CreateImage(caller(t), img)
			if err != nil {
				t.Fatal(err)
			}
			err = upload(t, svc, img.ID, bytes.NewReader(tc.data))
			if tc.refused != "" {
				wantFault(t, err, 415, tc.refused)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// stuck is a body that gives some bytes and then waits for more.
type stuck struct {
	first   io.Reader
	waiting chan struct{} // closed once the bytes are out
	more    chan struct{} // closed to end
	once    sync.Once
}

func newStuck(n int) *stuck {
	return &stuck{first: &zeroes{n}, waiting: make(chan struct{}), more: make(chan struct{})}
}

// zeroes are n bytes.
type zeroes struct{ n int }

func (f *zeroes) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, io.EOF
	}
	n := min(f.n, len(p))
	clear(p[:n])
	f.n -= n
	return n, nil
}

func (s *stuck) Read(p []byte) (int, error) {
	if n, err := s.first.Read(p); err == nil {
		return n, nil
	}
	s.once.Do(func() { close(s.waiting) })
	<-s.more
	return 0, io.EOF
}

// begin starts an upload that has written some bytes and waits.
func begin(t *testing.T, svc *service.Service, id string) (body *stuck, done chan error) {
	t.Helper()
	body, done = newStuck(2<<20), make(chan error, 1)
	ctx := caller(t)
	go func() { done <- svc.Upload(ctx, id, service.Data{Body: body, Length: glance.None}) }()
	<-body.waiting
	return body, done
}

func TestUploadTwiceAtOnce(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	body, done := begin(t, svc, img.ID)
	err := upload(t, svc, img.ID, strings.NewReader("second"))
	wantFault(t, err, http.StatusConflict, "Image status transition from saving to saving is not allowed")
	close(body.more)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := status(t, svc, img.ID); got.Status != glance.Active || got.Size != 2<<20 {
		t.Errorf("got %+v", got)
	}
}

func TestUploadRace(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	results := make(chan error, 10)
	for i := range cap(results) {
		go func() { results <- upload(t, svc, img.ID, strings.NewReader(fmt.Sprintf("upload %d", i))) }()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else if !fault.Is(err, http.StatusConflict) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d uploads won", won)
	}
}

func TestDeleteWhileUploading(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	body, done := begin(t, svc, img.ID)
	if err := svc.DeleteImage(caller(t), img.ID); err != nil {
		t.Fatal(err)
	}
	close(body.more)
	wantFault(t, <-done, http.StatusGone, "could not be found after upload.")
	if left := s.left(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestKilledWhileUploading leaves an upload as a killed process does: nothing
// of it goes on. The next process of that name undoes it at once, another one
// when it has not been renewed for long enough.
func TestKilledWhileUploading(t *testing.T) {
	for name, tc := range map[string]struct {
		worker string
		wait   time.Duration
	}{"restarted": {"w", 0}, "elsewhere": {"v", time.Minute}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			img := queued(t, s.process(t, "w", service.DefaultConfig()), "raw")
			kill(t, s, img.ID)
			next := s.process(t, tc.worker, service.DefaultConfig())
			if tc.wait > 0 {
				round(t, next)
				if got := status(t, next, img.ID); got.Status != glance.Saving {
					t.Errorf("taken while it may live: %s", got.Status)
				}
			}
			s.clock.advance(tc.wait)
			round(t, next)
			wantQueued(t, s, next, img.ID)
			if err := upload(t, next, img.ID, strings.NewReader("again")); err != nil {
				t.Errorf("upload after that: %v", err)
			}
		})
	}
}

// kill does what an upload does until its process dies in the middle.
func kill(t *testing.T, s *site, id string) glance.Upload {
	t.Helper()
	up := glance.Upload{ImageID: id, ID: "0b7a4f3e-1111-4222-8333-444455556666", Worker: "w", ExpiresAt: s.clock.Now().Add(30 * time.Second)}
	if _, err := store.New(s.db).BeginUpload(t.Context(), up, s.clock.Now()); err != nil {
		t.Fatal(err)
	}
	files, err := blob.NewFile(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := files.Create(t.Context(), id, up.ID, blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	return up
}

// TestKilledAfterCommit: the bytes have their name, but no image has them.
func TestKilledAfterCommit(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	kill(t, s, img.ID)
	if err := os.WriteFile(filepath.Join(s.dir, img.ID), []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := s.process(t, "w", service.DefaultConfig())
	round(t, next)
	wantQueued(t, s, next, img.ID)
}

// TestTakenUpload: a process that was thought dead comes back.
func TestTakenUpload(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	body, done := begin(t, svc, img.ID)
	late := &site{s.db, s.dir, s.second, &hand{now: s.clock.Now().Add(time.Hour)}} // the clock of the first stands still
	other := late.process(t, "v", service.DefaultConfig())
	round(t, other)
	if err := upload(t, other, img.ID, strings.NewReader("the other's")); err != nil {
		t.Fatal(err)
	}
	close(body.more)
	if err := <-done; err == nil {
		t.Error("the late upload succeeded")
	}
	got := status(t, other, img.ID)
	if got.Status != glance.Active || got.Size != int64(len("the other's")) {
		t.Errorf("got %+v", got)
	}
	if data, err := os.ReadFile(filepath.Join(s.dir, img.ID)); string(data) != "the other's" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
}

func TestTidy(t *testing.T) {
	s := newSite(t)
	svc := s.process(t, "w", service.DefaultConfig())
	kept, deleted, empty := queued(t, svc, "raw"), queued(t, svc, "raw"), queued(t, svc, "raw")
	if err := upload(t, svc, kept.ID, strings.NewReader("kept")); err != nil {
		t.Fatal(err)
	}
	if err := svc.DeleteImage(caller(t), deleted.ID); err != nil {
		t.Fatal(err)
	}
	stranger := "99999999-9999-4999-8999-999999999999"
	for _, name := range []string{deleted.ID, empty.ID, stranger, ".partial/" + kept.ID + ".0b7a4f3e-1111-4222-8333-444455556666", "README"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	round(t, svc)
	left, want := s.left(t), []string{stranger, "README", kept.ID}
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
	if got := status(t, svc, empty.ID); got.Status != glance.Queued {
		t.Errorf("emptied: %s", got.Status)
	}
	if got := status(t, svc, kept.ID); got.Status != glance.Active {
		t.Errorf("kept: %s", got.Status)
	}
}

// TestDiskFull fills the store's file system.
func TestDiskFull(t *testing.T) {
	s := newSite(t)
	if err := mountSmall(t, s.dir); err != nil {
		t.Skipf("mount: %v", err)
	}
	svc := s.process(t, "w", service.DefaultConfig())
	img := queued(t, svc, "raw")
	err := upload(t, svc, img.ID, &zeroes{4 << 20})
	wantFault(t, err, http.StatusRequestEntityTooLarge, "Image storage media is full: There is not enough disk space on the image storage media.")
	wantQueued(t, s, svc, img.ID)
	if err := upload(t, svc, img.ID, &zeroes{1 << 20}); err != nil {
		t.Errorf("a smaller one: %v", err)
	}
}

// TestQuotaRace: of many uploads that together exceed the quota, as many
// succeed as fit.
func TestQuotaRace(t *testing.T) {
	config := service.DefaultConfig()
	config.UserStorageQuota = "1000"
	s := newSite(t)
	svc := s.process(t, "w", config)
	results := make(chan error, 8)
	for range cap(results) {
		img := queued(t, svc, "raw")
		go func() { results <- upload(t, svc, img.ID, &zeroes{300}) }()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else if !fault.Is(err, http.StatusRequestEntityTooLarge) {
			t.Error(err)
		}
	}
	if won != 3 || len(s.left(t)) != 3 {
		t.Errorf("%d uploads won, %d files", won, len(s.left(t)))
	}
}

func TestLimits(t *testing.T) {
	config := service.DefaultConfig()
	config.ImageTagQuota, config.ImagePropertyQuota, config.ImageMemberQuota = 2, 2, 1
	s := newSite(t)
	svc := s.process(t, "w", config)
	img := svc.NewImage(project)
	img.Tags = []string{"a", "b", "c"}
	_, err := svc.CreateImage(caller(t), img)
	wantFault(t, err, 413, "The limit has been exceeded on the number of allowed image tags. Attempted: 3, Maximum: 2")
	img = queued(t, svc, "raw")
	for _, tag := range []string{"a", "b", "a"} {
		if err := svc.AddTag(caller(t), img.ID, tag); err != nil {
			t.Error(err)
		}
	}
	wantFault(t, svc.AddTag(caller(t), img.ID, "c"), 413, "Image tag limit exceeded for image "+img.ID)
	add := func(names ...string) error {
		var changes []service.Change
		for _, n := range names {
			changes = append(changes, service.Change{Op: "add", Property: n, Value: "x"})
		}
		_, err := svc.UpdateImage(caller(t), img.ID, changes)
		return err
	}
	if err := add("p1", "p2"); err != nil {
		t.Error(err)
	}
	wantFault(t, add("p3"), 413, "number of allowed image properties. Attempted: 3, Maximum: 2")
	if _, err := svc.AddMember(caller(t), img, "q"); err != nil {
		t.Error(err)
	}
	_, err = svc.AddMember(caller(t), img, "r")
	wantFault(t, err, 413, "Image member limit exceeded")
	_, err = svc.UpdateImage(caller(t), img.ID, []service.Change{{Op: "replace", Property: "min_disk", Value: int64(-1)}})
	wantFault(t, err, 400, "Invalid value '-1' for parameter 'min_disk': Cannot be a negative value")
}

func TestConfig(t *testing.T) {
	config := service.Config{UserStorageQuota: "5XB"}
	if err := config.Check(); err == nil || !strings.Contains(err.Error(), "image_size_cap") || !strings.Contains(err.Error(), "user_storage_quota") {
		t.Errorf("got %v, want every mistake", err)
	}
	if _, err := service.New(service.Deps{Config: service.DefaultConfig()}); err == nil {
		t.Error("a service without a store")
	}
}
