package store

import (
	"context"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	passwords = db.Table[keystone.Password]("passwords")
	logins    = db.Table[keystone.Login]("logins")
)

// Passwords lists those of a user that are remembered, the newest first.
func (r reads) Passwords(ctx context.Context, userID string) ([]keystone.Password, error) {
	return db.All(ctx, r.q, passwords.Select("user_id = ?", userID).OrderBy("created_at DESC", "id"))
}

// AddPassword records a user's new password. Those before it have expired; keep
// of them stay.
func (tx *Tx) AddPassword(ctx context.Context, p keystone.Password, keep int) error {
	had, err := tx.Passwords(ctx, p.UserID)
	if err != nil {
		return err
	}
	if len(had) > 0 && !p.CreatedAt.After(had[0].CreatedAt) { // two at the same time keep their order
		p.CreatedAt = had[0].CreatedAt.Add(time.Microsecond)
	}
	for i, old := range had {
		if i >= keep {
			if err := tx.remove(ctx, "passwords", old.ID); err != nil {
				return err
			}
		}
	}
	if _, err := db.Exec(ctx, tx.tx, "UPDATE passwords SET expires_at = ? WHERE user_id = ? AND (expires_at IS NULL OR expires_at > ?)",
		p.CreatedAt, p.UserID, p.CreatedAt); err != nil {
		return err
	}
	return passwords.Insert(ctx, tx.tx, p)
}

// Login is how a user's logins have gone; nothing is known of one who never failed.
func (r reads) Login(ctx context.Context, userID string) (keystone.Login, error) {
	return db.One(ctx, r.q, logins.Select("user_id = ?", userID))
}

// Logins reads those of several users, in no order.
func (r reads) Logins(ctx context.Context, userIDs []string) ([]keystone.Login, error) {
	var rows []keystone.Login
	for part := range chunks(userIDs) {
		some, err := db.All(ctx, r.q, logins.Select("").In("user_id", part))
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// What follows is written outside of Tx: it changes no answer but that of the
// login itself, and the revision must not move with every wrong password.

// CountFailure counts a failed login. What failed before forgotten counts no
// more, if limit was reached by then.
func (s *Store) CountFailure(ctx context.Context, userID string, now, forgotten time.Time, limit int) error {
	return s.login(ctx, userID, `UPDATE logins SET failures = CASE WHEN failures >= ? AND failed_at <= ? THEN 1 ELSE failures + 1 END, failed_at = ?
		WHERE user_id = ?`, limit, forgotten, now, userID)
}

// login changes a user's row, which is made if it is not there.
func (s *Store) login(ctx context.Context, userID, update string, args ...any) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := logins.InsertMissing(ctx, tx, keystone.Login{UserID: userID}); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, update, args...)
		return err
	})
}

// ForgetFailures starts the count anew, unless limit was reached after
// forgotten: then it is false.
func (s *Store) ForgetFailures(ctx context.Context, userID string, forgotten time.Time, limit int) (bool, error) {
	n, err := db.Exec(ctx, s.db, "UPDATE logins SET failures = 0, failed_at = NULL WHERE user_id = ? AND (failures < ? OR failed_at <= ?)",
		userID, limit, forgotten)
	return n > 0, err
}

// NoteActive records that a user was active at a time, at most once a day.
func (s *Store) NoteActive(ctx context.Context, userID string, now time.Time) error {
	day := now.UTC().Truncate(24 * time.Hour)
	return s.login(ctx, userID, "UPDATE logins SET active_at = ? WHERE user_id = ? AND (active_at IS NULL OR active_at < ?)", day, userID, day)
}

// Unlock forgets a user's failed logins.
func (tx *Tx) Unlock(ctx context.Context, userID string) error {
	_, err := db.Exec(ctx, tx.tx, "UPDATE logins SET failures = 0, failed_at = NULL WHERE user_id = ?", userID)
	return err
}

// Activate takes a user for active at a time, and forgets its failed logins.
func (tx *Tx) Activate(ctx context.Context, userID string, now time.Time) error {
	day := now.UTC().Truncate(24 * time.Hour)
	return logins.Upsert(ctx, tx.tx, keystone.Login{UserID: userID, ActiveAt: &day}, []string{"user_id"})
}
