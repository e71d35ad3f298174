package service

import (
	"context"
	"strings"

	"nacre/internal/neutron/rpcapi"
)

// FindGuest says which instance's port has an address on one of some networks,
// for the metadata proxy of a host that the instance is not on.
func (s *Service) FindGuest(ctx context.Context, q rpcapi.GuestRequest) (rpcapi.Guest, error) {
	for _, network := range q.NetworkIDs {
		ports, err := s.store.PortsWhere(ctx, "id IN (SELECT port_id FROM ip_allocations WHERE network_id = ? AND ip_address = ?)", network, q.Address)
		if err != nil {
			return rpcapi.Guest{}, err
		}
		for _, p := range ports {
			if p.DeviceID != "" && !strings.HasPrefix(p.DeviceOwner, "network:") {
				return rpcapi.Guest{PortID: p.ID, DeviceID: p.DeviceID, ProjectID: p.ProjectID}, nil
			}
		}
	}
	return rpcapi.Guest{}, nil
}
