package service

import (
	"context"
	"log/slog"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
)

// Events that nova knows.
const (
	eventPlugged   = "network-vif-plugged"
	eventUnplugged = "network-vif-unplugged"
	eventDeleted   = "network-vif-deleted"
	eventChanged   = "network-changed"
)

// How often and how long nova is told.
const (
	eventsAtOnce    = 100
	eventRetryFirst = 2 * time.Second
	eventRetryMost  = time.Minute
	eventLife       = 2 * time.Hour // nova asks by itself long before
)

// tellNova records an event about a server's port; a loop sends it.
func (s *Service) tellNova(ctx context.Context, tx *store.Tx, p neutron.Port, name, status string) error {
	if s.nova == nil {
		return nil
	}
	if status == "" {
		status = "completed"
	}
	now := s.clock.Now()
	tx.AfterCommit(func() { wake(s.wakeNova) })
	return tx.SaveEvent(ctx, neutron.ServerEvent{Name: name, ServerID: p.DeviceID, PortID: p.ID, Status: status, CreatedAt: now, NextAt: now})
}

// tellWired records that a port came up or went down; one replaces the other.
func (s *Service) tellWired(ctx context.Context, tx *store.Tx, p neutron.Port, status string) error {
	name, other, outcome := eventPlugged, eventUnplugged, "completed"
	switch status {
	case neutron.StatusDown:
		name, other = other, name
	case neutron.StatusError:
		outcome = "failed"
	}
	if err := tx.DropEvent(ctx, p.ID, other); err != nil {
		return err
	}
	return s.tellNova(ctx, tx, p, name, outcome)
}

// sendNovaEvents sends what is due until nothing is.
func (s *Service) sendNovaEvents(ctx context.Context) error {
	if s.nova == nil {
		return nil
	}
	for {
		now := s.clock.Now()
		due, err := s.store.DueEvents(ctx, now, eventsAtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		failure := s.nova.SendEvents(ctx, due)
		if failure != nil {
			slog.WarnContext(ctx, "nova was not told about ports", "events", len(due), "error", failure)
		}
		err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			for _, e := range due {
				if err := settle(ctx, tx, e, now, failure); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || failure != nil {
			return err
		}
	}
}

// settle forgets an event that was sent or is too old, and puts off any other.
func settle(ctx context.Context, tx *store.Tx, e neutron.ServerEvent, now time.Time, failure error) error {
	if failure == nil || now.Sub(e.CreatedAt) > eventLife {
		return tx.EventSent(ctx, e)
	}
	pause := min(eventRetryFirst<<min(e.Attempts, 10), eventRetryMost)
	return tx.EventFailed(ctx, e, now.Add(pause))
}
