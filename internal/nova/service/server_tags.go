package service

import (
	"context"
	"errors"
	"slices"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// maxTags is how many tags a server may have.
const maxTags = 50

// AddServerTag gives a server a tag; false when it had it.
func (s *Service) AddServerTag(ctx context.Context, srv nova.Server, tag string) (added bool, err error) {
	if err := refusal(srv, "update tag", settled, nil, false); err != nil {
		return false, err
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		added, err = tx.AddTag(ctx, srv.ID, tag, func(have int) error {
			if have >= maxTags {
				return fault.BadRequest("The number of tags exceeded the per-server limit %d", maxTags)
			}
			return nil
		})
		return err
	})
	return added, err
}

// ReplaceServerTags gives a server these tags and no others, and returns them without repetition.
func (s *Service) ReplaceServerTags(ctx context.Context, srv nova.Server, tags []string) ([]string, error) {
	if err := refusal(srv, "update tags", settled, nil, false); err != nil {
		return nil, err
	}
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	return tags, s.replaceTags(ctx, srv, tags)
}

// DeleteServerTags takes all tags off a server.
func (s *Service) DeleteServerTags(ctx context.Context, srv nova.Server) error {
	if err := refusal(srv, "delete tags", settled, nil, false); err != nil {
		return err
	}
	return s.replaceTags(ctx, srv, nil)
}

func (s *Service) replaceTags(ctx context.Context, srv nova.Server, tags []string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.ReplaceTags(ctx, srv.ID, tags) })
}

// DeleteServerTag takes a tag off a server.
func (s *Service) DeleteServerTag(ctx context.Context, srv nova.Server, tag string) error {
	if err := refusal(srv, "delete tag", settled, nil, false); err != nil {
		return err
	}
	err := s.store.DeleteTag(ctx, srv.ID, tag)
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Instance %s has no tag '%s'", srv.ID, tag)
	}
	return err
}
