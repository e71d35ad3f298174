package service

import (
	"context"
	"errors"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Networks lists the networks that the caller may see.
func (s *Service) Networks(ctx context.Context, q neutron.Query) ([]neutron.Network, error) {
	q.ProjectID = scope(ctx)
	return s.store.Networks(ctx, q)
}

// Network finds a network that the caller may see.
func (s *Service) Network(ctx context.Context, id string) (neutron.Network, error) {
	return s.store.Network(ctx, id, scope(ctx))
}

// CreateNetworks makes networks, all or none.
func (s *Service) CreateNetworks(ctx context.Context, reqs []neutron.NetworkRequest) (out []neutron.Network, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out = out[:0]
		for _, r := range reqs {
			n, err := s.createNetwork(ctx, tx, r)
			if err != nil {
				return err
			}
			out = append(out, n)
		}
		return nil
	})
	return out, err
}

func (s *Service) createNetwork(ctx context.Context, tx *store.Tx, r neutron.NetworkRequest) (neutron.Network, error) {
	n := neutron.Network{ID: newID(), Name: r.Name.Value, ProjectID: r.ProjectID.Value, AdminStateUp: r.AdminStateUp.Or(true),
		Status: neutron.StatusActive, Shared: r.Shared.Value, PortSecurityEnabled: r.PortSecurityEnabled.Or(true),
		External: r.External.Value, IsDefault: r.IsDefault.Value, AZHints: r.AZHints.Or([]string{}),
		DNSDomain: r.DNSDomain.Value, Standard: s.standard(r.Description)}
	n.Revision = 1
	if err := s.checkZones(ctx, tx, r.AZHints.Value, neutron.AZNetwork); err != nil {
		return n, err
	}
	if err := checkDefault(ctx, tx, n); err != nil {
		return n, err
	}
	if err := s.count(ctx, tx, "network", n.ProjectID, 1); err != nil {
		return n, err
	}
	if err := s.chooseSegment(ctx, tx, &n, r); err != nil {
		return n, err
	}
	if err := s.setMTU(&n, r.MTU.Value); err != nil {
		return n, err
	}
	err := tx.InsertNetwork(ctx, n)
	if errors.Is(err, db.ErrDuplicate) {
		return n, ml2.Taken(ml2.Segment{Type: n.Type, PhysicalNetwork: n.PhysicalNetwork, ID: n.SegmentationID})
	} else if err != nil {
		return n, err
	}
	return n, s.grantAll(ctx, tx, n)
}

// grantAll writes the access that shared and router:external stand for.
func (s *Service) grantAll(ctx context.Context, tx *store.Tx, n neutron.Network) error {
	for action, on := range map[string]bool{neutron.AccessShared: n.Shared, neutron.AccessExternal: n.External} {
		if !on {
			continue
		}
		if err := grant(ctx, tx, n, action); err != nil {
			return err
		}
	}
	return nil
}

func grant(ctx context.Context, tx *store.Tx, n neutron.Network, action string) error {
	p := neutron.RBACPolicy{ID: newID(), ProjectID: n.ProjectID, ObjectType: "network", ObjectID: n.ID, Action: action, TargetProject: "*"}
	if _, err := tx.FindRBAC(ctx, p); err == nil {
		return nil
	} else if !errors.Is(err, db.ErrNoRow) {
		return err
	}
	return tx.InsertRBAC(ctx, p)
}

// chooseSegment takes the segment that was asked for, or a free one.
func (s *Service) chooseSegment(ctx context.Context, tx *store.Tx, n *neutron.Network, r neutron.NetworkRequest) error {
	if r.Type.Set || r.PhysicalNetwork.Set || r.SegmentationID.Set {
		seg := ml2.Segment{Type: r.Type.Value, PhysicalNetwork: r.PhysicalNetwork.Value, ID: r.SegmentationID.Value}
		if err := s.cfg.ML2.Check(seg); err != nil {
			return err
		}
		return s.claimSegment(ctx, tx, n, seg)
	}
	for _, typ := range s.cfg.ML2.TenantNetworkTypes {
		err := s.claimSegment(ctx, tx, n, ml2.Segment{Type: typ})
		if f, ok := fault.Of(err); !ok || f.Type != "NoNetworkAvailable" {
			return err
		}
	}
	return ml2.Exhausted()
}

