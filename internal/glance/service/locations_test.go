package service_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
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
