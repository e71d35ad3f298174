package service

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
)

// HostState is what a host should look like. The revision is read before
// anything else, so a change meanwhile is seen by the next question.
func (s *Service) HostState(ctx context.Context, q rpcapi.HostStateRequest) (rpcapi.HostState, error) {
	h, err := s.store.Host(ctx, q.Host)
	if errors.Is(err, db.ErrNoRow) {
		return rpcapi.HostState{}, nil // it has not reported yet
	} else if err != nil {
		return rpcapi.HostState{}, err
	}
	if q.HaveRevision == h.Revision && h.Revision != 0 {
		return rpcapi.HostState{Revision: h.Revision, Unchanged: true}, nil
	}
	b := hostBuilder{s: s, st: s.store, host: h.Host, domain: s.cfg.DNSDomain}
	out, err := b.build(ctx)
	out.Revision = h.Revision
	return out, err
}

// hostBuilder gathers the rows of one host.
type hostBuilder struct {
	s      *Service
	st     *store.Store
	host   string
	domain string

	ports    []neutron.Port
	networks []neutron.Network
	ids      []string // of networks
	subnets  map[string]neutron.Subnet
}

func (b *hostBuilder) build(ctx context.Context) (rpcapi.HostState, error) {
	out := rpcapi.HostState{}
	if err := b.read(ctx); err != nil {
		return out, err
	}
	for _, p := range b.ports {
		if p.DeviceOwner != neutron.OwnerDHCP && !p.OfRouter() {
			out.Ports = append(out.Ports, b.port(p))
		}
	}
	for _, step := range []func(context.Context, *rpcapi.HostState) error{b.addNetworks, b.addGroups, b.addRouters, b.addPeers} {
		if err := step(ctx, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// read gets the host's ports and the networks they and its DHCP servers are on.
func (b *hostBuilder) read(ctx context.Context) (err error) {
	if b.ports, err = b.st.PortsWhere(ctx, "host = ?", b.host); err != nil {
		return err
	}
	b.ports = slices.DeleteFunc(b.ports, func(p neutron.Port) bool { return !p.Bound() })
	slices.SortFunc(b.ports, func(x, y neutron.Port) int { return strings.Compare(x.ID, y.ID) })
	for _, p := range b.ports {
		b.ids = append(b.ids, p.NetworkID)
	}
	slices.Sort(b.ids)
	b.ids = slices.Compact(b.ids)
	if b.networks, err = b.st.NetworksOf(ctx, b.ids); err != nil {
		return err
	}
	slices.SortFunc(b.networks, func(x, y neutron.Network) int { return strings.Compare(x.ID, y.ID) })
	subs, err := b.st.SubnetsOf(ctx, b.ids...)
	b.subnets = map[string]neutron.Subnet{}
	for _, sub := range subs {
		b.subnets[sub.ID] = sub
	}
	return err
}

// addresses are a port's with their prefix lengths.
func (b *hostBuilder) addresses(ips []neutron.FixedIP) []rpcapi.FixedIP {
	out := make([]rpcapi.FixedIP, 0, len(ips))
	for _, ip := range ips {
		f := rpcapi.FixedIP{SubnetID: ip.SubnetID, IPAddress: ip.IPAddress}
		if p, err := netip.ParsePrefix(b.subnets[ip.SubnetID].CIDR); err == nil {
			f.PrefixLen = p.Bits()
		}
		out = append(out, f)
	}
	return out
}

func (b *hostBuilder) port(p neutron.Port) rpcapi.Port {
	out := rpcapi.Port{ID: p.ID, ProjectID: p.ProjectID, NetworkID: p.NetworkID, Name: p.Name, MAC: p.MACAddress,
		FixedIPs: b.addresses(p.FixedIPs), PortSecurity: p.PortSecurityEnabled, SecurityGroups: p.SecurityGroups, DeviceID: p.DeviceID,
		DeviceOwner: p.DeviceOwner, AdminStateUp: p.AdminStateUp, Status: p.Status, Tap: rpcapi.TapName(p.ID), VNICType: p.VNICType, Profile: p.Profile}
	for _, pair := range p.AllowedAddressPairs {
		out.AddressPairs = append(out.AddressPairs, rpcapi.AddressPair{MAC: pair.MACAddress, IPAddress: pair.IPAddress})
	}
	return out
}

func (b *hostBuilder) addNetworks(ctx context.Context, out *rpcapi.HostState) error {
	addresses, err := b.st.RouterAddresses(ctx, b.ids)
	if err != nil {
		return err
	}
	routers := map[string]map[string][]string{}
	for _, a := range addresses {
		if routers[a.NetworkID] == nil {
			routers[a.NetworkID] = map[string][]string{}
		}
		routers[a.NetworkID][a.SubnetID] = append(routers[a.NetworkID][a.SubnetID], a.IPAddress)
	}
	servers, err := b.servers(ctx)
	if err != nil {
		return err
	}
	for _, n := range b.networks {
		out.Networks = append(out.Networks, rpcapi.Network{ID: n.ID, ProjectID: n.ProjectID, Name: n.Name, Type: n.Type,
			SegmentationID: n.SegmentationID, PhysicalNetwork: n.PhysicalNetwork, MTU: n.MTU, Bridge: rpcapi.BridgeName(n.ID),
			AdminStateUp: n.AdminStateUp, External: n.External, DNSDomain: n.DNSDomain, Subnets: b.subnetsOf(n.ID),
			DHCP: servers[n.ID], RouterIPs: routers[n.ID]})
	}
	return nil
}

func (b *hostBuilder) subnetsOf(networkID string) []rpcapi.Subnet {
	var out []rpcapi.Subnet
	for _, sub := range b.subnets {
		if sub.NetworkID != networkID {
			continue
		}
		v := rpcapi.Subnet{ID: sub.ID, IPVersion: sub.IPVersion, CIDR: sub.CIDR, GatewayIP: sub.GatewayIP, DNSNameservers: sub.DNSNameservers,
			EnableDHCP: sub.EnableDHCP, IPv6AddressMode: sub.IPv6AddressMode, IPv6RAMode: sub.IPv6RAMode, HostRoutes: []rpcapi.Route{}}
		for _, r := range sub.HostRoutes {
			v.HostRoutes = append(v.HostRoutes, rpcapi.Route(r))
		}
		for _, p := range sub.AllocationPools {
			v.AllocationPools = append(v.AllocationPools, rpcapi.Pool(p))
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(x, y rpcapi.Subnet) int { return strings.Compare(x.ID, y.ID) })
	return out
}

// servers are the DHCP servers of this host, by network.
func (b *hostBuilder) servers(ctx context.Context) (map[string]*rpcapi.DHCP, error) {
	out := map[string]*rpcapi.DHCP{}
	for _, p := range b.ports {
		if p.DeviceOwner == neutron.OwnerDHCP && out[p.NetworkID] == nil {
			out[p.NetworkID] = &rpcapi.DHCP{Port: b.port(p), Hosts: []rpcapi.DHCPHost{}}
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	clients, err := b.st.DHCPClients(ctx, slices.Sorted(maps.Keys(out)))
	if err != nil {
		return nil, err
	}
	for _, c := range clients {
		d := out[c.NetworkID]
		d.Hosts = append(d.Hosts, b.client(c))
	}
	return out, nil
}

func (b *hostBuilder) client(c store.DHCPClient) rpcapi.DHCPHost {
	named := neutron.Port{FixedIPs: c.FixedIPs, DNSName: c.DNSName}
	b.s.nameAddresses(&named)
	h := rpcapi.DHCPHost{PortID: c.ID, MAC: c.MACAddress, FixedIPs: b.addresses(c.FixedIPs), Domain: strings.TrimSuffix(b.domain, ".")}
	if len(named.DNSAssignment) > 0 {
		h.Hostname = named.DNSAssignment[0].Hostname
	}
	for _, o := range c.ExtraDHCPOpts {
		if o.Value != nil {
			h.Options = append(h.Options, rpcapi.DHCPOption{Name: o.Name, Value: *o.Value, IPVersion: o.IPVersion})
		}
	}
	return h
}

// addGroups resolves the rules of all groups that the host's ports carry.
func (b *hostBuilder) addGroups(ctx context.Context, out *rpcapi.HostState) error {
	var ids []string
	for _, p := range b.ports {
		ids = append(ids, p.SecurityGroups...)
	}
	slices.Sort(ids)
	groups, err := b.st.SecurityGroupsOf(ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	members, err := b.members(ctx, groups)
	if err != nil {
		return err
	}
	for _, g := range groups {
		v := rpcapi.SecurityGroup{ID: g.ID, Stateful: g.Stateful, Rules: []rpcapi.Rule{}}
		for _, r := range g.Rules {
			v.Rules = append(v.Rules, resolve(r, members))
		}
		out.SecurityGroups = append(out.SecurityGroups, v)
	}
	return nil
}

// members are the addresses in the groups that rules refer to.
func (b *hostBuilder) members(ctx context.Context, groups []neutron.SecurityGroup) (map[string][]string, error) {
	var remote []string
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.RemoteGroupID != nil {
				remote = append(remote, *r.RemoteGroupID)
			}
		}
	}
	out, err := b.st.MembersOf(ctx, remote)
	if err != nil {
		return nil, err
	}
	pairs, err := b.st.PairsOf(ctx, remote)
	for g, ips := range pairs {
		out[g] = append(out[g], ips...)
	}
	for g := range out {
		slices.Sort(out[g])
		out[g] = slices.Compact(out[g])
	}
	return out, err
}

func resolve(r neutron.SecurityGroupRule, members map[string][]string) rpcapi.Rule {
	v := rpcapi.Rule{ID: r.ID, Direction: r.Direction, EtherType: r.EtherType, Protocol: text(r.Protocol), PortMin: r.PortRangeMin, PortMax: r.PortRangeMax}
	if r.NormalizedCIDR != nil {
		v.RemoteIPs, v.HasRemote = []string{*r.NormalizedCIDR}, true
	}
	if r.RemoteGroupID == nil {
		return v
	}
	v.RemoteGroup, v.HasRemote = *r.RemoteGroupID, true
	for _, ip := range members[*r.RemoteGroupID] {
		if cidr, ok := asCIDR(ip, r.EtherType); ok {
			v.RemoteIPs = append(v.RemoteIPs, cidr)
		}
	}
	return v
}

// asCIDR writes an address or prefix of the rule's family as a prefix.
func asCIDR(s, ethertype string) (string, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return "", false
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	return p.Masked().String(), p.Addr().Is4() == (ethertype == "IPv4")
}

func (b *hostBuilder) addRouters(ctx context.Context, out *rpcapi.HostState) error {
	routers, err := b.st.RoutersWhere(ctx, "host = ?", b.host)
	if err != nil {
		return err
	}
	slices.SortFunc(routers, func(x, y neutron.Router) int { return strings.Compare(x.ID, y.ID) })
	fips, err := b.st.FloatingIPsWhere(ctx, "router_id IN (SELECT id FROM routers WHERE host = ?)", b.host)
	if err != nil {
		return err
	}
	for _, rt := range routers {
		v := rpcapi.Router{ID: rt.ID, ProjectID: rt.ProjectID, Name: rt.Name, AdminStateUp: rt.AdminStateUp,
			Interfaces: []rpcapi.RouterInterface{}, FloatingIPs: []rpcapi.FloatingIP{}, Routes: []rpcapi.Route{}}
		for _, r := range rt.Routes {
			v.Routes = append(v.Routes, rpcapi.Route(r))
		}
		for _, f := range fips {
			if f.RouterID == rt.ID {
				v.FloatingIPs = append(v.FloatingIPs, rpcapi.FloatingIP{ID: f.ID, Address: f.FloatingIPAddress, FixedIP: f.FixedIPAddress, PortID: f.PortID, Status: f.Status})
			}
		}
		b.addInterfaces(rt, &v)
		out.Routers = append(out.Routers, v)
	}
	return nil
}

// addInterfaces finds a router's ports among those of its host.
func (b *hostBuilder) addInterfaces(rt neutron.Router, v *rpcapi.Router) {
	for _, p := range b.ports {
		if p.DeviceID != rt.ID || !p.OfRouter() {
			continue
		}
		i := rpcapi.RouterInterface{PortID: p.ID, NetworkID: p.NetworkID, MAC: p.MACAddress, MTU: b.mtu(p.NetworkID),
			FixedIPs: b.addresses(p.FixedIPs), AdminStateUp: p.AdminStateUp}
		var hops []string
		for _, f := range p.FixedIPs {
			sub := b.subnets[f.SubnetID]
			i.SubnetCIDRs = append(i.SubnetCIDRs, sub.CIDR)
			if sub.GatewayIP != "" {
				hops = append(hops, sub.GatewayIP)
			}
		}
		if p.ID == rt.GatewayPortID {
			v.Gateway = &rpcapi.RouterGateway{RouterInterface: i, NextHops: hops, EnableSNAT: rt.EnableSNAT}
			continue
		}
		v.Interfaces = append(v.Interfaces, i)
	}
}

func (b *hostBuilder) mtu(networkID string) int {
	for _, n := range b.networks {
		if n.ID == networkID {
			return n.MTU
		}
	}
	return 0
}

func (b *hostBuilder) addPeers(ctx context.Context, out *rpcapi.HostState) error {
	vnis := map[string]int{}
	for _, n := range b.networks {
		if n.Type == neutron.TypeVXLAN {
			vnis[n.ID] = n.SegmentationID
		}
	}
	rows, err := b.st.NetworkPeers(ctx, slices.Sorted(maps.Keys(vnis)), b.host)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if last := len(out.Peers) - 1; last >= 0 && out.Peers[last].NetworkID == r.NetworkID {
			out.Peers[last].Addresses = append(out.Peers[last].Addresses, r.Address)
			continue
		}
		out.Peers = append(out.Peers, rpcapi.Peer{NetworkID: r.NetworkID, VNI: vnis[r.NetworkID], Addresses: []string{r.Address}})
	}
	return nil
}
