package store

import (
	"context"
	"errors"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

// ErrGeneration means that a provider has changed since its generation was read.
var ErrGeneration = errors.New("resource provider generation conflict")

// Provider finds a provider, or db.ErrNoRow.
func (s *Store) Provider(ctx context.Context, uuid string) (placement.ResourceProvider, error) {
	return db.One(ctx, s.q, providers.Select("uuid = ?", uuid))
}

// Provider finds a provider within the transaction.
func (tx *Tx) Provider(ctx context.Context, uuid string) (placement.ResourceProvider, error) {
	return db.One(ctx, tx, providers.Select("uuid = ?", uuid))
}

// InsertProvider adds a provider; db.ErrDuplicate when UUID or name is taken.
func (tx *Tx) InsertProvider(ctx context.Context, p placement.ResourceProvider) (placement.ResourceProvider, error) {
	seq, err := tx.next(ctx, 0)
	if err != nil {
		return p, err
	}
	p.Seq, p.CreatedAt, p.UpdatedAt = seq, tx.s.clock.Now(), tx.s.clock.Now()
	return p, providers.Insert(ctx, tx, p)
}

// UpdateProvider writes name and place in the tree, for all below it too.
func (tx *Tx) UpdateProvider(ctx context.Context, p placement.ResourceProvider, movedTo string) error {
	moved := 0
	if movedTo != "" {
		moved = 1
	}
	seq, err := tx.next(ctx, moved)
	if err != nil {
		return err
	}
	p.Seq, p.UpdatedAt = seq, tx.s.clock.Now()
	if _, err := providers.Update(ctx, tx, p, "name", "parent_uuid", "seq", "updated_at"); err != nil {
		return err
	}
	for level := []string{p.UUID}; movedTo != "" && len(level) > 0; {
		if _, err := db.Exec(ctx, tx, `UPDATE resource_providers SET root_uuid = ?, seq = ? WHERE uuid IN (?)`, movedTo, seq, db.List(level)); err != nil {
			return err
		}
		if level, err = db.Scan[string](ctx, tx, `SELECT uuid FROM resource_providers WHERE parent_uuid IN (?)`, db.List(level)); err != nil {
			return err
		}
	}
	return nil
}

// Descendants are the providers below uuid, and itself.
func (tx *Tx) Descendants(ctx context.Context, uuid string) (map[string]bool, error) {
	all := map[string]bool{}
	for level := []string{uuid}; len(level) > 0; {
		for _, u := range level {
			all[u] = true
		}
		var err error
		if level, err = db.Scan[string](ctx, tx, `SELECT uuid FROM resource_providers WHERE parent_uuid IN (?)`, db.List(level)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// DeleteProvider removes a provider with its inventories, traits and aggregates.
func (tx *Tx) DeleteProvider(ctx context.Context, uuid string) error {
	if _, err := tx.next(ctx, 1); err != nil {
		return err
	}
	for _, q := range []string{`DELETE FROM inventories WHERE provider_uuid = ?`, `DELETE FROM provider_traits WHERE provider_uuid = ?`,
		`DELETE FROM provider_aggregates WHERE provider_uuid = ?`, `DELETE FROM resource_providers WHERE uuid = ?`} {
		if _, err := db.Exec(ctx, tx, q, uuid); err != nil {
			return err
		}
	}
	return nil
}

// Children says how many providers have uuid as their parent.
func (tx *Tx) Children(ctx context.Context, uuid string) (int, error) {
	return db.Count(ctx, tx, providers.Select("parent_uuid = ?", uuid))
}

// Bump raises a provider's generation; ErrGeneration when it is not the one given any more.
func (tx *Tx) Bump(ctx context.Context, uuid string, generation int64) error {
	seq, err := tx.next(ctx, 0)
	if err != nil {
		return err
	}
	n, err := db.Exec(ctx, tx, `UPDATE resource_providers SET generation = generation + 1, seq = ?, updated_at = ? WHERE uuid = ? AND generation = ?`,
		seq, tx.s.clock.Now(), uuid, generation)
	if err == nil && n == 0 {
		return ErrGeneration
	}
	return err
}

// Touch has readers look at a provider again that keeps its generation.
func (tx *Tx) Touch(ctx context.Context, uuid string) error {
	seq, err := tx.next(ctx, 0)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, tx, `UPDATE resource_providers SET seq = ? WHERE uuid = ?`, seq, uuid)
	return err
}

// Changed reads the whole state of the providers changed after seq.
func (s *Store) Changed(ctx context.Context, seq int64) ([]*placement.ProviderState, error) {
	return Read(ctx, s, func(ctx context.Context, s *Store) ([]*placement.ProviderState, error) { return s.changed(ctx, seq) })
}

func (s *Store) changed(ctx context.Context, seq int64) ([]*placement.ProviderState, error) {
	rows, err := db.All(ctx, s.q, providers.Select("seq > ?", seq))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	states := make([]*placement.ProviderState, len(rows))
	byUUID := make(map[string]*placement.ProviderState, len(rows))
	uuids := make([]string, len(rows))
	for i, r := range rows {
		states[i] = &placement.ProviderState{ResourceProvider: r, Inventories: map[string]placement.Inventory{}, Used: map[string]int64{},
			Traits: map[string]bool{}, Aggregates: map[string]bool{}}
		byUUID[r.UUID], uuids[i] = states[i], r.UUID
	}
	for begin := 0; begin < len(uuids); begin += readAtOnce {
		if err := s.fill(ctx, byUUID, uuids[begin:min(begin+readAtOnce, len(uuids))]); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// readAtOnce bounds the list of an IN.
const readAtOnce = 500

type used struct {
	ProviderUUID  string `bun:"provider_uuid"`
	ResourceClass string `bun:"resource_class"`
	Used          int64  `bun:"used"`
}

func (s *Store) fill(ctx context.Context, states map[string]*placement.ProviderState, uuids []string) error {
	invs, err := db.All(ctx, s.q, inventories.Select("").In("provider_uuid", uuids))
	if err != nil {
		return err
	}
	for _, i := range invs {
		states[i.ProviderUUID].Inventories[i.ResourceClass] = i
	}
	sums, err := db.Scan[used](ctx, s.q, `SELECT provider_uuid, resource_class, SUM(used) AS used FROM allocations
		WHERE provider_uuid IN (?) GROUP BY provider_uuid, resource_class`, db.List(uuids))
	if err != nil {
		return err
	}
	for _, u := range sums {
		states[u.ProviderUUID].Used[u.ResourceClass] = u.Used
	}
	ts, err := db.All(ctx, s.q, rpTraits.Select("").In("provider_uuid", uuids))
	if err != nil {
		return err
	}
	for _, t := range ts {
		states[t.ProviderUUID].Traits[t.Trait] = true
	}
	as, err := db.All(ctx, s.q, rpAggs.Select("").In("provider_uuid", uuids))
	if err != nil {
		return err
	}
	for _, a := range as {
		states[a.ProviderUUID].Aggregates[a.AggregateUUID] = true
	}
	return nil
}
