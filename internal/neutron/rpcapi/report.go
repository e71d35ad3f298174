package rpcapi

import "time"

// Report is what the agent of a host tells the server: that it lives, what it
// can do and how far it came. Sent on every change and at least every
// HeartbeatEvery; each list names only what the agent wants to say now.
type Report struct {
	Host      string    `json:"host"`
	StartedAt time.Time `json:"started_at"`
	// Agents are the roles the host plays.
	Agents []Agent `json:"agents"`
	// TunnelIP is the address other hosts send VXLAN packets to, "" if none.
	TunnelIP string `json:"tunnel_ip"`
	// Revision is the HostState that has been applied.
	Revision int64 `json:"revision"`

	Ports       []PortStatus  `json:"ports,omitempty"`
	Routers     []Status      `json:"routers,omitempty"`
	FloatingIPs []Status      `json:"floating_ips,omitempty"`
	DHCP        []Status      `json:"dhcp,omitempty"` // by network id
	Errors      []ObjectError `json:"errors,omitempty"`
}

// HeartbeatEvery is how often an agent reports at least; an agent silent for
// AgentDownAfter is not alive.
const (
	HeartbeatEvery = 30 * time.Second
	AgentDownAfter = 75 * time.Second
)

// Agent roles, in the words of GET /v2.0/agents.
const (
	AgentL2       = "Linux bridge agent"
	AgentDHCP     = "DHCP agent"
	AgentL3       = "L3 agent"
	AgentMetadata = "Metadata agent"
)

// Agent is one role of a host.
type Agent struct {
	Type             string         `json:"agent_type"`
	Binary           string         `json:"binary"` // neutron-linuxbridge-agent, neutron-dhcp-agent, …
	AvailabilityZone string         `json:"availability_zone,omitempty"`
	Configurations   map[string]any `json:"configurations,omitempty"` // e.g. bridge_mappings, tunnel_types
}

// Status of ports, routers, floating IPs and DHCP servers.
const (
	StatusActive = "ACTIVE"
	StatusDown   = "DOWN"
	StatusError  = "ERROR"
)

// PortStatus says that a port is wired and filtered (ACTIVE), or is not any
// more (DOWN), or cannot be (ERROR).
type PortStatus struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// Status of one router, floating IP or DHCP server.
type Status struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// ObjectError is something that could not be applied, for the operator.
type ObjectError struct {
	Kind  string `json:"kind"` // network, port, router, …
	ID    string `json:"id"`
	Error string `json:"error"`
}

// ReportReply tells the agent the newest revision, so that it notices a lost
// hint at its next report.
type ReportReply struct {
	Revision int64 `json:"revision"`
}

// Changed hints that the state of a host has a newer revision.
type Changed struct {
	Revision int64 `json:"revision"`
}

// SetsChanged tells all agents what came into sets and left them.
type SetsChanged struct {
	Sets []AddressSet `json:"sets"`
}

// Resource names something of a host's state.
type Resource struct {
	Kind string `json:"kind"` // network, port, router, security_group, dhcp_client
	ID   string `json:"id"`
}
