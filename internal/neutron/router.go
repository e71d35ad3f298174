package neutron

// Router forwards between networks and to one external network.
type Router struct {
	ID           string       `bun:"id,pk" json:"id"`
	Name         string       `bun:"name" json:"name"`
	ProjectID    string       `bun:"project_id" json:"project_id"`
	AdminStateUp bool         `bun:"admin_state_up" json:"admin_state_up"`
	Status       string       `bun:"status" json:"status"`
	Gateway      *GatewayInfo `bun:"-" json:"external_gateway_info"`
	AZHints      []string     `bun:"availability_zone_hints" json:"availability_zone_hints"`
	AZs          []string     `bun:"-" json:"availability_zones"`
	Routes       []Route      `bun:"routes" json:"routes"`

	GatewayPortID    string `bun:"gw_port_id" json:"-"`
	GatewayNetworkID string `bun:"gw_network_id" json:"-"`
	EnableSNAT       bool   `bun:"enable_snat" json:"-"`
	Host             string `bun:"host" json:"-"` // forwards for it, "" for nobody
	Standard
}

// GatewayInfo is a router's place on an external network.
type GatewayInfo struct {
	NetworkID        string    `json:"network_id"`
	ExternalFixedIPs []FixedIP `json:"external_fixed_ips"`
	EnableSNAT       bool      `json:"enable_snat"`
}

// GatewayRequest asks for a gateway; an empty NetworkID for none.
type GatewayRequest struct {
	NetworkID        string                `json:"network_id"`
	ExternalFixedIPs Opt[[]FixedIPRequest] `json:"external_fixed_ips"`
	EnableSNAT       Opt[bool]             `json:"enable_snat"`
}

// RouterRequest creates or changes a router.
type RouterRequest struct {
	Name         Opt[string]         `json:"name"`
	ProjectID    Opt[string]         `json:"project_id"`
	AdminStateUp Opt[bool]           `json:"admin_state_up"`
	Gateway      Opt[GatewayRequest] `json:"external_gateway_info"`
	AZHints      Opt[[]string]       `json:"availability_zone_hints"`
	Routes       Opt[[]Route]        `json:"routes"`
	Description  Opt[string]         `json:"description"`
}

// RouterInterface is the answer to adding or removing one.
type RouterInterface struct {
	ID        string   `json:"id"` // of the router
	ProjectID string   `json:"tenant_id"`
	PortID    string   `json:"port_id"`
	NetworkID string   `json:"network_id"`
	SubnetID  string   `json:"subnet_id"`
	SubnetIDs []string `json:"subnet_ids"`
}

// RouterPort links a router to one of its ports.
type RouterPort struct {
	PortID   string `bun:"port_id,pk"`
	RouterID string `bun:"router_id"`
	Owner    string `bun:"port_type"` // device owner
}

// FloatingIP is an address of an external network that may be mapped to a port.
type FloatingIP struct {
	ID                string       `bun:"id,pk" json:"id"`
	ProjectID         string       `bun:"project_id" json:"project_id"`
	FloatingIPAddress string       `bun:"floating_ip_address" json:"floating_ip_address"`
	FloatingNetworkID string       `bun:"floating_network_id" json:"floating_network_id"`
	FloatingPortID    string       `bun:"floating_port_id" json:"-"`
	RouterID          string       `bun:"router_id" json:"router_id" api:"null"`
	PortID            string       `bun:"fixed_port_id" json:"port_id" api:"null"`
	FixedIPAddress    string       `bun:"fixed_ip_address" json:"fixed_ip_address" api:"null"`
	Status            string       `bun:"status" json:"status"`
	DNSName           string       `bun:"dns_name" json:"dns_name"`
	DNSDomain         string       `bun:"dns_domain" json:"dns_domain"`
	PortDetails       *PortDetails `bun:"-" json:"port_details"`
	Standard
}

// PortDetails tell about the port behind a floating IP.
type PortDetails struct {
	Name         string `json:"name"`
	NetworkID    string `json:"network_id"`
	MACAddress   string `json:"mac_address"`
	AdminStateUp bool   `json:"admin_state_up"`
	Status       string `json:"status"`
	DeviceID     string `json:"device_id"`
	DeviceOwner  string `json:"device_owner"`
}

// FloatingIPRequest creates or changes a floating IP.
type FloatingIPRequest struct {
	ProjectID         Opt[string] `json:"project_id"`
	FloatingNetworkID Opt[string] `json:"floating_network_id"`
	FloatingIPAddress Opt[string] `json:"floating_ip_address"`
	SubnetID          Opt[string] `json:"subnet_id"`
	PortID            Opt[string] `json:"port_id"`
	FixedIPAddress    Opt[string] `json:"fixed_ip_address"`
	DNSName           Opt[string] `json:"dns_name"`
	DNSDomain         Opt[string] `json:"dns_domain"`
	Description       Opt[string] `json:"description"`
}
