package store

import (
	"context"
	"errors"
	"time"

	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
)

// storedToken is a token of the provider that stores them, under a hash.
type storedToken struct {
	ID        string    `bun:"id,pk"`
	Payload   string    `bun:"payload"`
	KeepUntil time.Time `bun:"keep_until"`
}

var tokens = db.Table[storedToken]("tokens")

// Tokens is the shelf of stored tokens. What is put there moves no revision:
// it changes nothing that was known before.
type Tokens struct{ db *db.DB }

var _ token.Shelf = Tokens{}

// Tokens is the shelf of this store.
func (s *Store) Tokens() Tokens { return Tokens{s.db} }

// Put implements token.Shelf.
func (t Tokens) Put(ctx context.Context, key string, text []byte, until time.Time) error {
	return t.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return tokens.Insert(ctx, tx, storedToken{key, string(text), until})
	})
}

// Get implements token.Shelf.
func (t Tokens) Get(ctx context.Context, key string) ([]byte, error) {
	row, err := db.One(ctx, t.db, tokens.Select("id = ?", key))
	if errors.Is(err, db.ErrNoRow) {
		return nil, token.ErrAbsent
	}
	return []byte(row.Payload), err
}

// flushBatch is how many rows one statement removes, so that logins need not wait long.
const flushBatch = 1000

// FlushTokens forgets stored tokens that are of no use after now; it says how many.
func (s *Store) FlushTokens(ctx context.Context, now time.Time) (flushed int64, err error) {
	for {
		ids, err := db.Scan[string](ctx, s.db, "SELECT id FROM tokens WHERE keep_until < ? ORDER BY keep_until LIMIT ?", now, flushBatch)
		if err != nil || len(ids) == 0 {
			return flushed, err
		}
		n, err := db.Exec(ctx, s.db, "DELETE FROM tokens WHERE id IN (?)", db.List(ids))
		if err != nil {
			return flushed, err
		}
		flushed += n
	}
}
