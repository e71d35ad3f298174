package store

import (
	"context"
	"fmt"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// Usage is what the owners' images use.
func (s *Store) Usage(ctx context.Context, owners ...string) (glance.Usage, error) {
	return db.Read(ctx, s.db, func(ctx context.Context, on db.Q) (glance.Usage, error) { return usageOf(ctx, on, owners) })
}

// usageOf counts rows. An image that is copied to another store is staged and
// uploading as well as one that is imported.
func usageOf(ctx context.Context, on db.Q, owners []string) (glance.Usage, error) {
	found, err := db.Scan[glance.Usage](ctx, on, `SELECT COUNT(*) AS images,
		COALESCE(SUM(CASE WHEN (status IN ('uploading', 'importing') OR copying > 0) AND size > 0 THEN size ELSE 0 END), 0) AS staged,
		COALESCE(SUM(CASE WHEN status IN ('saving', 'uploading', 'importing') OR copying > 0 THEN 1 ELSE 0 END), 0) AS uploading
		FROM (SELECT i.status, i.size, (SELECT COUNT(*) FROM image_properties p WHERE p.image_id = i.id AND p.name = ? AND p.value <> '') AS copying
			FROM images i WHERE i.owner IN (?) AND i.deleted_at IS NULL AND i.status NOT IN ('killed', 'pending_delete')) counted`,
		glance.ImportingToStores, db.List(owners))
	if err != nil {
		return glance.Usage{}, fmt.Errorf("count the projects' images: %w", err)
	}
	used := found[0] // an aggregate is always one row
	used.Bytes, err = bytesOf(ctx, on, owners)
	return used, err
}

// checkUsage asks each check about its projects' usage as it is within tx, and
// keeps that from growing until tx ends. Those of a tree are in order from the
// project to the top, so that nobody waits in a circle.
func checkUsage(ctx context.Context, tx *db.Tx, checks []glance.UsageCheck) error {
	for _, c := range checks {
		if err := db.Lock(ctx, tx, "images of "+c.Of); err != nil {
			return err
		}
		used, err := usageOf(ctx, tx, c.Projects)
		if err != nil {
			return err
		}
		if err := c.Check(used); err != nil {
			return err
		}
	}
	return nil
}
