package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/flow/flowtest"
)

// place is a service with two stores, and where it keeps everything.
type place struct {
	*Service
	dir string
}

func newPlace(t *testing.T, config Config) *place {
	t.Helper()
	dir := t.TempDir()
	var backends []Backend
	for _, id := range []string{"one", "two"} {
		files, err := blob.NewFile(filepath.Join(dir, id))
		if err != nil {
			t.Fatal(err)
		}
		backends = append(backends, Backend{ID: id, Blobs: files})
	}
	s, err := New(Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Backends: backends, Worker: "w", Config: config,
		Staging: filepath.Join(dir, "staging")})
	if err != nil {
		t.Fatal(err)
	}
	return &place{s, dir}
}

func as(t *testing.T) context.Context {
	return auth.WithCaller(t.Context(), auth.Identity{UserID: "u", ProjectID: "p", Roles: []string{"member"}})
}

// image makes a queued image.
func (p *place) image(t *testing.T, disk string) glance.Image {
	t.Helper()
	img := p.NewImage("p")
	img.DiskFormat, img.ContainerFormat = disk, "bare"
	img.Properties["kept"] = nil
	img, err := p.CreateImage(as(t), img)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// begin does what ImportImage does but for the flow, whose state it returns.
func (p *place) begin(t *testing.T, id string, req ImportRequest) imageImport {
	t.Helper()
	var out imageImport
	err := p.store.Import(as(t), id, p.clock.Now(), func(ctx context.Context, tx *store.Import) error {
		st, err := p.beginImport(ctx, tx, req)
		if err == nil {
			out = *st
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// files are all that is in a directory, without the directories of stores.
func (p *place) files(t *testing.T, part string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(p.dir, part), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// ended checks what an import leaves in any case, and gives the image.
func (p *place) ended(t *testing.T, st imageImport, want glance.TaskStatus) glance.Image {
	t.Helper()
	img, err := p.store.AnyImage(t.Context(), st.ImageID)
	if err != nil {
		t.Fatal(err)
	}
	task, err := p.store.Task(t.Context(), glance.Visible{All: true}, st.TaskID, p.clock.Now())
	if err != nil || task.Status != want || task.ExpiresAt == nil {
		t.Errorf("task: %+v, %v", task, err)
	}
	if left := p.files(t, "staging"); left != nil {
		t.Errorf("left in the staging area: %v", left)
	}
	if img.Properties[glance.ImportTask] != nil || len(listOf(img, glance.ImportingToStores)) > 0 {
		t.Errorf("properties: %v", img.Properties)
	}
	if held, err := p.store.Held(t.Context(), img.ID); held || err != nil {
		t.Errorf("still held, %v", err)
	}
	return img
}

// has checks that exactly those stores have those bytes.
func (p *place) has(t *testing.T, img glance.Image, want string, stores ...string) {
	t.Helper()
	for _, id := range []string{"one", "two"} {
		expect := slices.Contains(stores, id)
		if got := img.In(id); got != expect {
			t.Errorf("located in %s: %v", id, got)
		}
		files := p.files(t, id)
		if expect != (len(files) == 1) {
			t.Errorf("files of %s: %v", id, files)
			continue
		}
		if !expect {
			continue
		}
		if data, err := os.ReadFile(files[0]); err != nil || string(data) != want {
			t.Errorf("%s has %.40q, %v", id, data, err)
		}
	}
}

// undone checks that the image is as it was before.
func (p *place) undone(t *testing.T, st imageImport) {
	t.Helper()
	img := p.ended(t, st, glance.TaskFailure)
	if img.Status != glance.Queued || img.Size != glance.None || img.HashValue != "" || img.DiskFormat != st.Was.Disk {
		t.Errorf("got %+v", img)
	}
	if len(listOf(img, glance.FailedImport)) == 0 {
		t.Error("no store is said to have failed")
	}
	if _, ok := img.Properties["injected"]; ok || len(img.Properties) != 3 {
		t.Errorf("properties: %v", img.Properties)
	}
	p.has(t, img, "")
}

// anywhere lets imports come from this host.
func anywhere() Config {
	c := DefaultConfig()
	c.ImportFiltering.AllowedNetworks, c.ImportFiltering.AllowedPorts = []string{"127.0.0.1/32"}, nil
	return c
}

// serve answers every request with those bytes.
func serve(t *testing.T, data []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
	t.Cleanup(server.Close)
	return server.URL
}

// disk is a raw disk of one MiB that begins with a partition table.
func disk() []byte {
	raw := make([]byte, 1<<20)
	copy(raw[446:], []byte{0x80, 0, 2, 0, 0x83, 0, 0, 0})
	binary.LittleEndian.PutUint32(raw[454:], 1)
	binary.LittleEndian.PutUint32(raw[458:], 100)
	copy(raw[510:], "\x55\xaa")
	return raw
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// qcow2Of makes a qcow2 image of a raw disk.
func qcow2Of(t *testing.T, raw []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "raw"), filepath.Join(dir, "qcow2")
	if err := os.WriteFile(from, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := qemuConvert(t.Context(), "raw", from, "qcow2", to, 1<<30); err != nil {
		t.Fatalf("%v: qemu-img is in Debian's qemu-utils", err)
	}
	out, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestImportWebDownload: a compressed qcow2 image is fetched, unpacked, given
// properties, made raw, and brought to two stores.
func TestImportWebDownload(t *testing.T) {
	raw := disk()
	url := serve(t, gzipped(qcow2Of(t, raw)))
	config := anywhere()
	config.ImageImportPlugins = []string{"image_decompression", "no_op", "inject_image_metadata", "image_conversion"}
	config.InjectMetadata.Inject = map[string]string{"injected": "yes"}
	flowtest.Run(t, func(t *testing.T) flowtest.World[imageImport] {
		p := newPlace(t, config)
		st := p.begin(t, p.image(t, "qcow2").ID, ImportRequest{Method: WebDownload, URI: url, All: true, Body: json.RawMessage("{}")})
		return flowtest.World[imageImport]{DB: p.store.DB(), Flow: p.importFlow(), State: st,
			Done: func(t *testing.T) {
				img := p.ended(t, st, glance.TaskSuccess)
				if v := img.Properties["injected"]; img.Status != glance.Active || img.DiskFormat != "raw" || img.Size != int64(len(raw)) ||
					img.VirtualSize != img.Size || len(img.HashValue) != 128 || v == nil || *v != "yes" {
					t.Errorf("got %+v", img)
				}
				p.has(t, img, string(raw), "one", "two")
			},
			Undone: func(t *testing.T) { p.undone(t, st) }}
	})
}

func TestImportGlanceDirect(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[imageImport] {
		p := newPlace(t, DefaultConfig())
		img := p.image(t, "raw")
		if err := p.Stage(as(t), img.ID, Data{Body: strings.NewReader("bytes"), Length: glance.None}); err != nil {
			t.Fatal(err)
		}
		st := p.begin(t, img.ID, ImportRequest{Method: GlanceDirect, Stores: []string{"two"}, Body: json.RawMessage("{}")})
		return flowtest.World[imageImport]{DB: p.store.DB(), Flow: p.importFlow(), State: st,
			Done:   func(t *testing.T) { p.has(t, p.ended(t, st, glance.TaskSuccess), "bytes", "two") },
			Undone: func(t *testing.T) { p.undone(t, st) }}
	})
}

func TestImportCopyImage(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[imageImport] {
		p := newPlace(t, DefaultConfig())
		img := p.image(t, "raw")
		if err := p.Upload(as(t), img.ID, Data{Body: strings.NewReader("bytes"), Length: glance.None, Store: "one"}); err != nil {
			t.Fatal(err)
		}
		st := p.begin(t, img.ID, ImportRequest{Method: CopyImage, All: true, Body: json.RawMessage("{}")})
		return flowtest.World[imageImport]{DB: p.store.DB(), Flow: p.importFlow(), State: st,
			Done: func(t *testing.T) { p.has(t, p.ended(t, st, glance.TaskSuccess), "bytes", "one", "two") },
			Undone: func(t *testing.T) {
				img := p.ended(t, st, glance.TaskFailure)
				if img.Status != glance.Active || img.Size != 5 || !slices.Equal(listOf(img, glance.FailedImport), []string{"two"}) {
					t.Errorf("got %+v", img)
				}
				p.has(t, img, "bytes", "one")
			}}
	})
}

// TestImportTask: a task that makes its image leaves none when it fails.
func TestImportTask(t *testing.T) {
	url := serve(t, []byte("bytes"))
	flowtest.Run(t, func(t *testing.T) flowtest.World[imageImport] {
		p := newPlace(t, anywhere())
		img := p.NewImage("p")
		img.ID, img.DiskFormat, img.ContainerFormat = "11111111-2222-4333-8444-555555555555", "raw", "bare"
		task, err := p.newTask(as(t), "22222222-2222-4333-8444-555555555555", glance.LegacyImport, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.store.InsertTask(t.Context(), task, func(context.Context, *db.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		st := imageImport{ImageID: img.ID, TaskID: task.ID, Method: "import", URI: url, Stores: []string{"one"}, AllMustSucceed: true, New: &img}
		return flowtest.World[imageImport]{DB: p.store.DB(), Flow: p.importFlow(), State: st,
			Done: func(t *testing.T) {
				img := p.ended(t, st, glance.TaskSuccess)
				if img.Status != glance.Active {
					t.Errorf("got %+v", img)
				}
				p.has(t, img, "bytes", "one")
			},
			Undone: func(t *testing.T) {
				if img, err := p.store.Image(t.Context(), glance.Visible{All: true}, st.ImageID); err == nil {
					t.Errorf("left: %+v", img)
				}
				if left := append(p.files(t, "one"), p.files(t, "staging")...); left != nil {
					t.Errorf("left: %v", left)
				}
			}}
	})
}

// far is Keystone with an image service in another region, which lets in who has a
// token by the trust.
type far struct {
	url    string
	broken bool // gives no tokens any more
	ended  int
}

func (*far) Bounds(context.Context, string) ([]glance.Bound, error)     { return nil, nil }
func (*far) Trust(context.Context, time.Time) (string, error)           { return "trust", nil }
func (f *far) Endpoint(context.Context, string, string) (string, error) { return f.url, nil }
func (f *far) EndTrust(context.Context, string) error                   { f.ended++; return nil }
func (f *far) TokenByTrust(_ context.Context, trust string) (string, error) {
	if f.broken {
		return "", errors.New("no such trust")
	}
	return "token by " + trust, nil
}

func newFar(t *testing.T) *far {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Auth-Token") != "token by trust":
			w.WriteHeader(401)
		case strings.HasSuffix(r.URL.Path, "/file"):
			_, _ = w.Write([]byte("bytes"))
		default:
			_, _ = w.Write([]byte(`{"status": "active", "disk_format": "raw", "container_format": "bare"}`))
		}
	}))
	t.Cleanup(server.Close)
	return &far{url: server.URL}
}

// TestImportGlanceDownload: a process that never had the caller's token goes on
// with the caller's trust, which is ended with the import.
func TestImportGlanceDownload(t *testing.T) {
	request := ImportRequest{Method: GlanceDownload, Remote: RemoteImage{Region: "far", ImageID: "r", Interface: "public"}, All: true, Body: json.RawMessage("{}")}
	flowtest.Run(t, func(t *testing.T) flowtest.World[imageImport] {
		p, keystone := newPlace(t, anywhere()), newFar(t)
		p.identity = keystone
		st := p.begin(t, p.image(t, "qcow2").ID, request)
		st.Trust = "trust"
		over := func() {
			if keystone.ended == 0 {
				t.Error("the trust was not ended")
			}
		}
		return flowtest.World[imageImport]{DB: p.store.DB(), Flow: p.importFlow(), State: st,
			Done:   func(t *testing.T) { over(); p.has(t, p.ended(t, st, glance.TaskSuccess), "bytes", "one", "two") },
			Undone: func(t *testing.T) { over(); p.undone(t, st) }}
	})
}

// TestImportWithoutToken: when there is no token to be had, the image is queued
// again and its owner is told why.
func TestImportWithoutToken(t *testing.T) {
	for trust, want := range map[string]string{
		"":      "the process that was given the token for the other region is gone: import again",
		"trust": "the process that was given the token for the other region is gone, and its user's trust too: import again"} {
		p, keystone := newPlace(t, anywhere()), newFar(t)
		keystone.broken, p.identity = true, keystone
		img := p.image(t, "qcow2")
		st := p.begin(t, img.ID, ImportRequest{Method: GlanceDownload, Remote: RemoteImage{Region: "far", ImageID: "r"}, All: true, Body: json.RawMessage("{}")})
		st.Trust = trust
		err := p.store.DB().Tx(as(t), func(ctx context.Context, tx *db.Tx) error { return p.imports.Start(ctx, tx, img.ID, st) })
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = p.Carry(ctx) }()
		_ = p.flows.Wait(ctx, "image_import", img.ID)
		stop()
		<-ended
		p.undone(t, st)
		if task, err := p.store.Task(t.Context(), glance.Visible{All: true}, st.TaskID, p.clock.Now()); err != nil || task.Message != want {
			t.Errorf("%+v, %v", task, err)
		}
	}
}

// TestTrustOfRefusedImport: an import that is refused leaves no trust, and gets
// none where it is known beforehand.
func TestTrustOfRefusedImport(t *testing.T) {
	for format, ended := range map[string]int{"": 0, "raw": 1} {
		p, keystone := newPlace(t, anywhere()), newFar(t)
		p.identity = keystone
		img := p.image(t, format)
		asked := 0
		req := ImportRequest{Method: GlanceDownload, Remote: RemoteImage{Region: "far", ImageID: "0b7a4f3e-1111-4222-8333-444455556666"}}
		err := p.ImportImage(as(t), img.ID, req, func(glance.Image) error {
			if asked++; asked > 1 { // the image has changed meanwhile
				return errors.New("no more")
			}
			return nil
		})
		if err == nil || keystone.ended != ended || len(p.tokens) != 0 {
			t.Errorf("%q: %v, trusts ended: %d, tokens kept: %d", format, err, keystone.ended, len(p.tokens))
		}
	}
}

// TestTaskPool: so many imports at once as the operator says, and no more.
func TestTaskPool(t *testing.T) {
	for _, threads := range []int{1, 2} {
		var mu sync.Mutex
		now, most, met := 0, 0, make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			now++
			if most = max(most, now); now == threads && most == threads {
				select {
				case <-met:
				default:
					close(met)
				}
			}
			mu.Unlock()
			<-met // until as many as may are here
			_, _ = w.Write(make([]byte, 1<<20))
			mu.Lock()
			now--
			mu.Unlock()
		}))
		t.Cleanup(server.Close)
		config := anywhere()
		config.WSGI.TaskPoolThreads = threads
		p := newPlace(t, config)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		var ids []string
		for range 5 {
			ids = append(ids, p.image(t, "raw").ID)
			req := ImportRequest{Method: WebDownload, URI: server.URL, Body: json.RawMessage("{}")}
			if err := p.ImportImage(as(t), ids[len(ids)-1], req, func(glance.Image) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		go func() { defer close(ended); _ = p.Carry(ctx) }()
		for _, id := range ids {
			if err := p.flows.Wait(ctx, "image_import", id); err != nil {
				t.Error(err)
			}
		}
		stop()
		<-ended
		if most != threads {
			t.Errorf("%d at once, want %d", most, threads)
		}
	}
}
