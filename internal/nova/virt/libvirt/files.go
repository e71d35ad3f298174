package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"nacre/internal/nova/configdrive"
	"nacre/internal/nova/qcow2"
	"nacre/internal/nova/virt"
)

// exists says whether a guest's directory holds a file.
func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// makeFiles makes what a guest needs on disk and is not there yet.
func (d *Driver) makeFiles(ctx context.Context, g virt.Guest, t *timings) error {
	dir := d.dir(g.ID)
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	if err := d.rootDisk(ctx, g, dir, t); err != nil {
		return err
	}
	if err := d.bootFiles(ctx, g, dir); err != nil {
		return err
	}
	if err := emptyDisks(ctx, g, dir); err != nil {
		return err
	}
	t.done("disk")
	if g.ConfigDrive != nil && !exists(dir, configFile) {
		if err := configdrive.WriteFile(filepath.Join(dir, configFile), g.ConfigDrive, time.Now()); err != nil {
			return err
		}
	}
	t.done("config_drive")
	return nil
}

// rootDisk makes the overlay of the image, as large as the flavor says; a CD is as large as it is.
func (d *Driver) rootDisk(ctx context.Context, g virt.Guest, dir string, t *timings) error {
	name, bytes := rootFile, gigabytes(g.RootGB)
	if g.Image.DiskFormat == "iso" {
		name, bytes = cdFile, 0
	}
	if g.Image.ID == "" || exists(dir, name) {
		return nil
	}
	base, err := d.cache.Base(ctx, g.Image, bytes)
	if err != nil {
		return err
	}
	t.done("image")
	bytes = (max(base.Bytes, bytes) + 511) / 512 * 512
	return qcow2.CreateOverlay(filepath.Join(dir, name), base.Path, "raw", bytes)
}

func gigabytes(n int) int64 { return int64(n) << 30 }

// bootFiles copies kernel and ramdisk out of the cache: a guest needs them at every start.
func (d *Driver) bootFiles(ctx context.Context, g virt.Guest, dir string) error {
	for name, img := range map[string]*virt.Image{kernelFile: g.Kernel, ramdiskFile: g.Ramdisk} {
		if img == nil || exists(dir, name) {
			continue
		}
		base, err := d.cache.Base(ctx, *img, 0)
		if err != nil {
			return err
		}
		if err := os.Link(base.Path, filepath.Join(dir, name)); err != nil {
			if err := copyFile(base.Path, filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to + ".new")
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Close()); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}

// emptyDisks makes the ephemeral disk, formatted, and the swap disk.
func emptyDisks(ctx context.Context, g virt.Guest, dir string) error {
	if g.EphemeralGB > 0 && !exists(dir, ephemeralFile) {
		err := emptyDisk(filepath.Join(dir, ephemeralFile), gigabytes(g.EphemeralGB), func(path string) error {
			out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-L", "ephemeral0",
				"-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", path).CombinedOutput()
			if err != nil {
				return fmt.Errorf("format ephemeral disk: %w: %s", err, strings.TrimSpace(string(out)))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if g.SwapMB > 0 && !exists(dir, swapFile) {
		return emptyDisk(filepath.Join(dir, swapFile), int64(g.SwapMB)<<20, formatSwap)
	}
	return nil
}

// emptyDisk makes a sparse file and formats it; it gets its name when it is complete.
func emptyDisk(path string, bytes int64, format func(path string) error) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(bytes), f.Close(), format(tmp)); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// formatSwap writes the header that mkswap writes: version 1, in the first page.
func formatSwap(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	const page = 4096
	head := make([]byte, page)
	binary.LittleEndian.PutUint32(head[1024:], 1)
	binary.LittleEndian.PutUint32(head[1028:], uint32(info.Size()/page-1))
	copy(head[1052:], "swap")
	copy(head[page-10:], "SWAPSPACE2")
	_, err = f.WriteAt(head, 0)
	return errors.Join(err, f.Close())
}

// BasesInUse lists the cached files that guests' disks are overlays of.
func (d *Driver) BasesInUse() (map[string]bool, error) {
	disks, err := filepath.Glob(filepath.Join(d.instances(), "*", rootFile+"*"))
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, disk := range disks {
		h, err := qcow2.ReadFile(disk)
		if errors.Is(err, qcow2.ErrNotQcow2) || errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("disk %s: %w", disk, err)
		}
		used[h.BackingFile] = true
	}
	return used, nil
}
