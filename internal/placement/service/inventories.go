package service

import (
	"cmp"
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

// prefixed puts words before the sentence of a fault.
func prefixed(err error, words string) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	told := *f
	told.Message = words + f.Message
	return &told
}

// SetInventories replaces all inventories of a provider. generation is what
// the caller believes it to be; whole says that reserved may be all of total.
func (s *Service) SetInventories(ctx context.Context, id string, generation int64, invs map[string]placement.Inventory, whole bool) error {
	return s.changeProvider(ctx, id, &generation, errMoved, func(ctx context.Context, tx *store.Tx) error {
		for _, class := range slices.Sorted(maps.Keys(invs)) {
			if err := checkCapacity(invs[class], "update", id, whole); err != nil {
				return err
			}
		}
		if err := knownClasses(ctx, tx, slices.Collect(maps.Keys(invs))); err != nil {
			return badRequest(err, "Unknown resource class in inventory for resource provider "+id+": ")
		}
		return prefixed(replace(ctx, tx, id, invs), "update conflict: ")
	})
}

// checkCapacity refuses an inventory of which nothing can be allocated; where
// reserved may be the whole, only one that reserves more.
func checkCapacity(inv placement.Inventory, verb, id string, whole bool) error {
	why := "greater than or equal to total"
	if whole {
		why = "greater than total"
	}
	if c := inv.Capacity(); c > 0 || c == 0 && whole {
		return nil
	}
	return fault.BadRequest("Unable to %s inventory for resource provider %s: Invalid inventory for '%s' on resource provider '%s'. The reserved value is %s.",
		verb, id, inv.ResourceClass, id, why)
}

// replace writes a provider's inventories; those in use cannot go.
func replace(ctx context.Context, tx *store.Tx, id string, invs map[string]placement.Inventory) error {
	had, err := tx.Inventories(ctx, id)
	if err != nil {
		return err
	}
	used, err := tx.UsedClasses(ctx, id)
	if err != nil {
		return err
	}
	var busy []string
	for _, h := range had {
		if _, stays := invs[h.ResourceClass]; stays {
			continue
		}
		if _, inUse := used[h.ResourceClass]; inUse {
			busy = append(busy, h.ResourceClass)
		} else if _, err := tx.DeleteInventory(ctx, id, h.ResourceClass); err != nil {
			return err
		}
	}
	if len(busy) > 0 {
		return inUse(id, busy)
	}
	return put(ctx, tx, id, invs)
}

// put writes inventories of a provider and leaves its others.
func put(ctx context.Context, tx *store.Tx, id string, invs map[string]placement.Inventory) error {
	for _, class := range slices.Sorted(maps.Keys(invs)) {
		inv := invs[class]
		inv.ProviderUUID, inv.ResourceClass = id, class
		if err := tx.PutInventory(ctx, inv); err != nil {
			return err
		}
	}
	return nil
}

func inUse(id string, classes []string) error {
	slices.SortFunc(classes, byClass)
	return fault.Conflict("Inventory for '%s' on resource provider '%s' in use.", strings.Join(classes, ", "), id).As(CodeInventoryInUse)
}

// byClass orders the standard classes as they are known, and the others by name behind them.
func byClass(a, b string) int {
	return cmp.Or(cmp.Compare(position(a), position(b)), strings.Compare(a, b))
}

func position(class string) int {
	if i := slices.Index(placement.StandardClasses, class); i >= 0 {
		return i
	}
	return len(placement.StandardClasses)
}

// knownClasses refuses the first of the classes that does not exist.
func knownClasses(ctx context.Context, tx *store.Tx, names []string) error {
	have, err := tx.HaveClasses(ctx, names)
	if err != nil {
		return err
	}
	if missing := absent(have, slices.Sorted(slices.Values(names))); len(missing) > 0 {
		return noClass(missing[0])
	}
	return nil
}

// noClass is what is told of a class that does not exist.
func noClass(name string) *fault.Fault { return fault.NotFound("No such resource class %s.", name) }

// badRequest is a fault as a 400, with words before its sentence.
func badRequest(err error, words string) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	return fault.BadRequest("%s", words+f.Message)
}

// AddInventory adds one inventory; whole as in SetInventories.
func (s *Service) AddInventory(ctx context.Context, id string, inv placement.Inventory, whole bool) error {
	return s.changeProvider(ctx, id, nil, nil, func(ctx context.Context, tx *store.Tx) error {
		if err := checkCapacity(inv, "create", id, whole); err != nil {
			return err
		}
		if err := knownClasses(ctx, tx, []string{inv.ResourceClass}); err != nil {
			return badRequest(err, "Unable to create inventory for resource provider "+id+": ")
		}
		err := tx.InsertInventory(ctx, inv)
		if errors.Is(err, db.ErrDuplicate) {
			return fault.Conflict("Update conflict: inventory of class %s already exists on resource provider %s", inv.ResourceClass, id).As(CodeConcurrentUpdate)
		}
		return err
	})
}

// SetInventory writes one inventory that is there already; generation and
// whole as in SetInventories.
func (s *Service) SetInventory(ctx context.Context, id string, generation int64, inv placement.Inventory, whole bool) error {
	return s.changeProvider(ctx, id, &generation, errMoved, func(ctx context.Context, tx *store.Tx) error {
		if err := checkCapacity(inv, "update", id, whole); err != nil {
			return err
		}
		if err := knownClasses(ctx, tx, []string{inv.ResourceClass}); err != nil {
			return err
		}
		had, err := tx.Inventories(ctx, id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(had, func(h placement.Inventory) bool { return h.ResourceClass == inv.ResourceClass }) {
			return fault.BadRequest("No inventory record with resource class for resource provider %s: No inventory of class %s found.", id, inv.ResourceClass)
		}
		inv.ProviderUUID = id
		return tx.PutInventory(ctx, inv)
	})
}

// DeleteInventories removes all inventories of a provider.
func (s *Service) DeleteInventories(ctx context.Context, id string) error {
	return s.changeProvider(ctx, id, nil, nil, func(ctx context.Context, tx *store.Tx) error { return replace(ctx, tx, id, nil) })
}

// DeleteInventory removes one inventory of a provider.
func (s *Service) DeleteInventory(ctx context.Context, id, class string) error {
	return s.changeProvider(ctx, id, nil, nil, func(ctx context.Context, tx *store.Tx) error {
		absent := "No inventory of class " + class + " found for delete"
		if err := knownClasses(ctx, tx, []string{class}); err != nil {
			return prefixed(err, absent+": ")
		}
		used, err := tx.UsedClasses(ctx, id)
		if err != nil {
			return err
		}
		if _, busy := used[class]; busy {
			return fault.Conflict("Unable to delete inventory of class %s: Inventory for '%s' on resource provider '%s' in use.", class, class, id).As(CodeConcurrentUpdate)
		}
		gone, err := tx.DeleteInventory(ctx, id, class)
		if err == nil && !gone {
			return fault.NotFound("%s: %s", absent, absent)
		}
		return err
	})
}
