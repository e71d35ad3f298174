package service

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
)

// ServerPassword is what the guest posted for its owner, encrypted with the owner's key; "" for nothing.
func (s *Service) ServerPassword(ctx context.Context, srv nova.Server) (string, error) {
	return s.store.ServerPassword(ctx, srv.ID)
}

// ClearServerPassword forgets what the guest posted; the guest's own password stays.
func (s *Service) ClearServerPassword(ctx context.Context, srv nova.Server) error {
	return s.store.SetServerPassword(ctx, srv.ID, "")
}

// SetServerPassword keeps what a guest posts to the metadata service.
func (s *Service) SetServerPassword(ctx context.Context, id, password string) error {
	if _, err := s.store.Server(ctx, id); err != nil {
		return notFound(err, id)
	}
	if password == "" {
		return fault.BadRequest("The password is empty.")
	}
	return s.store.SetServerPassword(ctx, id, password)
}