func (s *Service) claimSegment(ctx context.Context, tx *store.Tx, n *neutron.Network, seg ml2.Segment) error {
	if err := tx.Lock(ctx, "segments:"+seg.Type); err != nil {
		return err
	}
	complete := seg.ID != 0 || seg.Type == neutron.TypeFlat || seg.Type == neutron.TypeLocal
	if !complete {
		var err error
		if seg, err = s.freeSegment(ctx, tx, seg); err != nil {
			return err
		}
	} else if taken, err := tx.SegmentTaken(ctx, seg.Type, seg.PhysicalNetwork, seg.ID); err != nil {
		return err
	} else if taken && seg.Type != neutron.TypeLocal {
		return ml2.Taken(seg)
	}
	n.Type, n.PhysicalNetwork, n.SegmentationID = seg.Type, seg.PhysicalNetwork, seg.ID
	return nil
}

func (s *Service) freeSegment(ctx context.Context, tx *store.Tx, seg ml2.Segment) (ml2.Segment, error) {
	for _, pool := range s.cfg.ML2.Pools(seg.Type, seg.PhysicalNetwork) {
		id, err := pool.Choose(
			func(id int) (bool, error) { return tx.SegmentTaken(ctx, pool.Type, pool.PhysicalNetwork, id) },
			func() ([]int, error) { return tx.Segments(ctx, pool.Type, pool.PhysicalNetwork) })
		if err != nil {
			return seg, fmt.Errorf("choose segment: %w", err)
		}
		if id != 0 {
			return ml2.Segment{Type: pool.Type, PhysicalNetwork: pool.PhysicalNetwork, ID: id}, nil
		}
	}
	return seg, ml2.Exhausted()
}

// setMTU takes the wish, or the most that the network's type allows.
func (s *Service) setMTU(n *neutron.Network, wish int) error {
	most := s.cfg.ML2.MaxMTU(n.Type)
	if wish > most {
		return neutron.InvalidInput("Requested MTU is too big, maximum is %d", most)
	}
	if n.MTU = wish; wish == 0 {
		n.MTU = most
	}
	return nil
}

// checkDefault refuses a second default external network.
func checkDefault(ctx context.Context, tx *store.Tx, n neutron.Network) error {
	if !n.IsDefault || !n.External {
		return nil
	}
	other, err := tx.DefaultExternal(ctx)
	if errors.Is(err, db.ErrNoRow) || err == nil && other.ID == n.ID {
		return nil
	} else if err != nil {
		return err
	}
	return fault.Conflict("A default external network already exists: %s.", other.ID).As("DefaultExternalNetworkExists")
}

// UpdateNetwork changes a network.
func (s *Service) UpdateNetwork(ctx context.Context, id string, r neutron.NetworkRequest, m Match) (n neutron.Network, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "network:"+id); err != nil {
			return err
		}
		if n, err = tx.Network(ctx, id, ""); err != nil {
			return err
		}
		if err := m.check(n.Revision); err != nil {
			return err
		}
		return s.changeNetwork(ctx, tx, &n, r)
	})
	if err != nil {
		return n, err
	}
	return s.Network(ctx, id)
}

func (s *Service) changeNetwork(ctx context.Context, tx *store.Tx, n *neutron.Network, r neutron.NetworkRequest) error {
	if err := s.changeSegment(ctx, tx, n, r); err != nil {
		return err
	}
	if err := s.changeShared(ctx, tx, n, r.Shared); err != nil {
		return err
	}
	if err := s.changeExternal(ctx, tx, n, r.External); err != nil {
		return err
	}
	if r.MTU.Set {
		if err := s.setMTU(n, r.MTU.Value); err != nil {
			return err
		}
	}
	r.Name.To(&n.Name)
	r.AdminStateUp.To(&n.AdminStateUp)
	r.PortSecurityEnabled.To(&n.PortSecurityEnabled)
	r.IsDefault.To(&n.IsDefault)
	r.DNSDomain.To(&n.DNSDomain)
	r.Description.To(&n.Description)
	if err := checkDefault(ctx, tx, *n); err != nil {
		return err
	}
	n.Touch(s.clock.Now())
	return tx.UpdateNetwork(ctx, *n)
}

// changeSegment moves a VLAN network to another id; nothing else can change.
func (s *Service) changeSegment(ctx context.Context, tx *store.Tx, n *neutron.Network, r neutron.NetworkRequest) error {
	if !r.Type.Set && !r.PhysicalNetwork.Set && !r.SegmentationID.Set {
		return nil
	}
	if n.Type != neutron.TypeVLAN {
		return neutron.InvalidInput("Only VLAN type networks can be updated.")
	}
	if r.Type.Set && r.Type.Value != n.Type || r.PhysicalNetwork.Set && r.PhysicalNetwork.Value != n.PhysicalNetwork {
		return neutron.InvalidInput("Only segmentation_id field can be updated in VLAN type networks")
	}
	seg := ml2.Segment{Type: n.Type, PhysicalNetwork: n.PhysicalNetwork, ID: r.SegmentationID.Value}
	if !r.SegmentationID.Set || seg.ID == n.SegmentationID {
		return nil
	}
	if err := s.cfg.ML2.Check(seg); err != nil {
		return err
	}
	if err := s.claimSegment(ctx, tx, n, seg); err != nil {
		return err
	}
	return tx.MoveSegment(ctx, *n)
}

