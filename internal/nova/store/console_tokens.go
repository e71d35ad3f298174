package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var consoleTokens = db.Table[nova.ConsoleToken]("console_tokens")

// InsertConsoleToken writes a new token and forgets those that are over.
func (s *Store) InsertConsoleToken(ctx context.Context, t nova.ConsoleToken) error {
	return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		if _, err := db.Exec(ctx, tx, "DELETE FROM console_tokens WHERE expires_at < ?", tx.clock.Now()); err != nil {
			return err
		}
		return consoleTokens.Insert(ctx, tx, t)
	})
}

// ConsoleToken returns a token that may still be used. db.ErrNoRow.
func (s *Store) ConsoleToken(ctx context.Context, hash string) (nova.ConsoleToken, error) {
	return db.One(ctx, s.db, consoleTokens.Select("token_hash = ? AND used_at IS NULL AND expires_at >= ?", hash, s.clock.Now()))
}

// UseConsoleToken marks a token as used and returns it; of two callers one wins. db.ErrNoRow.
func (s *Store) UseConsoleToken(ctx context.Context, hash string) (t nova.ConsoleToken, err error) {
	err = s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		now := tx.clock.Now()
		n, err := db.Exec(ctx, tx, "UPDATE console_tokens SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at >= ?", now, hash, now)
		if err == nil && n == 0 {
			return db.ErrNoRow
		} else if err != nil {
			return err
		}
		t, err = db.One(ctx, tx, consoleTokens.Select("token_hash = ?", hash))
		return err
	})
	return t, err
}

// DeleteConsoleTokens forgets every token for a server.
func (tx *Tx) DeleteConsoleTokens(ctx context.Context, serverID string) error {
	_, err := db.Exec(ctx, tx, "DELETE FROM console_tokens WHERE server_id = ?", serverID)
	return err
}
