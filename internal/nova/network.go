package nova

import "slices"

// VIF is a port of a server as Neutron describes it: what the host must plug
// and what the API shows as addresses. It is also the row's network cache.
type VIF struct {
	PortID      string    `json:"port_id"`
	MAC         string    `json:"mac"`
	NetworkID   string    `json:"network_id"`
	NetworkName string    `json:"network_name"` // the label in "addresses"
	Bridge      string    `json:"bridge"`       // "brq…", from the port's binding
	Tap         string    `json:"tap"`          // "tap…"
	MTU         int       `json:"mtu"`
	Type        string    `json:"type"` // binding:vif_type
	VNICType    string    `json:"vnic_type,omitempty"`
	Active      bool      `json:"active"`
	Created     bool      `json:"created"` // made by us: deleted with the server
	Tag         string    `json:"tag,omitempty"`
	FixedIPs    []FixedIP `json:"fixed_ips,omitempty"`
	// SecurityGroups are IDs; nil when they were not noted.
	SecurityGroups []string `json:"security_groups"`
}

// FixedIP is one address of a VIF with its subnet, for config drive and metadata.
type FixedIP struct {
	Address     string   `json:"address"`
	Version     int      `json:"version"`
	SubnetID    string   `json:"subnet_id"`
	CIDR        string   `json:"cidr"`
	Gateway     string   `json:"gateway,omitempty"` // "" when the subnet has none
	DNS         []string `json:"dns,omitempty"`
	Routes      []Route  `json:"routes,omitempty"`
	DHCP        bool     `json:"dhcp"`
	IPv6Mode    string   `json:"ipv6_mode,omitempty"` // the subnet's ipv6_address_mode
	FloatingIPs []string `json:"floating_ips,omitempty"`
}

// Route is a destination in CIDR form and the address that leads there.
type Route struct {
	CIDR    string `json:"cidr"`
	Gateway string `json:"gateway"`
}

// NetworkRequest is one entry of "networks" in POST /servers, or of an interface attachment.
type NetworkRequest struct {
	NetworkID string `json:"network_id,omitempty"`
	PortID    string `json:"port_id,omitempty"`
	FixedIP   string `json:"fixed_ip,omitempty"`
	Tag       string `json:"tag,omitempty"`
	// CreatedPortID is the port made for this entry, recorded by the flow.
	CreatedPortID string `json:"created_port_id,omitempty"`
}

// Address is an address of a server in the order of its ports.
type Address struct {
	Network  string
	Address  string
	Version  int
	MAC      string
	Floating bool
}

// Addresses lists every fixed and floating address of the server.
func (s Server) Addresses() []Address {
	var out []Address
	for _, v := range s.NetworkInfo {
		for _, ip := range v.FixedIPs {
			out = append(out, Address{v.NetworkName, ip.Address, ip.Version, v.MAC, false})
		}
		for _, ip := range v.FixedIPs {
			for _, f := range ip.FloatingIPs {
				out = append(out, Address{v.NetworkName, f, 4, v.MAC, true})
			}
		}
	}
	return out
}

// VIF finds the server's port by ID.
func (s Server) VIF(portID string) (VIF, bool) {
	i := slices.IndexFunc(s.NetworkInfo, func(v VIF) bool { return v.PortID == portID })
	if i < 0 {
		return VIF{}, false
	}
	return s.NetworkInfo[i], true
}

// NetworkWish is what POST /servers says about networks.
type NetworkWish struct {
	ProjectID string
	Networks  []NetworkRequest
	Auto      bool // "auto", or nothing was said: the project's network
	// Allocate lets a network be made when the project has none ("auto").
	Allocate       bool
	External       bool // the caller may use external networks that are not shared
	Count          int  // servers that are asked for at once
	SecurityGroups []string
}

// NetworkPlan is what came of a NetworkWish.
type NetworkPlan struct {
	Requests       []NetworkRequest
	Count          int      // servers that the project's port quota allows, at most what was asked for
	SecurityGroups []string // IDs; none means the project's default group
}

// SecurityGroup is a group of Neutron as servers show it.
type SecurityGroup struct {
	ID          string
	Name        string
	Description string
	ProjectID   string
	Rules       []SecurityGroupRule
}

// SecurityGroupRule is an ingress rule in the words of the Compute API.
type SecurityGroupRule struct {
	ID           string
	Protocol     string // "" for any
	FromPort     *int
	ToPort       *int
	CIDR         string // "" when the remote is a group or anybody
	GroupName    string
	GroupProject string
}
