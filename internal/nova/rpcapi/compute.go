// Package rpcapi holds the messages between nova-conductor and the
// nova-compute of each host. Every method may arrive twice and must then lead
// to the same end. Nova-compute has no database: a request carries all it
// needs, and what it finds it reports to the conductor.
//
// Fields are only ever added, so that neighbours of two releases understand
// each other.
package rpcapi

import (
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/messaging"
)

// ComputeTopic is where the nova-compute of a host listens.
func ComputeTopic(host string) string { return "nova-compute." + host }

// The methods nova-compute serves on ComputeTopic. Faults cross the bus;
// nova-compute answers 404 for a guest it does not have and 409 for a state
// that does not allow what is asked.
var (
	// Spawn makes a guest and returns when it exists: running, or paused at
	// its first instruction when Paused is set. When it fails nothing is left.
	Spawn = messaging.Method[SpawnRequest, SpawnReply]{Name: "spawn", Version: "1.0"}
	// Destroy removes a guest with all that was made for it; an absent one is success.
	Destroy = messaging.Method[DestroyRequest, Done]{Name: "destroy", Version: "1.0"}
	// Power returns when the guest is in the state that is asked for. It
	// restarts a guest that is down from what Guest says when the hypervisor
	// has forgotten it.
	Power = messaging.Method[PowerRequest, PowerReply]{Name: "power", Version: "1.0"}
	// ConsoleOutput returns the last lines of the serial console.
	ConsoleOutput = messaging.Method[ConsoleOutputRequest, ConsoleOutputReply]{Name: "console_output", Version: "1.0"}
	// RemoteConsole tells where the host serves the guest's console.
	RemoteConsole = messaging.Method[RemoteConsoleRequest, RemoteConsoleReply]{Name: "remote_console", Version: "1.0"}
	// AttachInterface plugs a port into the guest; one that is plugged is success.
	AttachInterface = messaging.Method[InterfaceRequest, Done]{Name: "attach_interface", Version: "1.0"}
	// DetachInterface returns when the port is unplugged; an absent one is success.
	DetachInterface = messaging.Method[InterfaceRequest, Done]{Name: "detach_interface", Version: "1.0"}
	// Diagnostics reads a running guest's counters.
	Diagnostics = messaging.Method[GuestRequest, DiagnosticsReply]{Name: "diagnostics", Version: "1.0"}
	// ReportNow asks for a host report at once.
	ReportNow = messaging.Method[Done, Done]{Name: "report_now", Version: "1.0"}
)

// Done is the answer, or the request, that says nothing.
type Done struct{}

// GuestRequest is about one guest.
type GuestRequest struct {
	ServerID string `json:"server_id"`
}

// Image is an image as far as a host needs it.
type Image = nova.Image

// SpawnRequest is everything a host must know to make a guest.
type SpawnRequest struct {
	ServerID string      `json:"server_id"`
	Name     string      `json:"name"` // the hypervisor's: instance-0000000a
	Flavor   nova.Flavor `json:"flavor"`
	Image    Image       `json:"image"` // of the root disk
	Kernel   *Image      `json:"kernel,omitempty"`
	Ramdisk  *Image      `json:"ramdisk,omitempty"`

	VIFs   []nova.VIF `json:"vifs"` // in the order of the guest's NICs
	Paused bool       `json:"paused"`

	ConfigDrive bool     `json:"config_drive"`
	Instance    Instance `json:"instance"`

	// Fence grows with every owner of the flow that asks; an older one is refused.
	Fence int64 `json:"fence"`
}

