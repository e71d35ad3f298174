package blob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"nacre/internal/glance/blob"
	"nacre/internal/glance/blob/blobtest"
	"nacre/internal/oslo/uuid"
)

func open(t *testing.T, dir string) blob.Store {
	t.Helper()
	s, err := blob.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFile(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, t.TempDir()) })
}

func TestFileNamesByImage(t *testing.T) {
	dir, image := t.TempDir(), uuid.New()
	s := open(t, dir)
	w, err := s.Create(t.Context(), image, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, image)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

// TestFileFull fills a file system of 1 MiB.
func TestFileFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	s, image := open(t, dir), uuid.New()
	w, err := s.Create(t.Context(), image, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 2<<20)); !errors.Is(err, blob.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if w, err = s.Create(t.Context(), image, uuid.New()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 512<<10)); err != nil {
		t.Errorf("after the abort: %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
}

// TestFileInStrides writes what goes to the disk in several goes, the last of
// them with Commit.
func TestFileInStrides(t *testing.T) {
	s, image := open(t, t.TempDir()), uuid.New()
	w, err := s.Create(t.Context(), image, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	for i := range 37 {
		piece := bytes.Repeat([]byte{byte(i)}, 512<<10)
		want.Write(piece)
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), image, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes came back of %d, %v", len(got), want.Len(), err)
	}
}
