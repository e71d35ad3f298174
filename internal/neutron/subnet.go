package neutron

// IPv6 modes: of addresses and of router advertisements.
const (
	ModeSLAAC     = "slaac"
	ModeStateful  = "dhcpv6-stateful"
	ModeStateless = "dhcpv6-stateless"
)

// Subnet is a range of addresses on a network.
type Subnet struct {
	ID              string   `bun:"id,pk" json:"id"`
	Name            string   `bun:"name" json:"name"`
	ProjectID       string   `bun:"project_id" json:"project_id"`
	NetworkID       string   `bun:"network_id" json:"network_id"`
	IPVersion       int      `bun:"ip_version" json:"ip_version"`
	SubnetpoolID    string   `bun:"subnetpool_id" json:"subnetpool_id" api:"null"`
	EnableDHCP      bool     `bun:"enable_dhcp" json:"enable_dhcp"`
	IPv6RAMode      string   `bun:"ipv6_ra_mode" json:"ipv6_ra_mode" api:"null"`
	IPv6AddressMode string   `bun:"ipv6_address_mode" json:"ipv6_address_mode" api:"null"`
	GatewayIP       string   `bun:"gateway_ip" json:"gateway_ip" api:"null"`
	CIDR            string   `bun:"cidr" json:"cidr"`
	AllocationPools []Pool   `bun:"allocation_pools" json:"allocation_pools"`
	HostRoutes      []Route  `bun:"host_routes" json:"host_routes"`
	DNSNameservers  []string `bun:"dns_nameservers" json:"dns_nameservers"`
	ServiceTypes    []string `bun:"service_types" json:"service_types"`
	Standard

	Network NetworkAccess `bun:"-" json:"-"`
}

// NetworkAccess is what the policy of subnets and ports asks of their network.
type NetworkAccess struct {
	ProjectID string
	Shared    bool
	External  bool
}

// Auto tells whether ports get their address from their MAC (SLAAC and
// stateless DHCPv6) rather than from the pools.
func (s Subnet) Auto() bool {
	return s.IPVersion == 6 && (s.IPv6AddressMode == ModeSLAAC || s.IPv6AddressMode == ModeStateless)
}

// Pool is an inclusive range of addresses.
type Pool struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// Route is a destination in CIDR form and the address that leads there.
type Route struct {
	Destination string `json:"destination"`
	NextHop     string `json:"nexthop"`
}

// SubnetRequest creates or changes a subnet.
type SubnetRequest struct {
	Name                 Opt[string]   `json:"name"`
	ProjectID            Opt[string]   `json:"project_id"`
	NetworkID            Opt[string]   `json:"network_id"`
	IPVersion            Opt[int]      `json:"ip_version"`
	SubnetpoolID         Opt[*string]  `json:"subnetpool_id"`
	UseDefaultSubnetpool Opt[bool]     `json:"use_default_subnetpool"`
	PrefixLen            Opt[int]      `json:"prefixlen"`
	CIDR                 Opt[string]   `json:"cidr"`
	GatewayIP            Opt[*string]  `json:"gateway_ip"`
	AllocationPools      Opt[[]Pool]   `json:"allocation_pools"`
	DNSNameservers       Opt[[]string] `json:"dns_nameservers"`
	HostRoutes           Opt[[]Route]  `json:"host_routes"`
	EnableDHCP           Opt[bool]     `json:"enable_dhcp"`
	IPv6RAMode           Opt[string]   `json:"ipv6_ra_mode"`
	IPv6AddressMode      Opt[string]   `json:"ipv6_address_mode"`
	ServiceTypes         Opt[[]string] `json:"service_types"`
	Description          Opt[string]   `json:"description"`
}

// Subnetpool is a supply of prefixes that subnets are cut from.
type Subnetpool struct {
	ID               string   `bun:"id,pk" json:"id"`
	Name             string   `bun:"name" json:"name"`
	ProjectID        string   `bun:"project_id" json:"project_id"`
	DefaultPrefixLen int      `bun:"default_prefixlen" json:"default_prefixlen" api:"text"`
	MinPrefixLen     int      `bun:"min_prefixlen" json:"min_prefixlen" api:"text"`
	MaxPrefixLen     int      `bun:"max_prefixlen" json:"max_prefixlen" api:"text"`
	IsDefault        bool     `bun:"is_default" json:"is_default"`
	Shared           bool     `bun:"shared" json:"shared"`
	Prefixes         []string `bun:"prefixes" json:"prefixes"`
	IPVersion        int      `bun:"ip_version" json:"ip_version"`
	DefaultQuota     *int     `bun:"default_quota" json:"default_quota"` // addresses (v4) or /64s (v6) per project
	Standard
}

// SubnetpoolRequest creates or changes a subnet pool.
type SubnetpoolRequest struct {
	Name             Opt[string]   `json:"name"`
	ProjectID        Opt[string]   `json:"project_id"`
	DefaultPrefixLen Opt[int]      `json:"default_prefixlen"`
	MinPrefixLen     Opt[int]      `json:"min_prefixlen"`
	MaxPrefixLen     Opt[int]      `json:"max_prefixlen"`
	IsDefault        Opt[bool]     `json:"is_default"`
	Shared           Opt[bool]     `json:"shared"`
	Prefixes         Opt[[]string] `json:"prefixes"`
	DefaultQuota     Opt[*int]     `json:"default_quota"`
	Description      Opt[string]   `json:"description"`
}
