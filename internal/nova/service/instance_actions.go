package service

import (
	"context"
	"errors"

	"nacre/internal/nova"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// AnyServer is Server for deleted servers as well.
func (s *Service) AnyServer(ctx context.Context, id string) (nova.Server, error) {
	srv, err := s.store.AnyServer(ctx, id)
	caller := auth.Caller(ctx)
	if errors.Is(err, db.ErrNoRow) || err == nil && !caller.Admin && srv.ProjectID != caller.ProjectID {
		return nova.Server{}, fault.NotFound("Instance %s could not be found.", id)
	}
	return srv, err
}

// InstanceActions returns one page of what was asked of a server.
func (s *Service) InstanceActions(ctx context.Context, f nova.InstanceActionFilter, p db.Page) ([]nova.InstanceAction, error) {
	found, err := s.store.InstanceActions(ctx, f, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("Marker %s could not be found.", p.Marker)
	}
	return found, err
}

// InstanceAction returns what one request asked of a server, and the steps that were taken.
func (s *Service) InstanceAction(ctx context.Context, srv nova.Server, requestID string) (nova.InstanceAction, []nova.InstanceEvent, error) {
	a, events, err := s.store.InstanceAction(ctx, srv.ID, requestID)
	if errors.Is(err, db.ErrNoRow) {
		err = fault.NotFound("Action %s not found", requestID)
	}
	return a, events, err
}
