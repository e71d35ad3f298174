package service

import (
	"cmp"
	"context"
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/keystone/mapping"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
)

// Mapping is a mapping, or 404.
func (s *Service) Mapping(ctx context.Context, id string) (keystone.Mapping, error) {
	m, err := s.store.Mapping(ctx, id)
	return m, missing(err, "mapping", id)
}

// Mappings lists mappings.
func (s *Service) Mappings(ctx context.Context) ([]keystone.Mapping, error) {
	return s.store.Mappings(ctx)
}

// CreateMapping makes a mapping.
func (s *Service) CreateMapping(ctx context.Context, id string, a keystone.Attributes) (keystone.Mapping, error) {
	if err := shortID(id); err != nil {
		return keystone.Mapping{}, err
	}
	return s.putMapping(ctx, id, a, func(ctx context.Context, tx *store.Tx, m keystone.Mapping) error {
		s.notify(ctx, tx, mappingResource, created, id)
		return duplicate(tx.InsertMapping(ctx, m), "mapping", "Duplicate entry found with ID %s", id)
	})
}

// UpdateMapping replaces the rules of a mapping.
func (s *Service) UpdateMapping(ctx context.Context, id string, a keystone.Attributes) (keystone.Mapping, error) {
	return s.putMapping(ctx, id, a, func(ctx context.Context, tx *store.Tx, m keystone.Mapping) error {
		s.notify(ctx, tx, mappingResource, updated, id)
		return missing(tx.UpdateMapping(ctx, m), "mapping", id)
	})
}

func (s *Service) putMapping(ctx context.Context, id string, a keystone.Attributes, put func(context.Context, *store.Tx, keystone.Mapping) error) (keystone.Mapping, error) {
	m, err := mappingOf(id, a.Normalized())
	if err != nil {
		return m, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Mapping, error) { return m, put(ctx, tx, m) })
}

// mappingOf checks rules: their shape as the original does, then that every
// regular expression is one.
func mappingOf(id string, a keystone.Attributes) (keystone.Mapping, error) {
	m := keystone.Mapping{ID: id, SchemaVersion: cmp.Or(a.Text("schema_version"), mapping.Version1)}
	if mistakes := mapping.Check(m.SchemaVersion, a); mistakes != "" {
		return m, fault.BadRequest("%s", mistakes)
	}
	rules, err := json.Marshal(a["rules"])
	if err != nil {
		return m, err
	}
	if _, err := mapping.Parse(m.SchemaVersion, rules); err != nil {
		return m, fault.BadRequest("%s", err)
	}
	m.Rules = string(rules)
	return m, nil
}

// DeleteMapping removes a mapping. Protocols that use it cannot authenticate any more.
func (s *Service) DeleteMapping(ctx context.Context, id string) error {
	return s.remove(ctx, mappingResource, "mapping", id, (*store.Tx).DeleteMapping)
}
