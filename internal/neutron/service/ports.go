package service

import (
	"context"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// Ports lists the ports that the caller may see.
func (s *Service) Ports(ctx context.Context, q neutron.Query) ([]neutron.Port, error) {
	q.ProjectID = scope(ctx)
	rows, err := s.store.Ports(ctx, q)
	for i := range rows {
		if q.Shows("dns_assignment") {
			s.nameAddresses(&rows[i])
		}
	}
	return rows, err
}

// Port finds a port that the caller may see.
func (s *Service) Port(ctx context.Context, id string) (neutron.Port, error) {
	p, err := s.store.Port(ctx, id, scope(ctx))
	s.nameAddresses(&p)
	return p, err
}

// CreatePorts makes ports, all or none.
func (s *Service) CreatePorts(ctx context.Context, reqs []neutron.PortRequest) (out []neutron.Port, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			p, err := s.createPort(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

func (s *Service) createPort(ctx context.Context, tx *store.Tx, r neutron.PortRequest) (neutron.Port, error) {
	n, err := tx.NetworkRow(ctx, r.NetworkID.Value, scope(ctx))
	if err != nil {
		return neutron.Port{}, err
	}
	if err := s.count(ctx, tx, "port", r.ProjectID.Value, 1); err != nil {
		return neutron.Port{}, err
	}
	p := s.newPort(n, r)
	if err := checkDevice(ctx, tx, p); err != nil {
		return p, err
	}
	return p, s.insertPort(ctx, tx, n, &p, r)
}

// newPort is a port as asked for, before anything was given to it.
func (s *Service) newPort(n neutron.Network, r neutron.PortRequest) neutron.Port {
	p := neutron.Port{ID: newID(), Name: r.Name.Value, NetworkID: n.ID, ProjectID: r.ProjectID.Value, MACAddress: r.MACAddress.Value,
		AdminStateUp: r.AdminStateUp.Or(true), Status: neutron.StatusDown, DeviceID: r.DeviceID.Value, DeviceOwner: r.DeviceOwner.Value,
		PortSecurityEnabled: r.PortSecurityEnabled.Or(n.PortSecurityEnabled), VNICType: r.VNICType.Or(neutron.VNICNormal),
		Profile: r.Profile.Value, HostID: r.HostID.Value, DNSName: r.DNSName.Value, Standard: s.standard(r.Description)}
	if p.OfNetwork() {
		p.PortSecurityEnabled = r.PortSecurityEnabled.Value
	}
	if p.Profile == nil {
		p.Profile = map[string]any{}
	}
	p.Revision = 1
	p.Network = neutron.NetworkAccess{ProjectID: n.ProjectID, Shared: n.Shared, External: n.External}
	return p
}

// insertPort gives a new port its MAC, addresses, groups and binding, and writes it.
func (s *Service) insertPort(ctx context.Context, tx *store.Tx, n neutron.Network, p *neutron.Port, r neutron.PortRequest) error {
	if err := tx.Lock(ctx, "network:"+n.ID); err != nil {
		return err
	}
	if err := chooseMAC(ctx, tx, p); err != nil {
		return err
	}
	if err := s.chooseAddresses(ctx, tx, p, r.FixedIPs); err != nil {
		return err
	}
	if err := s.chooseGroups(ctx, tx, p, r.SecurityGroups); err != nil {
		return err
	}
	if err := setPairs(p, r.AllowedAddressPairs); err != nil {
		return err
	}
	p.ExtraDHCPOpts = mergeOpts(nil, r.ExtraDHCPOpts.Value)
	if err := s.bind(ctx, tx, n, p); err != nil {
		return err
	}
	s.nameAddresses(p)
	return tx.InsertPort(ctx, *p)
}

// checkDevice refuses a port for another project's router.
func checkDevice(ctx context.Context, tx *store.Tx, p neutron.Port) error {
	if !p.OfRouter() || p.DeviceID == "" || auth.Caller(ctx).Admin {
		return nil
	}
	r, err := tx.Router(ctx, p.DeviceID, "")
	if fault.Is(err, 404) || err == nil && r.ProjectID != auth.Caller(ctx).ProjectID {
		return fault.Conflict("The following device_id %s is not owned by your project or matches another project router.", p.DeviceID).As("DeviceIDNotOwnedByTenant")
	}
	return err
}

// chooseMAC keeps the MAC asked for if it is free, or finds one.
func chooseMAC(ctx context.Context, tx *store.Tx, p *neutron.Port) error {
	if p.MACAddress != "" {
		taken, err := tx.MACTaken(ctx, p.NetworkID, p.MACAddress, p.ID)
		if err == nil && taken {
			err = neutron.MACTaken(p.NetworkID, p.MACAddress)
		}
		return err
	}
	for range 16 {
		mac := ipam.RandomMAC()
		if taken, err := tx.MACTaken(ctx, p.NetworkID, mac, p.ID); err != nil {
			return err
		} else if !taken {
			p.MACAddress = mac
			return nil
		}
	}
	return fault.Unavailable("Unable to generate unique mac on network %s.", p.NetworkID).As("MacAddressGenerationFailure")
}

// chooseGroups puts the port into the groups asked for, or the project's default one.
func (s *Service) chooseGroups(ctx context.Context, tx *store.Tx, p *neutron.Port, want neutron.Opt[[]string]) error {
	p.SecurityGroups = []string{}
	if !want.Set {
		if !p.PortSecurityEnabled || p.OfNetwork() {
			return nil
		}
		id, err := s.ensureDefaultGroup(ctx, tx, p.ProjectID)
		p.SecurityGroups = []string{id}
		return err
	}
	return s.setGroups(ctx, tx, p, want.Value)
}

func (s *Service) setGroups(ctx context.Context, tx *store.Tx, p *neutron.Port, ids []string) error {
	if len(ids) > 0 && !p.PortSecurityEnabled {
		return fault.BadRequest("Port security must be enabled and port must have an IP address in order to use security groups.").As("PortSecurityAndIPRequiredForSecurityGroups")
	}
	missing, err := tx.MissingGroup(ctx, ids, scope(ctx))
	if err != nil {
		return err
	}
	if missing != "" {
		return neutron.NotFound("security_group", missing)
	}
	p.SecurityGroups = slices.Compact(slices.Sorted(slices.Values(ids)))
	return nil
}

// setPairs writes the address pairs, the port's own MAC where none is named.
func setPairs(p *neutron.Port, want neutron.Opt[[]neutron.AddressPair]) error {
	if want.Set {
		p.AllowedAddressPairs = slices.Clone(want.Value)
	}
	if p.AllowedAddressPairs == nil {
		p.AllowedAddressPairs = []neutron.AddressPair{}
	}
	if len(p.AllowedAddressPairs) > 0 && !p.PortSecurityEnabled {
		return fault.Conflict("Port Security must be enabled in order to have allowed address pairs on a port.").As("AddressPairAndPortSecurityRequired")
	}
	for i := range p.AllowedAddressPairs {
		if pair := &p.AllowedAddressPairs[i]; pair.MACAddress == "" {
			pair.MACAddress = p.MACAddress
		}
	}
	return nil
}

// mergeOpts changes options by name and version; a null value removes one.
func mergeOpts(have, changes []neutron.DHCPOpt) []neutron.DHCPOpt {
	out := slices.Clone(have)
	if out == nil {
		out = []neutron.DHCPOpt{}
	}
	for _, c := range changes {
		out = slices.DeleteFunc(out, func(o neutron.DHCPOpt) bool { return o.Name == c.Name && o.IPVersion == c.IPVersion })
		if c.Value != nil {
			out = append(out, c)
		}
	}
	return out
}

// UpdatePort changes a port.
func (s *Service) UpdatePort(ctx context.Context, id string, r neutron.PortRequest, m Match) (p neutron.Port, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if p, err = tx.Port(ctx, id, ""); err != nil {
			return err
		}
		if err := tx.Lock(ctx, "network:"+p.NetworkID); err != nil {
			return err
		}
		if err := m.check(p.Revision); err != nil {
			return err
		}
		return s.changePort(ctx, tx, &p, r)
	})
	s.nameAddresses(&p)
	return p, err
}

func (s *Service) changePort(ctx context.Context, tx *store.Tx, p *neutron.Port, r neutron.PortRequest) error {
	old := *p
	r.Name.To(&p.Name)
	r.Description.To(&p.Description)
	r.AdminStateUp.To(&p.AdminStateUp)
	r.DeviceID.To(&p.DeviceID)
	r.DeviceOwner.To(&p.DeviceOwner)
	r.DNSName.To(&p.DNSName)
	r.VNICType.To(&p.VNICType)
	r.HostID.To(&p.HostID)
	r.PortSecurityEnabled.To(&p.PortSecurityEnabled)
	if r.Profile.Set {
		if p.Profile = r.Profile.Value; p.Profile == nil {
			p.Profile = map[string]any{}
		}
	}
	if r.ExtraDHCPOpts.Set {
		p.ExtraDHCPOpts = mergeOpts(p.ExtraDHCPOpts, r.ExtraDHCPOpts.Value)
	}
	if err := checkDevice(ctx, tx, *p); err != nil {
		return err
	}
	if err := s.changeMAC(ctx, tx, old, p, r); err != nil {
		return err
	}
	if err := s.changeAddresses(ctx, tx, p, r.FixedIPs); err != nil {
		return err
	}
	if err := s.changeGroups(ctx, tx, p, r); err != nil {
		return err
	}
	if err := setPairs(p, r.AllowedAddressPairs); err != nil {
		return err
	}
	if err := s.rebind(ctx, tx, old, p); err != nil {
		return err
	}
	return s.writePort(ctx, tx, old, p)
}

// writePort writes a changed port and what follows from the change.
func (s *Service) writePort(ctx context.Context, tx *store.Tx, old neutron.Port, p *neutron.Port) error {
	p.Touch(s.clock.Now())
	if err := s.dropLostFloatingIPs(ctx, tx, old, *p); err != nil {
		return err
	}
	if err := tx.UpdatePort(ctx, old, *p); err != nil {
		return err
	}
	if router, err := tx.RouterOfPort(ctx, p.ID); err != nil {
		return err
	} else if router != "" {
		tx.TouchRouter(router)
	}
	if old.OfCompute() && (old.MACAddress != p.MACAddress || !slices.Equal(old.FixedIPs, p.FixedIPs) ||
		!slices.Equal(old.SecurityGroups, p.SecurityGroups)) {
		return s.tellNova(ctx, tx, *p, eventChanged, "")
	}
	return nil
}

// changeMAC moves an unbound port to another MAC; null asks for a new one.
func (s *Service) changeMAC(ctx context.Context, tx *store.Tx, old neutron.Port, p *neutron.Port, r neutron.PortRequest) error {
	if !r.MACAddress.Set || r.MACAddress.Value == old.MACAddress {
		return nil
	}
	if old.Bound() {
		return fault.Conflict("Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.",
			p.ID, old.VIFType, old.MACAddress, r.MACAddress.Value).As("PortBound")
	}
	p.MACAddress = r.MACAddress.Value
	if err := chooseMAC(ctx, tx, p); err != nil {
		return err
	}
	for i := range p.AllowedAddressPairs {
		if pair := &p.AllowedAddressPairs[i]; pair.MACAddress == old.MACAddress {
			pair.MACAddress = p.MACAddress
		}
	}
	return s.renewAutoAddresses(ctx, tx, old, p)
}

func (s *Service) changeGroups(ctx context.Context, tx *store.Tx, p *neutron.Port, r neutron.PortRequest) error {
	if r.SecurityGroups.Set {
		return s.setGroups(ctx, tx, p, r.SecurityGroups.Value)
	}
	if !p.PortSecurityEnabled && len(p.SecurityGroups) > 0 {
		return fault.Conflict("Port has security group associated. Cannot disable port security or IP address until security group is removed.").As("PortSecurityPortHasSecurityGroup")
	}
	return nil
}

// DeletePort removes a port that nothing of neutron's own stands on.
func (s *Service) DeletePort(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Port(ctx, id, "")
		if err != nil {
			return err
		}
		if err := tx.Lock(ctx, "network:"+p.NetworkID); err != nil {
			return err
		}
		if err := m.check(p.Revision); err != nil {
			return err
		}
		if err := checkServicePort(ctx, tx, p); err != nil {
			return err
		}
		return s.removePort(ctx, tx, p)
	})
}

