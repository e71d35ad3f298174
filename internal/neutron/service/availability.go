package service

import (
	"context"
	"math/big"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ipam"
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
