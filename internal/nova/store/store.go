// Package store is the SQL of the Compute service, one file per resource. It
// decides only what must be decided inside a transaction; sentences for
// tenants are the service's.
package store

import (
	"context"
	"embed"
	"fmt"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
)

// Migrations make the schema, in portable SQL.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Store reads and writes the service's database.
type Store struct {
	db    *db.DB
	clock clock.Clock
	kept  kept
}

// Tx is a write transaction: what must be decided together is a method on it.
type Tx struct {
	*db.Tx
	clock clock.Clock
}

// Open connects to a database (see db.Open) and brings its schema up to date.
func Open(ctx context.Context, url string, c clock.Clock, opts ...db.Option) (*Store, error) {
	d, err := db.Open(ctx, url, Migrations, opts...)
	if err != nil {
		return nil, fmt.Errorf("nova: %w", err)
	}
	return New(d, c), nil
}

// New makes a store on an open database.
func New(d *db.DB, c clock.Clock) *Store { return &Store{db: d, clock: c} }

// DB is the database below, for the flow engine.
func (s *Store) DB() *db.DB { return s.db }

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// Tx runs fn in one write transaction, again as a whole if the engine asks for it.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return fn(ctx, &Tx{Tx: tx, clock: s.clock})
	})
}
