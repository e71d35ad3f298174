package store

import (
	"context"
	"fmt"
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

// RevocationsAhead lists the events that new tokens are dated after, though the
// date has not come yet at now: those about whom and what is still there and enabled.
func (r reads) RevocationsAhead(ctx context.Context, now time.Time) ([]keystone.Revocation, error) {
	const there = "(%[1]s_id = '' OR EXISTS (SELECT 1 FROM %[1]ss t WHERE t.id = revocation_events.%[1]s_id AND t.enabled))"
	return db.All(ctx, r.q, revocations.Select("audit_id = '' AND trust_id = '' AND consumer_id = '' AND revoked_at >= ? AND issued_before >= ? AND "+
		fmt.Sprintf(there, "user")+" AND "+fmt.Sprintf(there, "project")+
		" AND (domain_id = '' OR EXISTS (SELECT 1 FROM projects t WHERE t.id = revocation_events.domain_id AND t.enabled))",
		now.Add(-aheadAtMost), now))
}

// aheadAtMost bounds how far ahead of its making an event's date may be: a
// second for each of those before it, about the same, that did not wait for a new one.
const aheadAtMost = time.Minute

// Revoke records an event and forgets those from before old, when every token
// they were about has expired.
func (tx *Tx) Revoke(ctx context.Context, e keystone.Revocation, old time.Time) error {
	if _, err := db.Exec(ctx, tx.tx, "DELETE FROM revocation_events WHERE revoked_at < ?", old); err != nil {
		return err
	}
	return revocations.Insert(ctx, tx.tx, e)
}
