package nova

import "time"

// Hypervisor is the compute node of a host as nova-compute reported it last. Memory is in MB, disks in GB.
type Hypervisor struct {
	ID                 string   `bun:"id,pk"`  // UUID, the API's id since 2.53 and the resource provider's in Placement
	Number             int64    `bun:"number"` // the API's id before 2.53
	Host               string   `bun:"host"`
	Hostname           string   `bun:"hypervisor_hostname"`
	Type               string   `bun:"hypervisor_type"`
	Version            int      `bun:"hypervisor_version"` // 7.2.22 is 7002022
	HostIP             string   `bun:"host_ip"`
	VCPUs              int      `bun:"vcpus"`
	MemoryMB           int      `bun:"memory_mb"`
	LocalGB            int      `bun:"local_gb"`
	VCPUsUsed          int      `bun:"vcpus_used"`
	MemoryMBUsed       int      `bun:"memory_mb_used"`
	LocalGBUsed        int      `bun:"local_gb_used"`
	DiskAvailableLeast int      `bun:"disk_available_least"`
	RunningVMs         int      `bun:"running_vms"`
	CurrentWorkload    int      `bun:"current_workload"`
	CPUInfo            string   `bun:"cpu_info"` // JSON
	Uptime             string   `bun:"uptime"`   // as uptime(1) prints it, "" when the driver cannot tell
	Traits             []string `bun:"traits"`
	// WaitsForPorts says that the driver starts guests paused, to be let run when their ports are ACTIVE.
	WaitsForPorts bool       `bun:"waits_for_ports"`
	ReservedMB    int        `bun:"reserved_mb"` // kept for the host itself
	ReservedGB    int        `bun:"reserved_gb"`
	ReportedAt    *time.Time `bun:"reported_at"` // of the newest complete report
	CreatedAt     time.Time  `bun:"created_at"`
	UpdatedAt     *time.Time `bun:"updated_at"`
	DeletedAt     *time.Time `bun:"deleted_at"`
}
