package store

import (
	"context"
	"reflect"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var (
	locations = db.Table[glance.Location]("image_locations")
	hashings  = db.Table[glance.Hashing]("image_hashes")
)

// writeLocations makes the locations in the database those of to, in that
// order. Those that wait for the scrubber stay.
func writeLocations(ctx context.Context, tx *db.Tx, from, to glance.Image) error {
	if slices.EqualFunc(from.Locations, to.Locations, func(a, b glance.Location) bool { return reflect.DeepEqual(a, b) }) {
		return nil
	}
	if _, err := db.Exec(ctx, tx, "DELETE FROM image_locations WHERE image_id = ? AND status = 'active'", to.ID); err != nil {
		return err
	}
	for i := range to.Locations {
		to.Locations[i].Position = i
	}
	return locations.Insert(ctx, tx, to.Locations...)
}

// addLocation puts a location behind those that are there.
func addLocation(ctx context.Context, tx *db.Tx, have []glance.Location, to glance.Location) ([]glance.Location, error) {
	to.Position = 0
	for _, l := range have {
		to.Position = max(to.Position, l.Position+1)
	}
	return append(have, to), locations.Insert(ctx, tx, to)
}

// PendingLocations lists what the scrubber may remove: what was deleted before then.
func (s *Store) PendingLocations(ctx context.Context, before time.Time) ([]glance.Location, error) {
	return db.All(ctx, s.db, locations.Select("status = 'pending_delete'").Where("deleted_at <= ?", before).OrderBy("deleted_at", "id"))
}

// Scrubbed forgets a location whose bytes are gone. An image that was deleted
// is so for good with its last one.
func (s *Store) Scrubbed(ctx context.Context, l glance.Location) error {
	return s.change(ctx, l.ImageID, func(ctx context.Context, tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, "DELETE FROM image_locations WHERE id = ? AND status = 'pending_delete'", l.ID); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, `UPDATE images SET status = 'deleted' WHERE id = ? AND status = 'pending_delete'
			AND NOT EXISTS (SELECT 1 FROM image_locations l WHERE l.image_id = images.id)`, l.ImageID)
		return err
	})
}

// RestoreImage takes back the deletion of an image whose bytes still wait for
// the scrubber; db.ErrNoRow if there is none such.
func (s *Store) RestoreImage(ctx context.Context, id string, now time.Time) error {
	return s.change(ctx, id, func(ctx context.Context, tx *db.Tx) error {
		n, err := db.Exec(ctx, tx, `UPDATE images SET status = 'active', deleted_at = NULL, updated_at = ?
			WHERE id = ? AND status = 'pending_delete'`, now.Truncate(time.Second), id)
		if err == nil && n == 0 {
			err = db.ErrNoRow
		}
		if err != nil {
			return err
		}
		_, err = db.Exec(ctx, tx, "UPDATE image_locations SET status = 'active', deleted_at = NULL WHERE image_id = ?", id)
		return err
	})
}

// Hashings lists what processes of older versions left to be hashed.
func (s *Store) Hashings(ctx context.Context) ([]glance.Hashing, error) {
	return db.All(ctx, s.db, hashings.Select("").OrderBy("image_id"))
}

// TakeHashing forgets that the image is to be hashed; false if it need not be any more.
func (i *Import) TakeHashing(ctx context.Context) (bool, error) {
	n, err := db.Exec(ctx, i.Tx, "DELETE FROM image_hashes WHERE image_id = ?", i.Image.ID)
	return n > 0, err
}
