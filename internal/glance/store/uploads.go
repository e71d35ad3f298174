package store

import (
	"context"
	"errors"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

var uploads = db.Table[glance.Upload]("image_uploads")

// BeginUpload makes a queued image saving and gives it to up. It returns what
// glance.Image.To or a limit refuses with, db.ErrNoRow for no such image,
// db.ErrDuplicate if the image has an upload.
func (s *Store) BeginUpload(ctx context.Context, up glance.Upload, now time.Time, limits ...glance.UsageCheck) (glance.Image, error) {
	return s.begin(ctx, up, glance.Saving, now, limits)
}

func (s *Store) begin(ctx context.Context, up glance.Upload, to glance.Status, now time.Time, limits []glance.UsageCheck) (img glance.Image, err error) {
	err = s.change(ctx, up.ImageID, func(ctx context.Context, tx *db.Tx) error {
		q := images.Select("deleted_at IS NULL").Where("id = ?", up.ImageID)
		if img, err = one(ctx, tx, glance.Visible{All: true}, q); err != nil {
			return err
		}
		if err := img.To(to); err != nil {
			return err
		}
		img.Status, img.UpdatedAt = to, now.Truncate(time.Second)
		if _, err := images.Update(ctx, tx, img, "status", "updated_at"); err != nil {
			return err
		}
		if err := checkUsage(ctx, tx, limits); err != nil {
			return err
		}
		return uploads.Insert(ctx, tx, up)
	})
	return img, err
}

// RenewUpload keeps the upload alive until up.ExpiresAt, or says
// glance.ErrUploadLost.
func (s *Store) RenewUpload(ctx context.Context, up glance.Upload) error {
	n, err := db.Exec(ctx, s.db, "UPDATE image_uploads SET expires_at = ? WHERE image_id = ? AND id = ?",
		up.ExpiresAt, up.ImageID, up.ID)
	if err == nil && n == 0 {
		return glance.ErrUploadLost
	}
	return err
}

// BeginCopy gives up an image that is importing or has bytes, so that a store
// more can get them. glance.ErrLocated says that this one has them.
func (s *Store) BeginCopy(ctx context.Context, up glance.Upload, storeID string) (img glance.Image, err error) {
	err = s.change(ctx, up.ImageID, func(ctx context.Context, tx *db.Tx) error {
		q := images.Select("deleted_at IS NULL").Where("id = ?", up.ImageID)
		if img, err = one(ctx, tx, glance.Visible{All: true}, q); err != nil {
			return err
		}
		if img.In(storeID) {
			return glance.ErrLocated
		}
		if err := img.Copyable(); err != nil {
			return err
		}
		pending, err := db.Count(ctx, tx, locations.Select("image_id = ?", up.ImageID).Where("store = ?", storeID))
		if err != nil {
			return err
		}
		if pending > 0 {
			return fault.Conflict("Image %s is still being removed from store %s.", up.ImageID, storeID)
		}
		return uploads.Insert(ctx, tx, up)
	})
	return img, err
}

// FinishUpload adds the location of the bytes that img describes, and makes a
// saving image active, unless check refuses for the bytes its owner has
// elsewhere. glance.ErrUploadLost says that the image is gone or another's.
func (s *Store) FinishUpload(ctx context.Context, up glance.Upload, img glance.Image, to glance.Location, now time.Time,
	check func(others int64) error) (glance.Image, error) {
	err := s.change(ctx, up.ImageID, func(ctx context.Context, tx *db.Tx) error {
		if err := drop(ctx, tx, up); err != nil {
			return err
		}
		if err := db.Lock(ctx, tx, "images of "+img.Owner); err != nil {
			return err
		}
		others, err := bytesOf(ctx, tx, []string{img.Owner})
		if err != nil {
			return err
		}
		if err := check(others); err != nil {
			return err
		}
		is, err := one(ctx, tx, glance.Visible{All: true}, images.Select("id = ?", img.ID))
		if err != nil {
			return err
		}
		if img.Status = is.Status; img.Status == glance.Saving {
			img.Status = glance.Active
		}
		img.UpdatedAt = now.Truncate(time.Second)
		if _, err := images.Update(ctx, tx, img, "status", "size", "virtual_size", "checksum",
			"os_hash_algo", "os_hash_value", "updated_at"); err != nil {
			return err
		}
		img.Locations, err = addLocation(ctx, tx, is.Locations, to)
		return err
	})
	return img, err
}

// AbortUpload makes the image queued again. An upload that was lost is success.
func (s *Store) AbortUpload(ctx context.Context, up glance.Upload, now time.Time) error {
	err := s.change(ctx, up.ImageID, func(ctx context.Context, tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `UPDATE images SET status = 'queued', size = -1, virtual_size = -1, updated_at = ?
			WHERE id = ? AND (status = 'saving' OR status = 'uploading') AND EXISTS (SELECT 1 FROM image_uploads u
			WHERE u.image_id = images.id AND u.id = ? AND u.staging = (images.status = 'uploading'))`,
			now.Truncate(time.Second), up.ImageID, up.ID)
		if err != nil {
			return err
		}
		return drop(ctx, tx, up)
	})
	if errors.Is(err, glance.ErrUploadLost) {
		return nil
	}
	return err
}

// drop gives the upload back.
func drop(ctx context.Context, tx *db.Tx, up glance.Upload) error {
	n, err := db.Exec(ctx, tx, "DELETE FROM image_uploads WHERE image_id = ? AND id = ?", up.ImageID, up.ID)
	if err == nil && n == 0 {
		return glance.ErrUploadLost
	}
	return err
}

// Uploads lists all uploads.
func (s *Store) Uploads(ctx context.Context) ([]glance.Upload, error) {
	return db.All(ctx, s.db, uploads.Select("").OrderBy("image_id"))
}

// TakeUpload makes up the holder in place of the one seen, or says
// glance.ErrUploadLost if that has moved meanwhile.
func (s *Store) TakeUpload(ctx context.Context, seen, up glance.Upload) error {
	n, err := db.Exec(ctx, s.db, `UPDATE image_uploads SET id = ?, worker = ?, expires_at = ?
		WHERE image_id = ? AND id = ? AND expires_at = ?`,
		up.ID, up.Worker, up.ExpiresAt, seen.ImageID, seen.ID, seen.ExpiresAt)
	if err == nil && n == 0 {
		return glance.ErrUploadLost
	}
	return err
}

// ClaimUnlocated takes the upload of an image of which a store should have
// nothing, so that nobody may write there; glance.ErrUploadLost if it should.
func (s *Store) ClaimUnlocated(ctx context.Context, up glance.Upload, storeID string) error {
	return s.change(ctx, up.ImageID, func(ctx context.Context, tx *db.Tx) error {
		n, err := db.Count(ctx, tx, locations.Select("image_id = ?", up.ImageID).Where("store = ?", storeID))
		if err != nil {
			return err
		}
		held, err := db.Count(ctx, tx, uploads.Select("image_id = ?", up.ImageID))
		if err != nil {
			return err
		}
		if n+held > 0 {
			return glance.ErrUploadLost
		}
		return uploads.Insert(ctx, tx, up)
	})
}