// checkServicePort refuses to delete the ports of routers and floating IPs by hand.
func checkServicePort(ctx context.Context, tx *store.Tx, p neutron.Port) error {
	used := false
	switch p.DeviceOwner {
	case neutron.OwnerRouterInterface, neutron.OwnerRouterGateway:
		router, err := tx.RouterOfPort(ctx, p.ID)
		if err != nil {
			return err
		}
		used = router != ""
	case neutron.OwnerFloatingIP:
		fips, err := tx.FloatingIPsWhere(ctx, "floating_port_id = ?", p.ID)
		if err != nil {
			return err
		}
		used = len(fips) > 0
	}
	if used {
		return fault.Conflict("Port %s cannot be deleted directly via the port API: has device owner %s.", p.ID, p.DeviceOwner).As("ServicePortInUse")
	}
	return nil
}

// removePort deletes a port and what pointed to it.
func (s *Service) removePort(ctx context.Context, tx *store.Tx, p neutron.Port) error {
	gone := p
	gone.FixedIPs = nil
	if err := s.dropLostFloatingIPs(ctx, tx, p, gone); err != nil {
		return err
	}
	if p.OfCompute() {
		if err := s.tellNova(ctx, tx, p, eventDeleted, ""); err != nil {
			return err
		}
	}
	return tx.DeletePort(ctx, p)
}
