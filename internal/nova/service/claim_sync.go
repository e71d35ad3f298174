package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// claimGrace is how long a server's claim may be missing, or outlive it.
const claimGrace = 5 * time.Minute

// syncClaims gives back claims of servers that are gone, and claims again for
// servers whose claim was lost.
func (s *Service) syncClaims(ctx context.Context) error {
	ctx = asSystem(ctx)
	hosts, err := s.store.HostStates(ctx)
	if err != nil {
		return fmt.Errorf("list hosts: %w", err)
	}
	for _, h := range hosts {
		if err := s.syncClaimsOf(ctx, h.Node); err != nil {
			return fmt.Errorf("claims on %s: %w", h.Node.Host, err)
		}
	}
	return nil
}

func (s *Service) syncClaimsOf(ctx context.Context, n nova.Hypervisor) error {
	consumers, err := s.claims.Consumers(ctx, n.ID)
	if err != nil {
		return err
	}
	deleted, err := s.store.DeletedServers(ctx, consumers) // others are somebody else's: a migration, another service
	if err != nil {
		return err
	}
	has := make(map[string]bool, len(consumers))
	for _, id := range consumers {
		has[id] = true
		if at := deleted[id]; !at.IsZero() && s.clock.Now().Sub(at) > claimGrace {
			s.log.WarnContext(ctx, "a claim outlived its server", "server", id, "host", n.Host)
			if err := s.claims.Release(ctx, id); err != nil {
				return err
			}
		}
	}
	rows, err := s.store.BareServers(ctx, nova.ServerFilter{Host: n.Host}, db.Page{})
	if err != nil {
		return err
	}
	for _, srv := range rows {
		if has[srv.ID] || srv.LaunchedAt == nil || srv.TaskState != nova.NoTask || srv.Node != n.Hostname {
			continue
		}
		err := s.claims.Claim(ctx, srv, n.ID, resources(srv.Flavor))
		s.log.WarnContext(ctx, "a server's claim was lost and is made again", "server", srv.ID, "host", n.Host, "error", err)
	}
	return nil
}

// networksAtOnce is how many servers' ports are compared at a time.
const networksAtOnce = 100

// syncNetworks compares every launched server's ports with Neutron's, as events may be lost.
func (s *Service) syncNetworks(ctx context.Context) error {
	ctx = asSystem(ctx)
	for page := (db.Page{Limit: networksAtOnce}); ctx.Err() == nil; {
		rows, err := s.store.BareServers(ctx, nova.ServerFilter{}, page)
		if errors.Is(err, db.ErrNoMarker) {
			return nil // the last one is gone; the next round comes by again
		} else if err != nil {
			return fmt.Errorf("list servers: %w", err)
		}
		if err := s.syncNetworksOf(ctx, rows); err != nil || len(rows) < networksAtOnce {
			return err
		}
		page.Marker = rows[len(rows)-1].ID
	}
	return nil
}

func (s *Service) syncNetworksOf(ctx context.Context, rows []nova.Server) error {
	rows = slices.DeleteFunc(slices.Clone(rows), func(srv nova.Server) bool { return srv.LaunchedAt == nil || srv.TaskState != nova.NoTask })
	if len(rows) == 0 {
		return nil
	}
	now, err := s.networks.VIFsOf(ctx, rows)
	if err != nil {
		return fmt.Errorf("ports of servers: %w", err)
	}
	for _, srv := range rows {
		if sameVIFs(srv.NetworkInfo, now[srv.ID]) {
			continue
		}
		if err := s.RefreshNetworks(ctx, srv); err != nil {
			return err
		}
	}
	return nil
}
