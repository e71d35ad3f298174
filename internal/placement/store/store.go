// Package store keeps Placement's rows.
package store

import (
	"context"
	"embed"
	"fmt"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the schema's, for tests that open the database themselves.
func Migrations() embed.FS { return migrations }

var (
	providers   = db.Table[placement.ResourceProvider]("resource_providers")
	inventories = db.Table[placement.Inventory]("inventories")
	allocations = db.Table[placement.Allocation]("allocations")
	consumers   = db.Table[placement.Consumer]("consumers")
	classes     = db.Table[placement.ResourceClass]("resource_classes")
	traits      = db.Table[placement.Trait]("traits")
	rpTraits    = db.Table[placement.ProviderTrait]("provider_traits")
	rpAggs      = db.Table[placement.ProviderAggregate]("provider_aggregates")
)

// Store is Placement's database.
type Store struct {
	db    *db.DB
	q     db.Q // db, or one moment of it
	clock clock.Clock
}

// Open connects to the database of that URL and fills in what exists everywhere.
func Open(ctx context.Context, url string, c clock.Clock) (*Store, error) {
	d, err := db.Open(ctx, url, migrations)
	if err != nil {
		return nil, err
	}
	return New(ctx, d, c)
}

// New is a store on a database that is open.
func New(ctx context.Context, d *db.DB, c clock.Clock) (*Store, error) {
	s := &Store{db: d, q: d, clock: c}
	return s, s.ensureStandard(ctx)
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// ensureStandard adds the classes and traits that exist everywhere.
func (s *Store) ensureStandard(ctx context.Context) error {
	have, err := db.Scan[int](ctx, s.db, `SELECT COUNT(*) FROM traits WHERE name NOT LIKE 'CUSTOM%'`)
	if err != nil {
		return err
	}
	names := placement.StandardTraits()
	if have[0] == len(names) {
		return nil
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		now := s.clock.Now()
		rows := make([]placement.Trait, len(names))
		for i, n := range names {
			rows[i] = placement.Trait{Name: n, UpdatedAt: now}
		}
		if err := traits.InsertMissing(ctx, tx, rows...); err != nil {
			return fmt.Errorf("standard traits: %w", err)
		}
		std := make([]placement.ResourceClass, len(placement.StandardClasses))
		for i, n := range placement.StandardClasses {
			std[i] = placement.ResourceClass{Name: n, Position: int64(i), UpdatedAt: now}
		}
		return classes.InsertMissing(ctx, tx, std...)
	})
}

// Read has fn read what is put together from several statements as of one
// moment, from the store that it is given. fn may run again.
func Read[T any](ctx context.Context, s *Store, fn func(ctx context.Context, s *Store) (T, error)) (T, error) {
	return db.Read(ctx, s.q, func(ctx context.Context, on db.Q) (T, error) {
		return fn(ctx, &Store{db: s.db, q: on, clock: s.clock})
	})
}

// Tx is a write transaction that gives every provider it touches one new sequence number.
type Tx struct {
	*db.Tx
	s   *Store
	seq int64
}

// Tx runs fn in a transaction.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return fn(ctx, &Tx{Tx: tx, s: s}) })
}

// Alone waits until no other transaction changes providers. What is read from
// then on stays true until the end.
func (tx *Tx) Alone(ctx context.Context) error {
	_, err := tx.next(ctx, 0)
	return err
}

// next is the transaction's sequence number. Taking it serialises all writers
// of providers, so that a reader who has seen a number has seen all before it.
func (tx *Tx) next(ctx context.Context, structure int) (int64, error) {
	if tx.seq != 0 && structure == 0 {
		return tx.seq, nil
	}
	if _, err := db.Exec(ctx, tx, `UPDATE revisions SET seq = seq + 1, structure = structure + ? WHERE id = 1`, structure); err != nil {
		return 0, err
	}
	seq, err := db.Scan[int64](ctx, tx, `SELECT seq FROM revisions WHERE id = 1`)
	if err != nil {
		return 0, err
	}
	tx.seq = seq[0]
	return tx.seq, nil
}

// Revision tells how far the database is: the last sequence number, and how
// often providers have been removed or moved.
func (s *Store) Revision(ctx context.Context) (seq, structure int64, err error) {
	type revision struct {
		Seq       int64 `bun:"seq"`
		Structure int64 `bun:"structure"`
	}
	rows, err := db.Scan[revision](ctx, s.q, `SELECT seq, structure FROM revisions WHERE id = 1`)
	if err != nil {
		return 0, 0, err
	}
	return rows[0].Seq, rows[0].Structure, nil
}
