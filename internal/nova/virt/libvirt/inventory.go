package libvirt

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/digitalocean/go-libvirt"

	"nacre/internal/nova/virt"
)

// capabilities is the part of libvirt's capabilities that we read.
type capabilities struct {
	Host struct {
		CPU struct {
			Arch     string `xml:"arch"`
			Model    string `xml:"model"`
			Vendor   string `xml:"vendor"`
			Topology struct {
				Sockets int `xml:"sockets,attr"`
				Cores   int `xml:"cores,attr"`
				Threads int `xml:"threads,attr"`
			} `xml:"topology"`
			Features []struct {
				Name string `xml:"name,attr"`
			} `xml:"feature"`
		} `xml:"cpu"`
		Cells []struct{} `xml:"topology>cells>cell"`
	} `xml:"host"`
	Guests []struct {
		OSType string `xml:"os_type"`
		Arch   struct {
			Name    string `xml:"name,attr"`
			Domains []struct {
				Type string `xml:"type,attr"`
			} `xml:"domain"`
		} `xml:"arch"`
	} `xml:"guest"`
}

// Inventory asks libvirt, the kernel and the file system.
func (d *Driver) Inventory(ctx context.Context) (virt.Inventory, error) {
	inv := virt.Inventory{HypervisorType: "QEMU", HostIP: d.cfg.HostIP}
	err := d.calls.do(ctx, func(c *client) error { return d.ask(c, &inv) })
	if err == nil {
		err = d.measure(&inv)
	}
	if err != nil {
		return inv, fmt.Errorf("inventory: %w", err)
	}
	inv.Traits = traits(d.kind(), inv.CPU)
	return inv, nil
}

// ask fills in what libvirt knows.
func (d *Driver) ask(c *client, inv *virt.Inventory) error {
	version, err := c.ConnectGetVersion()
	if err != nil {
		return err
	}
	inv.HypervisorVersion = int(version)
	if inv.Hostname = d.cfg.Hostname; inv.Hostname == "" {
		if inv.Hostname, err = c.ConnectGetHostname(); err != nil {
			return err
		}
	}
	_, kib, cpus, _, _, _, _, _, err := c.NodeGetInfo()
	if err != nil {
		return err
	}
	inv.VCPUs, inv.MemoryMB = int(cpus), int(kib>>10)
	text, err := c.ConnectGetCapabilities()
	if err != nil {
		return err
	}
	var caps capabilities
	if err := xml.Unmarshal([]byte(text), &caps); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	inv.CPU, inv.Supported = caps.cpu(), caps.supported(d.kind())
	return c.usage(inv)
}

// usage adds up the guests that run.
func (c *client) usage(inv *virt.Inventory) error {
	doms, _, err := c.ConnectListAllDomains(1, libvirt.ConnectListDomainsActive)
	if err != nil {
		return err
	}
	for _, dom := range doms {
		_, _, _, cpus, _, err := c.DomainGetInfo(dom)
		if libvirt.IsNotFound(err) {
			continue
		} else if err != nil {
			return err
		}
		inv.RunningGuests++
		inv.VCPUsUsed += int(cpus)
	}
	return nil
}

func (c capabilities) cpu() virt.CPU {
	h := c.Host.CPU
	out := virt.CPU{Arch: h.Arch, Model: h.Model, Vendor: h.Vendor, Features: []string{}, Topology: virt.Topology{
		Cells: max(1, len(c.Host.Cells)), Sockets: h.Topology.Sockets, Cores: h.Topology.Cores, Threads: h.Topology.Threads}}
	for _, f := range h.Features {
		out.Features = append(out.Features, f.Name)
	}
	return out
}

// supported lists what kinds of guests can be made: architecture, hypervisor, mode.
func (c capabilities) supported(kind string) [][3]string {
	out := [][3]string{}
	for _, g := range c.Guests {
		for _, dom := range g.Arch.Domains {
			if dom.Type == "qemu" || kind == "kvm" {
				out = append(out, [3]string{g.Arch.Name, dom.Type, g.OSType})
			}
		}
	}
	return out
}

