package store

import (
	"context"

	"nacre/internal/oslo/db"
)

// MetadefRows are the things of one kind that are in namespaces.
type MetadefRows[T any] struct {
	s     *Store
	table db.TableOf[T]
}

// In lists those of a namespace, the first one first.
func (r MetadefRows[T]) In(ctx context.Context, namespace int64) ([]T, error) {
	return r.in(ctx, r.s.db, namespace)
}

func (r MetadefRows[T]) in(ctx context.Context, on db.Q, namespace int64) ([]T, error) {
	return db.All(ctx, on, r.table.Select("namespace_id = ?", namespace).OrderBy("id"))
}

// Named is the one of that name in a namespace, or db.ErrNoRow.
func (r MetadefRows[T]) Named(ctx context.Context, namespace int64, name string) (T, error) {
	return db.One(ctx, r.s.db, r.table.Select("namespace_id = ?", namespace).Where("name = ?", name))
}

// Insert writes a new one; db.ErrDuplicate if there is one of its name,
// db.ErrNoRow if the namespace is gone.
func (r MetadefRows[T]) Insert(ctx context.Context, namespace int64, row T) error {
	return r.s.inNamespace(ctx, namespace, func(ctx context.Context, tx *db.Tx) error { return r.table.Insert(ctx, tx, row) })
}

// Update writes one; db.ErrDuplicate if its new name is taken, db.ErrNoRow if it is gone.
func (r MetadefRows[T]) Update(ctx context.Context, row T) error {
	return found(r.table.Update(ctx, r.s.db, row))
}

// Delete deletes one; db.ErrNoRow if there is none.
func (r MetadefRows[T]) Delete(ctx context.Context, namespace int64, name string) error {
	return found(db.Exec(ctx, r.s.db, "DELETE FROM "+r.table.Name()+" WHERE namespace_id = ? AND name = ?", namespace, name))
}

// Clear deletes all of a namespace.
func (r MetadefRows[T]) Clear(ctx context.Context, namespace int64) error {
	_, err := db.Exec(ctx, r.s.db, "DELETE FROM "+r.table.Name()+" WHERE namespace_id = ?", namespace)
	return err
}
