package service

import (
	"context"
	"errors"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
)

// bind chooses how a port is plugged into its host.
func (s *Service) bind(ctx context.Context, tx *store.Tx, n neutron.Network, p *neutron.Port) error {
	p.VIFType, p.VIFDetails = neutron.VIFUnbound, map[string]any{}
	if p.HostID == "" {
		return nil
	}
	p.VIFType = neutron.VIFBindingFailed
	agent, err := tx.AgentOnHost(ctx, s.mech.AgentType(), p.HostID)
	if errors.Is(err, db.ErrNoRow) {
		return nil
	} else if err != nil {
		return err
	}
	if !s.alive(agent) {
		return nil
	}
	if b, ok := s.mech.Bind(agent, n, p.VNICType); ok {
		p.VIFType, p.VIFDetails = b.VIFType, b.Details
	}
	return nil
}

// rebind binds a port anew when its host or kind of card changed, or when the
// last attempt failed. A port that moves is down until its new host says otherwise.
func (s *Service) rebind(ctx context.Context, tx *store.Tx, old neutron.Port, p *neutron.Port) error {
	moved := old.HostID != p.HostID || old.VNICType != p.VNICType
	if !moved && old.VIFType != neutron.VIFBindingFailed {
		return nil
	}
	n, err := tx.NetworkRow(ctx, p.NetworkID, "")
	if err != nil {
		return err
	}
	if err := s.bind(ctx, tx, n, p); err != nil {
		return err
	}
	if moved {
		p.Status = neutron.StatusDown
	}
	return nil
}

// alive tells whether an agent reported of late and may be used.
func (s *Service) alive(a neutron.Agent) bool {
	return s.clock.Now().Sub(a.HeartbeatAt) < agentDownAfter
}
