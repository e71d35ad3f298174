package store

import (
	"context"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var revocations = db.Table[keystone.Revocation]("revocation_events")

// RevocationsOf lists the events that may be about a token of that audit ID or those users.
func (r reads) RevocationsOf(ctx context.Context, auditID string, userIDs []string) ([]keystone.Revocation, error) {
	return db.All(ctx, r.q, revocations.Select("audit_id = ? OR user_id IN (?) OR audit_id = '' AND user_id = ''", auditID, db.List(userIDs)))
}

// Revocations lists the events since a time, oldest first.
func (r reads) Revocations(ctx context.Context, since time.Time) ([]keystone.Revocation, error) {
	return db.All(ctx, r.q, revocations.Select("").WhereIf(!since.IsZero(), "revoked_at >= ?", since).OrderBy("revoked_at", "id"))
}

// Revoke records an event and forgets those from before old, when every token
// they were about has expired.
func (tx *Tx) Revoke(ctx context.Context, e keystone.Revocation, old time.Time) error {
	if _, err := db.Exec(ctx, tx.tx, "DELETE FROM revocation_events WHERE revoked_at < ?", old); err != nil {
		return err
	}
	return revocations.Insert(ctx, tx.tx, e)
}
