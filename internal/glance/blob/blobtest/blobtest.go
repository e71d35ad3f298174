// Package blobtest is the suite that every blob.Store passes.
package blobtest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"nacre/internal/glance/blob"
	"nacre/internal/oslo/uuid"
)

// Run checks the contract on a fresh store per case.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for name, check := range map[string]func(*testing.T, blob.Store){
		"write and read":  writeAndRead,
		"abort":           abort,
		"unseen":          unseenBeforeCommit,
		"commit twice":    commitTwice,
		"delete":          remove,
		"left behind":     leftBehind,
		"read and delete": readWhileDeleted,
		"hostile names":   hostileNames,
		"empty":           empty,
		"many pieces":     manyPieces,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func put(t *testing.T, s blob.Store, image string, data []byte) {
	t.Helper()
	w := begin(t, s, image, uuid.New(), data)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, s blob.Store, image, upload string, data []byte) blob.Writer {
	t.Helper()
	w, err := s.Create(t.Context(), image, upload, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(data); n != len(data) || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	return w
}

func read(t *testing.T, s blob.Store, image string, offset int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), image, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func objects(t *testing.T, s blob.Store) (out []blob.Object) {
	t.Helper()
	err := s.Objects(t.Context(), func(o blob.Object) error { out = append(out, o); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func absent(t *testing.T, s blob.Store, image string) {
	t.Helper()
	if _, err := s.Open(t.Context(), image, 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: %v, want ErrNotFound", err)
	}
	if _, err := s.Size(t.Context(), image); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("size: %v, want ErrNotFound", err)
	}
}

func writeAndRead(t *testing.T, s blob.Store) {
	image, data := uuid.New(), bytes.Repeat([]byte("0123456789"), 30000)
	put(t, s, image, data)
	if !bytes.Equal(read(t, s, image, 0), data) {
		t.Error("the bytes differ")
	}
	if got := read(t, s, image, 299995); string(got) != "56789" {
		t.Errorf("from an offset: %q", got)
	}
	if n, err := s.Size(t.Context(), image); n != 300000 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	if at := s.URL(image); !strings.Contains(at, "://") || !strings.Contains(at, image) {
		t.Errorf("it is at %q", at)
	}
	if got := objects(t, s); len(got) != 1 || got[0].Image != image || got[0].Upload != "" || got[0].Size != 300000 {
		t.Errorf("objects: %+v", got)
	}
}

func abort(t *testing.T, s blob.Store) {
	image := uuid.New()
	if err := begin(t, s, image, uuid.New(), []byte("x")).Abort(); err != nil {
		t.Error(err)
	}
	absent(t, s, image)
	if got := objects(t, s); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
}

func unseenBeforeCommit(t *testing.T, s blob.Store) {
	image := uuid.New()
	w := begin(t, s, image, uuid.New(), []byte("x"))
	absent(t, s, image)
	if err := w.Commit(); err != nil {
		t.Error(err)
	}
}

func commitTwice(t *testing.T, s blob.Store) {
	image := uuid.New()
	late := begin(t, s, image, uuid.New(), []byte("late"))
	put(t, s, image, []byte("first"))
	if err := late.Commit(); !errors.Is(err, blob.ErrExists) {
		t.Errorf("the second commit: %v, want ErrExists", err)
	}
	if got := read(t, s, image, 0); string(got) != "first" {
		t.Errorf("read %q", got)
	}
	if got := objects(t, s); len(got) != 1 {
		t.Errorf("left: %+v", got)
	}
}

func remove(t *testing.T, s blob.Store) {
	image := uuid.New()
	put(t, s, image, nil)
	for range 2 {
		if err := s.Delete(t.Context(), image); err != nil {
			t.Error(err)
		}
	}
	absent(t, s, image)
}

func leftBehind(t *testing.T, s blob.Store) {
	image, upload := uuid.New(), uuid.New()
	begin(t, s, image, upload, []byte("half")) // its process dies here
	if got := objects(t, s); len(got) != 1 || got[0].Image != image || got[0].Upload != upload {
		t.Fatalf("objects: %+v", got)
	}
	for range 2 {
		if err := s.Discard(t.Context(), image, upload); err != nil {
			t.Error(err)
		}
	}
	if got := objects(t, s); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
}

func readWhileDeleted(t *testing.T, s blob.Store) {
	image := uuid.New()
	put(t, s, image, []byte("0123456789"))
	r, err := s.Open(t.Context(), image, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Delete(t.Context(), image); err != nil {
		t.Error(err)
	}
	got, err := io.ReadAll(r)
	if want := "0123456789"; !strings.HasPrefix(want, string(got)) || err == nil && string(got) != want {
		t.Errorf("read %q, %v", got, err)
	}
}

func hostileNames(t *testing.T, s blob.Store) {
	for _, name := range []string{"", "..", "../../etc/passwd", "a/b", uuid.New() + "/.."} {
		if _, err := s.Create(t.Context(), name, uuid.New(), 1); err == nil {
			t.Errorf("%q was created", name)
		}
		if _, err := s.Open(t.Context(), name, 0); err == nil {
			t.Errorf("%q was opened", name)
		}
		if err := s.Delete(t.Context(), name); err == nil {
			t.Errorf("%q was deleted", name)
		}
	}
}

func empty(t *testing.T, s blob.Store) {
	image := uuid.New()
	w, err := s.Create(t.Context(), image, uuid.New(), blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, image, 0); len(got) != 0 {
		t.Errorf("read %d bytes", len(got))
	}
	if got := objects(t, s); len(got) != 1 || got[0].Image != image || got[0].Size != 0 {
		t.Errorf("objects: %+v", got)
	}
}

// manyPieces is more than any engine takes in one go, with a hole in it, from
// a client that did not say how much would come.
func manyPieces(t *testing.T, s blob.Store) {
	image, all := uuid.New(), make([]byte, 23<<20+17)
	for i := range all[:9<<20] {
		all[i] = byte(i*7 + i>>11)
	}
	copy(all[len(all)-17:], "the very last end")
	w, err := s.Create(t.Context(), image, uuid.New(), blob.Unknown)
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(all, 512<<10) {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{0, 7 << 20, 22<<20 + 5, len(all) - 3} {
		if got := read(t, s, image, int64(from)); !bytes.Equal(got, all[from:]) {
			t.Errorf("from %d: %d bytes, want %d", from, len(got), len(all)-from)
		}
	}
	if got := objects(t, s); len(got) != 1 || got[0].Image != image || got[0].Upload != "" || got[0].Size != int64(len(all)) {
		t.Errorf("objects: %+v", got)
	}
	if err := s.Delete(t.Context(), image); err != nil {
		t.Error(err)
	}
	if got := objects(t, s); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
}
