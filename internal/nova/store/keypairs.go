package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var keypairs = db.Table[nova.Keypair]("keypairs")

// Keypairs returns one page of a user's keypairs by name; the page's marker is a name. db.ErrNoMarker.
func (s *Store) Keypairs(ctx context.Context, userID string, p db.Page) ([]nova.Keypair, error) {
	return db.All(ctx, s.db, keypairs.Select("user_id = ?", userID).MarkBy("name").Page(p, "name"))
}

// Keypair returns a user's keypair by name. db.ErrNoRow.
func (s *Store) Keypair(ctx context.Context, userID, name string) (nova.Keypair, error) {
	return db.One(ctx, s.db, keypairs.Select("user_id = ? AND name = ?", userID, name))
}

// KeypairCount says how many keypairs a user has.
func (s *Store) KeypairCount(ctx context.Context, userID string) (int, error) {
	return db.Count(ctx, s.db, keypairs.Select("user_id = ?", userID))
}

// AddKeypair counts the user's keypairs, asks allow whether there may be one more, and writes k with its id.
// db.ErrDuplicate when the user has one of that name.
func (tx *Tx) AddKeypair(ctx context.Context, k *nova.Keypair, allow func(have int) error) error {
	if err := db.Lock(ctx, tx.Tx, "keypairs "+k.UserID); err != nil {
		return err
	}
	have, err := db.Count(ctx, tx, keypairs.Select("user_id = ?", k.UserID))
	if err != nil {
		return err
	}
	if err := allow(have); err != nil {
		return err
	}
	k.CreatedAt = tx.clock.Now()
	return keypairs.Add(ctx, tx, k)
}

// DeleteKeypair removes a user's keypair. db.ErrNoRow.
func (s *Store) DeleteKeypair(ctx context.Context, userID, name string) error {
	n, err := db.Exec(ctx, s.db, "DELETE FROM keypairs WHERE user_id = ? AND name = ?", userID, name)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
