package imagecache

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nacre/internal/nova/virt"
)

const imageID = "11111111-2222-4333-8444-555555555555"

// source serves one image and counts how often it was asked.
type source struct {
	data  []byte
	opens atomic.Int32
	gate  chan struct{} // if set, nothing comes before it is closed
}

func (s *source) Open(context.Context, string) (io.ReadCloser, error) {
	s.opens.Add(1)
	if s.gate != nil {
		<-s.gate
	}
	return io.NopCloser(bytes.NewReader(s.data)), nil
}

func disk() []byte {
	d := make([]byte, 1<<20+512)
	copy(d[300_000:], bytes.Repeat([]byte("data"), 5000))
	copy(d[len(d)-4:], "last")
	return d
}

func image(format string, data []byte) virt.Image {
	h := sha512.Sum512(data)
	return virt.Image{ID: imageID, DiskFormat: format, HashAlgo: "sha512", HashValue: hex.EncodeToString(h[:]), SizeBytes: int64(len(data))}
}

func newCache(t *testing.T, s *source) *Cache {
	t.Helper()
	c, err := New(Config{Dir: t.TempDir(), Images: s})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func leftovers(t *testing.T, c *Cache) {
	t.Helper()
	if files, _ := filepath.Glob(filepath.Join(c.cfg.Dir, "*.part*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	if len(c.flights) > 0 {
		t.Errorf("downloads left: %v", c.flights)
	}
}

// TestConcurrentUse has many want the same image at once: one download.
func TestConcurrentUse(t *testing.T) {
	s := &source{data: disk()}
	c := newCache(t, s)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			b, err := c.Base(t.Context(), image("raw", s.data), 0)
			if err != nil || b.Bytes != int64(len(s.data)) {
				t.Error(b, err)
			}
		})
	}
	wg.Wait()
	if n := s.opens.Load(); n != 1 {
		t.Errorf("downloaded %d times", n)
	}
	if got, err := os.ReadFile(filepath.Join(c.cfg.Dir, imageID)); err != nil || !bytes.Equal(got, s.data) {
		t.Error("the cached file differs", err)
	}
	leftovers(t, c)
}

// TestImpatience has the first who wants an image give up: the download goes on for the next.
func TestImpatience(t *testing.T) {
	s := &source{data: disk(), gate: make(chan struct{})}
	c := newCache(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Base(ctx, image("raw", s.data), 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(s.gate)
	if _, err := c.Base(t.Context(), image("raw", s.data), 0); err != nil {
		t.Error(err)
	}
	if n := s.opens.Load(); n != 1 {
		t.Errorf("downloaded %d times", n)
	}
	leftovers(t, c)
}

// TestFormats converts each format and compares the disk.
func TestFormats(t *testing.T) {
	for format, args := range map[string][]string{
		"qcow2": {"-c", "-O", "qcow2"}, "vdi": {"-O", "vdi"}, "vhdx": {"-O", "vhdx"}, "vhd": {"-O", "vpc", "-o", "force_size=on"},
		"vmdk": {"-O", "vmdk", "-o", "subformat=streamOptimized"},
	} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			raw, file := filepath.Join(dir, "raw"), filepath.Join(dir, "img")
			if err := os.WriteFile(raw, disk(), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), raw, file)...).CombinedOutput(); err != nil {
				t.Fatalf("qemu-img, of Debian's qemu-utils: %v: %s", err, out)
			}
			data, _ := os.ReadFile(file)
			c := newCache(t, &source{data: data})
			b, err := c.Base(t.Context(), image(format, data), 0)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := os.ReadFile(b.Path)
			if len(got) < len(disk()) || !bytes.Equal(got[:len(disk())], disk()) {
				t.Errorf("another disk of %d bytes", len(got))
			}
			leftovers(t, c)
		})
	}
}

