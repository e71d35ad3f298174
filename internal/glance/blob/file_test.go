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

func openFile(t *testing.T, c blob.FileConfig) *blob.File {
	t.Helper()
	s, err := blob.OpenFile(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFileDirectories(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		return openFile(t, blob.FileConfig{Datadirs: []string{t.TempDir() + ":1", t.TempDir() + ":2", t.TempDir()}})
	})
}

func TestFileThin(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		return openFile(t, blob.FileConfig{Datadir: t.TempDir(), ThinProvisioning: true})
	})
}

// TestFileHoles: zeroes take no space, wherever the pieces end.
func TestFileHoles(t *testing.T) {
	dir, image := t.TempDir(), uuid.New()
	w, err := openFile(t, blob.FileConfig{Datadir: dir, ThinProvisioning: true}).Create(t.Context(), image, uuid.New(), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range [][]byte{[]byte("head"), make([]byte, 1<<20), make([]byte, 32<<20), make([]byte, 777)} {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, image), &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != 33<<20+781 || st.Blocks*512 > 256<<10 {
		t.Errorf("%d bytes in %d blocks", st.Size, st.Blocks)
	}
}

// TestFilePriorities: the highest priority is taken while it has room.
func TestFilePriorities(t *testing.T) {
	low, high := t.TempDir(), t.TempDir()
	if err := syscall.Mount("tmpfs", high, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	defer syscall.Unmount(high, syscall.MNT_DETACH)
	s := openFile(t, blob.FileConfig{Datadirs: []string{low + ":10", high + ":20"}, FilePerm: "0640"})
	for size, dir := range map[int64]string{1000: high, 2 << 20: low} {
		image := uuid.New()
		w, err := s.Create(t.Context(), image, uuid.New(), size)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(filepath.Join(dir, image)); err != nil || st.Mode().Perm() != 0o640 {
			t.Errorf("%d bytes: %v, %v", size, st, err)
		}
		if got := s.URL(image); got != "file://"+filepath.Join(dir, image) {
			t.Errorf("%d bytes are at %s", size, got)
		}
	}
	if _, err := openFile(t, blob.FileConfig{Datadir: high}).Create(t.Context(), uuid.New(), uuid.New(), 2<<20); !errors.Is(err, blob.ErrFull) {
		t.Errorf("more than there is: %v, want ErrFull", err)
	}
}

func TestFileConfig(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]blob.FileConfig{
		"nowhere":           {},
		"both":              {Datadir: dir, Datadirs: []string{dir}},
		"twice":             {Datadirs: []string{dir + ":1", dir + "/:2"}},
		"no priority":       {Datadirs: []string{dir + ":high"}},
		"no directory":      {Datadirs: []string{":1"}},
		"relative":          {Datadir: "images"},
		"one relative":      {Datadirs: []string{dir + ":1", "images:2"}},
		"not even readable": {Datadir: dir, FilePerm: "40"},
		"no permissions":    {Datadir: dir, FilePerm: "999"},
	} {
		if _, err := blob.OpenFile(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFileNamesByImage(t *testing.T) {
	dir, image := t.TempDir(), uuid.New()
	s := open(t, dir)
	w, err := s.Create(t.Context(), image, uuid.New(), blob.Unknown)
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
	w, err := s.Create(t.Context(), image, uuid.New(), blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 2<<20)); !errors.Is(err, blob.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if w, err = s.Create(t.Context(), image, uuid.New(), blob.Unknown); err != nil {
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
	w, err := s.Create(t.Context(), image, uuid.New(), blob.Unknown)
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
