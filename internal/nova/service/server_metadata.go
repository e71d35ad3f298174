package service

import (
	"context"
	"errors"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// settled are the vm_states in which a server's metadata and tags may change.
var settled = []nova.VMState{nova.Active, nova.Paused, nova.Suspended, nova.Stopped}

// SetServerMetadata writes items over a server's metadata, or instead of it, and returns what there is then.
func (s *Service) SetServerMetadata(ctx context.Context, srv nova.Server, items map[string]string, replace bool) (map[string]string, error) {
	if err := s.mayDescribe(ctx, srv, "update metadata"); err != nil {
		return nil, err
	}
	limits, err := s.store.Limits(ctx, srv.ProjectID, "")
	if err != nil {
		return nil, err
	}
	var out map[string]string
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		out, err = tx.SetMetadata(ctx, srv.ID, items, replace, func(count int) error {
			if !limits.Allows(nova.QuotaMetadataItems, 0, count) {
				return fault.Forbidden("Maximum number of metadata items exceeds %d", limits[nova.QuotaMetadataItems])
			}
			return nil
		})
		return err
	})
	return out, err
}

// DeleteServerMetadata removes one item.
func (s *Service) DeleteServerMetadata(ctx context.Context, srv nova.Server, item string) error {
	if _, ok := srv.Metadata[item]; !ok {
		return NoMetadata()
	}
	if err := s.mayDescribe(ctx, srv, "delete metadata"); err != nil {
		return err
	}
	err := s.store.DeleteMetadata(ctx, srv.ID, item)
	if errors.Is(err, db.ErrNoRow) {
		return NoMetadata()
	}
	return err
}

// NoMetadata is the 404 for an item that a server does not have.
func NoMetadata() error { return fault.NotFound("Metadata item was not found") }

// mayDescribe refuses a locked server and one that is not settled.
func (s *Service) mayDescribe(ctx context.Context, srv nova.Server, doing string) error {
	if err := s.checkLock(ctx, srv); err != nil {
		return err
	}
	return refusal(srv, doing, settled, []nova.TaskState{nova.NoTask}, false)
}
