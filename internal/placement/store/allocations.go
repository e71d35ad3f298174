package store

import (
	"context"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

// Consumer finds a consumer, or db.ErrNoRow.
func (s *Store) Consumer(ctx context.Context, uuid string) (placement.Consumer, error) {
	return db.One(ctx, s.q, consumers.Select("uuid = ?", uuid))
}

// Consumer finds a consumer within the transaction, or db.ErrNoRow.
func (tx *Tx) Consumer(ctx context.Context, uuid string) (placement.Consumer, error) {
	return db.One(ctx, tx, consumers.Select("uuid = ?", uuid))
}

// Consumers finds the consumers with allocations of a provider.
func (s *Store) Consumers(ctx context.Context, provider string) (map[string]placement.Consumer, error) {
	rows, err := db.All(ctx, s.q, consumers.Select("uuid IN (SELECT consumer_uuid FROM allocations WHERE provider_uuid = ?)", provider))
	out := make(map[string]placement.Consumer, len(rows))
	for _, c := range rows {
		out[c.UUID] = c
	}
	return out, err
}

// PutConsumer writes a consumer, new or changed.
func (tx *Tx) PutConsumer(ctx context.Context, c placement.Consumer) error {
	c.UpdatedAt = tx.s.clock.Now()
	return consumers.Upsert(ctx, tx, c, []string{"uuid"})
}

// DeleteConsumer removes a consumer.
func (tx *Tx) DeleteConsumer(ctx context.Context, uuid string) error {
	_, err := db.Exec(ctx, tx, `DELETE FROM consumers WHERE uuid = ?`, uuid)
	return err
}

// AllocationsOf lists what a consumer uses.
func (s *Store) AllocationsOf(ctx context.Context, consumer string) ([]placement.Allocation, error) {
	return db.All(ctx, s.q, allocations.Select("consumer_uuid = ?", consumer))
}

// AllocationsOf lists what a consumer uses, within the transaction.
func (tx *Tx) AllocationsOf(ctx context.Context, consumer string) ([]placement.Allocation, error) {
	return db.All(ctx, tx, allocations.Select("consumer_uuid = ?", consumer))
}

// AllocationsOn lists what is used of a provider.
func (s *Store) AllocationsOn(ctx context.Context, provider string) ([]placement.Allocation, error) {
	return db.All(ctx, s.q, allocations.Select("provider_uuid = ?", provider).OrderBy("consumer_uuid", "resource_class"))
}

// DeleteAllocations removes all that a consumer uses.
func (tx *Tx) DeleteAllocations(ctx context.Context, consumer string) (int64, error) {
	return db.Exec(ctx, tx, `DELETE FROM allocations WHERE consumer_uuid = ?`, consumer)
}

// InsertAllocations adds allocations.
func (tx *Tx) InsertAllocations(ctx context.Context, rows []placement.Allocation) error {
	if len(rows) == 0 {
		return nil
	}
	now := tx.s.clock.Now()
	for i := range rows {
		rows[i].UpdatedAt = now
	}
	return allocations.Insert(ctx, tx, rows...)
}

// Usages sums what a project (and user, when not "") uses, by type of consumer.
func (s *Store) Usages(ctx context.Context, project, user, consumerType string) ([]placement.TypedUsage, map[string]int, error) {
	where, args := `c.project_id = ?`, []any{project}
	if user != "" {
		where, args = where+` AND c.user_id = ?`, append(args, user)
	}
	if consumerType != "" {
		where, args = where+` AND c.consumer_type = ?`, append(args, typeColumn(consumerType))
	}
	sums, err := db.Scan[placement.TypedUsage](ctx, s.q, `SELECT c.consumer_type, a.resource_class, SUM(a.used) AS used
		FROM allocations a JOIN consumers c ON c.uuid = a.consumer_uuid WHERE `+where+` GROUP BY c.consumer_type, a.resource_class`, args...)
	if err != nil {
		return nil, nil, err
	}
	type count struct {
		ConsumerType string `bun:"consumer_type"`
		Consumers    int    `bun:"consumers"`
	}
	counts, err := db.Scan[count](ctx, s.q, `SELECT c.consumer_type, COUNT(DISTINCT a.consumer_uuid) AS consumers
		FROM allocations a JOIN consumers c ON c.uuid = a.consumer_uuid WHERE `+where+` GROUP BY c.consumer_type`, args...)
	byType := map[string]int{}
	for _, c := range counts {
		byType[c.ConsumerType] = c.Consumers
	}
	return sums, byType, err
}

// typeColumn is how a consumer type is kept: unknown ones as "".
func typeColumn(t string) string {
	if t == "unknown" {
		return ""
	}
	return t
}
