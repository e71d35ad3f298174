package libvirt_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"nacre/internal/nova"
	"nacre/internal/nova/metadata"
	"nacre/internal/nova/virt"
	"nacre/internal/nova/virt/libvirt"
	"nacre/internal/nova/virt/virttest"
	"nacre/internal/oslo/uuid"
)

// imageFile is the guest image to test with: $NACRE_GUEST_IMAGE, the qcow2 file that images/build-guest-image.sh makes.
func imageFile(t *testing.T) string {
	t.Helper()
	file := os.Getenv("NACRE_GUEST_IMAGE")
	if file == "" {
		t.Fatal("NACRE_GUEST_IMAGE names no guest image: make unit sets it, make image makes one")
	}
	return file
}

// bridged makes a network that the host is on, with DHCP.
func bridged(t *testing.T, n virt.Interface) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = n.Bridge
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	addr, _ := netlink.ParseAddr("192.0.2.1/24")
	for _, err := range []error{netlink.LinkAdd(bridge), netlink.AddrAdd(bridge, addr), netlink.LinkSetUp(bridge)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--port=0", "--log-facility=-",
		"--interface="+n.Bridge, "--bind-interfaces", "--leasefile-ro", "--dhcp-range=192.0.2.10,192.0.2.10,1h", "--dhcp-host="+n.MAC+",192.0.2.10")
	if err := cmd.Start(); err != nil {
		t.Fatalf("dnsmasq, of Debian's dnsmasq-base: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// TestGuest boots a real guest: config drive, network, live unplugging, power button.
func TestGuest(t *testing.T) {
	file := imageFile(t)
	if !isolated(t) {
		return
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	image, nic, second := uuid.New(), virttest.NIC(), virttest.NIC()
	bridged(t, nic)
	d, _ := newDriver(t, images{image: file})
	tree, err := metadata.Tree(metadata.Instance{ID: uuid.New(), Name: "web", Hostname: "web-1.novalocal", UserData: []byte("#!/bin/sh\necho user data ran > /dev/console\n")})
	if err != nil {
		t.Fatal(err)
	}
	g := virt.Guest{ID: uuid.New(), Name: "instance-00000001", VCPUs: 1, MemoryMB: 256, RootGB: 1, Paused: true,
		Image:      virt.Image{ID: image, DiskFormat: "qcow2", SizeBytes: info.Size()},
		Interfaces: []virt.Interface{nic}, ConfigDrive: tree}
	t.Cleanup(func() { _ = d.Destroy(context.Background(), g.ID) })
	must(t, d.Spawn(t.Context(), g))
	start := time.Now()
	must(t, d.Power(t.Context(), g.ID, virt.Running, 0))
	reach(t)
	t.Logf("sshd answers after %.1f s", time.Since(start).Seconds())
	for _, want := range []string{"user data ran", "datasource configdrive, hostname web-1", "login:"} {
		console(t, d, g.ID, want)
	}
	t.Logf("login prompt after %.1f s", time.Since(start).Seconds())
	time.Sleep(2 * time.Second) // the drivers for hot plugging come after the login prompt
	must(t, d.AttachInterface(t.Context(), g.ID, second))
	must(t, d.DetachInterface(t.Context(), g.ID, second.PortID))
	if s, err := d.Guest(t.Context(), g.ID); err != nil || len(s.Interfaces) != 1 || s.Interfaces[0].PortID != nic.PortID {
		t.Errorf("after unplugging: %+v %v", s, err)
	}
	volume := filepath.Join(t.TempDir(), "volume")
	must(t, os.WriteFile(volume, make([]byte, 1<<20), 0o600))
	must(t, d.AttachVolume(t.Context(), g.ID, virt.Volume{ID: g.ID, Transport: "file", Path: volume}))
	must(t, d.DetachVolume(t.Context(), g.ID, g.ID))
	start = time.Now()
	must(t, d.Reboot(t.Context(), g.ID, 2*time.Minute))
	t.Logf("soft reboot took %.1f s", time.Since(start).Seconds())
	reach(t)
	console(t, d, g.ID, "login:")
	start = time.Now()
	must(t, d.Power(t.Context(), g.ID, virt.Shutdown, 3*time.Minute))
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("the guest ignores the power button")
	} else {
		t.Logf("stop took %.1f s", took.Seconds())
	}
}

// TestTriple boots kernel, ramdisk and root file system that are images of their own.
func TestTriple(t *testing.T) {
	base := strings.TrimSuffix(imageFile(t), ".qcow2")
	if !isolated(t) {
		return
	}
	files := images{}
	part := func(suffix, format string) *virt.Image {
		id := uuid.New()
		files[id] = base + suffix
		return &virt.Image{ID: id, DiskFormat: format}
	}
	g := virt.Guest{ID: uuid.New(), Name: "instance-00000002", VCPUs: 1, MemoryMB: 256, RootGB: 1,
		Image: *part("-rootfs.img", "ami"), Kernel: part("-kernel", "aki"), Ramdisk: part("-ramdisk", "ari")}
	d, _ := newDriver(t, files)
	t.Cleanup(func() { _ = d.Destroy(context.Background(), g.ID) })
	must(t, d.Spawn(t.Context(), g))
	console(t, d, g.ID, "login:")
	must(t, d.Redefine(t.Context(), virt.Guest{ID: g.ID, Name: g.Name, VCPUs: 1, MemoryMB: 256, Image: virt.Image{ID: g.Image.ID}}))
	must(t, d.Reboot(t.Context(), g.ID, 0))
	console(t, d, g.ID, "login:")
}

// TestPowerStates are numbered alike here and in the API.
func TestPowerStates(t *testing.T) {
	for ours, theirs := range map[virt.PowerState]nova.PowerState{virt.NoState: nova.PowerNone, virt.Running: nova.PowerRunning,
		virt.Paused: nova.PowerPaused, virt.Shutdown: nova.PowerShutdown, virt.Crashed: nova.PowerCrashed, virt.Suspended: nova.PowerSuspended} {
		if int(ours) != int(theirs) {
			t.Errorf("%s is %d and %d", ours, ours, theirs)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reach waits for the guest's sshd.
func reach(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", "192.0.2.10:22", time.Second)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// console waits for the guest to say something.
func console(t *testing.T, d *libvirt.Driver, id, want string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, err := d.ConsoleOutput(t.Context(), id, -1)
		must(t, err)
		if strings.Contains(out, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q does not show; console:\n%s", want, out)
		}
	}
}
