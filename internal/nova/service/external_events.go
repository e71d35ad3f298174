package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/db"
)

// ExternalEvent is what another service says of a server's resource.
type ExternalEvent struct {
	Name     string
	ServerID string
	Tag      string // a port's ID
	Status   string // completed, failed, in-progress
}

// The codes of an event's answer.
const (
	EventTaken    = 200
	EventNoServer = 404
	EventUnmet    = 422 // the server is on no host yet, or nothing here is meant by the event
)

// ExternalEvents acts on events and returns a code for each, in order.
func (s *Service) ExternalEvents(ctx context.Context, events []ExternalEvent) ([]int, error) {
	codes := make([]int, len(events))
	for i, e := range events {
		srv, err := s.store.BareServer(ctx, e.ServerID)
		switch {
		case errors.Is(err, db.ErrNoRow):
			codes[i] = EventNoServer
			continue
		case err != nil:
			return nil, fmt.Errorf("server %s: %w", e.ServerID, err)
		case srv.Host == "":
			codes[i] = EventUnmet
			continue
		}
		if codes[i], err = s.externalEvent(ctx, srv, e); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

func (s *Service) externalEvent(ctx context.Context, srv nova.Server, e ExternalEvent) (int, error) {
	switch e.Name {
	case "network-vif-plugged", "network-vif-unplugged":
		err := s.bus.Fanout(ctx, rpcapi.ConductorTopic, rpcapi.PortChanged.Name, rpcapi.PortEvent{ServerID: srv.ID, PortID: e.Tag})
		return EventTaken, err
	case "network-changed":
		return EventTaken, s.RefreshNetworks(ctx, srv)
	case "network-vif-deleted":
		return EventTaken, s.portDeleted(ctx, srv, e.Tag)
	}
	return EventUnmet, nil
}

// RefreshNetworks reads a server's ports from Neutron into its row. A server
// that is being built is left to its flow. When the row's ports changed while
// Neutron was asked, the answer may be the older one, and it is asked again.
func (s *Service) RefreshNetworks(ctx context.Context, srv nova.Server) error {
	for srv.VMState != nova.Building {
		vifs, err := s.networks.VIFs(ctx, srv)
		if err != nil {
			return fmt.Errorf("ports of %s: %w", srv.ID, err)
		}
		now, err := s.noteNetworks(ctx, srv, vifs)
		if !errors.Is(err, nova.ErrStateChanged) {
			return skipMissing(err)
		}
		srv = now
	}
	return nil
}

// noteNetworks writes what Neutron says of a server's ports, if it is news. It
// is nova.ErrStateChanged, and the server as it is, when that has other ports
// than srv.
func (s *Service) noteNetworks(ctx context.Context, srv nova.Server, vifs []nova.VIF) (now nova.Server, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if now, err = tx.Server(ctx, srv.ID); err != nil {
			return err
		}
		if !sameVIFs(now.NetworkInfo, srv.NetworkInfo) {
			return nova.ErrStateChanged
		}
		for i, v := range vifs {
			had, known := now.VIF(v.PortID)
			vifs[i].Tag, vifs[i].Created = had.Tag, had.Created
			if !known {
				vifs[i].Created = !slices.Contains(now.Wishes.Ports, v.PortID)
			}
		}
		if sameVIFs(now.NetworkInfo, vifs) {
			return nil
		}
		now.NetworkInfo = vifs
		return tx.SetNetworkInfo(ctx, now)
	})
	return now, err
}

// sameVIFs compares ports as they are written.
func sameVIFs(a, b []nova.VIF) bool {
	if len(a) != len(b) {
		return false
	}
	one, err1 := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(one, two)
}

// portDeleted unplugs a port that Neutron has deleted under a server. The ports
// of a server that is itself going, or is not there yet, are its flow's business.
func (s *Service) portDeleted(ctx context.Context, srv nova.Server, portID string) error {
	vif, ok := srv.VIF(portID)
	if !ok || srv.TaskState == nova.Deleting || srv.VMState == nova.Building {
		return nil
	}
	_, err := rpcapi.DetachInterface.Call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), rpcapi.InterfaceRequest{ServerID: srv.ID, VIF: vif})
	if err != nil {
		s.log.WarnContext(ctx, "a deleted port could not be unplugged", "server", srv.ID, "port", portID, "error", err)
	}
	return s.RefreshNetworks(ctx, srv)
}
