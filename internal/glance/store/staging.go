package store

import (
	"context"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// BeginStage makes a queued image uploading and gives it to up, as BeginUpload does.
func (s *Store) BeginStage(ctx context.Context, up glance.Upload, now time.Time, limits ...glance.UsageCheck) (glance.Image, error) {
	return s.begin(ctx, up, glance.Uploading, now, limits)
}

// FinishStage records the size of what was staged and, unless it is "", where it
// is. glance.ErrUploadLost says that the image is gone or another's.
func (s *Store) FinishStage(ctx context.Context, up glance.Upload, size int64, host string, now time.Time) error {
	return s.Import(ctx, up.ImageID, now, func(ctx context.Context, tx *Import) error {
		if err := drop(ctx, tx.Tx, up); err != nil {
			return err
		}
		tx.Image.Size = size
		if host != "" {
			tx.Image.Properties[glance.StageHost] = &host
		}
		return tx.Save(ctx)
	})
}

// ClaimUnstaged takes the upload of an image of which the staging area should
// have nothing; glance.ErrUploadLost if it should, or is written to.
func (s *Store) ClaimUnstaged(ctx context.Context, up glance.Upload) error {
	return s.change(ctx, up.ImageID, func(ctx context.Context, tx *db.Tx) error {
		needed, err := db.Scan[int](ctx, tx, `SELECT
			(SELECT COUNT(*) FROM images WHERE id = ? AND status IN ('uploading', 'importing'))
			+ (SELECT COUNT(*) FROM image_uploads WHERE image_id = ?)
			+ (SELECT COUNT(*) FROM tasks WHERE image_id = ? AND `+liveTask+`)`, up.ImageID, up.ImageID, up.ImageID)
		if err != nil {
			return err
		}
		if needed[0] > 0 {
			return glance.ErrUploadLost
		}
		return uploads.Insert(ctx, tx, up)
	})
}
