package service

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/fault"
)

// chooseAddresses gives a new port the addresses it asks for, or one of each
// IP version, and those it makes from its MAC.
func (s *Service) chooseAddresses(ctx context.Context, tx *store.Tx, p *neutron.Port, want neutron.Opt[[]neutron.FixedIPRequest]) error {
	p.FixedIPs = []neutron.FixedIP{}
	all, err := tx.SubnetsOf(ctx, p.NetworkID)
	if err != nil {
		return err
	}
	subnets := serving(all, p.DeviceOwner)
	if len(subnets) == 0 && len(all) > 0 && !want.Set {
		return fault.Conflict("No valid service subnet for the given device owner.").As("IpAddressGenerationFailureNoMatchingSubnet")
	}
	if want.Set {
		for _, w := range want.Value {
			if err := s.addAddress(ctx, tx, p, all, w); err != nil {
				return err
			}
		}
	} else if err := s.addOneEach(ctx, tx, p, subnets); err != nil {
		return err
	}
	return addAuto(p, subnets)
}

// serving are the subnets for ports of that owner: those made for it, or else
// those made for anybody.
func serving(all []neutron.Subnet, owner string) []neutron.Subnet {
	var special, general []neutron.Subnet
	for _, sub := range all {
		switch {
		case owner != "" && slices.Contains(sub.ServiceTypes, owner):
			special = append(special, sub)
		case len(sub.ServiceTypes) == 0:
			general = append(general, sub)
		}
	}
	if len(special) > 0 {
		return special
	}
	return general
}

// addOneEach gives an IPv4 and an IPv6 address, where there are pools for them.
func (s *Service) addOneEach(ctx context.Context, tx *store.Tx, p *neutron.Port, subnets []neutron.Subnet) error {
	versions := []int{4, 6}
	if p.DeviceOwner == neutron.OwnerFloatingIP {
		versions = versions[:1]
	}
	for _, v := range versions {
		any := false
		var got neutron.FixedIP
		for _, sub := range subnets {
			if sub.IPVersion != v || sub.Auto() {
				continue
			}
			any = true
			ip, err := s.free(ctx, tx, sub, p)
			if err != nil {
				return err
			}
			if ip.IsValid() {
				got = neutron.FixedIP{SubnetID: sub.ID, IPAddress: ip.String()}
				break
			}
		}
		if any && got.SubnetID == "" {
			return neutron.NoAddress(p.NetworkID)
		}
		if any {
			p.FixedIPs = append(p.FixedIPs, got)
		}
	}
	return nil
}

// free finds an address of a subnet's pools; DHCP servers get the lowest.
func (s *Service) free(ctx context.Context, tx *store.Tx, sub neutron.Subnet, p *neutron.Port) (netip.Addr, error) {
	ranges, err := ipam.Ranges(sub.AllocationPools)
	if err != nil {
		return netip.Addr{}, err
	}
	has := func(ip netip.Addr) bool {
		return slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.SubnetID == sub.ID && f.IPAddress == ip.String() })
	}
	taken := func(ip netip.Addr) (bool, error) {
		owner, err := tx.AddressTaken(ctx, sub.ID, ip)
		return owner != "" || has(ip), err
	}
	used := func() ([]netip.Addr, error) {
		have, err := tx.Addresses(ctx, sub.ID)
		for _, f := range p.FixedIPs {
			if ip, perr := netip.ParseAddr(f.IPAddress); perr == nil {
				have = append(have, ip)
			}
		}
		return have, err
	}
	if p.DeviceOwner == neutron.OwnerDHCP {
		return ipam.Lowest(ranges, used)
	}
	return ipam.Choose(ranges, s.chance, taken, used)
}

// addAddress gives a port one address that was asked for.
func (s *Service) addAddress(ctx context.Context, tx *store.Tx, p *neutron.Port, subnets []neutron.Subnet, w neutron.FixedIPRequest) error {
	sub, err := subnetFor(ctx, tx, *p, subnets, w)
	if err != nil {
		return err
	}
	if w.IPAddress == "" {
		if sub.Auto() && p.DeviceOwner != neutron.OwnerRouterInterface {
			return nil // addAuto gives it
		}
		ip, err := s.free(ctx, tx, sub, p)
		if err != nil {
			return err
		}
		if !ip.IsValid() {
			return neutron.NoAddress(p.NetworkID)
		}
		p.FixedIPs = append(p.FixedIPs, neutron.FixedIP{SubnetID: sub.ID, IPAddress: ip.String()})
		return nil
	}
	return takeAddress(ctx, tx, p, sub, netip.MustParseAddr(w.IPAddress))
}

