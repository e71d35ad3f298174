package store

import (
	"context"
	"fmt"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// Usage is what the owner's images use.
func (s *Store) Usage(ctx context.Context, owner string) (glance.Usage, error) {
	return usageOf(ctx, s.db, owner)
}

// usageOf counts rows. An image that is copied to another store is staged and
// uploading as well as one that is imported.
func usageOf(ctx context.Context, on db.Q, owner string) (glance.Usage, error) {
	found, err := db.Scan[glance.Usage](ctx, on, `SELECT COUNT(*) AS images,
		COALESCE(SUM(CASE WHEN (status IN ('uploading', 'importing') OR copying > 0) AND size > 0 THEN size ELSE 0 END), 0) AS staged,
		COALESCE(SUM(CASE WHEN status IN ('saving', 'uploading', 'importing') OR copying > 0 THEN 1 ELSE 0 END), 0) AS uploading
		FROM (SELECT i.status, i.size, (SELECT COUNT(*) FROM image_properties p WHERE p.image_id = i.id AND p.name = ? AND p.value <> '') AS copying
			FROM images i WHERE i.owner = ? AND i.deleted_at IS NULL AND i.status NOT IN ('killed', 'pending_delete')) counted`,
		glance.ImportingToStores, owner)
	if err != nil {
		return glance.Usage{}, fmt.Errorf("count the project's images: %w", err)
	}
	used := found[0] // an aggregate is always one row
	used.Bytes, err = bytesOf(ctx, on, owner)
	return used, err
}

// checkUsage asks each check about its project's usage as it is within tx, and
// keeps that from growing until tx ends.
func checkUsage(ctx context.Context, tx *db.Tx, checks []glance.UsageCheck) error {
	for _, c := range checks {
		if err := db.Lock(ctx, tx, "images of "+c.Project); err != nil {
			return err
		}
		used, err := usageOf(ctx, tx, c.Project)
		if err != nil {
			return err
		}
		if err := c.Check(used); err != nil {
			return err
		}
	}
	return nil
}
