package neutron

import "strings"

// Port states.
const (
	StatusActive = "ACTIVE"
	StatusDown   = "DOWN"
	StatusBuild  = "BUILD"
	StatusError  = "ERROR"
)

// Device owners of ports that neutron itself uses.
const (
	OwnerDHCP            = "network:dhcp"
	OwnerRouterInterface = "network:router_interface"
	OwnerRouterGateway   = "network:router_gateway"
	OwnerFloatingIP      = "network:floatingip"
	OwnerComputePrefix   = "compute:"
)

// Binding states of a port.
const (
	VIFUnbound       = "unbound"
	VIFBindingFailed = "binding_failed"
	VIFBridge        = "bridge"
	VNICNormal       = "normal"
)

// Port is a plug of a network.
type Port struct {
	ID                  string         `bun:"id,pk" json:"id"`
	Name                string         `bun:"name" json:"name"`
	NetworkID           string         `bun:"network_id" json:"network_id"`
	ProjectID           string         `bun:"project_id" json:"project_id"`
	MACAddress          string         `bun:"mac_address" json:"mac_address"`
	AdminStateUp        bool           `bun:"admin_state_up" json:"admin_state_up"`
	Status              string         `bun:"status" json:"status"`
	DeviceID            string         `bun:"device_id" json:"device_id"`
	DeviceOwner         string         `bun:"device_owner" json:"device_owner"`
	FixedIPs            []FixedIP      `bun:"fixed_ips" json:"fixed_ips"`
	AllowedAddressPairs []AddressPair  `bun:"allowed_address_pairs" json:"allowed_address_pairs"`
	ExtraDHCPOpts       []DHCPOpt      `bun:"extra_dhcp_opts" json:"extra_dhcp_opts"`
	SecurityGroups      []string       `bun:"security_groups" json:"security_groups"`
	PortSecurityEnabled bool           `bun:"port_security_enabled" json:"port_security_enabled"`
	VNICType            string         `bun:"vnic_type" json:"binding:vnic_type"`
	Profile             map[string]any `bun:"binding_profile" json:"binding:profile"`
	HostID              string         `bun:"host" json:"binding:host_id"`
	VIFType             string         `bun:"vif_type" json:"binding:vif_type"`
	VIFDetails          map[string]any `bun:"vif_details" json:"binding:vif_details"`
	DNSName             string         `bun:"dns_name" json:"dns_name"`
	DNSAssignment       []DNSRecord    `bun:"-" json:"dns_assignment"`
	Standard

	Network NetworkAccess `bun:"-" json:"-"`
}

// OfNetwork tells whether neutron itself owns the port.
func (p Port) OfNetwork() bool { return strings.HasPrefix(p.DeviceOwner, "network:") }

// OfCompute tells whether a server owns the port.
func (p Port) OfCompute() bool {
	return strings.HasPrefix(p.DeviceOwner, OwnerComputePrefix) && p.DeviceID != ""
}

// OfRouter tells whether the port is an interface or the gateway of a router.
func (p Port) OfRouter() bool {
	return p.DeviceOwner == OwnerRouterInterface || p.DeviceOwner == OwnerRouterGateway
}

// Bound tells whether a host wires the port.
func (p Port) Bound() bool {
	return p.HostID != "" && p.VIFType != VIFUnbound && p.VIFType != VIFBindingFailed
}

// FixedIP is an address of a port.
type FixedIP struct {
	SubnetID  string `json:"subnet_id"`
	IPAddress string `json:"ip_address"`
}

// FixedIPRequest names a subnet, an address or both.
type FixedIPRequest struct {
	SubnetID  string `json:"subnet_id,omitempty"`
	IPAddress string `json:"ip_address,omitempty"`
	Delete    bool   `json:"delete_subnet,omitempty"`
}

// AddressPair is a source address a port may use beside its own.
type AddressPair struct {
	MACAddress string `json:"mac_address"`
	IPAddress  string `json:"ip_address"` // or CIDR
}

// DHCPOpt is an option that the DHCP server gives to this port only.
type DHCPOpt struct {
	Name      string  `json:"opt_name"`
	Value     *string `json:"opt_value"` // nil removes it
	IPVersion int     `json:"ip_version"`
}

// DNSRecord is a name that the network's DNS answers for a port.
type DNSRecord struct {
	IPAddress string `json:"ip_address"`
	Hostname  string `json:"hostname"`
	FQDN      string `json:"fqdn"`
}

// PortRequest creates or changes a port.
type PortRequest struct {
	Name                Opt[string]           `json:"name"`
	ProjectID           Opt[string]           `json:"project_id"`
	NetworkID           Opt[string]           `json:"network_id"`
	MACAddress          Opt[string]           `json:"mac_address"`
	AdminStateUp        Opt[bool]             `json:"admin_state_up"`
	DeviceID            Opt[string]           `json:"device_id"`
	DeviceOwner         Opt[string]           `json:"device_owner"`
	FixedIPs            Opt[[]FixedIPRequest] `json:"fixed_ips"`
	AllowedAddressPairs Opt[[]AddressPair]    `json:"allowed_address_pairs"`
	ExtraDHCPOpts       Opt[[]DHCPOpt]        `json:"extra_dhcp_opts"`
	SecurityGroups      Opt[[]string]         `json:"security_groups"`
	PortSecurityEnabled Opt[bool]             `json:"port_security_enabled"`
	VNICType            Opt[string]           `json:"binding:vnic_type"`
	Profile             Opt[map[string]any]   `json:"binding:profile"`
	HostID              Opt[string]           `json:"binding:host_id"`
	DNSName             Opt[string]           `json:"dns_name"`
	Description         Opt[string]           `json:"description"`
}
