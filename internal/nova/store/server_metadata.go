package store

import (
	"context"
	"maps"

	"nacre/internal/oslo/db"
)

// SetMetadata writes items of a server's metadata, over what is there or instead of it, and returns what there is then.
// allow is asked whether there may be so many items.
func (tx *Tx) SetMetadata(ctx context.Context, serverID string, items map[string]string, replace bool, allow func(count int) error) (map[string]string, error) {
	if err := db.Lock(ctx, tx.Tx, "metadata "+serverID); err != nil {
		return nil, err
	}
	have, err := tx.metadata(ctx, serverID)
	if err != nil {
		return nil, err
	}
	want := maps.Clone(items)
	if !replace {
		want = have
		maps.Copy(want, items)
	}
	if err := allow(len(want)); err != nil {
		return nil, err
	}
	if _, err := db.Exec(ctx, tx, "DELETE FROM server_metadata WHERE server_id = ?", serverID); err != nil {
		return nil, err
	}
	if want == nil {
		want = map[string]string{}
	}
	if err := tx.insertMetadata(ctx, serverID, want); err != nil {
		return nil, err
	}
	return want, tx.touch(ctx, serverID)
}

func (tx *Tx) metadata(ctx context.Context, serverID string) (map[string]string, error) {
	rows, err := db.All(ctx, tx, serverMetadata.Select("server_id = ?", serverID))
	out := make(map[string]string, len(rows))
	for _, row := range rows {
		out[row.Item] = row.Content
	}
	return out, err
}

// DeleteMetadata removes one item of a server's metadata. db.ErrNoRow.
func (s *Store) DeleteMetadata(ctx context.Context, serverID, item string) error {
	return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		n, err := db.Exec(ctx, tx, "DELETE FROM server_metadata WHERE server_id = ? AND item = ?", serverID, item)
		if err == nil && n == 0 {
			err = db.ErrNoRow
		}
		if err != nil {
			return err
		}
		return tx.touch(ctx, serverID)
	})
}
