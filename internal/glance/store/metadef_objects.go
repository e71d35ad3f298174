package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var objects = db.Table[glance.MetadefObject]("metadef_objects")

// MetadefObjects lists the objects of a namespace, the first one first.
func (s *Store) MetadefObjects(ctx context.Context, namespace int64) ([]glance.MetadefObject, error) {
	return db.All(ctx, s.db, objects.Select("namespace_id = ?", namespace).OrderBy("id"))
}

// MetadefObject is an object of a namespace, or db.ErrNoRow.
func (s *Store) MetadefObject(ctx context.Context, namespace int64, name string) (glance.MetadefObject, error) {
	return db.One(ctx, s.db, objects.Select("namespace_id = ?", namespace).Where("name = ?", name))
}

// InsertMetadefObject writes a new object; db.ErrDuplicate if there is one of
// its name, db.ErrNoRow if the namespace is gone.
func (s *Store) InsertMetadefObject(ctx context.Context, o glance.MetadefObject) error {
	return s.inNamespace(ctx, o.NamespaceID, func(ctx context.Context, tx *db.Tx) error { return objects.Insert(ctx, tx, o) })
}

// UpdateMetadefObject writes an object; db.ErrDuplicate if its new name is
// taken, db.ErrNoRow if it is gone.
func (s *Store) UpdateMetadefObject(ctx context.Context, o glance.MetadefObject) error {
	return found(objects.Update(ctx, s.db, o))
}

// DeleteMetadefObject deletes an object; db.ErrNoRow if there is none.
func (s *Store) DeleteMetadefObject(ctx context.Context, namespace int64, name string) error {
	return found(db.Exec(ctx, s.db, "DELETE FROM metadef_objects WHERE namespace_id = ? AND name = ?", namespace, name))
}

// ClearMetadefObjects deletes all objects of a namespace.
func (s *Store) ClearMetadefObjects(ctx context.Context, namespace int64) error {
	return s.clearNamespace(ctx, "metadef_objects", namespace)
}
