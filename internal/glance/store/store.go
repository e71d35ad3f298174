// Package store is the database of the Image service: one function, one
// statement or one transaction. Whoever changes an image holds its lock until
// the end of the transaction, so that a patch and an upload that end at the
// same time both keep what they wrote.
package store

import (
	"context"
	"embed"

	"nacre/internal/oslo/db"
)

// Migrations are the schema of the service's database.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Store is the service's database.
type Store struct{ db *db.DB }

// Open opens the database at url and brings its schema up to date.
func Open(ctx context.Context, url string, opts ...db.Option) (*Store, error) {
	d, err := db.Open(ctx, url, Migrations, opts...)
	if err != nil {
		return nil, err
	}
	return New(d), nil
}

// New is a store on a database that has the schema.
func New(d *db.DB) *Store { return &Store{d} }

// DB is the database below, for health checks and the archiver.
func (s *Store) DB() *db.DB { return s.db }

// change runs fn in a transaction that holds the image's lock.
func (s *Store) change(ctx context.Context, imageID string, fn func(ctx context.Context, tx *db.Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := db.Lock(ctx, tx, "image "+imageID); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}
