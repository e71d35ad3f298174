package service

import (
	"context"
	"errors"
	"log/slog"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// RemoveFrom takes an active image out of one of its stores; the last one
// keeps it.
func (s *Service) RemoveFrom(ctx context.Context, id, store string) error {
	b := s.backend(store)
	if b == nil {
		return fault.Conflict("The selected store %s is not available on this node.", store)
	}
	l, err := s.store.RemoveFrom(ctx, id, store, s.clock.Now(), func(img glance.Image) error {
		switch {
		case img.Status != glance.Active:
			return fault.Conflict("It's not allowed to remove image data from store if image status is not 'active'")
		case len(img.Locations) == 1:
			return fault.Forbidden("Cannot delete image data from the only store containing it. " +
				"Consider deleting the image instead.")
		case !img.In(store):
			return fault.NotFound("Image %s is not stored in store %s.", id, store)
		}
		return nil
	})
	if err != nil {
		return missing(err, id)
	}
	if l.Own() {
		err = s.empty(ctx, *b, id)
	}
	if err != nil {
		slog.WarnContext(ctx, "image bytes not deleted yet", "image", id, "store", store, "error", err)
	}
	return nil
}

// beginCopy is store.BeginCopy that does not stop at what this process left
// when it died.
func (s *Service) beginCopy(ctx context.Context, up glance.Upload, to *Backend) (glance.Image, error) {
	img, err := s.store.BeginCopy(ctx, up, to.ID)
	if !errors.Is(err, db.ErrDuplicate) {
		return img, err
	}
	if err := s.healUploads(ctx); err != nil {
		return img, err
	}
	return s.store.BeginCopy(ctx, up, to.ID)
}
