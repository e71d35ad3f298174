package service

import (
	"context"
	"net/netip"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/fault"
)

// Subnets lists the subnets that the caller may see.
func (s *Service) Subnets(ctx context.Context, q neutron.Query) ([]neutron.Subnet, error) {
	q.ProjectID = scope(ctx)
	return s.store.Subnets(ctx, q)
}

// Subnet finds a subnet that the caller may see.
func (s *Service) Subnet(ctx context.Context, id string) (neutron.Subnet, error) {
	return s.store.Subnet(ctx, id, scope(ctx))
}

// CreateSubnets makes subnets, all or none.
func (s *Service) CreateSubnets(ctx context.Context, reqs []neutron.SubnetRequest) (out []neutron.Subnet, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			sub, err := s.createSubnet(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, sub)
		}
		return nil
	})
	return out, err
}

func (s *Service) createSubnet(ctx context.Context, tx *store.Tx, r neutron.SubnetRequest) (neutron.Subnet, error) {
	sub := neutron.Subnet{ID: newID(), Name: r.Name.Value, ProjectID: r.ProjectID.Value, NetworkID: r.NetworkID.Value,
		IPVersion: r.IPVersion.Value, EnableDHCP: r.EnableDHCP.Or(true), IPv6RAMode: r.IPv6RAMode.Value,
		IPv6AddressMode: r.IPv6AddressMode.Value, HostRoutes: r.HostRoutes.Or([]neutron.Route{}),
		DNSNameservers: r.DNSNameservers.Or([]string{}), ServiceTypes: r.ServiceTypes.Or([]string{}), Standard: s.standard(r.Description)}
	n, err := tx.NetworkRow(ctx, sub.NetworkID, "")
	if err != nil {
		return sub, err
	}
	if err := s.count(ctx, tx, "subnet", sub.ProjectID, 1); err != nil {
		return sub, err
	}
	if err := tx.Lock(ctx, "network:"+n.ID); err != nil {
		return sub, err
	}
	if err := s.chooseCIDR(ctx, tx, &sub, r); err != nil {
		return sub, err
	}
	if err := layOut(&sub, r); err != nil {
		return sub, err
	}
	if err := s.checkSubnet(sub, nil); err != nil {
		return sub, err
	}
	if err := s.checkOverlap(ctx, tx, sub); err != nil {
		return sub, err
	}
	if err := tx.InsertSubnet(ctx, sub); err != nil {
		return sub, err
	}
	if err := s.addAutoAddresses(ctx, tx, sub); err != nil {
		return sub, err
	}
	return sub, s.ensureDHCP(ctx, tx, n.ID)
}

// chooseCIDR takes the prefix that was asked for, or cuts one from a pool.
func (s *Service) chooseCIDR(ctx context.Context, tx *store.Tx, sub *neutron.Subnet, r neutron.SubnetRequest) error {
	if r.CIDR.Set && r.PrefixLen.Set {
		return neutron.BadRequest("subnets", "cidr and prefixlen must not be supplied together")
	}
	pool, err := s.poolOf(ctx, tx, r)
	if err != nil {
		return err
	}
	if pool.ID == "" {
		return plainCIDR(sub, r)
	}
	if r.AllocationPools.Set && !r.CIDR.Set {
		return neutron.BadRequest("subnets", "allocation_pools allowed only for specific subnet requests.")
	}
	if pool.IPVersion != sub.IPVersion && r.IPVersion.Set {
		return neutron.BadRequest("subnets", "Cannot allocate IPv%d subnet from IPv%d subnet pool", sub.IPVersion, pool.IPVersion)
	}
	sub.SubnetpoolID, sub.IPVersion = pool.ID, pool.IPVersion
	return s.cut(ctx, tx, sub, pool, r)
}

