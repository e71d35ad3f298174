package service

import (
	"context"
	"net/netip"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/fault"
)

// InterfaceRequest names the subnet or the port of a router's interface.
type InterfaceRequest struct {
	SubnetID string
	PortID   string
}

// AddInterface gives a router an interface on a subnet, or makes a port one.
func (s *Service) AddInterface(ctx context.Context, id string, r InterfaceRequest) (out neutron.RouterInterface, err error) {
	if r.SubnetID == "" && r.PortID == "" {
		return out, neutron.BadRequest("router", "Either subnet_id or port_id must be specified")
	}
	if r.SubnetID != "" && r.PortID != "" {
		return out, neutron.BadRequest("router", "Cannot specify both subnet-id and port-id")
	}
	_, err = s.changeRouter(ctx, id, "", func(ctx context.Context, tx *store.Tx, rt *neutron.Router) error {
		if err := s.placeRouter(ctx, tx, rt); err != nil {
			return err
		}
		add := s.addSubnet
		if r.PortID != "" {
			add = s.addPort
		}
		p, subnet, err := add(ctx, tx, rt, r)
		if err != nil {
			return err
		}
		out = describe(*rt, p, subnet)
		return nil
	})
	return out, err
}

func describe(rt neutron.Router, p neutron.Port, subnet string) neutron.RouterInterface {
	return neutron.RouterInterface{ID: rt.ID, ProjectID: p.ProjectID, PortID: p.ID, NetworkID: p.NetworkID, SubnetID: subnet, SubnetIDs: []string{subnet}}
}

// addSubnet makes a port with the gateway's address of the subnet. A further
// IPv6 subnet of a network goes to the port that is there.
func (s *Service) addSubnet(ctx context.Context, tx *store.Tx, rt *neutron.Router, r InterfaceRequest) (neutron.Port, string, error) {
	sub, err := tx.Subnet(ctx, r.SubnetID, scope(ctx))
	if err != nil {
		return neutron.Port{}, "", err
	}
	if sub.GatewayIP == "" {
		return neutron.Port{}, "", neutron.BadRequest("router", "Subnet for router interface must have a gateway IP")
	}
	if sub.IPVersion == 6 && sub.IPv6RAMode == "" && sub.IPv6AddressMode != "" {
		return neutron.Port{}, "", neutron.BadRequest("router", "IPv6 subnet %s configured to receive RAs from an external router cannot be added to Neutron Router", sub.ID)
	}
	if err := checkSubnetNew(ctx, tx, rt.ID, sub); err != nil {
		return neutron.Port{}, "", err
	}
	wish := []neutron.FixedIPRequest{{SubnetID: sub.ID, IPAddress: sub.GatewayIP}}
	if sub.IPVersion == 6 {
		if p, ok, err := s.extendPort(ctx, tx, rt.ID, sub, wish); ok || err != nil {
			return p, sub.ID, err
		}
	}
	n, err := tx.NetworkRow(ctx, sub.NetworkID, "")
	if err != nil {
		return neutron.Port{}, "", err
	}
	req := neutron.PortRequest{NetworkID: neutron.Some(n.ID), ProjectID: neutron.Some(rt.ProjectID), DeviceID: neutron.Some(rt.ID),
		DeviceOwner: neutron.Some(neutron.OwnerRouterInterface), HostID: neutron.Some(realHost(rt.Host)), FixedIPs: neutron.Some(wish)}
	if err := s.count(ctx, tx, "port", rt.ProjectID, 1); err != nil {
		return neutron.Port{}, "", err
	}
	p := s.newPort(n, req)
	if err := s.insertPort(ctx, tx, n, &p, req); err != nil {
		return p, "", err
	}
	return p, sub.ID, tx.AttachRouterPort(ctx, neutron.RouterPort{PortID: p.ID, RouterID: rt.ID, Owner: p.DeviceOwner})
}

// extendPort adds an IPv6 address to the IPv6 port that the router has on the network.
func (s *Service) extendPort(ctx context.Context, tx *store.Tx, routerID string, sub neutron.Subnet, wish []neutron.FixedIPRequest) (neutron.Port, bool, error) {
	ports, err := portsOfRouter(ctx, tx, routerID)
	if err != nil {
		return neutron.Port{}, false, err
	}
	for _, p := range ports {
		if p.NetworkID != sub.NetworkID || p.DeviceOwner != neutron.OwnerRouterInterface || !hasIPv6(p) {
			continue
		}
		old := p
		p.FixedIPs = slices.Clone(p.FixedIPs)
		if err := s.addAddress(ctx, tx, &p, []neutron.Subnet{sub}, wish[0]); err != nil {
			return p, false, err
		}
		p.Touch(s.clock.Now())
		tx.TouchRouter(routerID)
		return p, true, tx.UpdatePort(ctx, old, p)
	}
	return neutron.Port{}, false, nil
}

