package service

import (
	"context"
	"errors"
	"slices"

	"nacre/internal/neutron/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// SetTags replaces the tags of a resource of a collection (networks, …).
func (s *Service) SetTags(ctx context.Context, collection, id string, tags []string) error {
	return s.changeTags(ctx, collection, id, func([]string) ([]string, error) { return tags, nil })
}

// AddTags gives a resource tags that it may have already.
func (s *Service) AddTags(ctx context.Context, collection, id string, tags ...string) error {
	return s.changeTags(ctx, collection, id, func(have []string) ([]string, error) { return append(have, tags...), nil })
}

// RemoveTag takes a tag from a resource that has it.
func (s *Service) RemoveTag(ctx context.Context, collection, id, tag string) error {
	return s.changeTags(ctx, collection, id, func(have []string) ([]string, error) {
		if !slices.Contains(have, tag) {
			return nil, TagNotFound(tag)
		}
		return slices.DeleteFunc(have, func(t string) bool { return t == tag }), nil
	})
}

// TagNotFound is the 404 of a tag.
func TagNotFound(tag string) error {
	return fault.NotFound("Tag %s could not be found.", tag).As("TagNotFound")
}

func (s *Service) changeTags(ctx context.Context, collection, id string, change func([]string) ([]string, error)) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		have, err := tx.Tags(ctx, collection, id)
		if errors.Is(err, db.ErrNoRow) {
			return fault.NotFound("The resource could not be found.").As("HTTPNotFound")
		} else if err != nil {
			return err
		}
		tags, err := change(have)
		if err != nil {
			return err
		}
		tags = slices.Compact(slices.Sorted(slices.Values(tags)))
		if tags == nil {
			tags = []string{}
		}
		return tx.SetTags(ctx, collection, id, tags, s.clock.Now())
	})
}
