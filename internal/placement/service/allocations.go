package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// Allocations tells what a consumer uses, the consumer, and the generations of the providers.
func (s *Service) Allocations(ctx context.Context, consumer string) ([]placement.Allocation, placement.Consumer, map[string]int64, error) {
	rows, err := s.store.AllocationsOf(ctx, consumer)
	if err != nil || len(rows) == 0 {
		return nil, placement.Consumer{}, nil, err
	}
	c, err := s.store.Consumer(ctx, consumer)
	if err != nil {
		return nil, c, nil, err
	}
	generations := map[string]int64{}
	for _, r := range rows {
		if _, known := generations[r.ProviderUUID]; known {
			continue
		}
		p, err := s.store.Provider(ctx, r.ProviderUUID)
		if err != nil {
			return nil, c, nil, err
		}
		generations[p.UUID] = p.Generation
	}
	return rows, c, generations, nil
}

// AllocationsOn tells what is used of a provider, and by whom.
func (s *Service) AllocationsOn(ctx context.Context, provider string) ([]placement.Allocation, map[string]placement.Consumer, error) {
	rows, err := s.store.AllocationsOn(ctx, provider)
	if err != nil {
		return nil, nil, err
	}
	who, err := s.store.Consumers(ctx, provider)
	return rows, who, err
}

// Allocate gives every claim what it asks for, or none of them.
func (s *Service) Allocate(ctx context.Context, claims ...placement.Claim) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		touched := map[string]placement.ResourceProvider{}
		for _, c := range claims {
			if err := s.release(ctx, tx, c, touched); err != nil {
				return err
			}
		}
		for _, c := range claims {
			if err := s.claim(ctx, tx, c, touched); err != nil {
				return err
			}
		}
		return bumpAll(ctx, tx, touched)
	}))
}

func bumpAll(ctx context.Context, tx *store.Tx, touched map[string]placement.ResourceProvider) error {
	for _, id := range slices.Sorted(maps.Keys(touched)) {
		if err := tx.Bump(ctx, id, touched[id].Generation); err != nil {
			return err
		}
	}
	return nil
}

// release takes back what a consumer has and writes the consumer anew.
func (s *Service) release(ctx context.Context, tx *store.Tx, c placement.Claim, touched map[string]placement.ResourceProvider) error {
	had, err := tx.Consumer(ctx, c.Consumer)
	known := err == nil
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return err
	}
	if err := checkConsumer(c, had, known); err != nil {
		return err
	}
	rows, err := tx.AllocationsOf(ctx, c.Consumer)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := touch(ctx, tx, r.ProviderUUID, touched); err != nil {
			return err
		}
	}
	if _, err := tx.DeleteAllocations(ctx, c.Consumer); err != nil {
		return err
	}
	if len(c.Resources) == 0 {
		return tx.DeleteConsumer(ctx, c.Consumer)
	}
	next := placement.Consumer{UUID: c.Consumer, ProjectID: c.ProjectID, UserID: c.UserID, ConsumerType: had.ConsumerType, Generation: had.Generation + 1}
	if c.Typed {
		next.ConsumerType = c.Type
	}
	return tx.PutConsumer(ctx, next)
}

// checkConsumer compares the generation that the caller believes with the real one.
func checkConsumer(c placement.Claim, had placement.Consumer, known bool) error {
	if !c.Checked {
		return nil
	}
	switch {
	case known && c.Generation == nil:
		return fault.Conflict("consumer generation conflict - expected %d but got None", had.Generation).As(CodeConcurrentUpdate)
	case known && *c.Generation != had.Generation:
		return fault.Conflict("consumer generation conflict - expected %d but got %d", had.Generation, *c.Generation).As(CodeConcurrentUpdate)
	case !known && c.Generation != nil:
		return fault.Conflict("consumer generation conflict - expected null but got %d", *c.Generation).As(CodeConcurrentUpdate)
	}
	return nil
}

