package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// scrub removes the bytes of what was deleted longer than scrub_time ago.
func (s *Service) scrub(ctx context.Context) error {
	_, err := s.Scrub(ctx)
	return err
}

// Scrub removes what is due and says of how many locations.
func (s *Service) Scrub(ctx context.Context) (n int, err error) {
	due, err := s.store.PendingLocations(ctx, s.clock.Now().Add(-time.Duration(s.config.ScrubTime)*time.Second))
	if err != nil {
		return 0, fmt.Errorf("list what is to be scrubbed: %w", err)
	}
	var errs []error
	for _, l := range due {
		if err := s.scrubLocation(ctx, l); err != nil {
			errs = append(errs, fmt.Errorf("scrub image %s in %s: %w", l.ImageID, l.Store, err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

func (s *Service) scrubLocation(ctx context.Context, l glance.Location) error {
	if b := s.backend(l.Store); l.Own() {
		if b == nil || b.Blobs == nil {
			return fmt.Errorf("there is no store %q", l.Store)
		}
		if err := b.Blobs.Delete(ctx, l.ImageID); err != nil {
			return err
		}
	}
	if err := s.store.Scrubbed(ctx, l); err != nil {
		return err
	}
	slog.InfoContext(ctx, "image scrubbed", "image", l.ImageID, "store", l.Store)
	return nil
}

// Restore takes back a delayed deletion.
func (s *Service) Restore(ctx context.Context, id string) error {
	err := s.store.RestoreImage(ctx, id, s.clock.Now())
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("No image %s waits to be scrubbed.", id)
	} else if err != nil {
		return fmt.Errorf("restore image %s: %w", id, err)
	}
	slog.InfoContext(ctx, "image restored", "image", id)
	return nil
}
