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

// HostState is what a host should look like, or what of it changed since the
// revision that the agent holds. The revision is read before anything else, so
// a change meanwhile is seen by the next question.
func (s *Service) HostState(ctx context.Context, q rpcapi.HostStateRequest) (rpcapi.HostState, error) {
	h, err := s.store.Host(ctx, q.Host)
	if errors.Is(err, db.ErrNoRow) {
		return rpcapi.HostState{}, nil // it has not reported yet
	} else if err != nil {
		return rpcapi.HostState{}, err
	}
	out := rpcapi.HostState{}
	b := hostBuilder{s: s, st: s.store, host: h.Host, domain: s.cfg.DNSDomain}
	if q.HaveRevision == 0 || q.HaveRevision > h.Revision {
		out, err = b.all(ctx)
	} else {
		out, err = b.since(ctx, q, h.Revision)
	}
	if err == nil {
		out.Sets, err = s.sets(ctx, q.Sets)
	}
	out.Revision = h.Revision
	out.Unchanged = out.Unchanged && len(out.Sets) == 0
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

// all is the whole state.
func (b *hostBuilder) all(ctx context.Context) (out rpcapi.HostState, err error) {
	if b.ports, err = b.st.PortsWhere(ctx, "host = ?", b.host); err != nil {
		return out, err
	}
	if err := b.read(ctx, nil); err != nil {
		return out, err
	}
	var groups []string
	for _, p := range b.ports {
		groups = append(groups, p.SecurityGroups...)
	}
	b.addPorts(&out)
	if out.Networks, err = b.renderNetworks(ctx, b.ids); err != nil {
		return out, err
	}
	if err := b.addGroups(ctx, &out, groups); err != nil {
		return out, err
	}
	return out, b.addRouters(ctx, &out, "host = ?", b.host)
}

// since is what changed after the revision that the agent has, and what it wants.
func (b *hostBuilder) since(ctx context.Context, q rpcapi.HostStateRequest, now int64) (out rpcapi.HostState, err error) {
	out.Partial = true
	ids := map[string][]string{}
	if q.HaveRevision < now {
		if ids, err = b.st.ChangesOf(ctx, b.host, q.HaveRevision); err != nil {
			return out, err
		}
	}
	for _, w := range q.Want {
		ids[w.Kind] = append(ids[w.Kind], w.ID)
	}
	if len(ids) == 0 {
		out.Unchanged = q.HaveRevision == now
		return out, nil
	}
	if err := b.readChanged(ctx, ids); err != nil {
		return out, err
	}
	b.addPorts(&out)
	if out.Networks, err = b.renderNetworks(ctx, ids[store.KindNetwork]); err != nil {
		return out, err
	}
	if err := b.addGroups(ctx, &out, ids[store.KindGroup]); err != nil {
		return out, err
	}
	if len(ids[store.KindRouter]) > 0 {
		if err := b.addRouters(ctx, &out, "host = ? AND id IN (?)", b.host, db.List(ids[store.KindRouter])); err != nil {
			return out, err
		}
	}
	if err := b.addClients(ctx, &out, ids[store.KindClient]); err != nil {
		return out, err
	}
	addGone(&out, ids)
	return out, nil
}

// addGone names what changed and is not there to be sent.
func addGone(out *rpcapi.HostState, ids map[string][]string) {
	there := map[rpcapi.Resource]bool{}
	for _, n := range out.Networks {
		there[rpcapi.Resource{Kind: store.KindNetwork, ID: n.ID}] = true
	}
	for _, p := range out.Ports {
		there[rpcapi.Resource{Kind: store.KindPort, ID: p.ID}] = true
	}
	for _, g := range out.SecurityGroups {
		there[rpcapi.Resource{Kind: store.KindGroup, ID: g.ID}] = true
	}
	for _, r := range out.Routers {
		there[rpcapi.Resource{Kind: store.KindRouter, ID: r.ID}] = true
	}
	for _, c := range out.Clients {
		there[rpcapi.Resource{Kind: store.KindClient, ID: c.PortID}] = true
	}
	for _, kind := range slices.Sorted(maps.Keys(ids)) {
		for _, id := range ids[kind] {
			if r := (rpcapi.Resource{Kind: kind, ID: id}); !there[r] {
				out.Gone = append(out.Gone, r)
			}
		}
	}
}

// readChanged gets the ports that changed, or that changed networks' DHCP
// servers and changed routers live on.
func (b *hostBuilder) readChanged(ctx context.Context, ids map[string][]string) error {
	changed, err := b.st.PortsOf(ctx, ids[store.KindPort])
	if err != nil {
		return err
	}
	for where, ids := range map[string][]string{
		"network_id IN (?) AND device_owner = '" + neutron.OwnerDHCP + "'": ids[store.KindNetwork],
		"device_id IN (?)": ids[store.KindRouter],
	} {
		if len(ids) == 0 {
			continue
		}
		rows, err := b.st.PortsWhere(ctx, where, db.List(ids))
		if err != nil {
			return err
		}
		for _, p := range rows {
			changed[p.ID] = p
		}
	}
	for _, p := range changed {
		if p.HostID == b.host {
			b.ports = append(b.ports, p)
		}
	}
	return b.read(ctx, ids[store.KindNetwork])
}

// read puts the ports in order and gets the networks that they are on, and others.
func (b *hostBuilder) read(ctx context.Context, networks []string) (err error) {
	b.ports = slices.DeleteFunc(b.ports, func(p neutron.Port) bool { return !p.Bound() })
	slices.SortFunc(b.ports, func(x, y neutron.Port) int { return strings.Compare(x.ID, y.ID) })
	b.ids = slices.Clone(networks)
	for _, p := range b.ports {
		b.ids = append(b.ids, p.NetworkID)
	}
	slices.Sort(b.ids)
	b.ids = slices.Compact(b.ids)
	if b.networks, err = b.st.NetworksOf(ctx, b.ids); err != nil {
		return err
	}
	slices.SortFunc(b.networks, func(x, y neutron.Network) int { return strings.Compare(x.ID, y.ID) })
	return b.readSubnets(ctx, b.ids)
}

func (b *hostBuilder) readSubnets(ctx context.Context, networks []string) error {
	subs, err := b.st.SubnetsOf(ctx, networks...)
	if b.subnets == nil {
		b.subnets = make(map[string]neutron.Subnet, len(subs))
	}
	for _, sub := range subs {
		b.subnets[sub.ID] = sub
	}
	return err
}

// addPorts renders the ports that are no part of a router or a DHCP server.
func (b *hostBuilder) addPorts(out *rpcapi.HostState) {
	for _, p := range b.ports {
		if p.DeviceOwner != neutron.OwnerDHCP && !p.OfRouter() {
			out.Ports = append(out.Ports, b.port(p))
		}
	}
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

// renderNetworks renders those of the networks that were read.
func (b *hostBuilder) renderNetworks(ctx context.Context, ids []string) (out []rpcapi.Network, err error) {
	addresses, err := b.st.RouterAddresses(ctx, ids)
	if err != nil {
		return nil, err
	}
	routers := map[string]map[string][]string{}
	for _, a := range addresses {
		if routers[a.NetworkID] == nil {
			routers[a.NetworkID] = map[string][]string{}
		}
		routers[a.NetworkID][a.SubnetID] = append(routers[a.NetworkID][a.SubnetID], a.IPAddress)
	}
	servers, err := b.servers(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, n := range b.networks {
		if !slices.Contains(ids, n.ID) {
			continue
		}
		out = append(out, rpcapi.Network{ID: n.ID, ProjectID: n.ProjectID, Name: n.Name, Type: n.Type,
			SegmentationID: n.SegmentationID, PhysicalNetwork: n.PhysicalNetwork, MTU: n.MTU, Bridge: rpcapi.BridgeName(n.ID),
			AdminStateUp: n.AdminStateUp, External: n.External, DNSDomain: n.DNSDomain, Subnets: b.subnetsOf(n.ID),
			DHCP: servers[n.ID], RouterIPs: routers[n.ID]})
	}
	return out, nil
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

// servers are the DHCP servers of this host for the networks.
func (b *hostBuilder) servers(ctx context.Context, networks []string) (map[string]*rpcapi.DHCP, error) {
	out := map[string]*rpcapi.DHCP{}
	for _, p := range b.ports {
		if p.DeviceOwner == neutron.OwnerDHCP && out[p.NetworkID] == nil && slices.Contains(networks, p.NetworkID) {
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

// addClients renders the leases that ports may have.
func (b *hostBuilder) addClients(ctx context.Context, out *rpcapi.HostState, ids []string) error {
	clients, err := b.st.DHCPClientsOf(ctx, ids)
	if err != nil {
		return err
	}
	var networks []string
	for _, c := range clients {
		if !slices.Contains(b.ids, c.NetworkID) && !slices.Contains(networks, c.NetworkID) {
			networks = append(networks, c.NetworkID)
		}
	}
	if err := b.readSubnets(ctx, networks); err != nil {
		return err
	}
	for _, c := range clients {
		out.Clients = append(out.Clients, rpcapi.DHCPClient{NetworkID: c.NetworkID, DHCPHost: b.client(c)})
	}
	return nil
}

// addGroups renders the groups with their rules.
func (b *hostBuilder) addGroups(ctx context.Context, out *rpcapi.HostState, ids []string) error {
	slices.Sort(ids)
	groups, err := b.st.SecurityGroupsOf(ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	for _, g := range groups {
		v := rpcapi.SecurityGroup{ID: g.ID, Stateful: g.Stateful, Rules: []rpcapi.Rule{}}
		for _, r := range g.Rules {
			v.Rules = append(v.Rules, render(r))
		}
		out.SecurityGroups = append(out.SecurityGroups, v)
	}
	return nil
}

func render(r neutron.SecurityGroupRule) rpcapi.Rule {
	v := rpcapi.Rule{ID: r.ID, Direction: r.Direction, EtherType: r.EtherType, Protocol: text(r.Protocol), PortMin: r.PortRangeMin, PortMax: r.PortRangeMax,
		RemoteGroup: text(r.RemoteGroupID), HasRemote: r.RemoteGroupID != nil}
	if r.NormalizedCIDR != nil {
		v.RemoteIPs, v.HasRemote = []string{*r.NormalizedCIDR}, true
	}
	return v
}

// addRouters renders the routers that meet an SQL condition.
func (b *hostBuilder) addRouters(ctx context.Context, out *rpcapi.HostState, where string, args ...any) error {
	routers, err := b.st.RouterRows(ctx, where, args...)
	if err != nil || len(routers) == 0 {
		return err
	}
	slices.SortFunc(routers, func(x, y neutron.Router) int { return strings.Compare(x.ID, y.ID) })
	fips, err := b.st.FloatingIPsWhere(ctx, "router_id IN (SELECT id FROM routers WHERE "+where+")", args...)
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
