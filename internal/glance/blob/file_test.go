package blob_test

import (
	"errors"
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
