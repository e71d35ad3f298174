package libvirt

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"nacre/internal/nova/virt"
)

// The names of a guest's files in its directory.
const (
	rootFile      = "disk"
	cdFile        = "disk.cd" // instead of rootFile, of an ISO image
	ephemeralFile = "disk.eph0"
	swapFile      = "disk.swap"
	configFile    = "disk.config"
	consoleFile   = "console.log"
	kernelFile    = "kernel"
	ramdiskFile   = "ramdisk"
)

// Prefixes of the names that we give to devices, by which they are found again.
const (
	nicAlias    = "ua-port-"
	volumeAlias = "ua-volume-"
)

// definition is what a domain is made of.
type definition struct {
	guest      virt.Guest
	dir        string                 // of the guest's files
	domainType string                 // "kvm" or "qemu"
	has        func(file string) bool // whether the guest's directory holds it
	vncListen  string
}

// domain is the XML of a guest.
func (d definition) domain() domain {
	g := d.guest
	out := domain{
		Type: d.domainType, Name: g.Name, UUID: g.ID,
		Metadata: &metadata{Instance: d.instance()},
		Memory:   memory{Unit: "MiB", Value: int64(g.MemoryMB)},
		VCPU:     g.VCPUs,
		SysInfo: &sysInfo{Type: "smbios", System: []entry{
			{"manufacturer", "OpenStack Foundation"}, {"product", "OpenStack Nova"}, {"serial", g.ID}, {"uuid", g.ID},
			{"family", "Virtual Machine"}}},
		OS:         d.os(),
		Features:   &features{ACPI: &struct{}{}, APIC: &struct{}{}},
		CPU:        d.cpu(),
		Clock:      d.clock(),
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Devices: d.devices(),
	}
	if h := g.Hardware; h.CPUShares > 0 || h.CPUQuota > 0 || h.CPUPeriod > 0 {
		out.CPUTune = &cpuTune{Shares: h.CPUShares, Period: h.CPUPeriod, Quota: h.CPUQuota}
	}
	return out
}

func (d definition) instance() *instance {
	g, m := d.guest, d.guest.Metadata
	out := &instance{
		Name: m.ServerName,
		Flavor: instanceFlavor{Name: m.Flavor, Memory: g.MemoryMB, Disk: g.RootGB, Swap: g.SwapMB,
			Ephemeral: g.EphemeralGB, VCPUs: g.VCPUs},
		Owner: instanceOwner{User: ownerName{m.UserID, m.UserName}, Project: ownerName{m.ProjectID, m.ProjectName}},
	}
	if !m.CreatedAt.IsZero() {
		out.CreationTime = m.CreatedAt.UTC().Format(time.DateTime)
	}
	if g.Image.ID != "" {
		out.Root = &instanceRoot{Type: "image", UUID: g.Image.ID}
	}
	for _, n := range g.Interfaces {
		out.Ports = append(out.Ports, instancePort{n.PortID})
	}
	return out
}

func (d definition) os() osElement {
	h := d.guest.Hardware
	out := osElement{
		Type:     osType{Machine: h.MachineType, Value: "hvm"},
		BootMenu: &bootMenu{"no"},
		SMBIOS:   &smbios{"sysinfo"},
	}
	if out.Type.Machine == "" {
		out.Type.Machine = "pc"
	}
	if h.Firmware == "uefi" {
		out.Firmware = "efi"
	}
	if d.has(cdFile) {
		out.Boot = append(out.Boot, osBoot{"cdrom"})
	}
	out.Boot = append(out.Boot, osBoot{"hd"})
	if !d.has(kernelFile) {
		return out
	}
	out.Kernel = filepath.Join(d.dir, kernelFile)
	if d.has(ramdiskFile) {
		out.Initrd = filepath.Join(d.dir, ramdiskFile)
	}
	if out.Cmdline = h.CommandLine; out.Cmdline == "" {
		out.Cmdline = "root=/dev/vda console=tty0 console=ttyS0 quiet no_timer_check"
	}
	return out
}

