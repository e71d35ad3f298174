// Package rpcapi holds the messages between neutron-server and the neutron
// agent of a host. The agent asks for the state its host should have
// (HostState) and tells what it found (Report); the server only hints that
// there is something new (Changed). Losing a hint costs latency, never state:
// the agent asks again by itself.
package rpcapi

import "nacre/internal/neutron"

// HostStateRequest asks for the desired state of one host.
type HostStateRequest struct {
	Host string `json:"host"`
	// HaveRevision is the revision of the state that the agent holds. Asked
	// with 0 the server answers in full, else with what changed since.
	HaveRevision int64 `json:"have_revision"`
	// Want names networks and security groups that the agent lacks.
	Want []Resource `json:"want,omitempty"`
	// Sets are revisions of the sets that the agent asks about, Lacking for
	// one that it does not hold.
	Sets map[string]int64 `json:"sets,omitempty"`
}

// Lacking is the revision of a set that the agent does not hold.
const Lacking = -1

// HostState is what a host needs to know to wire its ports: everything, or
// what changed since the revision that was asked with. What is not in the
// former does not belong on the host.
type HostState struct {
	Revision int64 `json:"revision"`
	// Unchanged is true when there is nothing new; the lists are then empty
	// and mean nothing.
	Unchanged bool `json:"unchanged,omitempty"`
	// Partial is true when the lists hold only what is new or was wanted; Gone
	// then names what does not belong on the host any more.
	Partial bool       `json:"partial,omitempty"`
	Gone    []Resource `json:"gone,omitempty"`

	Networks       []Network       `json:"networks"`
	Ports          []Port          `json:"ports"`
	SecurityGroups []SecurityGroup `json:"security_groups"`
	Routers        []Router        `json:"routers"`
	// Clients are new leases of DHCP servers on this host, when Partial.
	Clients []DHCPClient `json:"clients,omitempty"`
	// Sets that were asked about and are newer, in full or by difference.
	Sets []AddressSet `json:"sets,omitempty"`

	// Peers, and the RemoteIPs of rules with a RemoteGroup, are not sent: the
	// agent makes them of the sets.
	Peers []Peer `json:"-"`
}

// DHCPClient is a port on a network whose DHCP this host serves.
type DHCPClient struct {
	NetworkID string `json:"network_id"`
	DHCPHost
}

// AddressSet is a set that many hosts hold: the addresses of a security
// group's ports, or the tunnel endpoints of a network's hosts. Its parts say
// what is true at Revision or later.
type AddressSet struct {
	ID       string `json:"id"` // see GroupSet and NetworkSet
	Revision int64  `json:"revision"`
	// After is the revision that the difference begins at; Lacking when
	// Elements is the whole set. Who holds an older one must ask.
	After int64 `json:"after"`
	// Elements leads from an element to its address: from a host to its tunnel
	// endpoint, from an address of a group to itself ("").
	Elements map[string]string `json:"elements,omitempty"`
	Gone     []string          `json:"gone,omitempty"`
}

// GroupSet is the set of the addresses that ports of a security group may use.
func GroupSet(id string) string { return neutron.GroupSet + id }

// NetworkSet is the set of the tunnel endpoints of a network's hosts.
func NetworkSet(id string) string { return neutron.NetworkSet + id }

// Network is a network with a port, a DHCP server or a router on the host.
type Network struct {
	ID              string `json:"id"`
	ProjectID       string `json:"project_id"`
	Name            string `json:"name"`
	Type            string `json:"type"`             // flat, vlan, vxlan
	SegmentationID  int    `json:"segmentation_id"`  // VLAN id or VNI, 0 for flat
	PhysicalNetwork string `json:"physical_network"` // "" for vxlan
	MTU             int    `json:"mtu"`
	Bridge          string `json:"bridge"` // "brq" + the first 11 characters of the id
	AdminStateUp    bool   `json:"admin_state_up"`
	External        bool   `json:"external"`
	DNSDomain       string `json:"dns_domain,omitempty"`

	Subnets []Subnet `json:"subnets"`
	// DHCP is set when this host serves DHCP for the network.
	DHCP *DHCP `json:"dhcp,omitempty"`
	// RouterIPs are the addresses of router interfaces on the network, by
	// subnet: with one on the subnet's gateway, metadata is the router's job;
	// without, the DHCP server offers a route to 169.254.169.254.
	RouterIPs map[string][]string `json:"router_ips,omitempty"`
}

// Subnet of a Network.
type Subnet struct {
	ID              string   `json:"id"`
	IPVersion       int      `json:"ip_version"`
	CIDR            string   `json:"cidr"`
	GatewayIP       string   `json:"gateway_ip"` // "" for none
	DNSNameservers  []string `json:"dns_nameservers"`
	HostRoutes      []Route  `json:"host_routes"`
	AllocationPools []Pool   `json:"allocation_pools"`
	EnableDHCP      bool     `json:"enable_dhcp"`
	IPv6AddressMode string   `json:"ipv6_address_mode,omitempty"`
	IPv6RAMode      string   `json:"ipv6_ra_mode,omitempty"`
}

// Route is a destination in CIDR form and the address that leads there.
type Route struct {
	Destination string `json:"destination"`
	NextHop     string `json:"nexthop"`
}

