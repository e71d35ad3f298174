package store

import (
	"context"

	"nacre/internal/oslo/db"
)

// AddTag gives a server a tag; false when it had it. allow is asked, with how many it has, whether there may be one more.
func (tx *Tx) AddTag(ctx context.Context, serverID, tag string, allow func(have int) error) (added bool, err error) {
	if err := db.Lock(ctx, tx.Tx, "tags "+serverID); err != nil {
		return false, err
	}
	rows, err := db.All(ctx, tx, serverTags.Select("server_id = ?", serverID))
	if err != nil {
		return false, err
	}
	if err := allow(len(rows)); err != nil {
		return false, err
	}
	for _, row := range rows {
		if row.Tag == tag {
			return false, nil
		}
	}
	if err := serverTags.Insert(ctx, tx, serverTag{serverID, tag}); err != nil {
		return false, err
	}
	return true, tx.touch(ctx, serverID)
}

// ReplaceTags gives a server these tags and no others.
func (tx *Tx) ReplaceTags(ctx context.Context, serverID string, tags []string) error {
	if _, err := db.Exec(ctx, tx, "DELETE FROM server_tags WHERE server_id = ?", serverID); err != nil {
		return err
	}
	if err := tx.insertTags(ctx, serverID, tags); err != nil {
		return err
	}
	return tx.touch(ctx, serverID)
}

// DeleteTag takes a tag off a server. db.ErrNoRow.
func (s *Store) DeleteTag(ctx context.Context, serverID, tag string) error {
	return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		n, err := db.Exec(ctx, tx, "DELETE FROM server_tags WHERE server_id = ? AND tag = ?", serverID, tag)
		if err == nil && n == 0 {
			err = db.ErrNoRow
		}
		if err != nil {
			return err
		}
		return tx.touch(ctx, serverID)
	})
}
