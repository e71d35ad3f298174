// Package imagecache keeps the images that a host's guests boot from: downloaded once, checked, and turned into raw
// files that guests' disks are overlays of. A file in the cache is complete and never changes; it goes when no guest
// uses it and nobody has wanted it for a while.
package imagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"nacre/internal/nova/qcow2"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/uuid"
)

// Config are the options of a cache.
type Config struct {
	Dir     string        // absolute; made if absent
	Images  virt.Images   // where the bytes come from
	MinAge  time.Duration // how long an unused image is kept; default 24 h
	Timeout time.Duration // of one download with its conversion; default 1 h
	Convert Limits        // of one conversion
	Log     *slog.Logger

	KeepUnused bool // for ever
}

// Cache is the images of one host.
type Cache struct {
	cfg Config

	mu      sync.Mutex // also held while a file's last use is written, and while a file is removed
	flights map[string]*flight
}

// flight is a download under way, for all who want the image.
type flight struct {
	done chan struct{}
	err  error
}

// Base is a raw file that an overlay can have as backing file.
type Base struct {
	Path  string
	Bytes int64 // of the disk
}

// New opens the cache in cfg.Dir and removes what an interrupted download left there.
func New(cfg Config) (*Cache, error) {
	if cfg.MinAge == 0 {
		cfg.MinAge = 24 * time.Hour
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if err := os.MkdirAll(cfg.Dir, 0o711); err != nil {
		return nil, fmt.Errorf("image cache: %w", err)
	}
	half, err := filepath.Glob(filepath.Join(cfg.Dir, "*.part*"))
	for _, f := range half {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		return nil, fmt.Errorf("image cache: %w", err)
	}
	return &Cache{cfg: cfg, flights: map[string]*flight{}}, nil
}

// Base returns the image as a raw disk of at most maxBytes (0: any size), fetching it first if it is not there.
// virt.ErrImage, *virt.DiskTooSmallError.
func (c *Cache) Base(ctx context.Context, img virt.Image, maxBytes int64) (Base, error) {
	path, err := c.ensure(ctx, img, maxBytes)
	if err != nil {
		return Base{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Base{}, fmt.Errorf("image cache: %w", err)
	}
	if maxBytes > 0 && info.Size() > maxBytes {
		return Base{}, fmt.Errorf("image %s: %w", img.ID, &virt.DiskTooSmallError{DiskBytes: maxBytes, ImageBytes: info.Size()})
	}
	return Base{Path: path, Bytes: info.Size()}, nil
}

// ensure returns the file of an image once it is there.
func (c *Cache) ensure(ctx context.Context, img virt.Image, maxBytes int64) (string, error) {
	if !uuid.Valid(img.ID) {
		return "", fmt.Errorf("%w: %q is no image's ID", virt.ErrImage, img.ID)
	}
	path := filepath.Join(c.cfg.Dir, img.ID)
	for {
		f := c.board(ctx, img, path, maxBytes)
		if f == nil {
			return path, nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", fmt.Errorf("image %s is still being fetched: %w", img.ID, ctx.Err())
		}
		var small *virt.DiskTooSmallError
		if errors.As(f.err, &small) && (maxBytes == 0 || maxBytes > small.DiskBytes) {
			continue // that was for somebody with a smaller disk
		}
		return path, f.err
	}
}

// board returns the download to wait for, nil if the image is there. A download goes on when those who wait for it
// give up: they will come again.
func (c *Cache) board(ctx context.Context, img virt.Image, path string, maxBytes int64) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[img.ID]; f != nil {
		return f
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err == nil { // the time of the last use
		c.hit(ctx, path)
		return nil
	}
	f := &flight{done: make(chan struct{})}
	c.flights[img.ID] = f
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
		defer cancel()
		f.err = c.fetch(ctx, img, path, maxBytes)
		c.mu.Lock()
		delete(c.flights, img.ID)
		c.mu.Unlock()
		close(f.done)
	}()
	return f
}

// fetch downloads an image, checks it and puts it into its place as a raw file.
func (c *Cache) fetch(ctx context.Context, img virt.Image, path string, maxBytes int64) error {
	start := time.Now()
	part := path + ".part"
	defer os.Remove(part)
	if err := c.download(ctx, img, part); err != nil {
		return err
	}
	downloaded := time.Now()
	raw, err := c.toRaw(ctx, img, part, maxBytes)
	if err != nil {
		return err
	}
	defer os.Remove(raw)
	if err := os.Rename(raw, path); err != nil {
		return fmt.Errorf("image cache: %w", err)
	}
	c.cfg.Log.InfoContext(ctx, "image cached", "image", img.ID, "format", img.DiskFormat,
		"download_seconds", downloaded.Sub(start).Seconds(), "convert_seconds", time.Since(downloaded).Seconds())
	return nil
}

// download writes the image's bytes to a file and compares their hash.
func (c *Cache) download(ctx context.Context, img virt.Image, to string) error {
	src, err := c.cfg.Images.Open(ctx, img.ID)
	if err != nil {
		return fmt.Errorf("open image %s: %w", img.ID, err)
	}
	defer src.Close()
	sum, err := newSum(img)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("image cache: %w", err)
	}
	n, err := io.Copy(io.MultiWriter(&sparseWriter{f: f}, sum), src)
	if err == nil {
		err = f.Truncate(n)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("download image %s: %w", img.ID, err)
	}
	return sum.check(img, n)
}