func hasIPv6(p neutron.Port) bool {
	return slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool {
		ip, err := netip.ParseAddr(f.IPAddress)
		return err == nil && ip.Is6()
	})
}

// checkSubnetNew refuses a subnet that the router is on, or that overlaps one.
func checkSubnetNew(ctx context.Context, tx *store.Tx, routerID string, sub neutron.Subnet) error {
	ports, err := portsOfRouter(ctx, tx, routerID)
	if err != nil {
		return err
	}
	for _, p := range ports {
		subs, err := tx.SubnetsOf(ctx, p.NetworkID)
		if err != nil {
			return err
		}
		for _, ip := range p.FixedIPs {
			if ip.SubnetID == sub.ID {
				return neutron.BadRequest("router", "Router already has a port on subnet %s", sub.ID)
			}
			if err := overlapOf(sub, subs, ip.SubnetID); err != nil {
				return err
			}
		}
	}
	return nil
}

func overlapOf(sub neutron.Subnet, subs []neutron.Subnet, id string) error {
	i := slices.IndexFunc(subs, func(o neutron.Subnet) bool { return o.ID == id })
	if i < 0 || !netip.MustParsePrefix(sub.CIDR).Overlaps(netip.MustParsePrefix(subs[i].CIDR)) {
		return nil
	}
	return neutron.BadRequest("router", "Cidr %s of subnet %s overlaps with cidr %s of subnet %s", sub.CIDR, sub.ID, subs[i].CIDR, id)
}

