package metadata

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// networkData is network_data.json.
type networkData struct {
	Links    []link    `json:"links"`
	Networks []network `json:"networks"`
	Services []service `json:"services"`
}

type link struct {
	ID    string `json:"id"`
	VIFID string `json:"vif_id"`
	Type  string `json:"type"`
	MTU   *int   `json:"mtu"`
	MAC   string `json:"ethernet_mac_address"`
}

type network struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Link      string    `json:"link"`
	NetworkID string    `json:"network_id"`
	Address   string    `json:"ip_address,omitempty"`
	Netmask   string    `json:"netmask,omitempty"`
	Routes    []route   `json:"routes,omitzero"`
	Services  []service `json:"services,omitzero"`
}

type route struct {
	Network string `json:"network"`
	Netmask string `json:"netmask"`
	Gateway string `json:"gateway"`
}

type service struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// exposed are the vif types that links tell as they are; all others are "phy".
var exposed = []string{"bridge", "ovs", "dvs", "hw_veb", "hyperv", "macvtap", "tap", "vhostuser", "vif", "802.1qbg", "802.1qbh", "binding_failed"}

// networkDataOf describes the ports that have a subnet, in their order.
func networkDataOf(ports []Interface) networkData {
	d := networkData{Links: []link{}, Networks: []network{}, Services: []service{}}
	for _, p := range ports {
		if len(p.Subnets) == 0 {
			continue
		}
		l := linkOf(p, len(d.Links))
		d.Links = append(d.Links, l)
		for _, s := range p.Subnets {
			if len(s.Addresses) == 0 {
				continue
			}
			d.Networks = append(d.Networks, networkOf(p, s, len(d.Networks), l.ID))
			for _, dns := range dnsOf(s) {
				if !slices.Contains(d.Services, dns) {
					d.Services = append(d.Services, dns)
				}
			}
		}
	}
	return d
}

func linkOf(p Interface, n int) link {
	l := link{ID: p.Device, VIFID: p.PortID, Type: "phy", MAC: p.MAC, MTU: linkMTU(p)}
	if l.ID == "" {
		l.ID = "interface" + strconv.Itoa(n)
	}
	if slices.Contains(exposed, p.Type) {
		l.Type = p.Type
	}
	return l
}

// linkMTU is left to DHCP where there is DHCP.
func linkMTU(p Interface) *int {
	if p.MTU == 0 || slices.ContainsFunc(p.Subnets, func(s Subnet) bool { return s.DHCP }) {
		return nil
	}
	return &p.MTU
}

func networkOf(p Interface, s Subnet, n int, linkID string) network {
	v := network{ID: "network" + strconv.Itoa(n), Type: "ipv" + strconv.Itoa(s.Version), Link: linkID, NetworkID: p.NetworkID}
	switch {
	case s.IPv6AddressMode != "":
		v.Type = "ipv6_" + s.IPv6AddressMode
	case s.DHCP:
		v.Type += "_dhcp"
		return v
	}
	v.Address = s.Addresses[0]
	v.Netmask = netmask(s.CIDR)
	v.Routes = routesOf(s)
	v.Services = dnsOf(s)
	return v
}

func routesOf(s Subnet) []route {
	out := []route{}
	if s.Gateway != "" {
		all := "0.0.0.0"
		if s.Version == 6 {
			all = "::"
		}
		out = append(out, route{Network: all, Netmask: all, Gateway: s.Gateway})
	}
	for _, r := range s.Routes {
		if p, err := netip.ParsePrefix(r.CIDR); err == nil {
			out = append(out, route{Network: p.Masked().Addr().String(), Netmask: netmask(r.CIDR), Gateway: r.Gateway})
		}
	}
	return out
}

func dnsOf(s Subnet) []service {
	out := []service{}
	for _, a := range s.DNS {
		out = append(out, service{Type: "dns", Address: a})
	}
	return out
}

// netmask is a prefix length written as an address, "" when cidr is none.
func netmask(cidr string) string {
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return ""
	}
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}
