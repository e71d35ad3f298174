package neutron

// Network types.
const (
	TypeFlat  = "flat"
	TypeVLAN  = "vlan"
	TypeVXLAN = "vxlan"
	TypeLocal = "local"
)

// Network is a layer 2 domain.
type Network struct {
	ID                  string   `bun:"id,pk" json:"id"`
	Name                string   `bun:"name" json:"name"`
	ProjectID           string   `bun:"project_id" json:"project_id"`
	AdminStateUp        bool     `bun:"admin_state_up" json:"admin_state_up"`
	MTU                 int      `bun:"mtu" json:"mtu"`
	Status              string   `bun:"status" json:"status"`
	Subnets             []string `bun:"-" json:"subnets"`
	Shared              bool     `bun:"-" json:"shared"` // with the project that looks
	PortSecurityEnabled bool     `bun:"port_security_enabled" json:"port_security_enabled"`
	External            bool     `bun:"router_external" json:"router:external"`
	IsDefault           bool     `bun:"is_default" json:"is_default"` // of external networks, for auto-allocation
	Type                string   `bun:"network_type" json:"provider:network_type"`
	PhysicalNetwork     string   `bun:"physical_network" json:"provider:physical_network" api:"null"`
	SegmentationID      int      `bun:"segmentation_id" json:"provider:segmentation_id" api:"null"`
	AZHints             []string `bun:"availability_zone_hints" json:"availability_zone_hints"`
	AZs                 []string `bun:"-" json:"availability_zones"`
	DNSDomain           string   `bun:"dns_domain" json:"dns_domain"`
	DHCPHost            string   `bun:"dhcp_host" json:"-"` // serves its DHCP, "" for nobody
	Standard
}

// NetworkRequest creates or changes a network.
type NetworkRequest struct {
	Name                Opt[string]   `json:"name"`
	ProjectID           Opt[string]   `json:"project_id"`
	AdminStateUp        Opt[bool]     `json:"admin_state_up"`
	MTU                 Opt[int]      `json:"mtu"`
	Shared              Opt[bool]     `json:"shared"`
	PortSecurityEnabled Opt[bool]     `json:"port_security_enabled"`
	External            Opt[bool]     `json:"router:external"`
	IsDefault           Opt[bool]     `json:"is_default"`
	Type                Opt[string]   `json:"provider:network_type"`
	PhysicalNetwork     Opt[string]   `json:"provider:physical_network"`
	SegmentationID      Opt[int]      `json:"provider:segmentation_id"`
	AZHints             Opt[[]string] `json:"availability_zone_hints"`
	DNSDomain           Opt[string]   `json:"dns_domain"`
	Description         Opt[string]   `json:"description"`
}

// NetworkIPAvailability counts the addresses of a network.
type NetworkIPAvailability struct {
	NetworkID   string                 `json:"network_id"`
	NetworkName string                 `json:"network_name"`
	ProjectID   string                 `json:"project_id"`
	Subnets     []SubnetIPAvailability `json:"subnet_ip_availability"`
	UsedIPs     int                    `json:"used_ips"`
	TotalIPs    Big                    `json:"total_ips"`
}

// SubnetIPAvailability counts the addresses of a subnet; total are those of its pools.
type SubnetIPAvailability struct {
	SubnetID   string `json:"subnet_id"`
	SubnetName string `json:"subnet_name"`
	IPVersion  int    `json:"ip_version"`
	CIDR       string `json:"cidr"`
	UsedIPs    int    `json:"used_ips"`
	TotalIPs   Big    `json:"total_ips"`
}