// Instance is what the guest is told about itself by config drive.
type Instance struct {
	DisplayName   string            `json:"display_name"`
	Hostname      string            `json:"hostname"`
	ProjectID     string            `json:"project_id"`
	ProjectName   string            `json:"project_name,omitempty"`
	UserID        string            `json:"user_id"`
	UserName      string            `json:"user_name,omitempty"`
	ReservationID string            `json:"reservation_id"`
	LaunchIndex   int               `json:"launch_index"`
	Zone          string            `json:"availability_zone"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	UserData      string            `json:"user_data,omitempty"` // base64
	KeyName       string            `json:"key_name,omitempty"`
	KeyType       string            `json:"key_type,omitempty"` // ssh, x509
	PublicKey     string            `json:"public_key,omitempty"`
	AdminPass     string            `json:"admin_pass,omitempty"`
	Files         []File            `json:"files,omitempty"` // personality
	CreatedAt     time.Time         `json:"created_at"`
}

// File is an injected file; its contents are raw bytes.
type File struct {
	Path     string `json:"path"`
	Contents []byte `json:"contents"`
}

// SpawnReply says what came of it.
type SpawnReply struct {
	Power          nova.PowerState `json:"power"`
	RootDeviceName string          `json:"root_device_name"` // "/dev/vda"
	// Paused is true when the guest waits for its ports to be ACTIVE.
	Paused bool `json:"paused"`
}

// DestroyRequest names the guest that must go.
type DestroyRequest struct {
	ServerID string `json:"server_id"`
	Fence    int64  `json:"fence"`
}

// PowerVerb is what to do to a guest's power.
type PowerVerb string

// The verbs of PowerRequest.
const (
	PowerStart      PowerVerb = "start"
	PowerStop       PowerVerb = "stop"
	PowerRebootSoft PowerVerb = "reboot_soft"
	PowerRebootHard PowerVerb = "reboot_hard"
	PowerPause      PowerVerb = "pause"
	PowerUnpause    PowerVerb = "unpause"
	PowerSuspend    PowerVerb = "suspend"
	PowerResume     PowerVerb = "resume"
)

// PowerRequest asks for a change of power.
type PowerRequest struct {
	ServerID string        `json:"server_id"`
	Verb     PowerVerb     `json:"verb"`
	Grace    time.Duration `json:"grace"` // a guest may take this long to end by itself, in nanoseconds
	// Guest describes the server for start and reboot_hard, should the
	// hypervisor have lost its definition; its disk is never made anew.
	Guest *SpawnRequest `json:"guest,omitempty"`
	Fence int64         `json:"fence"`
}

// PowerReply is the state the guest is in now.
type PowerReply struct {
	Power nova.PowerState `json:"power"`
}

// ConsoleOutputRequest asks for the last Lines lines; all that is kept when negative.
type ConsoleOutputRequest struct {
	ServerID string `json:"server_id"`
	Lines    int    `json:"lines"`
}

// ConsoleOutputReply is the text of the console.
type ConsoleOutputReply struct {
	Output string `json:"output"`
}

// RemoteConsoleRequest asks for a console by protocol: vnc, serial, spice.
// A host that does not offer it answers with a 400 fault.
type RemoteConsoleRequest struct {
	ServerID string `json:"server_id"`
	Protocol string `json:"protocol"`
}

// RemoteConsoleReply is what the console proxy must dial. With network "unix"
// the path is on the guest's host.
type RemoteConsoleReply struct {
	Network string `json:"network"` // tcp, unix
	Address string `json:"address"` // host:port, or a path
}

// InterfaceRequest is about one port of a guest.
type InterfaceRequest struct {
	ServerID string   `json:"server_id"`
	VIF      nova.VIF `json:"vif"`
	Fence    int64    `json:"fence"`
}

// DiagnosticsReply counts what a guest consumed since it started.
type DiagnosticsReply struct {
	State         string          `json:"state"` // running, paused, …
	Driver        string          `json:"driver"`
	Hypervisor    string          `json:"hypervisor"`
	HypervisorOS  string          `json:"hypervisor_os"`
	UptimeSeconds int64           `json:"uptime_seconds"`
	ConfigDrive   bool            `json:"config_drive"`
	CPUTimes      []time.Duration `json:"cpu_times"`
	MemoryMB      int             `json:"memory_mb"`
	UsedMB        int             `json:"used_mb"`
	Disks         []DiskCounters  `json:"disks"`
	NICs          []NICCounters   `json:"nics"`
}

// DiskCounters count one disk's requests.
type DiskCounters struct {
	ReadBytes, ReadRequests, WriteBytes, WriteRequests, Errors int64
}

// NICCounters count one NIC's traffic as the guest sees it.
type NICCounters struct {
	MAC                                   string
	RxOctets, RxPackets, RxErrors, RxDrop int64
	TxOctets, TxPackets, TxErrors, TxDrop int64
}
