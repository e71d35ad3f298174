package libvirt

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova/virt"
)

var update = flag.Bool("update", false, "rewrite testdata")

func rich() virt.Guest {
	return virt.Guest{ID: "11111111-2222-4333-8444-555555555555", Name: "instance-0000002a", VCPUs: 4, MemoryMB: 2048,
		Image: virt.Image{ID: "22222222-2222-4333-8444-555555555555"}, RootGB: 20, EphemeralGB: 5, SwapMB: 512,
		Interfaces: []virt.Interface{{PortID: "33333333-2222-4333-8444-555555555555", MAC: "fa:16:3e:00:00:01", Bridge: "brq0123456789a", Tap: "tap33333333-22", MTU: 1450}},
		Volumes: []virt.Volume{
			{ID: "44444444-2222-4333-8444-555555555555", Transport: "nbd", Path: "vol1", Socket: "/run/nbd.sock"},
			{ID: "55555555-2222-4333-8444-555555555555", Transport: "rbd", Path: "volumes/v", Hosts: []string{"192.0.2.1:6789"}, Bus: "scsi"}},
		Hardware: virt.Hardware{GuestAgent: true, Watchdog: "reset", Sockets: 2, Cores: 2, Threads: 1, CPUShares: 512},
		Metadata: virt.Metadata{ServerName: "web <1> & co", Flavor: "m1.small", ProjectID: "p", UserID: "u", CreatedAt: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)}}
}

// TestDomain compares with XML that was looked at, and asks libvirt's schema.
func TestDomain(t *testing.T) {
	iso, triple, uefi := rich(), rich(), rich()
	triple.Hardware.CommandLine = "root=/dev/vda quiet"
	uefi.Hardware = virt.Hardware{Firmware: "uefi", MachineType: "q35", Pointer: "usbtablet", NoRNG: true}
	for name, tc := range map[string]struct {
		guest virt.Guest
		kind  string
		files []string
		vnc   string
	}{
		"image":  {rich(), "qemu", []string{rootFile, configFile}, ""},
		"iso":    {iso, "kvm", []string{cdFile, configFile}, "192.0.2.7"},
		"triple": {triple, "qemu", []string{rootFile, kernelFile, ramdiskFile}, ""},
		"uefi":   {uefi, "kvm", []string{rootFile, configFile}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			def := definition{guest: tc.guest, dir: "/state/instances/" + tc.guest.ID, domainType: tc.kind, vncListen: tc.vnc,
				has: func(f string) bool { return slices.Contains(tc.files, f) }}
			got, err := xml.MarshalIndent(def.domain(), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "domain_"+name+".xml")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || string(want) != string(got)+"\n" {
				t.Errorf("%v %s", err, cmp.Diff(string(want), string(got)+"\n"))
			}
			if _, err := exec.LookPath("xmllint"); err == nil { // of libxml2-utils; virt-xml-validate calls it
				if out, err := exec.Command("virt-xml-validate", file, "domain").CombinedOutput(); err != nil {
					t.Errorf("%s", out)
				}
			}
		})
	}
}

func TestLastLines(t *testing.T) {
	for _, tc := range []struct {
		in   string
		n    int
		want string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\nc", 2, "b\nc"}, {"a\nb\n", 5, "a\nb\n"}, {"a\nb\n", -1, "a\nb\n"}, {"a\nb\n", 0, ""}, {"", 3, ""}, {"\n\n", 1, "\n"},
	} {
		if got := lastLines(tc.in, tc.n); got != tc.want {
			t.Errorf("%q, %d: %q, want %q", tc.in, tc.n, got, tc.want)
		}
	}
}

func TestDeviceNames(t *testing.T) {
	n := deviceNames{}
	for _, tc := range []struct{ bus, wished, want string }{
		{"virtio", "", "vda"}, {"virtio", "/dev/vdc", "vdc"}, {"virtio", "", "vdb"}, {"virtio", "/dev/vdc", "vdd"}, {"ide", "/dev/vdx", "hda"}, {"scsi", "", "sda"},
	} {
		if got := n.take(tc.bus, tc.wished); got.Dev != tc.want || got.Bus != tc.bus {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
	if letters(25) != "z" || letters(26) != "aa" || letters(27) != "ab" || letters(701) != "zz" {
		t.Error(letters(26), letters(701))
	}
}

// TestProbe boots the probe guest without KVM, where it must work.
func TestProbe(t *testing.T) {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Fatal("qemu-system-x86_64 is not installed: it is in Debian's qemu-system-x86")
	}
	if err := bootProbe(t.Context(), "tcg", t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := bootProbe(t.Context(), "none-such", t.TempDir()); err == nil {
		t.Error("booted with an accelerator that is none")
	}
}

// TestCutLog frees the room of a long log and keeps its end.
func TestCutLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "console.log")
	if err := os.WriteFile(file, bytes.Repeat([]byte("spam from the guest\n"), 1<<19), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cutLog(file); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(file, &st); err != nil || st.Size != 20<<19 || st.Blocks*512 > keptLog+8192 {
		t.Errorf("%d bytes, %d on disk, %v", st.Size, st.Blocks*512, err)
	}
	if b, _ := os.ReadFile(file); !bytes.HasSuffix(b, []byte("spam from the guest\n")) {
		t.Error("the end is lost")
	}
}