// claim writes what a consumer is to have, within the providers' capacity.
func (s *Service) claim(ctx context.Context, tx *store.Tx, c placement.Claim, touched map[string]placement.ResourceProvider) error {
	var rows []placement.Allocation
	for _, id := range slices.Sorted(maps.Keys(c.Resources)) {
		if err := touch(ctx, tx, id, touched); errors.Is(err, db.ErrNoRow) {
			return fault.BadRequest("Allocation for resource provider '%s' that does not exist.", id)
		} else if err != nil {
			return err
		}
		if want, ok := c.Providers[id]; ok && want != touched[id].Generation {
			return store.ErrGeneration
		}
		if err := room(ctx, tx, id, c.Resources[id]); err != nil {
			return err
		}
		for _, class := range slices.Sorted(maps.Keys(c.Resources[id])) {
			rows = append(rows, placement.Allocation{ConsumerUUID: c.Consumer, ProviderUUID: id, ResourceClass: class, Used: c.Resources[id][class]})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.InsertAllocations(ctx, rows)
}

// room refuses what the provider's inventory has not left.
func room(ctx context.Context, tx *store.Tx, id string, wanted map[string]int64) error {
	have, err := tx.HaveClasses(ctx, slices.Sorted(maps.Keys(wanted)))
	if err != nil {
		return err
	}
	invs, err := tx.Inventories(ctx, id)
	if err != nil {
		return err
	}
	used, err := tx.UsedClasses(ctx, id)
	if err != nil {
		return err
	}
	for _, class := range slices.Sorted(maps.Keys(wanted)) {
		if !have[class] {
			return fault.BadRequest("Unable to allocate inventory for resource provider %s: No such resource class %s.", id, class)
		}
		i := slices.IndexFunc(invs, func(i placement.Inventory) bool { return i.ResourceClass == class })
		if i < 0 {
			return noRoom(id, class, "The requested class is not in the inventory.")
		}
		if !invs[i].Fits(wanted[class]) {
			return noRoom(id, class, "The requested amount would violate inventory constraints.")
		}
		if used[class]+wanted[class] > invs[i].Capacity() {
			return noRoom(id, class, "The requested amount would exceed the capacity.")
		}
	}
	return nil
}

func noRoom(id, class, why string) error {
	return fault.Conflict("Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. %s", class, id, why)
}

func touch(ctx context.Context, tx *store.Tx, id string, touched map[string]placement.ResourceProvider) error {
	if _, done := touched[id]; done {
		return nil
	}
	p, err := tx.Provider(ctx, id)
	if err != nil {
		return err
	}
	touched[id] = p
	return nil
}

// DeleteAllocations takes back all that a consumer has.
func (s *Service) DeleteAllocations(ctx context.Context, consumer string) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		touched := map[string]placement.ResourceProvider{}
		rows, err := tx.AllocationsOf(ctx, consumer)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fault.NotFound("No allocations for consumer '%s'", consumer)
		}
		if err := s.release(ctx, tx, placement.Claim{Consumer: consumer}, touched); err != nil {
			return err
		}
		return bumpAll(ctx, tx, touched)
	}))
}

// Reshape replaces inventories and allocations together, in one transaction.
func (s *Service) Reshape(ctx context.Context, generations map[string]int64, invs map[string]map[string]placement.Inventory, claims []placement.Claim) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		touched := map[string]placement.ResourceProvider{}
		for id, g := range generations {
			err := touch(ctx, tx, id, touched)
			if errors.Is(err, db.ErrNoRow) {
				return fault.BadRequest("Resource provider %s in inventories not found: No resource provider with uuid %s found", id, id)
			} else if err != nil {
				return err
			}
			if touched[id].Generation != g {
				return store.ErrGeneration
			}
		}
		for _, c := range claims {
			if err := s.release(ctx, tx, c, touched); err != nil {
				return err
			}
		}
		for _, id := range slices.Sorted(maps.Keys(invs)) {
			if err := s.replace(ctx, tx, id, invs[id]); err != nil {
				return fmt.Errorf("reshape: %w", err)
			}
		}
		for _, c := range claims {
			if err := s.claim(ctx, tx, c, touched); err != nil {
				return err
			}
		}
		return bumpAll(ctx, tx, touched)
	}))
}
