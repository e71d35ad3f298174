package store

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var idMappings = db.Table[keystone.IDMapping]("id_mapping")

// IDMapping says where the user or group with that public ID is kept, or is ErrNoRow.
func (r reads) IDMapping(ctx context.Context, publicID string) (keystone.IDMapping, error) {
	return db.One(ctx, r.q, idMappings.Select("public_id = ?", publicID))
}

// IDMappings lists the mappings that f selects.
func (r reads) IDMappings(ctx context.Context, f keystone.IDMappingFilter) ([]keystone.IDMapping, error) {
	return db.All(ctx, r.q, idMappings.Select("").
		WhereIf(f.DomainID != "", "domain_id = ?", f.DomainID).WhereIf(f.PublicID != "", "public_id = ?", f.PublicID).
		WhereIf(f.LocalID != "", "local_id = ?", f.LocalID).WhereIf(f.EntityType != "", "entity_type = ?", f.EntityType))
}

// AddIDMappings records mappings; those that are there stay. No answer depends
// on whether one was recorded yet, so the revision stays.
func (s *Store) AddIDMappings(ctx context.Context, ms []keystone.IDMapping) error {
	for part := range slices.Chunk(ms, 200) {
		if err := idMappings.InsertMissing(ctx, s.db, part...); err != nil {
			return err
		}
	}
	return nil
}

// PurgeIDMappings forgets the mappings that f selects; it says how many.
func (tx *Tx) PurgeIDMappings(ctx context.Context, f keystone.IDMappingFilter) (int64, error) {
	return db.Exec(ctx, tx.tx, `DELETE FROM id_mapping WHERE (? = '' OR domain_id = ?) AND (? = '' OR public_id = ?)
		AND (? = '' OR local_id = ?) AND (? = '' OR entity_type = ?)`,
		f.DomainID, f.DomainID, f.PublicID, f.PublicID, f.LocalID, f.LocalID, f.EntityType, f.EntityType)
}