func plainCIDR(sub *neutron.Subnet, r neutron.SubnetRequest) error {
	if !r.CIDR.Set {
		return neutron.BadRequest("subnets", "a subnetpool must be specified in the absence of a cidr")
	}
	if !r.IPVersion.Set {
		return neutron.BadRequest("subnets", "ip_version must be specified in the absence of cidr and subnetpool_id")
	}
	p, err := netip.ParsePrefix(r.CIDR.Value)
	if err != nil {
		return neutron.InvalidInput("%s is not in a CIDR format", r.CIDR.Value)
	}
	if version(p.Addr()) != sub.IPVersion {
		return mismatch("cidr", r.CIDR.Value, sub.IPVersion)
	}
	if p.Bits() == 0 {
		return neutron.InvalidInput("0 is not allowed as CIDR prefix length")
	}
	sub.CIDR = p.Masked().String()
	return nil
}

func version(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}

func mismatch(name, value string, version int) error {
	return neutron.InvalidInput("%s '%s' does not match the ip_version '%d'", name, value, version)
}

// layOut fills in gateway and pools from the prefix where nobody said.
func layOut(sub *neutron.Subnet, r neutron.SubnetRequest) error {
	p := netip.MustParsePrefix(sub.CIDR)
	var gateway netip.Addr
	switch {
	case !r.GatewayIP.Set:
		gateway = ipam.DefaultGateway(p, sub.Auto())
	case r.GatewayIP.Value != nil:
		gateway, _ = netip.ParseAddr(*r.GatewayIP.Value)
	}
	if gateway.IsValid() {
		sub.GatewayIP = gateway.String()
	}
	if !r.AllocationPools.Set {
		sub.AllocationPools = ipam.Pools(ipam.DefaultPools(p, gateway))
		return nil
	}
	sub.AllocationPools = r.AllocationPools.Value
	return checkPools(*sub)
}

// checkPools refuses pools that leave the subnet, overlap or hold the gateway.
func checkPools(sub neutron.Subnet) error {
	p := netip.MustParsePrefix(sub.CIDR)
	rs, err := ipam.Ranges(sub.AllocationPools)
	if err != nil {
		return fault.BadRequest("The allocation pool %s is not valid.", sub.AllocationPools).As("InvalidAllocationPool").Cause(err)
	}
	usable := ipam.Usable(p)
	for i, r := range rs {
		if r.First.BitLen() != p.Addr().BitLen() || r.Last.BitLen() != p.Addr().BitLen() || r.Last.Less(r.First) {
			return fault.BadRequest("The allocation pool %s is not valid.", r).As("InvalidAllocationPool")
		}
		if !usable.Contains(r.First) || !usable.Contains(r.Last) {
			return fault.BadRequest("The allocation pool %s spans beyond the subnet cidr %s.", r, sub.CIDR).As("OutOfBoundsAllocationPool")
		}
		for _, o := range rs[:i] {
			if r.Overlaps(o) {
				return fault.Conflict("Found overlapping allocation pools: %s %s for subnet %s.", o, r, sub.CIDR).As("OverlappingAllocationPools")
			}
		}
	}
	return checkGatewayOutside(sub, rs)
}

func checkGatewayOutside(sub neutron.Subnet, rs []ipam.Range) error {
	gw, err := netip.ParseAddr(sub.GatewayIP)
	if err != nil {
		return nil // no gateway
	}
	for _, r := range rs {
		if r.Contains(gw) {
			return fault.Conflict("Gateway ip %s conflicts with allocation pool %s.", gw, r).As("GatewayConflictWithAllocationPools")
		}
	}
	return nil
}

// checkSubnet refuses what makes no sense on a wire; old is nil on create.
func (s *Service) checkSubnet(sub neutron.Subnet, old *neutron.Subnet) error {
	p := netip.MustParsePrefix(sub.CIDR)
	if sub.EnableDHCP && (old == nil || !old.EnableDHCP) {
		if err := checkDHCPable(p); err != nil {
			return err
		}
	}
	if err := checkGateway(sub, p); err != nil {
		return err
	}
	if err := s.checkLists(sub, old); err != nil {
		return err
	}
	return checkModes(sub, old)
}