// takeAddress gives a port a certain address of a subnet.
func takeAddress(ctx context.Context, tx *store.Tx, p *neutron.Port, sub neutron.Subnet, ip netip.Addr) error {
	if sub.Auto() && p.DeviceOwner != neutron.OwnerRouterInterface {
		own, err := ipam.EUI64(netip.MustParsePrefix(sub.CIDR), p.MACAddress)
		if err != nil {
			return err
		}
		if own != ip {
			f := fault.BadRequest("IPv6 address %s cannot be directly assigned to a port on subnet %s as the subnet is configured for automatic addresses", ip, sub.ID)
			return f.As("AllocationOnAutoAddressSubnet")
		}
	}
	owner, err := tx.AddressTaken(ctx, sub.ID, ip)
	if err != nil {
		return err
	}
	if owner != "" && owner != p.ID {
		return neutron.AddressTaken(ip.String(), sub.ID)
	}
	p.FixedIPs = append(p.FixedIPs, neutron.FixedIP{SubnetID: sub.ID, IPAddress: ip.String()})
	return nil
}

// subnetFor is the subnet that a request for an address means.
func subnetFor(ctx context.Context, tx *store.Tx, p neutron.Port, subnets []neutron.Subnet, w neutron.FixedIPRequest) (neutron.Subnet, error) {
	if len(subnets) == 0 {
		return neutron.Subnet{}, neutron.InvalidInput("IP allocation requires subnets for network")
	}
	ip, _ := netip.ParseAddr(w.IPAddress)
	if w.SubnetID != "" {
		i := slices.IndexFunc(subnets, func(sub neutron.Subnet) bool { return sub.ID == w.SubnetID })
		if i < 0 {
			if _, err := tx.Subnet(ctx, w.SubnetID, ""); err != nil {
				return neutron.Subnet{}, err
			}
			return neutron.Subnet{}, neutron.InvalidInput("Failed to create port on network %s, because fixed_ips included invalid subnet %s", p.NetworkID, w.SubnetID)
		}
		if ip.IsValid() && !fits(subnets[i], ip, p.DeviceOwner) {
			return neutron.Subnet{}, fault.BadRequest("IP address %s is not a valid IP for the specified subnet.", w.IPAddress).As("InvalidIpForSubnet")
		}
		return subnets[i], nil
	}
	if !ip.IsValid() {
		return neutron.Subnet{}, neutron.InvalidInput("IP allocation requires subnet_id or ip_address")
	}
	for _, sub := range subnets {
		if fits(sub, ip, p.DeviceOwner) {
			return sub, nil
		}
	}
	return neutron.Subnet{}, fault.BadRequest("IP address %s is not a valid IP for any of the subnets on the specified network.", w.IPAddress).As("InvalidIpForNetwork")
}

// fits tells whether a host may have the address in the subnet. A router may
// have an IPv6 prefix's anycast address.
func fits(sub neutron.Subnet, ip netip.Addr, owner string) bool {
	p := netip.MustParsePrefix(sub.CIDR)
	if ip.Is6() && owner == neutron.OwnerRouterInterface {
		return p.Contains(ip)
	}
	return ipam.Usable(p).Contains(ip)
}

// addAuto adds the addresses that a port makes from its MAC.
func addAuto(p *neutron.Port, subnets []neutron.Subnet) error {
	if p.DeviceOwner == neutron.OwnerRouterInterface || p.DeviceOwner == neutron.OwnerFloatingIP {
		return nil
	}
	for _, sub := range subnets {
		if !sub.Auto() || slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.SubnetID == sub.ID }) {
			continue
		}
		ip, err := ipam.EUI64(netip.MustParsePrefix(sub.CIDR), p.MACAddress)
		if err != nil {
			return err
		}
		p.FixedIPs = append(p.FixedIPs, neutron.FixedIP{SubnetID: sub.ID, IPAddress: ip.String()})
	}
	return nil
}

