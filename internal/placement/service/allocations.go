package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// Allocations tells what a consumer uses, the consumer, and the generations of the providers.
func (s *Service) Allocations(ctx context.Context, consumer string) ([]placement.Allocation, placement.Consumer, map[string]int64, error) {
	var c placement.Consumer
	var generations map[string]int64
	rows, err := store.Read(ctx, s.store, func(ctx context.Context, st *store.Store) ([]placement.Allocation, error) {
		c, generations = placement.Consumer{}, nil
		rows, err := st.AllocationsOf(ctx, consumer)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		if c, err = st.Consumer(ctx, consumer); err != nil {
			return nil, err
		}
		generations, err = generationsOf(ctx, st, rows)
		return rows, err
	})
	return rows, c, generations, err
}

func generationsOf(ctx context.Context, st *store.Store, rows []placement.Allocation) (map[string]int64, error) {
	out := map[string]int64{}
	for _, r := range rows {
		if _, known := out[r.ProviderUUID]; known {
			continue
		}
		p, err := st.Provider(ctx, r.ProviderUUID)
		if err != nil {
			return nil, err
		}
		out[p.UUID] = p.Generation
	}
	return out, nil
}

// ProviderUse is what is used of a provider of that generation, and by whom.
type ProviderUse struct {
	Generation  int64
	Allocations []placement.Allocation
	Consumers   map[string]placement.Consumer
}

// AllocationsOn tells what is used of a provider.
func (s *Service) AllocationsOn(ctx context.Context, provider string) (ProviderUse, error) {
	return store.Read(ctx, s.store, func(ctx context.Context, st *store.Store) (use ProviderUse, err error) {
		p, err := st.Provider(ctx, provider)
		if errors.Is(err, db.ErrNoRow) {
			return use, noProvider(provider)
		} else if err != nil {
			return use, err
		}
		use.Generation = p.Generation
		if use.Allocations, err = st.AllocationsOn(ctx, provider); err != nil {
			return use, err
		}
		use.Consumers, err = st.Consumers(ctx, provider)
		return use, err
	})
}

// Allocate gives a consumer what its claim asks for, instead of what it had.
func (s *Service) Allocate(ctx context.Context, c placement.Claim) error {
	return s.allocate(ctx, "Unable to allocate inventory for consumer "+c.Consumer+": ", c)
}

// AllocateAll gives every consumer what its claim asks for, or none of them.
func (s *Service) AllocateAll(ctx context.Context, claims []placement.Claim) error {
	return s.allocate(ctx, "Unable to allocate inventory ", claims...)
}

// allocate answers an unknown class with a 400 that begins with words.
func (s *Service) allocate(ctx context.Context, words string, claims ...placement.Claim) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := acquire(ctx, tx, claims); err != nil {
			return err
		}
		err := exchange(ctx, tx, claims)
		if fault.Is(err, 404) {
			return badRequest(err, words)
		}
		return err
	})
}

// acquire checks and writes the consumers, and looks for the providers of their claims.
func acquire(ctx context.Context, tx *store.Tx, claims []placement.Claim) error {
	for _, c := range claims {
		had, err := tx.Consumer(ctx, c.Consumer)
		known := err == nil
		if err != nil && !errors.Is(err, db.ErrNoRow) {
			return err
		}
		if err := checkConsumer(c, had, known); err != nil {
			return err
		}
		next := placement.Consumer{UUID: c.Consumer, ProjectID: c.ProjectID, UserID: c.UserID, ConsumerType: had.ConsumerType, Generation: had.Generation + 1}
		if c.Typed {
			next.ConsumerType = c.Type
		}
		if err := tx.PutConsumer(ctx, next); err != nil {
			return err
		}
	}
	for _, c := range claims {
		for _, id := range slices.Sorted(maps.Keys(c.Resources)) {
			if _, err := tx.Provider(ctx, id); errors.Is(err, db.ErrNoRow) {
				return fault.BadRequest("Allocation for resource provider '%s' that does not exist.", id)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
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

// exchange takes back what the consumers of the claims had and gives them what
// they ask for. The generations of the providers that serve them then rise, and
// of those that a consumer gives back by asking for nothing.
func exchange(ctx context.Context, tx *store.Tx, claims []placement.Claim) error {
	r := &room{tx: tx, providers: map[string]*stock{}}
	for _, c := range claims {
		if err := r.release(ctx, c); err != nil {
			return err
		}
	}
	if err := r.check(ctx, claims); err != nil {
		return err
	}
	for _, c := range claims {
		if err := tx.InsertAllocations(ctx, rowsOf(c)); err != nil {
			return err
		}
	}
	return r.settle(ctx)
}

func rowsOf(c placement.Claim) (rows []placement.Allocation) {
	for _, id := range slices.Sorted(maps.Keys(c.Resources)) {
		for _, class := range slices.Sorted(maps.Keys(c.Resources[id])) {
			rows = append(rows, placement.Allocation{ConsumerUUID: c.Consumer, ProviderUUID: id, ResourceClass: class, Used: c.Resources[id][class]})
		}
	}
	return rows
}

// DeleteAllocations takes back all that a consumer has.
func (s *Service) DeleteAllocations(ctx context.Context, consumer string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.AllocationsOf(ctx, consumer)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fault.NotFound("No allocations for consumer '%s'", consumer)
		}
		for _, r := range rows {
			if err := tx.Touch(ctx, r.ProviderUUID); err != nil {
				return err
			}
		}
		if _, err := tx.DeleteAllocations(ctx, consumer); err != nil {
			return err
		}
		return tx.DeleteConsumer(ctx, consumer)
	})
}

// invalid is told of providers that have none of the classes asked of them.
func invalid(classes, providers []string) error {
	return fault.Conflict("Unable to allocate inventory: Inventory for '%s' on resource provider '%s' invalid.",
		strings.Join(classes, ", "), strings.Join(providers, ", "))
}

func noRoom(id, class, why string) error {
	return fault.Conflict("Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. The requested amount would %s.", class, id, why)
}
