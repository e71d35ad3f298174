package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var metadefProperties = db.Table[glance.MetadefProperty]("metadef_properties")

// MetadefProperties lists the properties of a namespace, the first one first.
func (s *Store) MetadefProperties(ctx context.Context, namespace int64) ([]glance.MetadefProperty, error) {
	return db.All(ctx, s.db, metadefProperties.Select("namespace_id = ?", namespace).OrderBy("id"))
}

// MetadefProperty is a property of a namespace, or db.ErrNoRow.
func (s *Store) MetadefProperty(ctx context.Context, namespace int64, name string) (glance.MetadefProperty, error) {
	return db.One(ctx, s.db, metadefProperties.Select("namespace_id = ?", namespace).Where("name = ?", name))
}

// InsertMetadefProperty writes a new property; db.ErrDuplicate if there is one
// of its name, db.ErrNoRow if the namespace is gone.
func (s *Store) InsertMetadefProperty(ctx context.Context, p glance.MetadefProperty) error {
	return s.inNamespace(ctx, p.NamespaceID, func(ctx context.Context, tx *db.Tx) error { return metadefProperties.Insert(ctx, tx, p) })
}

// UpdateMetadefProperty writes a property; db.ErrDuplicate if its new name is
// taken, db.ErrNoRow if it is gone.
func (s *Store) UpdateMetadefProperty(ctx context.Context, p glance.MetadefProperty) error {
	return found(metadefProperties.Update(ctx, s.db, p))
}

// DeleteMetadefProperty deletes a property; db.ErrNoRow if there is none.
func (s *Store) DeleteMetadefProperty(ctx context.Context, namespace int64, name string) error {
	return found(db.Exec(ctx, s.db, "DELETE FROM metadef_properties WHERE namespace_id = ? AND name = ?", namespace, name))
}

// ClearMetadefProperties deletes all properties of a namespace.
func (s *Store) ClearMetadefProperties(ctx context.Context, namespace int64) error {
	return s.clearNamespace(ctx, "metadef_properties", namespace)
}
