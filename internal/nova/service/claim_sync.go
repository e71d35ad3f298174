package service

import (
	"context"
	"errors"
	"fmt"
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
	has := make(map[string]bool, len(consumers))
	for _, id := range consumers {
		has[id] = true
		srv, err := s.store.AnyServer(ctx, id)
		if errors.Is(err, db.ErrNoRow) {
			continue // somebody else's: a migration, another service
		} else if err != nil {
			return err
		}
		if srv.Deleted() && s.clock.Now().Sub(*srv.DeletedAt) > claimGrace {
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

// syncNetworks reads every launched server's ports afresh, as events may be lost.
func (s *Service) syncNetworks(ctx context.Context) error {
	ctx = asSystem(ctx)
	rows, err := s.store.BareServers(ctx, nova.ServerFilter{}, db.Page{})
	if err != nil {
		return fmt.Errorf("list servers: %w", err)
	}
	for _, srv := range rows {
		if srv.LaunchedAt == nil || srv.TaskState != nova.NoTask || ctx.Err() != nil {
			continue
		}
		if err := s.RefreshNetworks(ctx, srv); err != nil {
			return err
		}
	}
	return nil
}