// changeAddresses moves a port to the addresses asked for. It keeps those it
// has where they meet a wish, and those from its MAC unless told to drop them.
func (s *Service) changeAddresses(ctx context.Context, tx *store.Tx, p *neutron.Port, want neutron.Opt[[]neutron.FixedIPRequest]) error {
	if !want.Set {
		return nil
	}
	subnets, err := tx.SubnetsOf(ctx, p.NetworkID)
	if err != nil {
		return err
	}
	had := slices.Clone(p.FixedIPs)
	p.FixedIPs = []neutron.FixedIP{}
	wishes := slices.DeleteFunc(slices.Clone(want.Value), func(w neutron.FixedIPRequest) bool { return w.Delete })
	slices.SortStableFunc(wishes, func(a, b neutron.FixedIPRequest) int {
		return strings.Compare(boolKey(a.IPAddress == ""), boolKey(b.IPAddress == ""))
	})
	for _, w := range wishes {
		if i := slices.IndexFunc(had, func(f neutron.FixedIP) bool { return meets(f, w) }); i >= 0 {
			p.FixedIPs = append(p.FixedIPs, had[i])
			had = slices.Delete(had, i, i+1)
			continue
		}
		if err := s.addAddress(ctx, tx, p, subnets, w); err != nil {
			return err
		}
	}
	keepAuto(p, had, subnets, want.Value)
	return nil
}

func boolKey(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func meets(f neutron.FixedIP, w neutron.FixedIPRequest) bool {
	if w.IPAddress != "" {
		return f.IPAddress == w.IPAddress && (w.SubnetID == "" || w.SubnetID == f.SubnetID)
	}
	return w.SubnetID == f.SubnetID
}

// keepAuto keeps what is left of had in automatic subnets.
func keepAuto(p *neutron.Port, had []neutron.FixedIP, subnets []neutron.Subnet, wishes []neutron.FixedIPRequest) {
	if p.DeviceOwner == neutron.OwnerRouterInterface {
		return
	}
	for _, f := range had {
		auto := slices.ContainsFunc(subnets, func(sub neutron.Subnet) bool { return sub.ID == f.SubnetID && sub.Auto() })
		drop := slices.ContainsFunc(wishes, func(w neutron.FixedIPRequest) bool { return w.Delete && w.SubnetID == f.SubnetID })
		if auto && !drop && !slices.Contains(p.FixedIPs, f) {
			p.FixedIPs = append(p.FixedIPs, f)
		}
	}
}

// renewAutoAddresses replaces the addresses that came from the port's old MAC.
func (s *Service) renewAutoAddresses(ctx context.Context, tx *store.Tx, old neutron.Port, p *neutron.Port) error {
	subnets, err := tx.SubnetsOf(ctx, p.NetworkID)
	if err != nil {
		return err
	}
	auto := slices.DeleteFunc(subnets, func(sub neutron.Subnet) bool { return !sub.Auto() })
	p.FixedIPs = slices.DeleteFunc(slices.Clone(old.FixedIPs), func(f neutron.FixedIP) bool {
		return slices.ContainsFunc(auto, func(sub neutron.Subnet) bool { return sub.ID == f.SubnetID })
	})
	return addAuto(p, auto)
}

// addAutoAddresses gives the ports of a network their address in a new
// automatic subnet.
func (s *Service) addAutoAddresses(ctx context.Context, tx *store.Tx, sub neutron.Subnet) error {
	if !sub.Auto() {
		return nil
	}
	ports, err := tx.PortsWhere(ctx, "network_id = ? AND device_owner <> ?", sub.NetworkID, neutron.OwnerRouterInterface)
	if err != nil {
		return err
	}
	for _, p := range ports {
		old := p
		p.FixedIPs = slices.Clone(p.FixedIPs)
		if err := addAuto(&p, []neutron.Subnet{sub}); err != nil {
			return err
		}
		p.Touch(s.clock.Now())
		if err := tx.UpdatePort(ctx, old, p); err != nil {
			return err
		}
	}
	return nil
}

// nameAddresses says what the network's DNS answers for a port.
func (s *Service) nameAddresses(p *neutron.Port) {
	p.DNSAssignment = []neutron.DNSRecord{}
	for _, f := range p.FixedIPs {
		host := p.DNSName
		if host == "" {
			host = "host-" + strings.NewReplacer(".", "-", ":", "-").Replace(f.IPAddress)
		}
		fqdn := host
		if !strings.HasSuffix(host, ".") {
			fqdn = host + "." + s.cfg.DNSDomain
		}
		host, _, _ = strings.Cut(host, ".")
		p.DNSAssignment = append(p.DNSAssignment, neutron.DNSRecord{IPAddress: f.IPAddress, Hostname: host, FQDN: fqdn})
	}
}
