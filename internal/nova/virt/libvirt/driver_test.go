package libvirt_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nacre/internal/nova/libvirtd"
	"nacre/internal/nova/virt"
	"nacre/internal/nova/virt/libvirt"
	"nacre/internal/nova/virt/virttest"
	"nacre/internal/oslo/uuid"
)

// isolated runs the test again in network and mount namespaces of its own, for taps, bridges and a private libvirtd.
// It returns true in that second run.
func isolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv("NACRE_TEST_ISOLATED") == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, tool := range []string{"libvirtd", "qemu-system-x86_64", "qemu-img"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not installed: scripts/install run", tool)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), "NACRE_TEST_ISOLATED="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	return false
}

// images serves files by image ID.
type images map[string]string

func (i images) Open(_ context.Context, id string) (io.ReadCloser, error) { return os.Open(i[id]) }

// newDriver starts a private libvirtd and a driver on it.
func newDriver(t *testing.T, source virt.Images) (*libvirt.Driver, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	daemon, err := libvirtd.Start(t.Context(), libvirtd.Config{StateDir: dir, Use: libvirtd.Private})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := daemon.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	d, err := libvirt.New(t.Context(), libvirt.Config{StateDir: filepath.Join(dir, "nova"), Daemon: daemon, Images: source, VirtType: "qemu"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, dir
}

func TestDriver(t *testing.T) {
	if !isolated(t) {
		return
	}
	file, id := filepath.Join(t.TempDir(), "boot"), uuid.New()
	if err := os.WriteFile(file, virttest.BootDisk(), 0o600); err != nil {
		t.Fatal(err)
	}
	d, dir := newDriver(t, images{id: file})
	virttest.Run(t, virttest.Harness{
		Driver: d,
		Image:  virt.Image{ID: id, DiskFormat: "raw", SizeBytes: 1 << 20},
		Grace:  500 * time.Millisecond,
		Left: func(t *testing.T, guest string) {
			for _, pattern := range []string{"nova/instances/" + guest + "*", "libvirt/etc/qemu/*" + guest[:8] + "*", "libvirt/run/qemu/*" + guest[:8] + "*", "libvirt/lib/qemu/*/*" + guest[:8] + "*", "libvirt/log/qemu/*" + guest[:8] + "*"} {
				if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		},
	})
	t.Run("VNC", func(t *testing.T) { vnc(t, d, id) })
	t.Run("Bases", func(t *testing.T) { bases(t, d, id) })
}

// vnc reads the greeting of a guest's VNC server.
func vnc(t *testing.T, d *libvirt.Driver, image string) {
	g := virt.Guest{ID: uuid.New(), Name: "instance-vnc", VCPUs: 1, MemoryMB: 32, Image: virt.Image{ID: image, DiskFormat: "raw"}}
	defer d.Destroy(context.Background(), g.ID)
	if err := d.Spawn(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	at, err := d.Console(t.Context(), g.ID, virt.VNC)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := libvirtd.DialUnix(at.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := make([]byte, 12)
	if _, err := io.ReadFull(conn, hello); err != nil || !bytes.HasPrefix(hello, []byte("RFB 003")) {
		t.Errorf("%q %v", hello, err)
	}
}

// bases in use are not swept, however old.
func bases(t *testing.T, d *libvirt.Driver, image string) {
	g := virt.Guest{ID: uuid.New(), Name: "instance-base", VCPUs: 1, MemoryMB: 32, Image: virt.Image{ID: image, DiskFormat: "raw"}, Paused: true}
	defer d.Destroy(context.Background(), g.ID)
	if err := d.Spawn(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	later := time.Now()
	for _, want := range []int{0, 1} {
		later = later.Add(48 * time.Hour)
		used, err := d.BasesInUse()
		if err != nil {
			t.Fatal(err)
		}
		if gone, err := d.Cache().Sweep(t.Context(), used, later); err != nil || len(gone) != want {
			t.Errorf("swept %v, %v; want %d", gone, err, want)
		}
		if err := d.Destroy(t.Context(), g.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDaemonDies has libvirtd killed under a running guest, and then its definitions lost.
func TestDaemonDies(t *testing.T) {
	if !isolated(t) {
		return
	}
	file, id := filepath.Join(t.TempDir(), "boot"), uuid.New()
	must(t, os.WriteFile(file, virttest.BootDisk(), 0o600))
	d, dir := newDriver(t, images{id: file})
	g := virt.Guest{ID: uuid.New(), Name: "instance-dies", VCPUs: 1, MemoryMB: 32, Image: virt.Image{ID: id, DiskFormat: "raw"}, Interfaces: []virt.Interface{virttest.NIC()}}
	t.Cleanup(func() { _ = d.Destroy(context.Background(), g.ID) })
	must(t, d.Spawn(t.Context(), g))
	heard := make(chan string, 100)
	go d.Watch(t.Context(), func(id string) { heard <- id })
	<-heard
	patient := make(chan error, 1)
	before := restart(t, dir, syscall.SIGKILL, func() {
		go func() {
			_, err := d.Guest(t.Context(), g.ID)
			patient <- err
		}()
	})
	if err := <-patient; err != nil {
		t.Errorf("asked while there was no daemon: %v", err)
	}
	if s, err := d.Guest(t.Context(), g.ID); err != nil || s.Power != virt.Running {
		t.Fatalf("after the daemon was killed: %+v %v", s, err)
	}
	if id := <-heard; id != "" {
		t.Errorf("heard of %q, not that events were missed", id)
	}
	must(t, d.Power(t.Context(), g.ID, virt.Paused, 0))
	must(t, d.Power(t.Context(), g.ID, virt.Shutdown, 0))
	must(t, os.Remove(filepath.Join(dir, "libvirt/etc/qemu/instance-dies.xml")))
	if after := restart(t, dir, syscall.SIGTERM, func() {}); after == before {
		t.Error("the daemon was not replaced")
	}
	all, err := d.Guests(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != g.ID || all[0].Power != virt.Shutdown {
		t.Fatalf("without definitions: %+v %v", all, err)
	}
	if err := d.Power(t.Context(), g.ID, virt.Running, 0); !errors.Is(err, virt.ErrNoGuest) {
		t.Errorf("start without definition: %v", err)
	}
	must(t, d.Redefine(t.Context(), g))
	must(t, d.Power(t.Context(), g.ID, virt.Running, 0))
	if s, err := d.Guest(t.Context(), g.ID); err != nil || s.Power != virt.Running || len(s.Interfaces) != 1 {
		t.Errorf("defined again: %+v %v", s, err)
	}
}

// restart ends the private libvirtd, calls down and starts another; it returns the process that ended.
func restart(t *testing.T, dir string, signal syscall.Signal, down func()) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "libvirt/libvirtd.pid"))
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	must(t, err)
	must(t, syscall.Kill(pid, signal))
	for deadline := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	down()
	_, err = libvirtd.Start(t.Context(), libvirtd.Config{StateDir: dir, Use: libvirtd.Private})
	must(t, err)
	return pid
}
