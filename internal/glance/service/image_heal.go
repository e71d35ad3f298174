package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/oslo/uuid"
)

// healUploads ends the uploads whose process is dead: those that were not
// renewed, and those of this worker that it knows nothing about, since it was
// another process then.
func (s *Service) healUploads(ctx context.Context) error {
	all, err := s.store.Uploads(ctx)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	var errs []error
	for _, up := range all {
		orphan := up.Worker == s.worker && !s.busy(up)
		if orphan || s.clock.Now().After(up.ExpiresAt) {
			errs = append(errs, s.heal(ctx, up))
		}
	}
	return errors.Join(errs...)
}

// heal takes a dead upload over, removes what it wrote and gives up. A store
// that does not answer keeps nobody waiting: what it has is tidied once it does.
func (s *Service) heal(ctx context.Context, dead glance.Upload) error {
	up := s.claim(dead.ImageID)
	s.enter(up)
	defer s.leave(up)
	if err := s.store.TakeUpload(ctx, dead, up); errors.Is(err, glance.ErrUploadLost) {
		return nil // it lives, or somebody else heals it
	} else if err != nil {
		return err
	}
	for _, b := range s.keepers() {
		if err := s.unwrite(ctx, b, dead); ctx.Err() != nil {
			return err
		} else if err != nil {
			slog.WarnContext(ctx, "bytes may be left in a store until it answers", "image", dead.ImageID, "store", b.ID, "error", err)
		}
	}
	if err := s.unstage(ctx, dead); err != nil {
		return err
	}
	slog.WarnContext(ctx, "dead upload undone", "image", dead.ImageID, "worker", dead.Worker)
	return s.store.AbortUpload(ctx, up, s.clock.Now())
}

// unwrite removes what a dead upload left in a store, while nobody else writes there.
func (s *Service) unwrite(ctx context.Context, b Backend, dead glance.Upload) error {
	if err := b.Blobs.Discard(ctx, dead.ImageID, dead.ID); err != nil {
		return err
	}
	known, err := s.store.Known(ctx, b.ID, []string{dead.ImageID})
	if err != nil || known[dead.ImageID].Located {
		return err
	}
	return b.Blobs.Delete(ctx, dead.ImageID)
}

func (s *Service) claim(imageID string) glance.Upload {
	return glance.Upload{ImageID: imageID, ID: uuid.New(), Worker: s.worker, ExpiresAt: s.clock.Now().Add(lease)}
}

// tidyBlobs removes what no image needs: bytes that no location tells of and
// pieces of uploads that are over. Objects of images that the
// database never knew are reported and left alone, for it may be the wrong
// database.
func (s *Service) tidyBlobs(ctx context.Context) error {
	var errs []error
	for _, b := range s.keepers() {
		errs = append(errs, b.named(s.tidy(ctx, b)))
	}
	return errors.Join(append(errs, s.tellLost(ctx))...)
}

// tellLost tells of images that are in a store which is not there any more:
// nobody can read them until it is enabled again under its name.
func (s *Service) tellLost(ctx context.Context) error {
	all, err := s.store.StoresInUse(ctx)
	if err != nil {
		return fmt.Errorf("list stores in use: %w", err)
	}
	for _, u := range all {
		if s.backend(u.Store) == nil {
			slog.WarnContext(ctx, "images are in a store that is not enabled", "store", u.Store, "count", u.Images)
		}
	}
	return nil
}

func (s *Service) tidy(ctx context.Context, b Backend) error {
	var objects []blob.Object
	var ids []string
	err := b.Blobs.Objects(ctx, func(o blob.Object) error {
		objects, ids = append(objects, o), append(ids, o.Image)
		return nil
	})
	if err != nil {
		return err
	}
	known, err := s.store.Known(ctx, b.ID, ids)
	if err != nil {
		return err
	}
	held, err := s.uploadIDs(ctx) // after the objects: an upload is recorded before it writes
	if err != nil {
		return err
	}
	var errs []error
	strangers := 0
	for _, o := range objects {
		k, ok := known[o.Image]
		switch {
		case o.Upload != "" && !held[o.Upload]:
			errs = append(errs, b.Blobs.Discard(ctx, o.Image, o.Upload))
		case o.Upload != "", k.Located, k.Uploading:
		case !ok:
			strangers++
		case k.Status == glance.Deleted:
			errs = append(errs, b.Blobs.Delete(ctx, o.Image))
		case k.Status == glance.Queued && isShared(b) && s.clock.Now().Sub(k.UpdatedAt) < peerTime:
		default:
			errs = append(errs, s.empty(ctx, b, o.Image))
		}
	}
	if strangers > 0 {
		slog.WarnContext(ctx, "objects of unknown images", "count", strangers)
	}
	return errors.Join(errs...)
}

// peerTime is how long a queued image may have bytes in a shared store before
// its location is told: Nova and Cinder write there themselves.
const peerTime = 24 * time.Hour

func isShared(b Backend) bool { _, ok := b.Blobs.(blob.Shared); return ok }

func (s *Service) uploadIDs(ctx context.Context) (map[string]bool, error) {
	all, err := s.store.Uploads(ctx)
	held := make(map[string]bool, len(all))
	for _, up := range all {
		held[up.ID] = true
	}
	return held, err
}

// empty removes the bytes of an image that no location tells of, while nobody
// may write to it.
func (s *Service) empty(ctx context.Context, b Backend, imageID string) error {
	up := s.claim(imageID)
	s.enter(up)
	defer s.leave(up)
	if err := s.store.ClaimUnlocated(ctx, up, b.ID); errors.Is(err, glance.ErrUploadLost) {
		return nil
	} else if err != nil {
		return err
	}
	return errors.Join(b.Blobs.Delete(ctx, imageID), s.store.AbortUpload(ctx, up, s.clock.Now()))
}
