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

// SetInventories replaces all inventories of a provider.
func (s *Service) SetInventories(ctx context.Context, id string, generation int64, invs map[string]placement.Inventory) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Bump(ctx, id, generation); err != nil {
			return err
		}
		return s.replace(ctx, tx, id, invs)
	}))
}

// replace writes a provider's inventories; those in use cannot go.
func (s *Service) replace(ctx context.Context, tx *store.Tx, id string, invs map[string]placement.Inventory) error {
	if err := knownClasses(ctx, tx, id, invs); err != nil {
		return err
	}
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
		}
		if _, err := tx.DeleteInventory(ctx, id, h.ResourceClass); err != nil {
			return err
		}
	}
	if len(busy) > 0 {
		return inUse(id, busy)
	}
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
	order := placement.StandardClasses
	slices.SortFunc(classes, func(a, b string) int {
		return slices.Index(order, a) - slices.Index(order, b)
	})
	return fault.Conflict("Inventory for '%s' on resource provider '%s' in use.", strings.Join(classes, ", "), id).As(CodeInventoryInUse)
}

func knownClasses(ctx context.Context, tx *store.Tx, id string, invs map[string]placement.Inventory) error {
	names := slices.Sorted(maps.Keys(invs))
	have, err := tx.HaveClasses(ctx, names)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !have[n] {
			return fault.BadRequest("Unknown resource class in inventory for resource provider %s: No such resource class %s.", id, n)
		}
	}
	return nil
}

// AddInventory adds one inventory.
func (s *Service) AddInventory(ctx context.Context, id string, inv placement.Inventory) error {
	err := s.changeInventory(ctx, id, inv, func(ctx context.Context, tx *store.Tx) error {
		err := tx.InsertInventory(ctx, inv)
		if errors.Is(err, db.ErrDuplicate) {
			return fault.Conflict("Update conflict: inventory of class %s already exists on resource provider %s", inv.ResourceClass, id).As(CodeConcurrentUpdate)
		}
		return err
	})
	return err
}

// SetInventory writes one inventory that is there already.
func (s *Service) SetInventory(ctx context.Context, id string, generation int64, inv placement.Inventory) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Bump(ctx, id, generation); err != nil {
			return err
		}
		if err := knownClasses(ctx, tx, id, map[string]placement.Inventory{inv.ResourceClass: inv}); err != nil {
			return err
		}
		had, err := tx.Inventories(ctx, id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(had, func(h placement.Inventory) bool { return h.ResourceClass == inv.ResourceClass }) {
			return fault.BadRequest("Unable to set inventory on resource provider %s: Inventory record for %s does not exist.", id, inv.ResourceClass)
		}
		inv.ProviderUUID = id
		return tx.PutInventory(ctx, inv)
	}))
}

func (s *Service) changeInventory(ctx context.Context, id string, inv placement.Inventory, change func(context.Context, *store.Tx) error) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Provider(ctx, id)
		if err != nil {
			return err
		}
		if err := knownClasses(ctx, tx, id, map[string]placement.Inventory{inv.ResourceClass: inv}); err != nil {
			return err
		}
		if err := tx.Bump(ctx, id, p.Generation); err != nil {
			return err
		}
		return change(ctx, tx)
	}))
}

// DeleteInventories removes all inventories of a provider.
func (s *Service) DeleteInventories(ctx context.Context, id string) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Provider(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.Bump(ctx, id, p.Generation); err != nil {
			return err
		}
		return s.replace(ctx, tx, id, nil)
	}))
}

// DeleteInventory removes one inventory of a provider.
func (s *Service) DeleteInventory(ctx context.Context, id, class string) error {
	return conflict(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Provider(ctx, id)
		if err != nil {
			return err
		}
		used, err := tx.UsedClasses(ctx, id)
		if err != nil {
			return err
		}
		if _, busy := used[class]; busy {
			return fault.Conflict("Unable to delete inventory of class %s: Inventory for '%s' on resource provider '%s' in use.", class, class, id).As(CodeInventoryInUse)
		}
		gone, err := tx.DeleteInventory(ctx, id, class)
		if err != nil {
			return err
		}
		if !gone {
			return fault.NotFound("No inventory of class %s found for resource provider %s", class, id)
		}
		return tx.Bump(ctx, id, p.Generation)
	}))
}
