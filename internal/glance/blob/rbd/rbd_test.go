package rbd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/blobtest"
	"nacre/internal/glance/blob/cephtest"
	"nacre/internal/glance/blob/rbd"
	"nacre/internal/oslo/uuid"
)

func TestMain(m *testing.M) { cephtest.Main(m) }

// open is the pool with nothing in it.
func open(t *testing.T) (*rbd.Store, *cephtest.Ceph) {
	t.Helper()
	ceph := cephtest.Start(t)
	s, err := rbd.New(rbd.Config{CephConf: ceph.Conf})
	if err == nil {
		err = s.Objects(t.Context(), func(o blob.Object) error {
			if o.Upload != "" {
				return s.Discard(t.Context(), o.Image, o.Upload)
			}
			return s.Delete(t.Context(), o.Image)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, ceph
}

// TestNoPool: the operator is told what is missing.
func TestNoPool(t *testing.T) {
	s, err := rbd.New(rbd.Config{CephConf: cephtest.Start(t).Conf, Pool: "nosuch"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Create(t.Context(), uuid.New(), uuid.New(), 0); err == nil || !strings.Contains(err.Error(), "error opening pool 'nosuch'") {
			t.Errorf("got %v", err)
		}
	}
}

func TestRBD(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		s, _ := open(t)
		return s
	})
}

func put(t *testing.T, ctx context.Context, s *rbd.Store, image string) error {
	t.Helper()
	w, err := s.Create(ctx, image, uuid.New(), blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return w.Commit()
}

// TestClone: what Nova and Cinder do, and what keeps an image from being removed.
func TestClone(t *testing.T) {
	s, ceph := open(t)
	image := uuid.New()
	if err := put(t, t.Context(), s, image); err != nil {
		t.Fatal(err)
	}
	if got := s.URL(image); got != "rbd://"+ceph.FSID+"/"+s.Pool+"/"+image+"/snap" {
		t.Errorf("URL %s", got)
	}
	ceph.RBD(t, "clone", s.Pool+"/"+image+"@snap", s.Pool+"/disk")
	if used, err := s.InUse(t.Context(), image); !used || err != nil {
		t.Errorf("in use: %v, %v", used, err)
	}
	if err := s.Delete(t.Context(), image); !errors.Is(err, blob.ErrInUse) {
		t.Errorf("deleted under a clone: %v", err)
	}
	ceph.RBD(t, "rm", s.Pool+"/disk")
	if used, err := s.InUse(t.Context(), image); used || err != nil {
		t.Errorf("in use: %v, %v", used, err)
	}
	ceph.RBD(t, "snap", "create", s.Pool+"/"+image+"@backup")
	if err := s.Delete(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	if left := ceph.RBD(t, "ls", s.Pool); left != "" {
		t.Errorf("left: %s", left)
	}
	if trash := ceph.RBD(t, "trash", "ls", s.Pool); !strings.Contains(trash, image) {
		t.Errorf("trash: %q", trash)
	}
}

// TestDiscarded: an upload that was given up as dead cannot come back.
func TestDiscarded(t *testing.T) {
	s, _ := open(t)
	image, upload := uuid.New(), uuid.New()
	w, err := s.Create(t.Context(), image, upload, blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), image, upload); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("it was committed")
	}
	if err := s.Objects(t.Context(), func(o blob.Object) error { return fmt.Errorf("left: %+v", o) }); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ceph.conf")
	if err := os.WriteFile(file, []byte("[global]\nmon host = here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]rbd.Config{
		"rbd_store_chunk_size": {ChunkSize: 3, CephConf: file},
		"rbd_store_ceph_conf":  {CephConf: file + ".absent"},
		"has no fsid":          {CephConf: file},
	} {
		if _, err := rbd.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := rbd.New(rbd.Config{CephConf: file}); err == nil || !strings.Contains(err.Error(), "apt-get install -y --no-install-recommends ceph-common") {
		t.Errorf("without the command: %v", err)
	}
}

// TestRange: a download that begins in the middle leaves the bytes before it in Ceph.
func TestRange(t *testing.T) {
	s, ceph := open(t)
	image, size := uuid.New(), int64(48<<20+5)
	data := bytes.Repeat([]byte("0123456789abcdef"), int(size)/16+1)[:size]
	w, err := s.Create(t.Context(), image, uuid.New(), size)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{size - 3, 40<<20 + 7, size, size + 1} {
		before := sent(t, ceph)
		r, err := s.Open(t.Context(), image, offset)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if want := data[min(offset, size):]; !bytes.Equal(got, want) {
			t.Errorf("from %d: %d bytes, want %d", offset, len(got), len(want))
		}
		if n := sent(t, ceph) - before; n > 16<<20 {
			t.Errorf("from %d: Ceph read %d bytes", offset, n)
		}
	}
	r, err := s.Open(t.Context(), image, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), image); err != nil { // nobody has it open
		t.Error(err)
	}
	if _, err := s.Open(t.Context(), image, 5); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
}

// sent is how many bytes the disk has answered with.
func sent(t *testing.T, ceph *cephtest.Ceph) int64 {
	t.Helper()
	text, err := ceph.Ceph("tell", "osd.0", "perf", "dump")
	var counters struct {
		OSD struct {
			Sent int64 `json:"op_r_out_bytes"`
		}
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &counters)
	}
	if err != nil {
		t.Fatal(err)
	}
	return counters.OSD.Sent
}
