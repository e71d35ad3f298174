package service

import (
	"context"
	"net/netip"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// FloatingIPs lists the floating IPs that the caller may see.
func (s *Service) FloatingIPs(ctx context.Context, q neutron.Query) ([]neutron.FloatingIP, error) {
	q.ProjectID = scope(ctx)
	return s.store.FloatingIPs(ctx, q)
}

// FloatingIP finds a floating IP that the caller may see.
func (s *Service) FloatingIP(ctx context.Context, id string) (neutron.FloatingIP, error) {
	return s.store.FloatingIP(ctx, id, scope(ctx))
}

// CreateFloatingIPs makes floating IPs, all or none.
func (s *Service) CreateFloatingIPs(ctx context.Context, reqs []neutron.FloatingIPRequest) (out []neutron.FloatingIP, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			f, err := s.createFloatingIP(ctx, tx, r)
			if err != nil {
				return err
			}
			if f, err = tx.FloatingIP(ctx, f.ID, ""); err != nil {
				return err
			}
			out = append(out, f)
		}
		return nil
	})
	return out, err
}

func (s *Service) createFloatingIP(ctx context.Context, tx *store.Tx, r neutron.FloatingIPRequest) (neutron.FloatingIP, error) {
	f := neutron.FloatingIP{ID: newID(), ProjectID: r.ProjectID.Value, FloatingNetworkID: r.FloatingNetworkID.Value,
		Status: neutron.StatusDown, DNSName: r.DNSName.Value, DNSDomain: r.DNSDomain.Value, Standard: s.standard(r.Description)}
	n, err := tx.NetworkRow(ctx, f.FloatingNetworkID, scope(ctx))
	if err != nil {
		return f, err
	}
	if !n.External {
		return f, neutron.BadRequest("floatingip", "Network %s is not a valid external network", n.ID)
	}
	if err := s.count(ctx, tx, "floatingip", f.ProjectID, 1); err != nil {
		return f, err
	}
	p, err := s.floatingPort(ctx, tx, n, f, r)
	if err != nil {
		return f, err
	}
	f.FloatingPortID, f.FloatingIPAddress = p.ID, p.FixedIPs[0].IPAddress
	if err := s.associate(ctx, tx, &f, r); err != nil {
		return f, err
	}
	return f, tx.InsertFloatingIP(ctx, f)
}

// floatingPort makes the port that holds a floating IP's address.
func (s *Service) floatingPort(ctx context.Context, tx *store.Tx, n neutron.Network, f neutron.FloatingIP, r neutron.FloatingIPRequest) (neutron.Port, error) {
	wish, err := floatingWish(ctx, tx, n, r)
	if err != nil {
		return neutron.Port{}, err
	}
	req := neutron.PortRequest{NetworkID: neutron.Some(n.ID), DeviceID: neutron.Some(f.ID), DeviceOwner: neutron.Some(neutron.OwnerFloatingIP), FixedIPs: wish}
	p := s.newPort(n, req)
	p.Status = "N/A"
	if err := s.insertPort(ctx, tx, n, &p, req); err != nil {
		return p, err
	}
	if i := slices.IndexFunc(p.FixedIPs, func(ip neutron.FixedIP) bool { return netip.MustParseAddr(ip.IPAddress).Is4() }); i >= 0 {
		p.FixedIPs = p.FixedIPs[i:]
		return p, nil
	}
	return p, fault.BadRequest("Unable to find any IP address on external network %s.", n.ID).As("ExternalIpAddressExhausted")
}

func floatingWish(ctx context.Context, tx *store.Tx, n neutron.Network, r neutron.FloatingIPRequest) (neutron.Opt[[]neutron.FixedIPRequest], error) {
	w := neutron.FixedIPRequest{SubnetID: r.SubnetID.Value, IPAddress: r.FloatingIPAddress.Value}
	if w.IPAddress == "" && w.SubnetID == "" {
		return neutron.Opt[[]neutron.FixedIPRequest]{}, nil
	}
	if ip, err := netip.ParseAddr(w.IPAddress); err == nil && !ip.Is4() {
		return neutron.Opt[[]neutron.FixedIPRequest]{}, neutron.BadRequest("floatingip", "IPv6 floating IPs are not supported")
	}
	return neutron.Some([]neutron.FixedIPRequest{w}), nil
}

