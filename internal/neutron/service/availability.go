package service

import (
	"context"
	"math/big"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
	"nacre/internal/neutron/store"
)

// Availability counts the addresses of the networks that the query selects;
// version 4 or 6 limits it to subnets of that IP version.
func (s *Service) Availability(ctx context.Context, q neutron.Query, version int) ([]neutron.NetworkIPAvailability, error) {
	nets, err := s.Networks(ctx, q)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(nets))
	for i, n := range nets {
		ids[i] = n.ID
	}
	used, err := s.store.UsedAddresses(ctx, ids)
	if err != nil {
		return nil, err
	}
	subs, err := s.store.SubnetsOf(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]neutron.NetworkIPAvailability, len(nets))
	at := map[string]*neutron.NetworkIPAvailability{}
	for i, n := range nets {
		out[i] = neutron.NetworkIPAvailability{NetworkID: n.ID, NetworkName: n.Name, ProjectID: n.ProjectID, Subnets: []neutron.SubnetIPAvailability{}}
		at[n.ID] = &out[i]
	}
	for _, sub := range subs {
		if version == 0 || sub.IPVersion == version {
			addSubnet(at[sub.NetworkID], sub, used[sub.ID])
		}
	}
	return out, nil
}

func addSubnet(n *neutron.NetworkIPAvailability, sub neutron.Subnet, used int) {
	total := new(big.Int)
	rs, _ := ipam.Ranges(sub.AllocationPools)
	for _, r := range rs {
		total.Add(total, r.Size())
	}
	count := neutron.NewBig(total)
	n.Subnets = append(n.Subnets, neutron.SubnetIPAvailability{SubnetID: sub.ID, SubnetName: sub.Name, IPVersion: sub.IPVersion,
		CIDR: sub.CIDR, UsedIPs: used, TotalIPs: count})
	n.UsedIPs += used
	n.TotalIPs = n.TotalIPs.Plus(count)
}

// EnsureDefaults makes the networks that a new cloud has: public, an external
// flat network, and a private network, subnet and router of the project. What
// is there is left alone.
func (s *Service) EnsureDefaults(ctx context.Context, project string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		public, err := s.ensureNetwork(ctx, tx, "public", project, neutron.NetworkRequest{External: neutron.Some(true), IsDefault: neutron.Some(true),
			Type: neutron.Some(neutron.TypeFlat), PhysicalNetwork: neutron.Some("public")}, neutron.SubnetRequest{
			CIDR: neutron.Some("172.24.4.0/24"), EnableDHCP: neutron.Some(false), GatewayIP: neutron.Some(pointer("172.24.4.1")),
			AllocationPools: neutron.Some([]neutron.Pool{{Start: "172.24.4.10", End: "172.24.4.250"}})})
		if err != nil {
			return err
		}
		private, err := s.ensureNetwork(ctx, tx, "private", project, neutron.NetworkRequest{}, neutron.SubnetRequest{CIDR: neutron.Some("10.0.0.0/24")})
		if err != nil {
			return err
		}
		return s.ensureRouter(ctx, tx, project, public, private)
	})
}

func pointer(s string) *string { return &s }

// ensureNetwork makes a network with one subnet unless the project has one of that name.
func (s *Service) ensureNetwork(ctx context.Context, tx *store.Tx, name, project string, r neutron.NetworkRequest, sr neutron.SubnetRequest) (neutron.Network, error) {
	have, err := tx.Networks(ctx, neutron.Query{Filters: []neutron.Filter{{Attr: "name", Values: []any{name}}, {Attr: "project_id", Values: []any{project}}}})
	if err != nil {
		return neutron.Network{}, err
	}
	if len(have) > 0 {
		return have[0], nil
	}
	r.Name, r.ProjectID = neutron.Some(name), neutron.Some(project)
	n, err := s.createNetwork(ctx, tx, r)
	if err != nil {
		return n, err
	}
	sr.Name, sr.ProjectID, sr.NetworkID, sr.IPVersion = neutron.Some(name+"-subnet"), neutron.Some(project), neutron.Some(n.ID), neutron.Some(4)
	_, err = s.createSubnet(ctx, tx, sr)
	return n, err
}

func (s *Service) ensureRouter(ctx context.Context, tx *store.Tx, project string, public, private neutron.Network) error {
	have, err := tx.Routers(ctx, neutron.Query{Filters: []neutron.Filter{{Attr: "name", Values: []any{"router"}}, {Attr: "project_id", Values: []any{project}}}})
	if err != nil || len(have) > 0 {
		return err
	}
	rt, err := s.createRouter(ctx, tx, neutron.RouterRequest{Name: neutron.Some("router"), ProjectID: neutron.Some(project),
		Gateway: neutron.Some(neutron.GatewayRequest{NetworkID: public.ID})})
	if err != nil {
		return err
	}
	subs, err := tx.SubnetsOf(ctx, private.ID)
	if err != nil || len(subs) == 0 {
		return err
	}
	if _, _, err := s.addSubnet(ctx, tx, &rt, InterfaceRequest{SubnetID: subs[0].ID}); err != nil {
		return err
	}
	return tx.UpdateRouter(ctx, rt)
}
