package service

import (
	"context"
	"net/netip"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
	"nacre/internal/neutron/store"
)

// Of the external network, this many addresses at either end are left to the
// operator: the gateway and what else stands there.
const (
	keepLow  = 9
	keepHigh = 4
)

// EnsureDefaults makes the networks that a new cloud has: public, an external
// flat network with the addresses of external, and a private network, subnet
// and router of the project. What is there is left alone.
func (s *Service) EnsureDefaults(ctx context.Context, project string, external netip.Prefix) error {
	outer := neutron.SubnetRequest{CIDR: neutron.Some(external.Masked().String()), EnableDHCP: neutron.Some(false)}
	if pool := ipam.Usable(external); external.Addr().BitLen()-external.Bits() > 5 {
		gateway := pool.First.String()
		outer.GatewayIP = neutron.Some(&gateway)
		outer.AllocationPools = neutron.Some([]neutron.Pool{{Start: ipam.Add(pool.First, keepLow).String(), End: ipam.Back(pool.Last, keepHigh).String()}})
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		public, err := s.ensureNetwork(ctx, tx, "public", project, neutron.NetworkRequest{External: neutron.Some(true), IsDefault: neutron.Some(true),
			Type: neutron.Some(neutron.TypeFlat), PhysicalNetwork: neutron.Some("public")}, outer)
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
