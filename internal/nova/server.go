package nova

import (
	"errors"
	"fmt"
	"time"

	"nacre/internal/oslo/policy"
)

// ErrStateChanged means that a server is not in the state any more that the
// caller expected: somebody else was faster.
var ErrStateChanged = errors.New("the server's state has changed meanwhile")

// Server is an instance, one row of the table servers.
type Server struct {
	Number int64  `bun:"number,pk,autoincrement"` // counts servers up; makes the hypervisor's name for it
	ID     string `bun:"id"`

	ProjectID     string  `bun:"project_id"`
	UserID        string  `bun:"user_id"`
	Name          string  `bun:"display_name"`
	Description   *string `bun:"display_description"` // nil shows as null
	Hostname      string  `bun:"hostname"`
	ReservationID string  `bun:"reservation_id"`
	LaunchIndex   int     `bun:"launch_index"`

	VMState    VMState    `bun:"vm_state"`
	TaskState  TaskState  `bun:"task_state"` // "" when nothing is going on
	PowerState PowerState `bun:"power_state"`
	Progress   int        `bun:"progress"`
	Fault      *Fault     `bun:"fault"` // the newest; nil when there is none

	ImageID        string            `bun:"image_id"`
	KernelID       string            `bun:"kernel_id"`
	RamdiskID      string            `bun:"ramdisk_id"`
	ImageMeta      map[string]string `bun:"image_meta"` // the image's properties when the server was built
	RootDeviceName string            `bun:"root_device_name"`

	Flavor Flavor `bun:"flavor"` // as it was when the server was built
	// FlavorID, VCPUs and MemoryMB repeat what Flavor says, for filters and quotas.
	FlavorID string `bun:"flavor_id"`
	VCPUs    int    `bun:"vcpus"`
	MemoryMB int    `bun:"memory_mb"`

	Host   string `bun:"host"` // "" until scheduled
	Node   string `bun:"node"`
	Zone   string `bun:"availability_zone"` // of the host, or as asked for until there is one
	Wishes Wishes `bun:"wishes"`

	KeyName     string `bun:"key_name"`
	KeyData     string `bun:"key_data"`  // the public key
	UserData    string `bun:"user_data"` // base64, as given
	ConfigDrive bool   `bun:"config_drive"`
	DiskConfig  string `bun:"disk_config"` // AUTO, MANUAL
	AccessIPv4  string `bun:"access_ip_v4"`
	AccessIPv6  string `bun:"access_ip_v6"`

	Locked       bool    `bun:"locked"`
	LockedBy     string  `bun:"locked_by"` // owner, admin, or ""
	LockedReason *string `bun:"locked_reason"`

	NetworkInfo    []VIF    `bun:"network_info"`    // what Neutron last said of the server's ports
	SecurityGroups []string `bun:"security_groups"` // asked for at creation, by name or ID
	TrustedCerts   []string `bun:"trusted_certs"`   // nil when none were given

	CreatedAt    time.Time  `bun:"created_at"`
	UpdatedAt    *time.Time `bun:"updated_at"`
	LaunchedAt   *time.Time `bun:"launched_at"`
	TerminatedAt *time.Time `bun:"terminated_at"`
	DeletedAt    *time.Time `bun:"deleted_at"`

	// Revision is another number after every change of the row, the metadata or the tags.
	Revision int64 `bun:"revision"`

	// Metadata and Tags live in tables of their own.
	Metadata map[string]string `bun:"-"`
	Tags     []string          `bun:"-"`
}

// Wishes are what the request said about where the server may run.
type Wishes struct {
	Zone      string         `json:"zone,omitempty"`
	Host      string         `json:"host,omitempty"`
	Node      string         `json:"node,omitempty"`
	ForceHost bool           `json:"force_host,omitempty"` // az:host of an administrator: filters are skipped
	Hints     map[string]any `json:"hints,omitempty"`      // os:scheduler_hints
	Ports     []string       `json:"ports,omitempty"`      // ports that were there before: unbound, never deleted
}

// Fault says why a server is in ERROR.
type Fault struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`
	Details string    `json:"details,omitempty"` // for administrators, and for owners when Code is not 500
	Created time.Time `json:"created"`
}

// GuestName is the hypervisor's name for the server.
func (s Server) GuestName() string { return fmt.Sprintf("instance-%08x", s.Number) }

// PolicyTarget is what rules are asked about.
func (s Server) PolicyTarget() policy.Target {
	return policy.Target{"project_id": s.ProjectID, "user_id": s.UserID, "tenant_id": s.ProjectID}
}

// Changed is when the row last changed.
func (s Server) Changed() time.Time {
	if s.UpdatedAt != nil {
		return *s.UpdatedAt
	}
	return s.CreatedAt
}

// Deleted reports whether the server is gone for its owner.
func (s Server) Deleted() bool { return s.DeletedAt != nil }
