package store

import (
	"context"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var (
	cached     = db.Table[glance.Cached]("cached_images")
	cacheQueue = db.Table[glance.CacheRequest]("image_cache_queue")
)

// Cached lists what a node has, the longest unused first.
func (s *Store) Cached(ctx context.Context, node string) ([]glance.Cached, error) {
	return db.All(ctx, s.db, cached.Select("node = ?", node).OrderBy("last_accessed", "image_id"))
}

// CachedOn lists the nodes that have an image.
func (s *Store) CachedOn(ctx context.Context, imageID string) ([]glance.Cached, error) {
	return db.All(ctx, s.db, cached.Select("image_id = ?", imageID).OrderBy("node"))
}

// InsertCached records what a node has got; it leaves the queue.
func (s *Store) InsertCached(ctx context.Context, c glance.Cached) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := cached.InsertMissing(ctx, tx, c); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, "DELETE FROM image_cache_queue WHERE node = ? AND image_id = ?", c.Node, c.ImageID)
		return err
	})
}

// HitCached counts a use, if the node has the image.
func (s *Store) HitCached(ctx context.Context, node, imageID string, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, s.db, "UPDATE cached_images SET hits = hits + 1, last_accessed = ? WHERE node = ? AND image_id = ?", now, node, imageID)
	return n > 0, err
}

// DeleteCached forgets that a node has an image, and whether it did.
func (s *Store) DeleteCached(ctx context.Context, node, imageID string) (bool, error) {
	n, err := db.Exec(ctx, s.db, "DELETE FROM cached_images WHERE node = ? AND image_id = ?", node, imageID)
	return n > 0, err
}

// Queue has a node fetch an image; once is enough.
func (s *Store) Queue(ctx context.Context, r glance.CacheRequest) error {
	return cacheQueue.InsertMissing(ctx, s.db, r)
}

// Queued lists what a node is to fetch, in the order in which it was asked to.
func (s *Store) Queued(ctx context.Context, node string) ([]glance.CacheRequest, error) {
	return db.All(ctx, s.db, cacheQueue.Select("node = ?", node).OrderBy("queued_at", "image_id"))
}

// Unqueue takes an image from a node's queue, and whether it was there.
func (s *Store) Unqueue(ctx context.Context, node, imageID string) (bool, error) {
	n, err := db.Exec(ctx, s.db, "DELETE FROM image_cache_queue WHERE node = ? AND image_id = ?", node, imageID)
	return n > 0, err
}
