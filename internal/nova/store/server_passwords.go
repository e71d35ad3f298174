package store

import (
	"context"
	"errors"

	"nacre/internal/oslo/db"
)

// serverPassword is what a guest left for its owner, encrypted with the owner's key.
type serverPassword struct {
	ServerID string `bun:"server_id,pk"`
	Content  string `bun:"content"`
}

var serverPasswords = db.Table[serverPassword]("server_passwords")

// ServerPassword is what the guest posted, or "".
func (s *Store) ServerPassword(ctx context.Context, serverID string) (string, error) {
	row, err := db.One(ctx, s.db, serverPasswords.Select("server_id = ?", serverID))
	if errors.Is(err, db.ErrNoRow) {
		err = nil
	}
	return row.Content, err
}

// SetServerPassword keeps what the guest posted; "" forgets it.
func (s *Store) SetServerPassword(ctx context.Context, serverID, content string) error {
	if content == "" {
		_, err := db.Exec(ctx, s.db, "DELETE FROM server_passwords WHERE server_id = ?", serverID)
		return err
	}
	return serverPasswords.Upsert(ctx, s.db, serverPassword{serverID, content}, []string{"server_id"})
}
