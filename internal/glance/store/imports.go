package store

import (
	"context"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// Import is a transaction on an image that is imported. It holds the image's
// lock until its end.
type Import struct {
	*db.Tx
	Image glance.Image // as it is, deleted or not; Save writes what was changed

	was glance.Image
	now time.Time
}

// Import runs fn on an image; db.ErrNoRow if there never was one of that ID.
func (s *Store) Import(ctx context.Context, imageID string, now time.Time, fn func(ctx context.Context, tx *Import) error) error {
	return s.change(ctx, imageID, func(ctx context.Context, tx *db.Tx) error {
		img, err := one(ctx, tx, glance.Visible{All: true}, images.Select("id = ?", imageID))
		if err != nil {
			return err
		}
		return fn(ctx, &Import{Tx: tx, Image: clone(img), was: img, now: now})
	})
}

// AnyImage is the image with that ID, deleted or not.
func (s *Store) AnyImage(ctx context.Context, id string) (glance.Image, error) {
	return one(ctx, s.db, glance.Visible{All: true}, images.Select("id = ?", id))
}

// Save writes the image.
func (i *Import) Save(ctx context.Context) error {
	i.Image.UpdatedAt = i.now.Truncate(time.Second)
	if _, err := images.Update(ctx, i.Tx, i.Image); err != nil {
		return err
	}
	return writeDetails(ctx, i.Tx, i.was, i.Image)
}

// Unlocate forgets the own objects of those stores.
func (i *Import) Unlocate(ctx context.Context, stores []string) error {
	_, err := db.Exec(ctx, i.Tx, "DELETE FROM image_locations WHERE image_id = ? AND url = '' AND store IN (?)", i.Image.ID, db.List(stores))
	if err != nil {
		return err
	}
	i.Image.Locations, err = db.All(ctx, i.Tx, locations.Select("image_id = ?", i.Image.ID).OrderBy("position", "id"))
	return err
}

// InsertTask writes a new task.
func (i *Import) InsertTask(ctx context.Context, t glance.Task) error {
	return tasks.Insert(ctx, i.Tx, t)
}

// EndTask ends a task that is not over. A message of "" leaves the last one.
func (i *Import) EndTask(ctx context.Context, id string, status glance.TaskStatus, result, message string, expires time.Time) error {
	return endTask(ctx, i.Tx, id, status, result, message, i.now, expires)
}

// Held reports whether somebody writes to a store for the image, or tidies one.
func (i *Import) Held(ctx context.Context) (bool, error) {
	n, err := db.Count(ctx, i.Tx, uploads.Select("image_id = ?", i.Image.ID))
	return n > 0, err
}

// Check asks the limits.
func (i *Import) Check(ctx context.Context, limits ...glance.UsageCheck) error {
	return checkUsage(ctx, i.Tx, limits)
}

// Held reports whether somebody writes bytes of the image, or tidies its stores.
func (s *Store) Held(ctx context.Context, imageID string) (bool, error) {
	n, err := db.Count(ctx, s.db, uploads.Select("image_id = ?", imageID))
	return n > 0, err
}
