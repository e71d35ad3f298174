package service

import (
	"context"
	"errors"
	"maps"
	"slices"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// Inventories are all that a provider is to have, and the generation that the
// caller believes it to be at.
type Inventories struct {
	Generation int64
	Set        map[string]placement.Inventory
}

// Reshape replaces inventories and allocations together: first what is to be
// there is added to what is, then allocations move, then what is left over goes.
// The generation of a provider rises with each step that it is part of.
func (s *Service) Reshape(ctx context.Context, invs map[string]Inventories, claims []placement.Claim) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		ids := slices.Sorted(maps.Keys(invs))
		for _, id := range ids {
			if err := checkReshaped(ctx, tx, id, invs[id].Generation); err != nil {
				return err
			}
		}
		if err := acquire(ctx, tx, claims); err != nil {
			return err
		}
		err := reshape(ctx, tx, ids, invs, claims)
		if fault.Is(err, 404) {
			return badRequest(err, "malformed reshaper data: ")
		}
		return err
	})
}

func checkReshaped(ctx context.Context, tx *store.Tx, id string, generation int64) error {
	p, err := tx.Provider(ctx, id)
	if errors.Is(err, db.ErrNoRow) {
		return fault.BadRequest("Resource provider %s in inventories not found: No resource provider with uuid %s found", id, id).As(CodeProviderNotFound)
	} else if err != nil {
		return err
	}
	if p.Generation != generation {
		return fault.Conflict("resource provider generation conflict for provider %s: actual: %d, given: %d", id, p.Generation, generation).As(CodeConcurrentUpdate)
	}
	return nil
}

func reshape(ctx context.Context, tx *store.Tx, ids []string, invs map[string]Inventories, claims []placement.Claim) error {
	for _, id := range ids {
		if len(invs[id].Set) == 0 {
			continue
		}
		if err := knownClasses(ctx, tx, slices.Collect(maps.Keys(invs[id].Set))); err != nil {
			return err
		}
		if err := put(ctx, tx, id, invs[id].Set); err != nil {
			return err
		}
		if err := raise(ctx, tx, id); err != nil {
			return err
		}
	}
	if err := exchange(ctx, tx, claims); err != nil {
		return err
	}
	for _, id := range ids {
		if err := replace(ctx, tx, id, invs[id].Set); err != nil {
			return prefixed(err, "update conflict: ")
		}
		if err := raise(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// raise raises the generation of a provider that nobody else changes.
func raise(ctx context.Context, tx *store.Tx, id string) error {
	p, err := tx.Provider(ctx, id)
	if err != nil {
		return err
	}
	return tx.Bump(ctx, id, p.Generation)
}