// cpu leaves the model to the emulator without KVM, where the default is the fastest.
func (d definition) cpu() *cpuElement {
	out := &cpuElement{}
	if d.domainType == "kvm" {
		out.Mode, out.Match = "host-model", "exact"
	}
	if h := d.guest.Hardware; h.Sockets*h.Cores*h.Threads == d.guest.VCPUs {
		out.Topology = &cpuTopology{h.Sockets, h.Cores, h.Threads}
	} else {
		out.Topology = &cpuTopology{d.guest.VCPUs, 1, 1}
	}
	return out
}

func (d definition) clock() *clock {
	c := &clock{Offset: "utc"}
	if d.domainType == "kvm" {
		c.Timers = []timer{{Name: "pit", TickPolicy: "delay"}, {Name: "rtc", TickPolicy: "catchup"}, {Name: "hpet", Present: "no"}}
	}
	return c
}

func (d definition) devices() devices {
	g, h := d.guest, d.guest.Hardware
	out := devices{
		Disks: d.disks(),
		Serials: []serial{{Type: "pty", Target: serialTarget{Type: "isa-serial"},
			Log: &serialLog{File: filepath.Join(d.dir, consoleFile), Append: "off"}}},
		Controllers: []controller{{Type: "usb", Model: "none"}},
		Inputs:      []input{{"tablet", "virtio"}},
		Graphics:    []graphics{vnc(d.vncListen)},
		Videos:      []video{{videoModel{orElse(h.VideoModel, "vga")}}},
		Balloon:     &balloon{Model: "virtio", Stats: &balloonStats{10}},
	}
	if h.Pointer == "usbtablet" {
		out.Controllers = []controller{{Type: "usb", Model: "piix3-uhci"}}
		out.Inputs = []input{{"tablet", "usb"}}
	}
	for _, n := range g.Interfaces {
		out.Interfaces = append(out.Interfaces, nic(n))
	}
	for _, disk := range out.Disks {
		if disk.Target.Bus == "scsi" {
			out.Controllers = append(out.Controllers, controller{Type: "scsi", Model: "virtio-scsi"})
			break
		}
	}
	if !h.NoRNG {
		out.RNGs = []rng{{"virtio", rngBackend{"random", "/dev/urandom"}}}
	}
	if h.GuestAgent {
		out.Channels = []channel{{Type: "unix", Source: &channelMode{"bind"}, Target: channelTarget{"virtio", "org.qemu.guest_agent.0"}}}
	}
	switch h.Watchdog {
	case "", "disabled":
	default:
		out.Watchdogs = []watchdog{{"i6300esb", h.Watchdog}}
	}
	return out
}

// vnc is served on a socket that only root may open, or on an address when the proxy is on another host.
func vnc(listen string) graphics {
	if listen == "" {
		return graphics{Type: "vnc", Listen: []graphicsListen{{Type: "socket"}}}
	}
	return graphics{Type: "vnc", Port: -1, Auto: "yes", Listen: []graphicsListen{{Type: "address", Address: listen}}}
}

// disks lists the root disk, then ephemeral, swap and volumes, and the config drive as a CD.
func (d definition) disks() []disk {
	g, bus := d.guest, orElse(d.guest.Hardware.DiskBus, "virtio")
	names := deviceNames{}
	var out []disk
	for _, v := range g.Volumes {
		if v.Boot {
			out = append(out, volumeDisk(v, names.take(orElse(v.Bus, bus), v.Device)))
		}
	}
	switch {
	case d.has(cdFile):
		out = append(out, fileDisk("cdrom", "qcow2", filepath.Join(d.dir, cdFile), names.take("ide", "")))
	case g.Image.ID != "":
		out = append(out, fileDisk("disk", "qcow2", filepath.Join(d.dir, rootFile), names.take(bus, "")))
	}
	if g.EphemeralGB > 0 {
		out = append(out, fileDisk("disk", "raw", filepath.Join(d.dir, ephemeralFile), names.take(bus, "")))
	}
	if g.SwapMB > 0 {
		out = append(out, fileDisk("disk", "raw", filepath.Join(d.dir, swapFile), names.take(bus, "")))
	}
	for _, v := range g.Volumes {
		if !v.Boot {
			out = append(out, volumeDisk(v, names.take(orElse(v.Bus, bus), v.Device)))
		}
	}
	if d.has(configFile) {
		out = append(out, d.configDisk(&names))
	}
	return out
}

