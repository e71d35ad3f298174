package service

import (
	"context"
	"maps"
	"slices"

	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// room is the stock of the providers that claims are about.
type room struct {
	tx        *store.Tx
	providers map[string]*stock
}

// stock is what a provider has and how it is used in the course of an exchange.
type stock struct {
	placement.ResourceProvider
	inventories map[string]placement.Inventory
	before      map[string]int64 // used before anything was given back
	used        map[string]int64
	raise       bool // its generation rises
}

func (r *room) stock(ctx context.Context, id string) (*stock, error) {
	if st := r.providers[id]; st != nil {
		return st, nil
	}
	p, err := r.tx.Provider(ctx, id)
	if err != nil {
		return nil, err
	}
	invs, err := r.tx.Inventories(ctx, id)
	if err != nil {
		return nil, err
	}
	used, err := r.tx.UsedClasses(ctx, id)
	if err != nil {
		return nil, err
	}
	st := &stock{ResourceProvider: p, inventories: map[string]placement.Inventory{}, before: maps.Clone(used), used: used}
	for _, inv := range invs {
		st.inventories[inv.ResourceClass] = inv
	}
	r.providers[id] = st
	return st, nil
}

// release takes back what a consumer has; one that asks for nothing is forgotten.
func (r *room) release(ctx context.Context, c placement.Claim) error {
	rows, err := r.tx.AllocationsOf(ctx, c.Consumer)
	if err != nil {
		return err
	}
	for _, a := range rows {
		st, err := r.stock(ctx, a.ProviderUUID)
		if err != nil {
			return err
		}
		st.used[a.ResourceClass] -= a.Used
		st.raise = st.raise || len(c.Resources) == 0
	}
	if _, err := r.tx.DeleteAllocations(ctx, c.Consumer); err != nil {
		return err
	}
	if len(c.Resources) == 0 {
		return r.tx.DeleteConsumer(ctx, c.Consumer)
	}
	return nil
}

// check refuses claims that ask for more than there is, and counts the others as used.
func (r *room) check(ctx context.Context, claims []placement.Claim) error {
	classes := classesOf(claims)
	if err := knownClasses(ctx, r.tx, classes); err != nil {
		return err
	}
	var without []string
	for _, c := range claims {
		for _, id := range slices.Sorted(maps.Keys(c.Resources)) {
			st, err := r.stock(ctx, id)
			if err != nil {
				return err
			}
			st.raise = true
			has := func(class string) bool { _, ok := st.inventories[class]; return ok }
			if !slices.ContainsFunc(classes, has) && !slices.Contains(without, id) {
				without = append(without, id)
			}
		}
	}
	if len(without) > 0 {
		return invalid(classes, without)
	}
	return r.take(claims)
}

func classesOf(claims []placement.Claim) []string {
	all := map[string]bool{}
	for _, c := range claims {
		for _, amounts := range c.Resources {
			for class := range amounts {
				all[class] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), byClass)
}

func (r *room) take(claims []placement.Claim) error {
	for _, c := range claims {
		for _, id := range slices.Sorted(maps.Keys(c.Resources)) {
			for _, class := range slices.SortedFunc(maps.Keys(c.Resources[id]), byClass) {
				if err := r.providers[id].take(class, c.Resources[id][class]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// take counts an amount as used. A provider that is used beyond its capacity,
// because that shrank, gives as long as it does not get worse.
func (st *stock) take(class string, amount int64) error {
	inv, ok := st.inventories[class]
	if !ok {
		return invalid([]string{class}, []string{st.UUID})
	}
	if !inv.Fits(amount) {
		return noRoom(st.UUID, class, "violate inventory constraints")
	}
	st.used[class] += amount
	if st.used[class] > inv.Capacity() && st.used[class] > st.before[class] {
		return noRoom(st.UUID, class, "exceed the capacity")
	}
	return nil
}

// settle raises generations; of the other providers only the usage has changed.
func (r *room) settle(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(r.providers)) {
		st := r.providers[id]
		if !st.raise {
			if err := r.tx.Touch(ctx, id); err != nil {
				return err
			}
		} else if err := r.tx.Bump(ctx, id, st.Generation); err != nil {
			return err
		}
	}
	return nil
}
