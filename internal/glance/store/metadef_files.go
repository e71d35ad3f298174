package store

import (
	"context"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

// MergeMetadefNamespace puts content into a namespace that is there. What has a
// name that is taken is left out or, if preferNew, replaces what has it, as n
// replaces the namespace.
func (s *Store) MergeMetadefNamespace(ctx context.Context, n glance.MetadefNamespace, content glance.MetadefContent, preferNew bool) error {
	have, err := s.MetadefContent(ctx, n.ID)
	if err != nil {
		return err
	}
	var fresh glance.MetadefContent
	return s.inNamespace(ctx, n.ID, func(ctx context.Context, tx *db.Tx) (err error) {
		if preferNew {
			if _, err := namespaces.Update(ctx, tx, n); err != nil {
				return err
			}
		}
		m := merger{ctx, tx, preferNew}
		if fresh.Objects, err = merge(m, objects, have.Objects, content.Objects, func(old, o *glance.MetadefObject) bool {
			o.ID, o.NamespaceID, o.CreatedAt, o.UpdatedAt = old.ID, old.NamespaceID, old.CreatedAt, n.UpdatedAt
			return old.Name == o.Name
		}); err != nil {
			return err
		}
		if fresh.Properties, err = merge(m, metadefProperties, have.Properties, content.Properties, func(old, p *glance.MetadefProperty) bool {
			p.ID, p.NamespaceID = old.ID, old.NamespaceID
			return old.Name == p.Name
		}); err != nil {
			return err
		}
		if fresh.Tags, err = merge(m, metadefTags, have.Tags, content.Tags, func(old, t *glance.MetadefTag) bool {
			t.ID, t.NamespaceID, t.CreatedAt, t.UpdatedAt = old.ID, old.NamespaceID, old.CreatedAt, n.UpdatedAt
			return old.Name == t.Name
		}); err != nil {
			return err
		}
		if fresh.Associations, err = merge(m, associations, have.Associations, content.Associations, func(old, a *glance.MetadefAssociation) bool {
			a.ID, a.NamespaceID, a.CreatedAt, a.UpdatedAt = old.ID, old.NamespaceID, old.CreatedAt, n.UpdatedAt
			return old.Name == a.Name
		}); err != nil {
			return err
		}
		return insertContent(ctx, tx, n.ID, fresh)
	})
}

type merger struct {
	ctx       context.Context
	tx        *db.Tx
	preferNew bool
}

// merge returns those of want that are not there yet. take reports whether old
// has the name of a row, and makes the row its successor.
func merge[T any](m merger, table db.TableOf[T], have, want []T, take func(old, row *T) bool) (fresh []T, err error) {
rows:
	for _, row := range want {
		for i := range have {
			next := row
			if !take(&have[i], &next) {
				continue
			}
			if m.preferNew {
				if _, err := table.Update(m.ctx, m.tx, next); err != nil {
					return nil, err
				}
			}
			continue rows
		}
		fresh = append(fresh, row)
	}
	return fresh, nil
}
