package store

import (
	"context"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// RemoveFrom takes away the location that an image has in a store and returns
// it; db.ErrNoRow for no such image. check refuses where there is none.
func (s *Store) RemoveFrom(ctx context.Context, imageID, storeID string, now time.Time,
	check func(glance.Image) error) (gone glance.Location, err error) {
	err = s.change(ctx, imageID, func(ctx context.Context, tx *db.Tx) error {
		img, err := one(ctx, tx, glance.Visible{All: true}, images.Select("deleted_at IS NULL").Where("id = ?", imageID))
		if err != nil {
			return err
		}
		if err := check(img); err != nil {
			return err
		}
		i := slices.IndexFunc(img.Locations, func(l glance.Location) bool { return l.Store == storeID })
		gone, img.UpdatedAt = img.Locations[i], now.Truncate(time.Second)
		if _, err := images.Update(ctx, tx, img, "updated_at"); err != nil {
			return err
		}
		_, err = db.Exec(ctx, tx, "DELETE FROM image_locations WHERE id = ?", gone.ID)
		return err
	})
	return gone, err
}