// UpdateFloatingIP maps a floating IP to a port, or to none.
func (s *Service) UpdateFloatingIP(ctx context.Context, id string, r neutron.FloatingIPRequest, m Match) (f neutron.FloatingIP, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "floatingip:"+id); err != nil {
			return err
		}
		if f, err = tx.FloatingIP(ctx, id, ""); err != nil {
			return err
		}
		if err := m.check(f.Revision); err != nil {
			return err
		}
		old := f
		r.Description.To(&f.Description)
		if blank := r == (neutron.FloatingIPRequest{}); blank || r.PortID.Set || r.FixedIPAddress.Set {
			r.PortID.Set = r.PortID.Set || blank // a change of nothing clears the mapping
			if err := s.associate(ctx, tx, &f, r); err != nil {
				return err
			}
		}
		f.Touch(s.clock.Now())
		if err := s.tellOwners(ctx, tx, old, f); err != nil {
			return err
		}
		if err := tx.UpdateFloatingIP(ctx, old, f); err != nil {
			return err
		}
		f, err = tx.FloatingIP(ctx, id, "")
		return err
	})
	return f, err
}

// associate maps f to the port asked for; none clears it.
func (s *Service) associate(ctx context.Context, tx *store.Tx, f *neutron.FloatingIP, r neutron.FloatingIPRequest) error {
	portID := r.PortID.Value
	if !r.PortID.Set {
		portID = f.PortID
	}
	if r.PortID.Value == "" && r.FixedIPAddress.Value != "" {
		return neutron.BadRequest("floatingip", "fixed_ip_address cannot be specified without a port_id")
	}
	f.RouterID, f.PortID, f.FixedIPAddress, f.Status = "", "", "", neutron.StatusDown
	if portID == "" {
		return nil
	}
	p, err := tx.Port(ctx, portID, scope(ctx))
	if err != nil {
		return err
	}
	if p.ProjectID != f.ProjectID && !auth.Caller(ctx).Admin {
		return neutron.BadRequest("floatingip", "Cannot create floating IP and bind it to port %s, since that port is owned by a different project", p.ID)
	}
	inner, err := innerAddress(p, r.FixedIPAddress.Value)
	if err != nil {
		return err
	}
	if err := checkFloatingFree(ctx, tx, *f, p, inner); err != nil {
		return err
	}
	f.RouterID, err = routerFor(ctx, tx, p, inner, f.FloatingNetworkID)
	f.PortID, f.FixedIPAddress = p.ID, inner.IPAddress
	return err
}

// innerAddress is the port's IPv4 address that was asked for, or its only one.
func innerAddress(p neutron.Port, wish string) (neutron.FixedIP, error) {
	var v4 []neutron.FixedIP
	for _, ip := range p.FixedIPs {
		if a, err := netip.ParseAddr(ip.IPAddress); err == nil && a.Is4() {
			v4 = append(v4, ip)
		}
	}
	if wish != "" {
		if i := slices.IndexFunc(v4, func(ip neutron.FixedIP) bool { return ip.IPAddress == wish }); i >= 0 {
			return v4[i], nil
		}
		return neutron.FixedIP{}, neutron.BadRequest("floatingip", "Port %s does not have fixed ip %s", p.ID, wish)
	}
	switch len(v4) {
	case 0:
		return neutron.FixedIP{}, neutron.BadRequest("floatingip", "Cannot add floating IP to port %s that has no fixed IPv4 addresses", p.ID)
	case 1:
		return v4[0], nil
	}
	return neutron.FixedIP{}, neutron.BadRequest("floatingip", "Port %s has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP", p.ID)
}

// checkFloatingFree refuses a second floating IP of one network for an address.
func checkFloatingFree(ctx context.Context, tx *store.Tx, f neutron.FloatingIP, p neutron.Port, inner neutron.FixedIP) error {
	others, err := tx.FloatingIPsWhere(ctx, "fixed_port_id = ? AND fixed_ip_address = ? AND floating_network_id = ? AND id <> ?",
		p.ID, inner.IPAddress, f.FloatingNetworkID, f.ID)
	if err != nil || len(others) == 0 {
		return err
	}
	return fault.Conflict("Cannot associate floating IP %s (%s) with port %s using fixed IP %s, as that fixed IP already has a floating IP on external network %s.",
		f.FloatingIPAddress, f.ID, p.ID, inner.IPAddress, f.FloatingNetworkID).As("FloatingIPPortAlreadyAssociated")
}

// routerFor is the router between a port's subnet and an external network: the
// subnet's gateway if it leads there, else any other that does.
func routerFor(ctx context.Context, tx *store.Tx, p neutron.Port, inner neutron.FixedIP, external string) (string, error) {
	sub, err := tx.Subnet(ctx, inner.SubnetID, "")
	if err != nil {
		return "", err
	}
	on, err := tx.RoutersOnSubnet(ctx, sub.ID)
	if err != nil {
		return "", err
	}
	found := ""
	for _, r := range on {
		rt, err := tx.Router(ctx, r.RouterID, "")
		if err != nil {
			return "", err
		}
		if rt.GatewayNetworkID != external {
			continue
		}
		if r.IPAddress == sub.GatewayIP {
			return rt.ID, nil
		}
		if found == "" {
			found = rt.ID
		}
	}
	if found == "" {
		return "", fault.NotFound("External network %s is not reachable from subnet %s.  Therefore, cannot associate Port %s with a Floating IP.",
			external, sub.ID, p.ID).As("ExternalGatewayForFloatingIPNotFound")
	}
	return found, nil
}