// TestRefusals wants hostile and broken images refused, with nothing left.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, args ...string) []byte {
		file := filepath.Join(dir, name)
		if out, err := exec.Command("qemu-img", append(append([]string{"create", "-q"}, args...), file, "2M")...).CombinedOutput(); err != nil {
			t.Fatalf("qemu-img, of Debian's qemu-utils: %v: %s", err, out)
		}
		data, _ := os.ReadFile(file)
		return data
	}
	raw := make("raw", "-f", "raw")
	wrong := image("raw", raw)
	wrong.HashValue = "00"
	for name, tc := range map[string]struct {
		img  virt.Image
		data []byte
		max  int64
	}{
		"backing file":   {image("qcow2", nil), make("b", "-f", "qcow2", "-b", filepath.Join(dir, "raw"), "-F", "raw"), 0},
		"data file":      {image("qcow2", nil), make("d", "-f", "qcow2", "-o", "data_file="+filepath.Join(dir, "dd")), 0},
		"not qcow2":      {image("qcow2", nil), raw, 0},
		"too large":      {image("qcow2", nil), make("l", "-f", "qcow2"), 1 << 20},
		"too large raw":  {image("raw", nil), raw, 1 << 20},
		"flat vmdk":      {image("vmdk", nil), make("v", "-f", "vmdk", "-o", "subformat=monolithicFlat"), 0},
		"unknown format": {image("ploop", nil), raw, 0},
		"wrong hash":     {wrong, raw, 0},
		"path as ID":     {virt.Image{ID: "../../etc/passwd", DiskFormat: "raw"}, raw, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if name != "wrong hash" && name != "path as ID" {
				tc.img = image(tc.img.DiskFormat, tc.data)
			}
			c := newCache(t, &source{data: tc.data})
			if _, err := c.Base(t.Context(), tc.img, tc.max); !errors.Is(err, virt.ErrImage) && !errors.As(err, new(*virt.DiskTooSmallError)) {
				t.Errorf("error %v", err)
			}
			leftovers(t, c)
		})
	}
}

func TestSweep(t *testing.T) {
	s := &source{data: disk()}
	c := newCache(t, s)
	b, err := c.Base(t.Context(), image("raw", s.data), 0)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(25 * time.Hour)
	for _, tc := range []struct {
		name  string
		inUse map[string]bool
		now   time.Time
		gone  int
	}{
		{"in use", map[string]bool{b.Path: true}, later, 0},
		{"too young", nil, time.Now(), 0},
		{"unused", nil, later.Add(25 * time.Hour), 1},
		{"gone already", nil, later.Add(25 * time.Hour), 0},
	} {
		if gone, err := c.Sweep(t.Context(), tc.inUse, tc.now); err != nil || len(gone) != tc.gone {
			t.Errorf("%s: %v %v", tc.name, gone, err)
		}
	}
	if entries, _ := List(c.cfg.Dir); len(entries) != 0 {
		t.Errorf("still there: %v", entries)
	}
}

// TestAge: an image is unused from when its last guest went, not from when its last came.
func TestAge(t *testing.T) {
	s := &source{data: disk()}
	c := newCache(t, s)
	b, err := c.Base(t.Context(), image("raw", s.data), 0)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for _, tc := range []struct {
		hours int
		used  bool
		gone  int
	}{{30, true, 0}, {31, false, 0}, {53, false, 0}, {55, false, 1}} {
		used := map[string]bool{b.Path: tc.used}
		if gone, err := c.Sweep(t.Context(), used, start.Add(time.Duration(tc.hours)*time.Hour)); err != nil || len(gone) != tc.gone {
			t.Errorf("after %d hours: %v %v", tc.hours, gone, err)
		}
	}
}

// TestKeepUnused: an operator can have all images stay.
func TestKeepUnused(t *testing.T) {
	s := &source{data: disk()}
	c := newCache(t, s)
	c.cfg.KeepUnused = true
	if _, err := c.Base(t.Context(), image("raw", s.data), 0); err != nil {
		t.Fatal(err)
	}
	if gone, err := c.Sweep(t.Context(), nil, time.Now().Add(1000*time.Hour)); err != nil || len(gone) > 0 {
		t.Errorf("%v %v", gone, err)
	}
}

// TestAccount: what an image takes, when it was wanted last and how often it was
// there already; the count outlives the process and goes with the image.
func TestAccount(t *testing.T) {
	s := &source{data: disk()}
	c := newCache(t, s)
	dir := c.cfg.Dir
	for range 3 {
		if _, err := c.Base(t.Context(), image("raw", s.data), 0); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(Config{Dir: dir, Images: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Base(t.Context(), image("raw", s.data), 0); err != nil {
		t.Fatal(err)
	}
	entries, err := List(dir)
	if err != nil || len(entries) != 1 || entries[0].ImageID != imageID || entries[0].Hits != 3 || entries[0].Bytes == 0 ||
		time.Since(entries[0].LastUsed) > time.Minute {
		t.Errorf("%+v %v", entries, err)
	}
	if gone, err := c.Sweep(t.Context(), nil, time.Now().Add(25*time.Hour)); err != nil || len(gone) != 1 {
		t.Errorf("%v %v", gone, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
