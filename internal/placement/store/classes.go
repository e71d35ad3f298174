package store

import (
	"context"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

// Classes lists all resource classes, the standard ones first.
func (s *Store) Classes(ctx context.Context) ([]placement.ResourceClass, error) {
	return db.All(ctx, s.q, classes.Select("").OrderBy("position", "name"))
}

// Class finds a resource class, or db.ErrNoRow.
func (s *Store) Class(ctx context.Context, name string) (placement.ResourceClass, error) {
	return db.One(ctx, s.q, classes.Select("name = ?", name))
}

// HaveClasses says which of the names are resource classes.
func (tx *Tx) HaveClasses(ctx context.Context, names []string) (map[string]bool, error) {
	return have(ctx, tx, `SELECT name FROM resource_classes WHERE name IN (?)`, names)
}

// InsertClass adds a class behind all others; db.ErrDuplicate when it is there.
func (tx *Tx) InsertClass(ctx context.Context, name string) error {
	last, err := db.Scan[int64](ctx, tx, `SELECT MAX(position) FROM resource_classes`)
	if err != nil {
		return err
	}
	return tx.Try(ctx, func() error {
		return classes.Insert(ctx, tx, placement.ResourceClass{Name: name, Position: max(last[0], 9999) + 1, UpdatedAt: tx.s.clock.Now()})
	})
}

// RenameClass gives a class another name, in inventories and allocations too;
// false when there is none, db.ErrDuplicate when the new name is taken.
func (tx *Tx) RenameClass(ctx context.Context, from, to string) (found bool, err error) {
	err = tx.Try(ctx, func() error {
		n, err := db.Exec(ctx, tx, `UPDATE resource_classes SET name = ?, updated_at = ? WHERE name = ?`, to, tx.s.clock.Now(), from)
		found = n > 0
		return err
	})
	if err != nil || !found {
		return false, err
	}
	for _, table := range []string{"inventories", "allocations"} {
		if _, err := db.Exec(ctx, tx, `UPDATE `+table+` SET resource_class = ? WHERE resource_class = ?`, to, from); err != nil {
			return false, err
		}
	}
	_, err = tx.next(ctx, 1)
	return true, err
}

// ClassInUse reports whether any inventory is of the class.
func (tx *Tx) ClassInUse(ctx context.Context, name string) (bool, error) {
	n, err := db.Count(ctx, tx, inventories.Select("resource_class = ?", name))
	return n > 0, err
}

// DeleteClass removes a class; false when there is none.
func (tx *Tx) DeleteClass(ctx context.Context, name string) (bool, error) {
	n, err := db.Exec(ctx, tx, `DELETE FROM resource_classes WHERE name = ?`, name)
	return n > 0, err
}

func have(ctx context.Context, q db.Q, query string, names []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(names) == 0 {
		return out, nil
	}
	found, err := db.Scan[string](ctx, q, query, db.List(names))
	for _, n := range found {
		out[n] = true
	}
	return out, err
}
