package service

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"nacre/internal/glance"
	"nacre/internal/glance/blob"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Stage keeps bytes in the staging area, for an import to take them from there.
// It returns when they are durable and the image is uploading; after an error
// the image is queued and nothing is staged.
func (s *Service) Stage(ctx context.Context, id string, data Data) error {
	if len(s.staging) == 0 {
		return fault.Unavailable("This service has no staging area.")
	}
	q, err := s.quotaOf(ctx)
	if err != nil {
		return err
	}
	up := s.claim(id)
	up.Staging = true
	s.enter(up)
	defer s.leave(up)
	limits := q.check(wanted{glance.ImageStageTotal: max(data.Length, 0) / glance.MiB, glance.ImageCountUploading: 0})
	img, err := s.store.BeginStage(ctx, up, s.clock.Now(), limits...)
	if err != nil {
		return stageFault(err, id)
	}
	kept, stop := s.keep(ctx, up)
	defer stop()
	size, err := s.receiveStaged(kept, up, img, data)
	if err == nil {
		err = s.store.FinishStage(kept, up, size, s.config.WorkerSelfReferenceURL, s.clock.Now())
	}
	if err != nil {
		s.abandonStage(context.WithoutCancel(ctx), up)
		return stageFault(err, id)
	}
	slog.InfoContext(ctx, "image staged", "image", id, "bytes", size)
	return nil
}

func stageFault(err error, id string) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflict("Image status transition from uploading to uploading is not allowed")
	}
	return uploadFault(err, id)
}

// receiveStaged writes the bytes and tells how many they are.
func (s *Service) receiveStaged(ctx context.Context, up glance.Upload, img glance.Image, data Data) (int64, error) {
	limit, err := s.room(ctx, img.Owner, data.Length)
	if err != nil {
		return 0, err
	}
	to := s.staging[0]
	if err := to.Delete(ctx, img.ID); err != nil {
		return 0, err
	}
	out, err := to.Create(ctx, img.ID, up.ID, data.Length)
	if err != nil {
		return 0, err
	}
	defer s.progress.end(img.ID)
	src := sourced{s.counted(img.ID, StagingStore, data.Body)}
	size, err := io.Copy(out, io.LimitReader(src, limit+1))
	switch {
	case err == nil && size > limit:
		err = s.tooLarge(size, limit)
	case err == nil && data.Expected != nil && *data.Expected != size:
		err = fault.BadRequest("Size mismatch: expected %d bytes, got %d bytes", *data.Expected, size)
	case err == nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		return 0, errors.Join(err, out.Abort())
	}
	return size, out.Commit()
}

// sourced marks the errors of a client's transfer.
type sourced struct{ io.Reader }

// Read implements io.Reader.
func (r sourced) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = errSource{err}
	}
	return n, err
}

// abandonStage leaves the image queued and the staging area without it. What it
// cannot do the healing loop does.
func (s *Service) abandonStage(ctx context.Context, up glance.Upload) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	next := up
	next.ExpiresAt = s.clock.Now().Add(lease)
	err := s.store.RenewUpload(ctx, next)
	if errors.Is(err, glance.ErrUploadLost) {
		return // who took it over removes the bytes; of a deleted image the tidying loop does
	}
	if err == nil {
		err = s.staging[0].Delete(ctx, up.ImageID)
	}
	if err == nil {
		err = s.store.AbortUpload(ctx, up, s.clock.Now())
	}
	if err != nil {
		slog.WarnContext(ctx, "staging not undone yet", "image", up.ImageID, "error", err)
	}
}

// unstage removes what a dead upload left in the staging area.
func (s *Service) unstage(ctx context.Context, dead glance.Upload) error {
	if !dead.Staging || len(s.staging) == 0 {
		return nil
	}
	return errors.Join(s.staging[0].Discard(ctx, dead.ImageID, dead.ID), s.staging[0].Delete(ctx, dead.ImageID))
}

// tidyStaging removes what no import needs from the staging area: all that is
// not of images that are staged, imported or copied.
func (s *Service) tidyStaging(ctx context.Context) error {
	var errs []error
	for _, area := range s.staging {
		images := map[string][]string{} // unfinished uploads by image
		err := area.Objects(ctx, func(o blob.Object) error {
			images[o.Image] = append(images[o.Image], o.Upload)
			return nil
		})
		errs = append(errs, err)
		for image, uploads := range images {
			errs = append(errs, s.emptyArea(ctx, area, image, uploads))
		}
	}
	return errors.Join(errs...)
}

// emptyArea removes an image from a part of the staging area unless it is needed.
func (s *Service) emptyArea(ctx context.Context, area *blob.File, image string, uploads []string) error {
	up := s.claim(image)
	s.enter(up)
	defer s.leave(up)
	err := s.store.ClaimUnstaged(ctx, up)
	if errors.Is(err, glance.ErrUploadLost) {
		return nil
	} else if err != nil {
		return err
	}
	for _, id := range uploads {
		if id == "" {
			err = errors.Join(err, area.Delete(ctx, image))
		} else {
			err = errors.Join(err, area.Discard(ctx, image, id))
		}
	}
	return errors.Join(err, s.store.AbortUpload(ctx, up, s.clock.Now()))
}

// removeStaged removes the staged bytes of an image that was deleted.
func (s *Service) removeStaged(ctx context.Context, was glance.Image) {
	if was.Status != glance.Uploading || len(s.staging) == 0 {
		return
	}
	if err := s.staging[0].Delete(ctx, was.ID); err != nil {
		slog.WarnContext(ctx, "staged bytes not deleted yet", "image", was.ID, "error", err)
	}
}