// tellOwners tells nova about servers that lost or got a floating IP.
func (s *Service) tellOwners(ctx context.Context, tx *store.Tx, old, f neutron.FloatingIP) error {
	if old.PortID == f.PortID && old.FixedIPAddress == f.FixedIPAddress {
		return nil
	}
	ports, err := tx.PortsOf(ctx, slices.DeleteFunc([]string{old.PortID, f.PortID}, func(id string) bool { return id == "" }))
	if err != nil {
		return err
	}
	for _, p := range ports {
		if p.OfCompute() {
			if err := s.tellNova(ctx, tx, p, eventChanged, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeleteFloatingIP removes a floating IP and its port.
func (s *Service) DeleteFloatingIP(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		f, err := tx.FloatingIP(ctx, id, "")
		if err != nil {
			return err
		}
		if err := m.check(f.Revision); err != nil {
			return err
		}
		if err := s.tellOwners(ctx, tx, f, neutron.FloatingIP{}); err != nil {
			return err
		}
		return removeFloatingIP(ctx, tx, f)
	})
}

func removeFloatingIP(ctx context.Context, tx *store.Tx, f neutron.FloatingIP) error {
	if err := tx.DeleteFloatingIP(ctx, f); err != nil {
		return err
	}
	p, err := tx.Port(ctx, f.FloatingPortID, "")
	if fault.Is(err, 404) {
		return nil
	} else if err != nil {
		return err
	}
	return tx.DeletePort(ctx, p)
}

// dropIdleFloatingIPs removes the floating IPs of a network that lead nowhere.
func (s *Service) dropIdleFloatingIPs(ctx context.Context, tx *store.Tx, n neutron.Network) error {
	if !n.External {
		return nil
	}
	idle, err := tx.FloatingIPsWhere(ctx, "floating_network_id = ? AND fixed_port_id = '' AND router_id = ''", n.ID)
	if err != nil {
		return err
	}
	for _, f := range idle {
		if err := removeFloatingIP(ctx, tx, f); err != nil {
			return err
		}
	}
	return nil
}

// dropLostFloatingIPs unmaps the floating IPs of addresses that a port loses.
func (s *Service) dropLostFloatingIPs(ctx context.Context, tx *store.Tx, old, p neutron.Port) error {
	fips, err := tx.FloatingIPsWhere(ctx, "fixed_port_id = ?", old.ID)
	if err != nil {
		return err
	}
	for _, f := range fips {
		if slices.ContainsFunc(p.FixedIPs, func(ip neutron.FixedIP) bool { return ip.IPAddress == f.FixedIPAddress }) {
			continue
		}
		was := f
		f.RouterID, f.PortID, f.FixedIPAddress, f.Status = "", "", "", neutron.StatusDown
		f.Touch(s.clock.Now())
		if err := tx.UpdateFloatingIP(ctx, was, f); err != nil {
			return err
		}
	}
	return nil
}

// FloatingIPPools are the subnets that floating IPs come from.
func (s *Service) FloatingIPPools(ctx context.Context) ([]FloatingIPPool, error) {
	q := neutron.Query{ProjectID: scope(ctx), Filters: []neutron.Filter{{Attr: "router:external", Values: []any{true}}}}
	nets, err := s.store.Networks(ctx, q)
	if err != nil {
		return nil, err
	}
	out := []FloatingIPPool{}
	for _, n := range nets {
		subs, err := s.store.SubnetsOf(ctx, n.ID)
		if err != nil {
			return nil, err
		}
		for _, sub := range subs {
			out = append(out, FloatingIPPool{SubnetID: sub.ID, SubnetName: sub.Name, CIDR: sub.CIDR, NetworkID: n.ID,
				ProjectID: auth.Caller(ctx).ProjectID, TenantID: auth.Caller(ctx).ProjectID})
		}
	}
	return out, nil
}

// FloatingIPPool is a subnet of an external network.
type FloatingIPPool struct {
	SubnetID   string `json:"subnet_id"`
	SubnetName string `json:"subnet_name"`
	CIDR       string `json:"cidr"`
	NetworkID  string `json:"network_id"`
	ProjectID  string `json:"project_id"`
	TenantID   string `json:"tenant_id"`
}
