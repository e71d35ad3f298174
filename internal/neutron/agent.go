package neutron

import "time"

// Agent is a role that a host plays.
type Agent struct {
	ID               string         `bun:"id,pk" json:"id"`
	AgentType        string         `bun:"agent_type" json:"agent_type"`
	Binary           string         `bun:"binary_name" json:"binary"`
	Topic            string         `bun:"topic" json:"topic"`
	Host             string         `bun:"host" json:"host"`
	AdminStateUp     bool           `bun:"admin_state_up" json:"admin_state_up"`
	CreatedAt        time.Time      `bun:"created_at" json:"created_at" api:"space"`
	StartedAt        time.Time      `bun:"started_at" json:"started_at" api:"space"`
	HeartbeatAt      time.Time      `bun:"heartbeat_timestamp" json:"heartbeat_timestamp" api:"space"`
	Description      *string        `bun:"description" json:"description"`
	ResourcesSynced  *bool          `bun:"-" json:"resources_synced"`
	AvailabilityZone string         `bun:"availability_zone" json:"availability_zone" api:"null"`
	Alive            bool           `bun:"-" json:"alive"`
	Configurations   map[string]any `bun:"configurations" json:"configurations"`
}

// AgentRequest changes an agent.
type AgentRequest struct {
	AdminStateUp Opt[bool]    `json:"admin_state_up"`
	Description  Opt[*string] `json:"description"`
}

// Host is a machine with an agent or a port.
type Host struct {
	Host       string    `bun:"host,pk"`
	Revision   int64     `bun:"revision"`  // of the state it should have
	TunnelIP   string    `bun:"tunnel_ip"` // its VXLAN endpoint, "" for none
	Applied    int64     `bun:"applied"`   // revision its agent last reported
	ReportedAt time.Time `bun:"reported_at"`
}

// AvailabilityZone groups agents of one kind.
type AvailabilityZone struct {
	Name     string `json:"name"`
	Resource string `json:"resource"` // network, router
	State    string `json:"state"`    // available, unavailable
}

// RBACPolicy gives another project access to an object.
type RBACPolicy struct {
	ID            string `bun:"id,pk" json:"id"`
	ProjectID     string `bun:"project_id" json:"project_id"`
	ObjectType    string `bun:"object_type" json:"object_type"`
	ObjectID      string `bun:"object_id" json:"object_id"`
	Action        string `bun:"action" json:"action"`
	TargetProject string `bun:"target_project" json:"target_tenant"` // or "*"
}

// RBAC actions.
const (
	AccessShared   = "access_as_shared"
	AccessExternal = "access_as_external"
)

// RBACRequest creates or changes an RBAC policy.
type RBACRequest struct {
	ProjectID     Opt[string] `json:"project_id"`
	ObjectType    Opt[string] `json:"object_type"`
	ObjectID      Opt[string] `json:"object_id"`
	Action        Opt[string] `json:"action"`
	TargetProject Opt[string] `json:"target_tenant"`
}

// QuotaResources are the kinds that quotas count, in the API's order.
var QuotaResources = []string{"network", "subnet", "subnetpool", "port", "router", "floatingip",
	"rbac_policy", "security_group", "security_group_rule"}

// Quota is the limit of a project for one kind, -1 for none.
type Quota struct {
	ProjectID string `bun:"project_id,pk"`
	Resource  string `bun:"resource,pk"`
	Limit     int    `bun:"hard_limit"`
}

// QuotaDetail is a limit beside what is used.
type QuotaDetail struct {
	Limit    int `json:"limit"`
	Used     int `json:"used"`
	Reserved int `json:"reserved"`
}

// Names of the sets that many hosts hold, before the id: the addresses that
// the ports of a security group may use, and the tunnel endpoints of a network.
const (
	GroupSet   = "security_group:"
	NetworkSet = "network:"
)

// What availability zones are of.
const (
	AZNetwork = "network"
	AZRouter  = "router"
)

// Nowhere is the host of what an administrator took from its agent.
const Nowhere = "-"

// ServerEvent tells nova what happened to a port of a server: an external
// event of its API.
type ServerEvent struct {
	Name     string `bun:"name,pk" json:"name"` // network-vif-plugged, …
	ServerID string `bun:"server_id" json:"server_uuid"`
	PortID   string `bun:"port_id,pk" json:"tag,omitempty"`
	Status   string `bun:"status" json:"status,omitempty"` // completed, failed

	Attempts  int       `bun:"attempts" json:"-"`
	CreatedAt time.Time `bun:"created_at" json:"-"`
	NextAt    time.Time `bun:"next_at" json:"-"`
}
