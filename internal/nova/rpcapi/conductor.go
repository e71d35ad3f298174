package rpcapi

import (
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/messaging"
)

// ConductorTopic is where nova-conductor listens; any of them may answer.
const ConductorTopic = "nova-conductor"

// The methods nova-conductor serves on ConductorTopic.
var (
	// ComputeReport tells what a host has and which guests are on it: complete,
	// at the start of nova-compute, every ReportEvery and when asked.
	ComputeReport = messaging.Method[HostReport, HostReportReply]{Name: "compute_report", Version: "1.0"}
	// GuestsChanged tells the state of some guests as soon as it changes. It
	// is a hint: the next report tells the same.
	GuestsChanged = messaging.Method[GuestReport, Done]{Name: "guests_changed", Version: "1.0"}
	// Heartbeat says that a process lives.
	Heartbeat = messaging.Method[HeartbeatRequest, Done]{Name: "heartbeat", Version: "1.0"}
	// PortChanged is a fanout: what waits for a port looks at it again.
	PortChanged = messaging.Method[PortEvent, Done]{Name: "port_changed", Version: "1.0"}
	// FlowsWake hints that there is a new flow to carry.
	FlowsWake = messaging.Method[Done, Done]{Name: "flows_wake", Version: "1.0"}
)

// How often nova-compute reports.
const (
	ReportEvery    = 60 * time.Second
	HeartbeatEvery = 10 * time.Second
)

// HostReport is the whole truth about a host.
type HostReport struct {
	Host      string    `json:"host"`
	Node      string    `json:"node"` // the hypervisor's own name
	StartedAt time.Time `json:"started_at"`

	HypervisorType    string `json:"hypervisor_type"`
	HypervisorVersion int    `json:"hypervisor_version"`
	HostIP            string `json:"host_ip"`

	VCPUs          int `json:"vcpus"`
	MemoryMB       int `json:"memory_mb"`
	DiskGB         int `json:"disk_gb"`
	VCPUsUsed      int `json:"vcpus_used"`
	MemoryMBUsed   int `json:"memory_mb_used"`
	DiskGBUsed     int `json:"disk_gb_used"`
	DiskFreeGB     int `json:"disk_free_gb"` // really free on the guests' file system
	ReservedMB     int `json:"reserved_mb"`  // kept for the host itself
	ReservedDiskGB int `json:"reserved_disk_gb"`

	CPUInfo   string      `json:"cpu_info"` // JSON, as the API shows it
	Uptime    string      `json:"uptime"`   // the line of uptime(1)
	Supported [][3]string `json:"supported"`
	Traits    []string    `json:"traits"`
	// WaitsForPorts asks to start guests paused until their ports are ACTIVE.
	WaitsForPorts bool `json:"waits_for_ports"`

	Guests []GuestState `json:"guests"`
}

// GuestState is one guest as the hypervisor sees it.
type GuestState struct {
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Ours  bool            `json:"ours"` // made by Spawn
	Power nova.PowerState `json:"power"`
	Ports []string        `json:"ports"`
}

// HostReportReply tells the host who it is.
type HostReportReply struct {
	// ProviderID is the UUID of the host's compute node and resource provider.
	ProviderID string `json:"provider_id"`
}

// GuestReport is the state of some guests; a guest that is gone has PowerNone.
type GuestReport struct {
	Host   string       `json:"host"`
	Guests []GuestState `json:"guests"`
}

// HeartbeatRequest names the process that lives.
type HeartbeatRequest struct {
	Host   string `json:"host"`
	Binary string `json:"binary"` // nova-compute
}

// PortEvent names a port whose state Neutron says has changed.
type PortEvent struct {
	ServerID string `json:"server_id"`
	PortID   string `json:"port_id"`
}
