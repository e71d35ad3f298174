// Package store keeps the network service's rows.
//
// Reads are methods of Store and, inside a transaction, of Tx; changes are
// methods of Tx only. A Tx notes what it changed: ports, networks, security
// groups, routers, and who came into sets that many hosts hold. Before it
// commits, the revision of every host concerned grows and the objects are
// written down for it; after it has committed, the hook given to OnChange is told.
package store

import (
	"context"
	"embed"
	"io/fs"

	"nacre/internal/oslo/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the schema's files, for tests.
func Migrations() fs.FS { return migrations }

// Store reads committed rows.
type Store struct {
	db      *db.DB
	q       db.Q // db, or the transaction
	changed func(hosts []Hint, sets []string)
}

// Hint says that the state of a host has a newer revision.
type Hint struct {
	Host     string `bun:"host"`
	Revision int64  `bun:"revision"`
}

// Open connects to the database and brings its schema up to date.
func Open(ctx context.Context, url string, opts ...db.Option) (*Store, error) {
	d, err := db.Open(ctx, url, migrations, opts...)
	if err != nil {
		return nil, err
	}
	return New(d), nil
}

// New is a store on an open database.
func New(d *db.DB) *Store { return &Store{db: d, q: d, changed: func([]Hint, []string) {}} }

// OnChange has fn told, after every commit, about the hosts whose state and
// the sets whose elements it changed.
func (s *Store) OnChange(fn func(hosts []Hint, sets []string)) { s.changed = fn }

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// whole has fn read what is put together from several statements as of one
// moment, from the store that it is given. fn may run again.
func whole[T any](ctx context.Context, s *Store, fn func(ctx context.Context, s *Store) (T, error)) (T, error) {
	return db.Read(ctx, s.q, func(ctx context.Context, on db.Q) (T, error) {
		return fn(ctx, &Store{db: s.db, q: on, changed: s.changed})
	})
}

// Tx is a write transaction; as a Store it reads what it wrote.
type Tx struct {
	*Store
	tx      *db.Tx
	touched touched
}

// Tx runs fn in a transaction, again if the engine asks for it.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, dtx *db.Tx) error {
		tx := &Tx{Store: &Store{db: s.db, q: dtx, changed: s.changed}, tx: dtx}
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return tx.bump(ctx)
	})
}

// Lock makes transactions that name the same key run one after another.
func (tx *Tx) Lock(ctx context.Context, key string) error { return db.Lock(ctx, tx.tx, key) }

// AfterCommit has fn called when the transaction is in the database.
func (tx *Tx) AfterCommit(fn func()) { tx.tx.AfterCommit(fn) }
