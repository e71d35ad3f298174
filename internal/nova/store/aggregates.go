package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var aggregates = db.Table[nova.Aggregate]("aggregates")

// Aggregates returns all aggregates by id.
func (s *Store) Aggregates(ctx context.Context) ([]nova.Aggregate, error) {
	return db.All(ctx, s.db, aggregates.Select("").OrderBy("id"))
}

// Aggregate returns one aggregate. db.ErrNoRow.
func (s *Store) Aggregate(ctx context.Context, id int64) (nova.Aggregate, error) {
	return db.One(ctx, s.db, aggregates.Select("id = ?", id))
}

// LockAggregates makes transactions that change aggregates run one after another, and returns what there is.
func (tx *Tx) LockAggregates(ctx context.Context) ([]nova.Aggregate, error) {
	if err := db.Lock(ctx, tx.Tx, "aggregates"); err != nil {
		return nil, err
	}
	return db.All(ctx, tx, aggregates.Select("").OrderBy("id"))
}

// InsertAggregate writes a new aggregate and sets its id. db.ErrDuplicate when the name is taken.
func (tx *Tx) InsertAggregate(ctx context.Context, a *nova.Aggregate) error {
	a.CreatedAt = tx.clock.Now()
	return aggregates.Add(ctx, tx, a)
}

// UpdateAggregate writes name, hosts, metadata and the time. db.ErrDuplicate when the name is taken.
func (tx *Tx) UpdateAggregate(ctx context.Context, a nova.Aggregate) error {
	n, err := aggregates.Update(ctx, tx, a, "name", "hosts", "metadata", "updated_at")
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}

// DeleteAggregate removes an aggregate. db.ErrNoRow.
func (tx *Tx) DeleteAggregate(ctx context.Context, id int64) error {
	n, err := db.Exec(ctx, tx, "DELETE FROM aggregates WHERE id = ?", id)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
