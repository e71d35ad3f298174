package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var (
	resourceTypes = db.Table[glance.MetadefResourceType]("metadef_resource_types")
	associations  = db.Table[glance.MetadefAssociation]("metadef_associations")
)

// MetadefResourceTypes lists all resource types, the first one first.
func (s *Store) MetadefResourceTypes(ctx context.Context) ([]glance.MetadefResourceType, error) {
	return db.All(ctx, s.db, resourceTypes.Select("").OrderBy("id"))
}

// MetadefResourceType is the resource type of that name, or db.ErrNoRow.
func (s *Store) MetadefResourceType(ctx context.Context, name string) (glance.MetadefResourceType, error) {
	return db.One(ctx, s.db, resourceTypes.Select("name = ?", name))
}

// MetadefAssociations are the associations of namespaces with resource types.
func (s *Store) MetadefAssociations() MetadefRows[glance.MetadefAssociation] {
	return MetadefRows[glance.MetadefAssociation]{s, associations}
}

// MetadefAssociationsIn lists the associations of namespaces, the first one first.
func (s *Store) MetadefAssociationsIn(ctx context.Context, namespaces ...int64) ([]glance.MetadefAssociation, error) {
	return db.All(ctx, s.db, associations.Select("").In("namespace_id", namespaces).OrderBy("id"))
}

// InsertMetadefAssociation writes a new association, and its resource type if
// that is new; db.ErrDuplicate if there is one, db.ErrNoRow if the namespace is gone.
func (s *Store) InsertMetadefAssociation(ctx context.Context, a glance.MetadefAssociation) error {
	return s.inNamespace(ctx, a.NamespaceID, func(ctx context.Context, tx *db.Tx) error {
		if err := insertTypes(ctx, tx, []glance.MetadefAssociation{a}); err != nil {
			return err
		}
		return associations.Insert(ctx, tx, a)
	})
}

// insertTypes writes the resource types of associations that are new.
func insertTypes(ctx context.Context, tx *db.Tx, as []glance.MetadefAssociation) error {
	types := make([]glance.MetadefResourceType, len(as))
	for i, a := range as {
		types[i] = glance.MetadefResourceType{Name: a.Name, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
	}
	return resourceTypes.InsertMissing(ctx, tx, types...)
}
