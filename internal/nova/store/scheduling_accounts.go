package store

import (
	"context"
	"time"

	"nacre/internal/nova/scheduler"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/uuid"
)

// SchedulingAccount says how one attempt to place a server went: the operator's view.
type SchedulingAccount struct {
	ID        string            `bun:"id,pk"`
	ServerID  string            `bun:"server_id"`
	RequestID string            `bun:"request_id"`
	Chosen    string            `bun:"chosen"` // host, "" when none
	Account   scheduler.Account `bun:"account"`
	CreatedAt time.Time         `bun:"created_at"`
}

var accounts = db.Table[SchedulingAccount]("scheduling_accounts")

// keptAccounts is how many attempts are kept for each server.
const keptAccounts = 10

// RecordAccount keeps the account of an attempt.
func (tx *Tx) RecordAccount(ctx context.Context, serverID, chosen string, a scheduler.Account) error {
	return accounts.Insert(ctx, tx, SchedulingAccount{ID: uuid.New(), ServerID: serverID, RequestID: auth.RequestID(ctx),
		Chosen: chosen, Account: a, CreatedAt: tx.clock.Now()})
}

// Accounts lists the attempts for a server, newest first.
func (s *Store) Accounts(ctx context.Context, serverID string) ([]SchedulingAccount, error) {
	return db.All(ctx, s.db, accounts.Select("server_id = ?", serverID).OrderBy("created_at DESC", "id").Limit(keptAccounts))
}