// configDisk is a CD where the machine has IDE, and a read-only disk on q35.
func (d definition) configDisk(names *deviceNames) disk {
	file := filepath.Join(d.dir, configFile)
	if strings.Contains(d.guest.Hardware.MachineType, "q35") {
		out := fileDisk("disk", "raw", file, names.take("virtio", ""))
		out.ReadOnly = &struct{}{}
		return out
	}
	return fileDisk("cdrom", "raw", file, names.take("ide", ""))
}

func fileDisk(device, format, path string, target diskTarget) disk {
	out := disk{Type: "file", Device: device, Target: target, Source: &diskSource{File: path},
		Driver: &diskDriver{Name: "qemu", Type: format, Cache: "writeback"}}
	if device == "cdrom" {
		out.ReadOnly = &struct{}{}
	} else {
		out.Driver.Discard = "unmap"
	}
	return out
}

// deviceNames hands out target names such as vda; an empty one has given none.
type deviceNames map[string]bool

// take returns the wished name if it is free and of that bus, else the bus's next one.
func (n deviceNames) take(bus, wished string) diskTarget {
	prefix := map[string]string{"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd"}[bus]
	wished = strings.TrimPrefix(wished, "/dev/")
	if strings.HasPrefix(wished, prefix) && !n[wished] {
		n[wished] = true
		return diskTarget{wished, bus}
	}
	for i := 0; ; i++ {
		if name := prefix + letters(i); !n[name] {
			n[name] = true
			return diskTarget{name, bus}
		}
	}
}

// letters counts a, b, … z, aa, ab.
func letters(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letters(i/26-1) + letters(i%26)
}

// nic is one interface; its boot ROM is left out, which saves the firmware a third of a second.
func nic(n virt.Interface) iface {
	out := iface{Type: "bridge", MAC: ifaceMAC{n.MAC}, Source: ifaceSource{n.Bridge}, Target: &ifaceTarget{n.Tap},
		Model: ifaceModel{orElse(n.Model, "virtio")}, ROM: &ifaceROM{"no"}, Alias: &alias{nicAlias + n.PortID}}
	if n.MTU > 0 {
		out.MTU = &ifaceMTU{n.MTU}
	}
	return out
}

// volumeDisk is a disk of the block storage service.
func volumeDisk(v virt.Volume, target diskTarget) disk {
	out := disk{Device: "disk", Target: target, Serial: orElse(v.Serial, v.ID), Alias: &alias{volumeAlias + v.ID},
		Driver: &diskDriver{Name: "qemu", Type: orElse(v.Format, "raw"), Cache: "none", Discard: "unmap"}}
	if v.ReadOnly {
		out.ReadOnly = &struct{}{}
	}
	if v.Transport == "file" {
		out.Type, out.Source, out.Driver.Cache = "file", &diskSource{File: v.Path}, "writeback"
		return out
	}
	out.Type, out.Source = "network", &diskSource{Protocol: v.Transport, Name: v.Path}
	for _, h := range v.Hosts {
		host, port, _ := strings.Cut(h, ":")
		out.Source.Hosts = append(out.Source.Hosts, diskHost{Name: host, Port: port})
	}
	if v.Socket != "" {
		out.Source.Hosts = []diskHost{{Transport: "unix", Socket: v.Socket}}
	}
	return out
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// check refuses a guest that cannot be built.
func check(g virt.Guest) error {
	if g.ID == "" || g.Name == "" || g.VCPUs < 1 || g.MemoryMB < 1 {
		return fmt.Errorf("guest %q: ID, name, VCPUs and memory are needed", g.ID)
	}
	boots := g.Image.ID != ""
	for _, v := range g.Volumes {
		boots = boots || v.Boot
	}
	if !boots {
		return fmt.Errorf("guest %s: neither an image nor a volume to boot from", g.ID)
	}
	for _, n := range g.Interfaces {
		if n.PortID == "" || n.MAC == "" || n.Bridge == "" || n.Tap == "" || len(n.Tap) > 15 || len(n.Bridge) > 15 {
			return fmt.Errorf("guest %s: port %q lacks a MAC address, a bridge or a tap name of at most 15 bytes", g.ID, n.PortID)
		}
	}
	return nil
}