// measure fills in what the kernel and the file system know.
func (d *Driver) measure(inv *virt.Inventory) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.instances(), &fs); err != nil {
		return err
	}
	gb := func(blocks uint64) int { return int(blocks * uint64(fs.Bsize) >> 30) }
	inv.DiskGB, inv.DiskFreeGB = gb(fs.Blocks), gb(fs.Bavail)
	inv.DiskUsedGB = inv.DiskGB - gb(fs.Bfree)
	available, err := memAvailableMB()
	if err != nil {
		return err
	}
	inv.MemoryUsedMB = max(0, inv.MemoryMB-available)
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return err
	}
	inv.Uptime = time.Duration(info.Uptime) * time.Second
	for i := range inv.Load {
		inv.Load[i] = float64(info.Loads[i]) / (1 << 16)
	}
	return nil
}

// memAvailableMB is what could be given to programs without swapping.
func memAvailableMB() (int, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "MemAvailable:" {
			kib, err := strconv.Atoi(fields[1])
			return kib >> 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemAvailable")
}

// cpuTraits are Placement's names for the CPU features that libvirt names.
var cpuTraits = map[string]string{
	"sse": "HW_CPU_X86_SSE", "sse2": "HW_CPU_X86_SSE2", "pni": "HW_CPU_X86_SSE3", "ssse3": "HW_CPU_X86_SSSE3",
	"sse4.1": "HW_CPU_X86_SSE41", "sse4.2": "HW_CPU_X86_SSE42", "avx": "HW_CPU_X86_AVX", "avx2": "HW_CPU_X86_AVX2",
	"aes": "HW_CPU_X86_AESNI", "fma": "HW_CPU_X86_FMA3", "f16c": "HW_CPU_X86_F16C", "bmi1": "HW_CPU_X86_BMI",
	"bmi2": "HW_CPU_X86_BMI2", "sha-ni": "HW_CPU_X86_SHA", "vmx": "HW_CPU_X86_VMX", "svm": "HW_CPU_X86_SVM",
	"avx512f": "HW_CPU_X86_AVX512F", "avx512bw": "HW_CPU_X86_AVX512BW", "avx512dq": "HW_CPU_X86_AVX512DQ",
	"avx512vl": "HW_CPU_X86_AVX512VL", "avx512cd": "HW_CPU_X86_AVX512CD", "pclmuldq": "HW_CPU_X86_CLMUL",
	"mmx": "HW_CPU_X86_MMX", "abm": "HW_CPU_X86_ABM", "stibp": "HW_CPU_X86_STIBP",
}

// traits are what this host can do, in Placement's words. Without KVM a guest does not see the host's CPU.
func traits(kind string, cpu virt.CPU) []string {
	out := []string{
		"COMPUTE_NODE", "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_VOLUME_ATTACH",
		"COMPUTE_IMAGE_TYPE_AKI", "COMPUTE_IMAGE_TYPE_AMI", "COMPUTE_IMAGE_TYPE_ARI", "COMPUTE_IMAGE_TYPE_ISO",
		"COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_VDI", "COMPUTE_IMAGE_TYPE_VHD",
		"COMPUTE_IMAGE_TYPE_VHDX", "COMPUTE_IMAGE_TYPE_VMDK",
		"COMPUTE_GRAPHICS_MODEL_CIRRUS", "COMPUTE_GRAPHICS_MODEL_NONE", "COMPUTE_GRAPHICS_MODEL_VGA", "COMPUTE_GRAPHICS_MODEL_VIRTIO",
		"COMPUTE_NET_VIF_MODEL_E1000", "COMPUTE_NET_VIF_MODEL_E1000E", "COMPUTE_NET_VIF_MODEL_NE2K_PCI",
		"COMPUTE_NET_VIF_MODEL_PCNET", "COMPUTE_NET_VIF_MODEL_RTL8139", "COMPUTE_NET_VIF_MODEL_VIRTIO",
		"COMPUTE_STORAGE_BUS_IDE", "COMPUTE_STORAGE_BUS_SATA", "COMPUTE_STORAGE_BUS_SCSI", "COMPUTE_STORAGE_BUS_VIRTIO",
	}
	if kind == "kvm" {
		for _, f := range cpu.Features {
			if t, ok := cpuTraits[f]; ok {
				out = append(out, t)
			}
		}
	}
	return out
}
