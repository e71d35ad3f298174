package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var metadefTags = db.Table[glance.MetadefTag]("metadef_tags")

// MetadefTags are the tags of namespaces.
func (s *Store) MetadefTags() MetadefRows[glance.MetadefTag] {
	return MetadefRows[glance.MetadefTag]{s, metadefTags}
}

// MetadefTagPage is one page of the tags of a namespace; its marker is a name.
func (s *Store) MetadefTagPage(ctx context.Context, namespace int64, p db.Page) ([]glance.MetadefTag, error) {
	return tagPage(ctx, s.db, namespace, p)
}

func tagPage(ctx context.Context, on db.Q, namespace int64, p db.Page) ([]glance.MetadefTag, error) {
	return db.All(ctx, on, metadefTags.Select("namespace_id = ?", namespace).Page(p).MarkBy("name"))
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
