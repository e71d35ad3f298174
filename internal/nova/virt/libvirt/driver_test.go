package libvirt_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
			t.Skipf("%s is not installed", tool)
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
			for _, pattern := range []string{"nova/instances/" + guest + "*", "libvirt/etc/qemu/*" + guest[:8] + "*", "libvirt/run/qemu/*" + guest[:8] + "*", "libvirt/lib/qemu/*/*" + guest[:8] + "*"} {
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
	later := time.Now().Add(48 * time.Hour)
	for _, want := range []int{0, 1} {
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
