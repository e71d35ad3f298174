package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var mappings = db.Table[keystone.Mapping]("mappings")

// Mapping is the mapping with that ID, or ErrNoRow.
func (r reads) Mapping(ctx context.Context, id string) (keystone.Mapping, error) {
	return db.One(ctx, r.q, mappings.Select("id = ?", id))
}

// Mappings lists all mappings.
func (r reads) Mappings(ctx context.Context) ([]keystone.Mapping, error) {
	return db.All(ctx, r.q, mappings.Select("").OrderBy("id"))
}

// InsertMapping writes a new mapping; ErrDuplicate if the ID is taken.
func (tx *Tx) InsertMapping(ctx context.Context, m keystone.Mapping) error {
	return mappings.Insert(ctx, tx.tx, m)
}

// UpdateMapping writes all of a mapping.
func (tx *Tx) UpdateMapping(ctx context.Context, m keystone.Mapping) error {
	return update(ctx, tx, mappings, m)
}

// DeleteMapping removes a mapping, or is ErrNoRow.
func (tx *Tx) DeleteMapping(ctx context.Context, id string) error {
	return tx.remove(ctx, "mappings", id)
}