// checkNoOverlap refuses a gateway port whose subnets overlap those inside.
func checkNoOverlap(ctx context.Context, tx *store.Tx, routerID string, p neutron.Port) error {
	subs, err := tx.SubnetsOf(ctx, p.NetworkID)
	if err != nil {
		return err
	}
	for _, ip := range p.FixedIPs {
		for _, sub := range subs {
			if sub.ID != ip.SubnetID {
				continue
			}
			if err := checkSubnetNew(ctx, tx, routerID, sub); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPort makes an idle port an interface of the router.
func (s *Service) addPort(ctx context.Context, tx *store.Tx, rt *neutron.Router, r InterfaceRequest) (neutron.Port, string, error) {
	p, err := tx.Port(ctx, r.PortID, scope(ctx))
	if err != nil {
		return p, "", err
	}
	if p.DeviceID != "" {
		return p, "", fault.Conflict("Unable to complete operation on port %s for network %s. Port already has an attached device %s.", p.ID, p.NetworkID, p.DeviceID).As("PortInUse")
	}
	if len(p.FixedIPs) == 0 {
		return p, "", neutron.BadRequest("router", "Router port must have at least one fixed IP")
	}
	subs, err := tx.SubnetsOf(ctx, p.NetworkID)
	if err != nil {
		return p, "", err
	}
	v4 := 0
	for _, ip := range p.FixedIPs {
		for _, sub := range subs {
			if sub.ID != ip.SubnetID {
				continue
			}
			if sub.IPVersion == 4 {
				v4++
			}
			if err := checkSubnetNew(ctx, tx, rt.ID, sub); err != nil {
				return p, "", err
			}
		}
	}
	if v4 > 1 {
		return p, "", neutron.BadRequest("router", "Cannot have multiple IPv4 subnets on router port")
	}
	old := p
	p.DeviceID, p.DeviceOwner, p.HostID = rt.ID, neutron.OwnerRouterInterface, realHost(rt.Host)
	p.PortSecurityEnabled, p.SecurityGroups, p.AllowedAddressPairs = false, []string{}, []neutron.AddressPair{}
	if err := s.rebind(ctx, tx, old, &p); err != nil {
		return p, "", err
	}
	p.Touch(s.clock.Now())
	if err := tx.UpdatePort(ctx, old, p); err != nil {
		return p, "", err
	}
	return p, p.FixedIPs[0].SubnetID, tx.AttachRouterPort(ctx, neutron.RouterPort{PortID: p.ID, RouterID: rt.ID, Owner: p.DeviceOwner})
}

// RemoveInterface takes an interface from a router, by its subnet or port.
func (s *Service) RemoveInterface(ctx context.Context, id string, r InterfaceRequest) (out neutron.RouterInterface, err error) {
	if r.SubnetID == "" && r.PortID == "" {
		return out, neutron.BadRequest("router", "Either subnet_id or port_id must be specified")
	}
	_, err = s.changeRouter(ctx, id, "", func(ctx context.Context, tx *store.Tx, rt *neutron.Router) error {
		p, subnets, err := findInterface(ctx, tx, rt.ID, r)
		if err != nil {
			return err
		}
		for _, sub := range subnets {
			if err := checkInterfaceFree(ctx, tx, *rt, sub); err != nil {
				return err
			}
		}
		out = describe(*rt, p, subnets[0])
		return s.dropInterface(ctx, tx, rt.ID, p, subnets)
	})
	return out, err
}

// findInterface is the router's port that was meant and the subnets to leave.
func findInterface(ctx context.Context, tx *store.Tx, routerID string, r InterfaceRequest) (neutron.Port, []string, error) {
	ports, err := portsOfRouter(ctx, tx, routerID)
	if err != nil {
		return neutron.Port{}, nil, err
	}
	for _, p := range ports {
		if p.DeviceOwner != neutron.OwnerRouterInterface || r.PortID != "" && p.ID != r.PortID {
			continue
		}
		on := idsOfSubnets(p)
		if r.PortID != "" {
			if r.SubnetID != "" && !slices.Contains(on, r.SubnetID) {
				return p, nil, fault.BadRequest("Subnet on port %s does not match the requested subnet %s.", p.ID, r.SubnetID).As("SubnetMismatchForPort")
			}
			return p, on, nil
		}
		if slices.Contains(on, r.SubnetID) {
			return p, []string{r.SubnetID}, nil
		}
	}
	if r.PortID != "" {
		return neutron.Port{}, nil, fault.NotFound("Router %s does not have an interface with id %s", routerID, r.PortID).As("RouterInterfaceNotFound")
	}
	if _, err := tx.Subnet(ctx, r.SubnetID, ""); err != nil {
		return neutron.Port{}, nil, err
	}
	return neutron.Port{}, nil, fault.NotFound("Router %s has no interface on subnet %s", routerID, r.SubnetID).As("RouterInterfaceNotFoundForSubnet")
}

func idsOfSubnets(p neutron.Port) []string {
	var out []string
	for _, f := range p.FixedIPs {
		out = append(out, f.SubnetID)
	}
	return out
}

// checkInterfaceFree refuses to leave a subnet that floating IPs or routes need.
func checkInterfaceFree(ctx context.Context, tx *store.Tx, rt neutron.Router, subnetID string) error {
	sub, err := tx.Subnet(ctx, subnetID, "")
	if err != nil {
		return err
	}
	cidr := netip.MustParsePrefix(sub.CIDR)
	fips, err := tx.FloatingIPsWhere(ctx, "router_id = ?", rt.ID)
	if err != nil {
		return err
	}
	for _, f := range fips {
		if ip, err := netip.ParseAddr(f.FixedIPAddress); err == nil && cidr.Contains(ip) {
			return fault.Conflict("Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more floating IPs.", sub.ID, rt.ID).As("RouterInterfaceInUseByFloatingIP")
		}
	}
	for _, r := range rt.Routes {
		if ip, err := netip.ParseAddr(r.NextHop); err == nil && cidr.Contains(ip) {
			return fault.Conflict("Router interface for subnet %s on router %s cannot be deleted, as it is required by one or more routes.", sub.ID, rt.ID).As("RouterInterfaceInUseByRoute")
		}
	}
	return nil
}

// dropInterface deletes the port, or only its addresses in the subnets when
// it has others.
func (s *Service) dropInterface(ctx context.Context, tx *store.Tx, routerID string, p neutron.Port, subnets []string) error {
	left := slices.DeleteFunc(slices.Clone(p.FixedIPs), func(f neutron.FixedIP) bool { return slices.Contains(subnets, f.SubnetID) })
	if len(left) == 0 {
		tx.TouchRouter(routerID)
		return tx.DeletePort(ctx, p)
	}
	old := p
	p.FixedIPs = left
	p.Touch(s.clock.Now())
	tx.TouchRouter(routerID)
	return tx.UpdatePort(ctx, old, p)
}
