package virt

import "time"

// PowerState is a guest's state, numbered as the Compute API's OS-EXT-STS:power_state.
type PowerState int

// The states a guest can be in.
const (
	NoState   PowerState = 0 // unknown
	Running   PowerState = 1
	Paused    PowerState = 3
	Shutdown  PowerState = 4
	Crashed   PowerState = 6
	Suspended PowerState = 7
)

// String is the word for logs.
func (p PowerState) String() string {
	switch p {
	case Running:
		return "running"
	case Paused:
		return "paused"
	case Shutdown:
		return "shutdown"
	case Crashed:
		return "crashed"
	case Suspended:
		return "suspended"
	default:
		return "pending"
	}
}

// Guest is everything a driver needs to know to make a guest.
type Guest struct {
	ID       string // the server's UUID
	Name     string // the hypervisor's name for it, such as instance-0000000a
	VCPUs    int
	MemoryMB int

	Image       Image  // of the root disk; no ID when the guest boots from a volume
	RootGB      int    // 0: as large as the image
	EphemeralGB int    // an empty, formatted second disk
	SwapMB      int    // a swap disk
	Kernel      *Image // direct kernel boot, of an ami image's kernel_id
	Ramdisk     *Image // its ramdisk_id

	Interfaces  []Interface
	Volumes     []Volume
	ConfigDrive map[string][]byte // path → content, such as "openstack/latest/meta_data.json"; nil: none
	Paused      bool              // start it stopped at its first instruction

	Hardware Hardware
	Metadata Metadata
}

// Image is a Glance image as far as a driver needs it.
type Image struct {
	ID         string
	DiskFormat string // qcow2, raw, ami, aki, ari, iso, …
	HashAlgo   string // of the bytes that Images.Open yields: "sha512", "md5" …
	HashValue  string // lower-case hex; empty: not checked
	SizeBytes  int64  // of the same bytes; 0: unknown
	MinDiskGB  int
}

// Interface is a NIC on a bridge.
type Interface struct {
	PortID string
	MAC    string
	Bridge string // "brq…", made by the driver if absent
	Tap    string // "tap…", at most 15 bytes, made by the hypervisor
	MTU    int    // 0: the kernel's default
	Model  string // virtio (default), e1000, rtl8139, …
}

// Volume is a disk that belongs to the block storage service.
type Volume struct {
	ID        string
	Device    string // wished name such as /dev/vdb; empty: the next free one
	Bus       string // virtio (default), scsi, ide
	Boot      bool   // the guest's root disk
	ReadOnly  bool
	Serial    string // what the guest sees; the volume's ID when empty
	Transport string // file, nbd, rbd, iscsi
	Format    string // raw (default), qcow2
	Path      string // file: a path; nbd: an export; rbd: pool/image; iscsi: iqn/lun
	Hosts     []string
	Socket    string // nbd over a unix socket
}

// Hardware is what image properties (hw_*) and extra specs wish of the virtual machine; zero values take the driver's default.
type Hardware struct {
	DiskBus     string // virtio, scsi, ide
	VideoModel  string // vga, cirrus, virtio, qxl, none
	MachineType string // pc, q35
	Pointer     string // usbtablet; a virtio tablet otherwise
	Firmware    string // bios, uefi
	NoRNG       bool
	GuestAgent  bool   // hw_qemu_guest_agent
	Watchdog    string // reset, poweroff, pause, none
	CommandLine string // os_command_line, direct kernel boot only
	Sockets     int    // CPU topology
	Cores       int
	Threads     int
	CPUShares   int // quota:cpu_shares
	CPUPeriod   int // quota:cpu_period, microseconds
	CPUQuota    int // quota:cpu_quota, microseconds
}

// RootDevice is the name of the root disk in a guest with this hardware, such as /dev/vda.
func (h Hardware) RootDevice() string {
	switch h.DiskBus {
	case "scsi", "sata", "usb":
		return "/dev/sda"
	case "ide":
		return "/dev/hda"
	default:
		return "/dev/vda"
	}
}

// Metadata is written into the hypervisor's record of a guest, for whoever looks there. It has no effect.
type Metadata struct {
	ServerName  string
	Flavor      string
	ProjectID   string
	ProjectName string
	UserID      string
	UserName    string
	CreatedAt   time.Time
}

// GuestState is what a driver knows about a guest it has.
type GuestState struct {
	ID         string
	Name       string
	Ours       bool // made by Spawn
	Power      PowerState
	VCPUs      int
	MemoryMB   int
	Interfaces []Interface
	VolumeIDs  []string
}

// ConsoleKind names a console.
type ConsoleKind string

// The consoles there are.
const (
	VNC    ConsoleKind = "vnc"
	Serial ConsoleKind = "serial"
)

// ConsoleAddress is what to dial on the guest's host.
type ConsoleAddress struct {
	Network string // "unix", "tcp", or "pty": a pseudo terminal to open
	Address string // a path, or host:port
}

// Diagnostics are counters of a running guest since it started.
type Diagnostics struct {
	Power       PowerState
	Hypervisor  string // "qemu"
	Driver      string // "libvirt"
	ConfigDrive bool
	Uptime      time.Duration
	CPUTimes    []time.Duration // one per virtual CPU
	MemoryMB    int
	UsedMB      int // 0 when the guest does not tell
	Disks       []DiskCounters
	Interfaces  []InterfaceCounters
}

// DiskCounters count one disk's requests.
type DiskCounters struct {
	ReadBytes, ReadRequests, WriteBytes, WriteRequests, Errors int64
}

// InterfaceCounters count one NIC's traffic as the guest sees it.
type InterfaceCounters struct {
	MAC                                   string
	RxOctets, RxPackets, RxErrors, RxDrop int64
	TxOctets, TxPackets, TxErrors, TxDrop int64
}