func checkDHCPable(p netip.Prefix) error {
	ip := p.Addr()
	switch {
	case ip.Is6() && ip.IsUnspecified():
		return neutron.InvalidInput("IPv6 subnet '::' is not supported")
	case ip.Is4() && p.Bits() > 30, ip.Is6() && p.Bits() > 126:
		return neutron.InvalidInput("Subnet has a prefix length that is incompatible with DHCP service enabled")
	case ip.IsMulticast():
		return neutron.InvalidInput("Multicast IP subnet is not supported if enable_dhcp is True")
	case ip.IsLoopback():
		return neutron.InvalidInput("Loopback IP subnet is not supported if enable_dhcp is True")
	case ip.Is4() && ip.IsUnspecified():
		return neutron.InvalidInput("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.")
	}
	return nil
}

func checkGateway(sub neutron.Subnet, p netip.Prefix) error {
	gw, err := netip.ParseAddr(sub.GatewayIP)
	if err != nil {
		return nil // no gateway
	}
	if version(gw) != sub.IPVersion {
		return mismatch("gateway_ip", sub.GatewayIP, sub.IPVersion)
	}
	small := p.Addr().BitLen()-p.Bits() <= 1
	if p.Contains(gw) && !small && gw.Is4() && (gw == p.Addr() || gw == ipam.Last(p)) {
		return neutron.InvalidInput("Gateway is not valid on subnet")
	}
	return nil
}

func (s *Service) checkLists(sub neutron.Subnet, old *neutron.Subnet) error {
	name := "new subnet"
	if old != nil {
		name = sub.ID
	}
	if len(sub.DNSNameservers) > s.cfg.MaxNameserver {
		return fault.BadRequest("Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.", name, s.cfg.MaxNameserver).As("DNSNameServersExhausted")
	}
	for _, ns := range sub.DNSNameservers {
		if ip, err := netip.ParseAddr(ns); err != nil || version(ip) != sub.IPVersion {
			return mismatch("dns_nameserver", ns, sub.IPVersion)
		}
	}
	if len(sub.HostRoutes) > s.cfg.MaxHostRoutes {
		return fault.BadRequest("Unable to complete operation for %s. The number of host routes exceeds the limit %d.", name, s.cfg.MaxHostRoutes).As("HostRoutesExhausted")
	}
	for _, r := range sub.HostRoutes {
		if p, err := netip.ParsePrefix(r.Destination); err != nil || version(p.Addr()) != sub.IPVersion {
			return mismatch("destination", r.Destination, sub.IPVersion)
		}
		if ip, err := netip.ParseAddr(r.NextHop); err != nil || version(ip) != sub.IPVersion {
			return mismatch("nexthop", r.NextHop, sub.IPVersion)
		}
	}
	return nil
}

func checkModes(sub neutron.Subnet, old *neutron.Subnet) error {
	ra, addr := sub.IPv6RAMode, sub.IPv6AddressMode
	switch {
	case sub.IPVersion == 4 && ra != "":
		return neutron.InvalidInput("ipv6_ra_mode is not valid when ip_version is 4")
	case sub.IPVersion == 4 && addr != "":
		return neutron.InvalidInput("ipv6_address_mode is not valid when ip_version is 4")
	case ra == "" && addr == "":
		return nil
	case !sub.EnableDHCP && old != nil:
		return neutron.InvalidInput("Cannot disable enable_dhcp with ipv6 attributes set")
	case !sub.EnableDHCP:
		return neutron.InvalidInput("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
	case ra != "" && addr != "" && ra != addr:
		return neutron.InvalidInput("ipv6_ra_mode set to '%s' with ipv6_address_mode set to '%s' is not valid. If both attributes are set, they must be the same value", ra, addr)
	case ra != neutron.ModeStateful && addr != neutron.ModeStateful && netip.MustParsePrefix(sub.CIDR).Bits() != 64:
		return neutron.InvalidInput("Invalid CIDR %s for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64", sub.CIDR)
	}
	return nil
}

func (s *Service) checkOverlap(ctx context.Context, tx *store.Tx, sub neutron.Subnet) error {
	others, err := tx.SubnetsOf(ctx, sub.NetworkID)
	if err != nil {
		return err
	}
	p := netip.MustParsePrefix(sub.CIDR)
	for _, o := range others {
		if p.Overlaps(netip.MustParsePrefix(o.CIDR)) {
			return neutron.InvalidInput("Requested subnet with cidr: %s for network: %s overlaps with another subnet", sub.CIDR, sub.NetworkID)
		}
	}
	return nil
}

// UpdateSubnet changes a subnet.
func (s *Service) UpdateSubnet(ctx context.Context, id string, r neutron.SubnetRequest, m Match) (sub neutron.Subnet, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if sub, err = tx.Subnet(ctx, id, ""); err != nil {
			return err
		}
		if err := tx.Lock(ctx, "network:"+sub.NetworkID); err != nil {
			return err
		}
		if err := m.check(sub.Revision); err != nil {
			return err
		}
		return s.changeSubnet(ctx, tx, &sub, r)
	})
	return sub, err
}