func (s *Service) changeShared(ctx context.Context, tx *store.Tx, n *neutron.Network, shared neutron.Opt[bool]) error {
	if !shared.Set || shared.Value == n.Shared {
		return nil
	}
	n.Shared = shared.Value
	if shared.Value {
		return grant(ctx, tx, *n, neutron.AccessShared)
	}
	return s.revoke(ctx, tx, *n, neutron.AccessShared, "*")
}

// revoke ends an access, unless projects that had only that use the network.
func (s *Service) revoke(ctx context.Context, tx *store.Tx, n neutron.Network, action, target string) error {
	p, err := tx.FindRBAC(ctx, neutron.RBACPolicy{ObjectType: "network", ObjectID: n.ID, Action: action, TargetProject: target})
	if errors.Is(err, db.ErrNoRow) {
		return nil
	} else if err != nil {
		return err
	}
	if err := tx.DeleteRBAC(ctx, p); err != nil {
		return err
	}
	if action == neutron.AccessShared {
		return s.checkUsers(ctx, tx, n)
	}
	return nil
}

// checkUsers refuses when a project has ports on a network it may not see.
func (s *Service) checkUsers(ctx context.Context, tx *store.Tx, n neutron.Network) error {
	users, err := tx.RBACUsers(ctx, n.ID, n.ProjectID)
	if err != nil {
		return err
	}
	for _, project := range users {
		if _, err := tx.Network(ctx, n.ID, project); fault.Is(err, 404) {
			return fault.Conflict("Unable to reconfigure sharing settings for network %s. Multiple projects are using it.", n.ID).As("InvalidSharedSetting")
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) changeExternal(ctx context.Context, tx *store.Tx, n *neutron.Network, external neutron.Opt[bool]) error {
	if !external.Set || external.Value == n.External {
		return nil
	}
	n.External = external.Value
	if external.Value {
		return grant(ctx, tx, *n, neutron.AccessExternal)
	}
	ports, err := tx.PortsWhere(ctx, "network_id = ? AND device_owner IN (?, ?)", n.ID, neutron.OwnerRouterGateway, neutron.OwnerFloatingIP)
	if err != nil {
		return err
	}
	if len(ports) > 0 {
		return fault.Conflict("External network %s cannot be updated to be made non-external, since it has existing gateway ports.", n.ID).As("ExternalNetworkInUse")
	}
	return tx.DeleteRBACOf(ctx, n.ID, neutron.AccessExternal)
}

// DeleteNetwork removes a network that only neutron itself uses, and its subnets.
func (s *Service) DeleteNetwork(ctx context.Context, id string, m Match) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Lock(ctx, "network:"+id); err != nil {
			return err
		}
		n, err := tx.Network(ctx, id, "")
		if err != nil {
			return err
		}
		if err := m.check(n.Revision); err != nil {
			return err
		}
		if err := s.dropIdleFloatingIPs(ctx, tx, n); err != nil {
			return err
		}
		if ports, err := tx.OtherPorts(ctx, id); err != nil {
			return err
		} else if len(ports) > 0 {
			return neutron.NetworkInUse(id, ports)
		}
		return s.dropNetwork(ctx, tx, n)
	})
}

func (s *Service) dropNetwork(ctx context.Context, tx *store.Tx, n neutron.Network) error {
	ports, err := tx.PortsWhere(ctx, "network_id = ?", n.ID)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := tx.DeletePort(ctx, p); err != nil {
			return err
		}
	}
	subnets, err := tx.SubnetsOf(ctx, n.ID)
	if err != nil {
		return err
	}
	for _, sub := range subnets {
		if err := tx.DeleteSubnet(ctx, sub); err != nil {
			return err
		}
	}
	return tx.DeleteNetwork(ctx, n.ID)
}

// NetworkAccess is what rules ask of a network, whoever may see it.
func (s *Service) NetworkAccess(ctx context.Context, id string) (neutron.NetworkAccess, error) {
	access, err := s.store.NetworkAccess(ctx, id)
	if err != nil || scope(ctx) == "" || scope(ctx) == access.ProjectID {
		return access, err
	}
	seen, err := s.store.NetworkRow(ctx, id, scope(ctx))
	if fault.Is(err, 404) {
		err = nil
	}
	access.Shared = seen.Shared
	return access, err
}
