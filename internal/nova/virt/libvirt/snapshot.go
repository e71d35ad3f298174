package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"

	"nacre/internal/nova/qcow2"
	"nacre/internal/nova/virt"
)

// The names of a snapshot's files while it is made.
const (
	deltaFile = "snapshot.delta"
	flatFile  = "snapshot.flat"
)

// Snapshot copies the root disk. A running guest goes on: its overlay is mirrored, and the mirror cut off when it is level.
func (d *Driver) Snapshot(ctx context.Context, id, format string, w io.Writer) error {
	if format != "qcow2" && format != "raw" {
		return fmt.Errorf("snapshot %s: format %q", id, format)
	}
	unlock, err := d.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	dir := d.dir(id)
	defer os.Remove(filepath.Join(dir, flatFile))
	defer os.Remove(filepath.Join(dir, deltaFile))
	source, err := d.settled(ctx, id, dir)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", id, err)
	}
	flat := filepath.Join(dir, flatFile)
	out, err := exec.CommandContext(ctx, "qemu-img", "convert", "-q", "-t", "writeback", "-f", "qcow2", "-O", format, source, flat).CombinedOutput()
	if err != nil {
		return fmt.Errorf("snapshot %s: %w: %s", id, err, strings.TrimSpace(string(out)))
	}
	f, err := os.Open(flat)
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", id, err)
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// settled returns a qcow2 file with the disk's content that nobody writes to.
func (d *Driver) settled(ctx context.Context, id, dir string) (string, error) {
	disk, delta := filepath.Join(dir, rootFile), filepath.Join(dir, deltaFile)
	state, err := d.state(ctx, id)
	if err != nil {
		return "", err
	}
	head, err := qcow2.ReadFile(disk)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("its root disk is not an image's: %w", virt.ErrState)
	} else if err != nil || state != virt.Running && state != virt.Paused {
		return disk, err
	}
	if err := qcow2.CreateOverlay(delta, head.BackingFile, head.BackingFormat, head.VirtualBytes); err != nil {
		return "", err
	}
	return delta, d.calls.do(ctx, func(c *client) error {
		dom, err := c.lookup(id)
		if err != nil {
			return err
		}
		return c.mirror(ctx, dom, disk, delta)
	})
}

// mirror copies a disk's overlay, without what lies below it, into the file to.
func (c *client) mirror(ctx context.Context, dom libvirt.Domain, disk, to string) (err error) {
	def, err := c.definition(dom, 0)
	if err != nil {
		return err
	}
	target := ""
	for _, dk := range def.Devices.Disks {
		if dk.Source != nil && dk.Source.File == disk {
			target = dk.Target.Dev
		}
	}
	text := "<disk type='file'><driver type='qcow2'/><source file='" + to + "'/></disk>"
	err = c.DomainBlockCopy(dom, target, text, nil, libvirt.DomainBlockCopyShallow|libvirt.DomainBlockCopyReuseExt|libvirt.DomainBlockCopyTransientJob)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.DomainBlockJobAbort(dom, target, 0)) }()
	for {
		_, _, _, cur, end, err := c.DomainGetBlockJobInfo(dom, target, 0)
		if err != nil {
			return err
		}
		if end > 0 && cur == end {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// Resize changes CPUs, memory and disk of a guest that is off.
func (d *Driver) Resize(ctx context.Context, g virt.Guest) error {
	if err := check(g); err != nil {
		return err
	}
	unlock, err := d.lock(ctx, g.ID)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := d.state(ctx, g.ID)
	if err != nil {
		return err
	}
	if state != virt.Shutdown {
		return fmt.Errorf("resize %s while it is %s: %w", g.ID, state, virt.ErrState)
	}
	if err := grow(ctx, filepath.Join(d.dir(g.ID), rootFile), gigabytes(g.RootGB)); err != nil {
		return fmt.Errorf("resize %s: %w", g.ID, err)
	}
	return d.define(ctx, g)
}

// grow makes an overlay larger. One that is as large already stays as it is.
func grow(ctx context.Context, disk string, bytes int64) error {
	head, err := qcow2.ReadFile(disk)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the guest boots from a volume
	} else if err != nil || head.VirtualBytes >= bytes {
		return err
	}
	out, err := exec.CommandContext(ctx, "qemu-img", "resize", "-q", "-f", "qcow2", disk, strconv.FormatInt(bytes, 10)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
