package store

import (
	"context"
	"errors"

	"nacre/internal/oslo/db"
)

// passcode is the last time step whose passcode of a credential was used.
type passcode struct {
	CredentialID string `bun:"credential_id,pk"`
	Step         int64  `bun:"step"`
}

var passcodes = db.Table[passcode]("passcodes")

// UsePasscode uses up the passcode of a time step, and those before; false if
// it was used up already. It moves no revision.
func (s *Store) UsePasscode(ctx context.Context, credentialID string, step int64) (fresh bool, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := db.Exec(ctx, tx, "UPDATE passcodes SET step = ? WHERE credential_id = ? AND step < ?", step, credentialID, step)
		if err != nil || n > 0 {
			return err
		}
		return passcodes.Insert(ctx, tx, passcode{credentialID, step})
	})
	if errors.Is(err, db.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// FlushPasscodes forgets uses before a step, of passcodes that are good no more.
func (s *Store) FlushPasscodes(ctx context.Context, step int64) error {
	_, err := db.Exec(ctx, s.db, "DELETE FROM passcodes WHERE step < ?", step)
	return err
}