// toRaw returns the name of a raw file with the disk that part holds.
func (c *Cache) toRaw(ctx context.Context, img virt.Image, part string, maxBytes int64) (string, error) {
	switch img.DiskFormat {
	case "raw", "ami", "aki", "ari", "iso":
		return part, nil
	case "qcow2":
		h, err := qcow2.ReadFile(part)
		switch {
		case err != nil:
			return "", fmt.Errorf("%w: image %s: %w", virt.ErrImage, img.ID, err)
		case h.BackingFile != "" || h.DataFile || h.Encrypted:
			return "", fmt.Errorf("%w: image %s refers to another file or is encrypted", virt.ErrImage, img.ID)
		case maxBytes > 0 && h.VirtualBytes > maxBytes:
			return "", fmt.Errorf("image %s: %w", img.ID, &virt.DiskTooSmallError{DiskBytes: maxBytes, ImageBytes: h.VirtualBytes})
		}
		return part + "-raw", convert(ctx, c.cfg.Convert, "qcow2", part, part+"-raw")
	case "vmdk":
		if err := checkVMDK(part); err != nil {
			return "", fmt.Errorf("%w: image %s: %w", virt.ErrImage, img.ID, err)
		}
		return part + "-raw", convert(ctx, c.cfg.Convert, "vmdk", part, part+"-raw")
	case "vhd":
		return part + "-raw", convert(ctx, c.cfg.Convert, "vpc", part, part+"-raw")
	case "vdi", "vhdx":
		return part + "-raw", convert(ctx, c.cfg.Convert, img.DiskFormat, part, part+"-raw")
	default:
		return "", fmt.Errorf("%w: image %s has disk_format %q, which cannot be booted here", virt.ErrImage, img.ID, img.DiskFormat)
	}
}

// hitsOf is the file that counts how often an image was there already.
func hitsOf(path string) string { return path + ".hits" }

// hit counts. A count that is lost harms nobody.
func (c *Cache) hit(ctx context.Context, path string) {
	text := strconv.FormatInt(hits(path)+1, 10)
	if err := os.WriteFile(hitsOf(path), []byte(text), 0o644); err != nil {
		c.cfg.Log.WarnContext(ctx, "hit of a cached image not counted", "error", err)
	}
}

func hits(path string) int64 {
	text, _ := os.ReadFile(hitsOf(path))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// Entry is one cached image.
type Entry struct {
	ImageID  string
	Bytes    int64 // on disk
	Hits     int64 // uses after the first
	LastUsed time.Time
}

// List tells what is in the cache of a directory, which may be in use.
func List(dir string) ([]Entry, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("image cache: %w", err)
	}
	var out []Entry
	for _, f := range files {
		if info, err := f.Info(); err == nil && uuid.Valid(f.Name()) {
			out = append(out, Entry{f.Name(), onDisk(info), hits(filepath.Join(dir, f.Name())), info.ModTime()})
		}
	}
	return out, nil
}

// Sweep removes the images that no file in use is an overlay of, and that nobody wanted or used for MinAge. inUse holds
// paths of base files. It returns the images removed.
func (c *Cache) Sweep(ctx context.Context, inUse map[string]bool, now time.Time) ([]string, error) {
	entries, err := List(c.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, e := range entries {
		path := filepath.Join(c.cfg.Dir, e.ImageID)
		if inUse[path] {
			if err := c.touch(path, now); err != nil {
				return gone, err
			}
			continue
		}
		if c.cfg.KeepUnused || now.Sub(e.LastUsed) < c.cfg.MinAge {
			continue
		}
		removed, err := c.remove(path, now)
		if err != nil {
			return gone, err
		}
		if removed {
			gone = append(gone, e.ImageID)
			c.cfg.Log.InfoContext(ctx, "unused image removed", "image", e.ImageID, "bytes", e.Bytes)
		}
	}
	return gone, nil
}

// touch tells that a file is in use.
func (c *Cache) touch(path string, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return os.Chtimes(path, now, now)
}

// remove deletes a cached file unless it was wanted since it was looked at.
func (c *Cache) remove(path string, now time.Time) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(path)
	if err != nil || now.Sub(info.ModTime()) < c.cfg.MinAge {
		return false, nil
	}
	if err := os.Remove(hitsOf(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	return true, os.Remove(path)
}

// Holds says whether path is a file of this cache.
func (c *Cache) Holds(path string) bool { return strings.HasPrefix(path, c.cfg.Dir+"/") }
