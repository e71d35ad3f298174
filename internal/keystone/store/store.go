// Package store keeps identity in SQL. Every change is made in one
// transaction that moves the revision, so what others remember of an older
// revision is stale the moment the change is there.
package store

import (
	"context"
	"embed"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
)

// Migrations are the tables of this service.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Store answers queries; Tx changes.
type Store struct {
	reads
	db   *db.DB
	last atomic.Pointer[revisionAt]
}

// revisionAt is the revision after that many writes.
type revisionAt struct{ writes, revision int64 }

// New is a store on an open database that has Migrations.
func New(d *db.DB) *Store { return &Store{reads: reads{q: d, as: asOf{now: clock.System.Now}}, db: d} }

// As sets what tells memberships that have expired: the clock, and how long
// they last where their identity provider does not say.
func (s *Store) As(c clock.Clock, ttl time.Duration) { s.reads.as = asOf{c.Now, ttl} }

// FixCatalog has the catalogue read from a template. Nobody may change it then.
func (s *Store) FixCatalog(t keystone.CatalogTemplate) { s.fixed = &t }

// asOf is what decides whether something has expired.
type asOf struct {
	now func() time.Time
	ttl time.Duration
}

// Open connects to url and brings its tables up to date.
func Open(ctx context.Context, url string, opts ...db.Option) (*Store, error) {
	d, err := db.Open(ctx, url, Migrations, opts...)
	if err != nil {
		return nil, err
	}
	return New(d), nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.readRevision(ctx)
	return err
}

// reads are the queries, on the database or inside a transaction.
type reads struct {
	q     db.Q
	as    asOf
	fixed *keystone.CatalogTemplate // the catalogue, if it is not in the tables
}

// whole has fn read what is put together from several statements as of one moment. fn may run again.
func whole[T any](ctx context.Context, r reads, fn func(ctx context.Context, r reads) (T, error)) (T, error) {
	return db.Read(ctx, r.q, func(ctx context.Context, on db.Q) (T, error) {
		r.q = on
		return fn(ctx, r)
	})
}

// Tx is a change under way. Its queries see what it wrote.
type Tx struct {
	reads
	tx *db.Tx
}

// AfterCommit has fn called once the transaction is in the database.
func (tx *Tx) AfterCommit(fn func()) { tx.tx.AfterCommit(fn) }

// Tx runs fn in a transaction that moves the revision. fn may run again, whole.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, dtx *db.Tx) error {
		if _, err := db.Exec(ctx, dtx, "UPDATE revisions SET value = value + 1 WHERE id = 'all'"); err != nil {
			return err
		}
		return fn(ctx, &Tx{reads{dtx, s.as, s.fixed}, dtx})
	})
}

// Revision moves with every change.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	writes, known := s.db.Writes()
	if last := s.last.Load(); known && last != nil && last.writes == writes {
		return last.revision, nil
	}
	revision, err := s.readRevision(ctx)
	if err == nil {
		s.last.Store(&revisionAt{writes, revision})
	}
	return revision, err
}

func (s *Store) readRevision(ctx context.Context) (int64, error) {
	n, err := db.Scan[int64](ctx, s.db, "SELECT value FROM revisions WHERE id = 'all'")
	if err == nil && len(n) == 0 {
		err = db.ErrNoRow
	}
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// filterable is a row that a list can be filtered by.
type filterable interface{ Attribute(name string) any }

// list reads the rows that pass the filters, by ID. What columns can decide
// is decided in SQL, the rest here.
func list[T filterable](ctx context.Context, q db.Q, table db.TableOf[T], fs keystone.Filters, columns ...string) ([]T, error) {
	query := table.Select("").OrderBy("id")
	for _, column := range columns {
		if v, ok := fs.Equal(column); ok {
			query.Where(column+" = ?", v)
		}
	}
	rows, err := db.All(ctx, q, query)
	if err != nil || len(fs) == 0 {
		return rows, err
	}
	return slices.DeleteFunc(rows, func(row T) bool { return !fs.Match(row.Attribute) }), nil
}

// byIDs reads the rows with these IDs, in no order; unknown ones are left out.
func byIDs[T any](ctx context.Context, q db.Q, table db.TableOf[T], ids []string) ([]T, error) {
	var rows []T
	for part := range chunks(ids) {
		some, err := db.All(ctx, q, table.Select("").In("id", part))
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// chunks gives each ID once, so many at a time as a statement takes.
func chunks(ids []string) iter.Seq[[]string] {
	return slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), 500)
}

// update writes the row with its primary key, or is ErrNoRow.
func update[T any](ctx context.Context, tx *Tx, table db.TableOf[T], row T) error {
	n, err := table.Update(ctx, tx.tx, row)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}

// remove deletes the row with that ID, or is ErrNoRow.
func (tx *Tx) remove(ctx context.Context, table, id string) error {
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM "+table+" WHERE id = ?", id)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}

// exec runs statements with the same arguments, in order.
func (tx *Tx) exec(ctx context.Context, args []any, statements ...string) error {
	for _, text := range statements {
		if _, err := db.Exec(ctx, tx.tx, text, args...); err != nil {
			return err
		}
	}
	return nil
}