// Pool is an inclusive range of addresses.
type Pool struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// DHCP is the server of one network on this host: the port it lives on and
// every lease it may give.
type DHCP struct {
	Port  Port       `json:"port"`
	Hosts []DHCPHost `json:"hosts"`
}

// DHCPHost is one reserved lease.
type DHCPHost struct {
	PortID   string       `json:"port_id"`
	MAC      string       `json:"mac"`
	FixedIPs []FixedIP    `json:"fixed_ips"`
	Hostname string       `json:"hostname"` // without domain
	Domain   string       `json:"domain,omitempty"`
	Options  []DHCPOption `json:"options,omitempty"`
}

// DHCPOption is an extra_dhcp_opt of a port.
type DHCPOption struct {
	Name      string `json:"opt_name"`
	Value     string `json:"opt_value"`
	IPVersion int    `json:"ip_version"`
}

// Port is a port bound to the host, of any owner but a router or a DHCP
// server (those are part of Router and DHCP).
type Port struct {
	ID             string         `json:"id"`
	ProjectID      string         `json:"project_id"`
	NetworkID      string         `json:"network_id"`
	Name           string         `json:"name"`
	MAC            string         `json:"mac"`
	FixedIPs       []FixedIP      `json:"fixed_ips"`
	AddressPairs   []AddressPair  `json:"allowed_address_pairs"`
	PortSecurity   bool           `json:"port_security"`
	SecurityGroups []string       `json:"security_groups"`
	DeviceID       string         `json:"device_id"`
	DeviceOwner    string         `json:"device_owner"`
	AdminStateUp   bool           `json:"admin_state_up"`
	Status         string         `json:"status"` // as the server knows it
	Tap            string         `json:"tap"`    // "tap" + the first 11 characters of the id
	VNICType       string         `json:"vnic_type"`
	Profile        map[string]any `json:"profile,omitempty"`
}

// FixedIP is an address of a port; PrefixLen is that of its subnet.
type FixedIP struct {
	SubnetID  string `json:"subnet_id"`
	IPAddress string `json:"ip_address"`
	PrefixLen int    `json:"prefix_len"`
}

// AddressPair is a further source address a port may use. IPAddress is an
// address or a CIDR.
type AddressPair struct {
	MAC       string `json:"mac_address"`
	IPAddress string `json:"ip_address"`
}

// SecurityGroup is a group that ports of the host carry.
type SecurityGroup struct {
	ID       string `json:"id"`
	Stateful bool   `json:"stateful"`
	Rules    []Rule `json:"rules"`
}

// Rule lets traffic through. Empty fields match everything.
type Rule struct {
	ID        string `json:"id"`
	Direction string `json:"direction"`          // ingress, egress
	EtherType string `json:"ethertype"`          // IPv4, IPv6
	Protocol  string `json:"protocol"`           // tcp, icmp, ipv6-icmp, … or a number; "" for any
	PortMin   *int   `json:"port_min,omitempty"` // type for ICMP
	PortMax   *int   `json:"port_max,omitempty"` // code for ICMP
	// RemoteIPs are CIDRs of the other side; HasRemote tells an empty set
	// (matches nothing) from no restriction.
	RemoteIPs []string `json:"remote_ips,omitempty"`
	// RemoteGroup is the group whose addresses the other side must have; the
	// agent makes RemoteIPs of its set.
	RemoteGroup string `json:"remote_group,omitempty"`
	HasRemote   bool   `json:"has_remote"`
}

// Router is hosted here.
type Router struct {
	ID           string            `json:"id"`
	ProjectID    string            `json:"project_id"`
	Name         string            `json:"name"`
	AdminStateUp bool              `json:"admin_state_up"`
	Interfaces   []RouterInterface `json:"interfaces"`
	Gateway      *RouterGateway    `json:"gateway,omitempty"`
	FloatingIPs  []FloatingIP      `json:"floating_ips"`
	Routes       []Route           `json:"routes"`
}

// RouterInterface is an inner port of a router.
type RouterInterface struct {
	PortID    string    `json:"port_id"`
	NetworkID string    `json:"network_id"`
	MAC       string    `json:"mac"`
	MTU       int       `json:"mtu"`
	FixedIPs  []FixedIP `json:"fixed_ips"`
	// SubnetCIDRs are the CIDRs of all subnets behind the interface.
	SubnetCIDRs  []string `json:"subnet_cidrs"`
	AdminStateUp bool     `json:"admin_state_up"`
}

// RouterGateway is the outer port of a router.
type RouterGateway struct {
	RouterInterface
	// NextHops are the gateway addresses of the external subnets, v4 and v6.
	NextHops   []string `json:"next_hops"`
	EnableSNAT bool     `json:"enable_snat"`
}

// FloatingIP is an external address translated to an inner one.
type FloatingIP struct {
	ID      string `json:"id"`
	Address string `json:"floating_ip_address"`
	FixedIP string `json:"fixed_ip_address"`
	PortID  string `json:"port_id"`
	Status  string `json:"status"`
}

// Peer lists the tunnel endpoints of the other hosts on a VXLAN network.
type Peer struct {
	NetworkID string   `json:"network_id"`
	VNI       int      `json:"vni"`
	Addresses []string `json:"addresses"`
}
