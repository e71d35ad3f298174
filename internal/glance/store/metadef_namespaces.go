package store

import (
	"context"
	"strconv"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var namespaces = db.Table[glance.MetadefNamespace]("metadef_namespaces")

// metadefTables hold what is in namespaces.
var metadefTables = []string{"metadef_objects", "metadef_properties", "metadef_tags", "metadef_associations"}

// MetadefNamespace is the namespace of that name, whoever may see it, or db.ErrNoRow.
func (s *Store) MetadefNamespace(ctx context.Context, name string) (glance.MetadefNamespace, error) {
	return db.One(ctx, s.db, namespaces.Select("namespace = ?", name))
}

// MetadefNamespaces is one page of the namespaces that who may see and that
// pass f; db.ErrNoMarker if the page begins after one that who may not see.
func (s *Store) MetadefNamespaces(ctx context.Context, who glance.Visible, f glance.MetadefFilter, p db.Page) ([]glance.MetadefNamespace, error) {
	q := namespaces.Select("").WhereIf(f.Visibility != "", "visibility = ?", f.Visibility).Page(p).MarkBy("namespace")
	if !who.All {
		q.Scope("visibility = 'public' OR owner = ?", who.Project)
	}
	if f.ResourceTypes != nil {
		q.Where("id IN (SELECT namespace_id FROM metadef_associations WHERE name IN (?))", db.List(f.ResourceTypes))
	}
	return db.All(ctx, s.db, q)
}

// InsertMetadefNamespace writes a new namespace and what is in it;
// db.ErrDuplicate if there is one of its name or two things in it have one name.
func (s *Store) InsertMetadefNamespace(ctx context.Context, n *glance.MetadefNamespace, content glance.MetadefContent) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := namespaces.Add(ctx, tx, n); err != nil {
			return err
		}
		return insertContent(ctx, tx, n.ID, content)
	})
}

// insertContent writes new things into a namespace.
func insertContent(ctx context.Context, tx *db.Tx, id int64, c glance.MetadefContent) error {
	for i := range c.Objects {
		c.Objects[i].NamespaceID = id
	}
	for i := range c.Properties {
		c.Properties[i].NamespaceID = id
	}
	for i := range c.Tags {
		c.Tags[i].NamespaceID = id
	}
	for i := range c.Associations {
		c.Associations[i].NamespaceID = id
	}
	if err := objects.Insert(ctx, tx, c.Objects...); err != nil {
		return err
	}
	if err := metadefProperties.Insert(ctx, tx, c.Properties...); err != nil {
		return err
	}
	if err := metadefTags.Insert(ctx, tx, c.Tags...); err != nil {
		return err
	}
	if err := insertTypes(ctx, tx, c.Associations); err != nil {
		return err
	}
	return associations.Insert(ctx, tx, c.Associations...)
}

// MetadefContent is all that is in a namespace.
func (s *Store) MetadefContent(ctx context.Context, id int64) (glance.MetadefContent, error) {
	return db.Read(ctx, s.db, func(ctx context.Context, on db.Q) (c glance.MetadefContent, err error) {
		if c.Objects, err = s.MetadefObjects().in(ctx, on, id); err != nil {
			return c, err
		}
		if c.Properties, err = s.MetadefProperties().in(ctx, on, id); err != nil {
			return c, err
		}
		if c.Associations, err = s.MetadefAssociations().in(ctx, on, id); err != nil {
			return c, err
		}
		c.Tags, err = tagPage(ctx, on, id, db.Page{Sort: []db.Sort{{Column: "created_at", Desc: true}, {Column: "id", Desc: true}}})
		return c, err
	})
}

// UpdateMetadefNamespace writes a namespace; db.ErrDuplicate if its new name is
// taken, db.ErrNoRow if it is gone.
func (s *Store) UpdateMetadefNamespace(ctx context.Context, n glance.MetadefNamespace) error {
	return found(namespaces.Update(ctx, s.db, n))
}

// found makes an error of a row that was not there.
func found(n int64, err error) error {
	if err == nil && n == 0 {
		return db.ErrNoRow
	}
	return err
}

// DeleteMetadefNamespace deletes a namespace and all that is in it; db.ErrNoRow
// if it is gone.
func (s *Store) DeleteMetadefNamespace(ctx context.Context, id int64) error {
	return s.inNamespace(ctx, id, func(ctx context.Context, tx *db.Tx) error {
		for _, table := range append(metadefTables[:len(metadefTables):len(metadefTables)], "metadef_namespaces") {
			column := "namespace_id"
			if table == "metadef_namespaces" {
				column = "id"
			}
			if _, err := db.Exec(ctx, tx, "DELETE FROM "+table+" WHERE "+column+" = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ClearMetadefs deletes every namespace and resource type.
func (s *Store) ClearMetadefs(ctx context.Context) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, table := range append(metadefTables[:len(metadefTables):len(metadefTables)], "metadef_resource_types", "metadef_namespaces") {
			if _, err := db.Exec(ctx, tx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	})
}

// inNamespace runs fn in a transaction that holds the namespace's lock, so that
// nothing is put into one that is being deleted; db.ErrNoRow if it is gone.
func (s *Store) inNamespace(ctx context.Context, id int64, fn func(ctx context.Context, tx *db.Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := db.Lock(ctx, tx, "metadef namespace "+strconv.FormatInt(id, 10)); err != nil {
			return err
		}
		if _, err := db.One(ctx, tx, namespaces.Select("id = ?", id).Only("id")); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}