func (s *Service) changeSubnet(ctx context.Context, tx *store.Tx, sub *neutron.Subnet, r neutron.SubnetRequest) error {
	old := *sub
	r.Name.To(&sub.Name)
	r.Description.To(&sub.Description)
	r.EnableDHCP.To(&sub.EnableDHCP)
	r.DNSNameservers.To(&sub.DNSNameservers)
	r.HostRoutes.To(&sub.HostRoutes)
	r.ServiceTypes.To(&sub.ServiceTypes)
	r.AllocationPools.To(&sub.AllocationPools)
	if r.GatewayIP.Set {
		sub.GatewayIP = ""
		if ip := r.GatewayIP.Value; ip != nil {
			sub.GatewayIP = *ip
		}
	}
	if err := s.checkSubnet(*sub, &old); err != nil {
		return err
	}
	if err := checkGatewayFree(ctx, tx, old, *sub); err != nil {
		return err
	}
	if r.AllocationPools.Set || sub.GatewayIP != old.GatewayIP {
		if err := checkPools(*sub); err != nil {
			return err
		}
	}
	sub.Touch(s.clock.Now())
	if err := tx.UpdateSubnet(ctx, *sub); err != nil {
		return err
	}
	return s.ensureDHCP(ctx, tx, sub.NetworkID)
}

// checkGatewayFree refuses to move a gateway that a router stands on.
func checkGatewayFree(ctx context.Context, tx *store.Tx, old, sub neutron.Subnet) error {
	if sub.GatewayIP == old.GatewayIP || old.GatewayIP == "" {
		return nil
	}
	on, err := tx.RoutersOnSubnet(ctx, sub.ID)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(on, func(r store.RouterOnSubnet) bool { return r.IPAddress == old.GatewayIP }); i >= 0 {
		return fault.Conflict("Current gateway ip %s already in use by port %s. Unable to update.", old.GatewayIP, on[i].PortID).As("GatewayIpInUse")
	}
	return nil
}

// DeleteSubnet removes a subnet of which only neutron itself uses addresses.
func (s *Service) DeleteSubnet(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		sub, err := tx.Subnet(ctx, id, "")
		if err != nil {
			return err
		}
		if err := tx.Lock(ctx, "network:"+sub.NetworkID); err != nil {
			return err
		}
		if err := m.check(sub.Revision); err != nil {
			return err
		}
		if err := s.releaseSubnet(ctx, tx, sub); err != nil {
			return err
		}
		if err := tx.DeleteSubnet(ctx, sub); err != nil {
			return err
		}
		return s.ensureDHCP(ctx, tx, sub.NetworkID)
	})
}

// releaseSubnet takes a subnet's addresses from ports that can do without:
// DHCP ports, and those that gave themselves one.
func (s *Service) releaseSubnet(ctx context.Context, tx *store.Tx, sub neutron.Subnet) error {
	ports, err := tx.PortsWhere(ctx, "id IN (SELECT port_id FROM ip_allocations WHERE subnet_id = ?)", sub.ID)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.DeviceOwner != neutron.OwnerDHCP && (!sub.Auto() || p.OfRouter()) {
			return neutron.SubnetInUse(sub.ID, "One or more ports have an IP allocation from this subnet")
		}
	}
	for _, p := range ports {
		old := p
		p.FixedIPs = slices.DeleteFunc(slices.Clone(p.FixedIPs), func(ip neutron.FixedIP) bool { return ip.SubnetID == sub.ID })
		p.Touch(s.clock.Now())
		if err := tx.UpdatePort(ctx, old, p); err != nil {
			return err
		}
	}
	return nil
}
