package store

import (
	"context"
	"unicode/utf8"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

// Traits lists the traits with a prefix, or those of a list, in use by a provider or not.
func (s *Store) Traits(ctx context.Context, prefix string, names []string, associated *bool) ([]placement.Trait, error) {
	q := traits.Select("").OrderBy("name").WhereIf(prefix != "", "substr(name, 1, ?) = ?", utf8.RuneCountInString(prefix), prefix)
	if names != nil {
		q = q.In("name", names)
	}
	if associated != nil {
		q = q.WhereIf(*associated, "name IN (SELECT trait FROM provider_traits)").WhereIf(!*associated, "name NOT IN (SELECT trait FROM provider_traits)")
	}
	return db.All(ctx, s.q, q)
}

// HaveTraits says which of the names are traits.
func (s *Store) HaveTraits(ctx context.Context, names []string) (map[string]bool, error) {
	return have(ctx, s.q, `SELECT name FROM traits WHERE name IN (?)`, names)
}

// HaveTraits says which of the names are traits, within the transaction.
func (tx *Tx) HaveTraits(ctx context.Context, names []string) (map[string]bool, error) {
	return have(ctx, tx, `SELECT name FROM traits WHERE name IN (?)`, names)
}

// TraitsOf are the traits of a provider.
func (tx *Tx) TraitsOf(ctx context.Context, provider string) (map[string]bool, error) {
	rows, err := db.All(ctx, tx, rpTraits.Select("provider_uuid = ?", provider))
	out := make(map[string]bool, len(rows))
	for _, r := range rows {
		out[r.Trait] = true
	}
	return out, err
}

// InsertTrait adds a trait; db.ErrDuplicate when it is there.
func (tx *Tx) InsertTrait(ctx context.Context, name string) error {
	return tx.Try(ctx, func() error {
		return traits.Insert(ctx, tx, placement.Trait{Name: name, UpdatedAt: tx.s.clock.Now()})
	})
}

// TraitInUse reports whether a provider has the trait.
func (tx *Tx) TraitInUse(ctx context.Context, name string) (bool, error) {
	n, err := db.Count(ctx, tx, rpTraits.Select("trait = ?", name))
	return n > 0, err
}

// DeleteTrait removes a trait; false when there is none.
func (tx *Tx) DeleteTrait(ctx context.Context, name string) (bool, error) {
	n, err := db.Exec(ctx, tx, `DELETE FROM traits WHERE name = ?`, name)
	return n > 0, err
}

// SetTraits replaces the traits of a provider.
func (tx *Tx) SetTraits(ctx context.Context, provider string, names []string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM provider_traits WHERE provider_uuid = ?`, provider); err != nil {
		return err
	}
	rows := make([]placement.ProviderTrait, len(names))
	for i, n := range names {
		rows[i] = placement.ProviderTrait{ProviderUUID: provider, Trait: n}
	}
	return rpTraits.InsertMissing(ctx, tx, rows...)
}

// SetAggregates replaces the aggregates of a provider.
func (tx *Tx) SetAggregates(ctx context.Context, provider string, uuids []string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM provider_aggregates WHERE provider_uuid = ?`, provider); err != nil {
		return err
	}
	rows := make([]placement.ProviderAggregate, len(uuids))
	for i, u := range uuids {
		rows[i] = placement.ProviderAggregate{ProviderUUID: provider, AggregateUUID: u}
	}
	return rpAggs.InsertMissing(ctx, tx, rows...)
}
