package virt

import "time"

// Inventory is what a host has to offer and what of it is in use.
type Inventory struct {
	Hostname          string // the hypervisor's own name, the resource provider's name in Placement
	HypervisorType    string // QEMU, fake, …
	HypervisorVersion int    // 7.2.22 is 7002022
	HostIP            string
	VCPUs             int
	MemoryMB          int
	DiskGB            int
	VCPUsUsed         int
	MemoryUsedMB      int
	DiskUsedGB        int
	DiskFreeGB        int // on the file system that holds the guests' disks
	RunningGuests     int
	CPU               CPU
	Load              [3]float64
	Uptime            time.Duration
	Users             int
	Supported         [][3]string // architecture, hypervisor, mode: {"x86_64", "qemu", "hvm"}
	Traits            []string    // Placement's standard names
}

// CPU is a host's processor, in the shape of the API's cpu_info.
type CPU struct {
	Arch     string   `json:"arch"`
	Model    string   `json:"model"`
	Vendor   string   `json:"vendor"`
	Features []string `json:"features"`
	Topology Topology `json:"topology"`
}

// Topology counts a host's processors.
type Topology struct {
	Cells   int `json:"cells"`
	Sockets int `json:"sockets"`
	Cores   int `json:"cores"`
	Threads int `json:"threads"`
}
