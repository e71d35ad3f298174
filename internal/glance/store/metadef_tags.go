package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var metadefTags = db.Table[glance.MetadefTag]("metadef_tags")

// MetadefTags is one page of the tags of a namespace; its marker is a name.
func (s *Store) MetadefTags(ctx context.Context, namespace int64, p db.Page) ([]glance.MetadefTag, error) {
	return db.All(ctx, s.db, metadefTags.Select("namespace_id = ?", namespace).Page(p).MarkBy("name"))
}

// MetadefTag is a tag of a namespace, or db.ErrNoRow.
func (s *Store) MetadefTag(ctx context.Context, namespace int64, name string) (glance.MetadefTag, error) {
	return db.One(ctx, s.db, metadefTags.Select("namespace_id = ?", namespace).Where("name = ?", name))
}

// InsertMetadefTags writes new tags, in place of those that are there if
// replace; db.ErrDuplicate if one of their names is taken, db.ErrNoRow if the
// namespace is gone.
func (s *Store) InsertMetadefTags(ctx context.Context, namespace int64, replace bool, tags ...glance.MetadefTag) error {
	return s.inNamespace(ctx, namespace, func(ctx context.Context, tx *db.Tx) error {
		if replace {
			if _, err := db.Exec(ctx, tx, "DELETE FROM metadef_tags WHERE namespace_id = ?", namespace); err != nil {
				return err
			}
		}
		return metadefTags.Insert(ctx, tx, tags...)
	})
}

// UpdateMetadefTag writes a tag; db.ErrDuplicate if its new name is taken,
// db.ErrNoRow if it is gone.
func (s *Store) UpdateMetadefTag(ctx context.Context, t glance.MetadefTag) error {
	return found(metadefTags.Update(ctx, s.db, t))
}

// DeleteMetadefTag deletes a tag; db.ErrNoRow if there is none.
func (s *Store) DeleteMetadefTag(ctx context.Context, namespace int64, name string) error {
	return found(db.Exec(ctx, s.db, "DELETE FROM metadef_tags WHERE namespace_id = ? AND name = ?", namespace, name))
}

// ClearMetadefTags deletes all tags of a namespace.
func (s *Store) ClearMetadefTags(ctx context.Context, namespace int64) error {
	return s.clearNamespace(ctx, "metadef_tags", namespace)
}
