package virttest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"nacre/internal/nova/virt"
	"nacre/internal/oslo/uuid"
)

// resize needs the guest to be off, and keeps what is on its disk.
func resize(t *testing.T, h Harness) {
	d, able := h.Driver.(virt.Resizer)
	if !able {
		t.Skip("the driver resizes nothing")
	}
	g := h.spawn(t)
	g.MemoryMB, g.VCPUs, g.RootGB = 64, 2, 2
	is(t, d.Resize(t.Context(), g), virt.ErrState)
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0))
	for range 2 {
		ok(t, d.Resize(t.Context(), g))
	}
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Running, 0))
	if s := h.want(t, g.ID, virt.Running); s.MemoryMB != 64 || s.VCPUs != 2 {
		t.Errorf("after resize %+v", s)
	}
	g.ID = uuid.New()
	is(t, d.Resize(t.Context(), g), virt.ErrNoGuest)
}

// snapshot copies the disk of a guest that runs, and of one that is off.
func snapshot(t *testing.T, h Harness) {
	d, able := h.Driver.(virt.Snapshotter)
	if !able {
		t.Skip("the driver makes no snapshots")
	}
	g := h.spawn(t)
	for _, state := range []virt.PowerState{virt.Running, virt.Shutdown} {
		ok(t, h.Driver.Power(t.Context(), g.ID, state, 0))
		var raw, qcow2 bytes.Buffer
		ok(t, d.Snapshot(t.Context(), g.ID, "raw", &head{w: &raw, left: 1 << 20}))
		if !bytes.Equal(raw.Bytes(), BootDisk()) {
			t.Errorf("%s: the copy differs", state)
		}
		ok(t, d.Snapshot(t.Context(), g.ID, "qcow2", &head{w: &qcow2, left: 1 << 20}))
		if !bytes.HasPrefix(qcow2.Bytes(), []byte("QFI\xfb")) {
			t.Errorf("%s: no qcow2", state)
		}
		h.want(t, g.ID, state)
	}
	is(t, d.Snapshot(t.Context(), uuid.New(), "raw", &bytes.Buffer{}), virt.ErrNoGuest)
}

// head keeps the first bytes.
type head struct {
	w    *bytes.Buffer
	left int
}

// Write keeps what fits.
func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.left -= n
	h.w.Write(p[:n])
	return len(p), nil
}

// volumes are plugged into a running guest, and out of one that is off.
func volumes(t *testing.T, h Harness) {
	d, able := h.Driver.(virt.VolumeAttacher)
	if !able {
		t.Skip("the driver attaches no volumes")
	}
	file := filepath.Join(t.TempDir(), "volume")
	ok(t, os.WriteFile(file, make([]byte, 1<<20), 0o666))
	v := virt.Volume{ID: uuid.New(), Transport: "file", Path: file, Device: "/dev/vdf"}
	g := h.spawn(t)
	for range 2 {
		ok(t, d.AttachVolume(t.Context(), g.ID, v))
		if s := h.want(t, g.ID, virt.Running); len(s.VolumeIDs) != 1 || s.VolumeIDs[0] != v.ID {
			t.Fatalf("volumes %v", s.VolumeIDs)
		}
	}
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0))
	for range 2 {
		ok(t, d.DetachVolume(t.Context(), g.ID, v.ID))
	}
	if s := h.want(t, g.ID, virt.Shutdown); len(s.VolumeIDs) != 0 {
		t.Errorf("volumes %v", s.VolumeIDs)
	}
	is(t, d.AttachVolume(t.Context(), uuid.New(), v), virt.ErrNoGuest)
	is(t, d.DetachVolume(t.Context(), uuid.New(), v.ID), virt.ErrNoGuest)
}

func diagnostics(t *testing.T, h Harness) {
	d, able := h.Driver.(virt.Diagnoser)
	if !able {
		t.Skip("the driver counts nothing")
	}
	g := h.spawn(t)
	got, err := d.Diagnostics(t.Context(), g.ID)
	ok(t, err)
	if got.Power != virt.Running || len(got.CPUTimes) != 1 || got.MemoryMB != 32 || len(got.Disks) == 0 || len(got.Interfaces) != 1 || got.Interfaces[0].MAC != g.Interfaces[0].MAC {
		t.Errorf("diagnostics %+v", got)
	}
	ok(t, h.Driver.Power(t.Context(), g.ID, virt.Shutdown, 0))
	_, err = d.Diagnostics(t.Context(), g.ID)
	is(t, err, virt.ErrState)
}
