package store

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

func inventory(provider, class string, total int64) placement.Inventory {
	return placement.Inventory{ProviderUUID: provider, ResourceClass: class, Total: total, Reserved: 1, MinUnit: 1, MaxUnit: total, StepSize: 2,
		AllocationRatio: 1.5, UpdatedAt: noon}
}

func TestInventories(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		insert := func(ctx context.Context, tx *Tx) error { return tx.InsertInventory(ctx, inventory("r", "VCPU", 8)) }
		do(t, s, insert)
		refused(t, s, db.ErrDuplicate, insert)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			if err := insert(ctx, tx); err == nil { // what is refused does not end the transaction
				t.Error("inserted twice")
			}
			if err := tx.PutInventory(ctx, inventory("r", "VCPU", 16)); err != nil {
				return err
			}
			return tx.PutInventory(ctx, inventory("r", "DISK_GB", 3))
		})
		read := func() (got map[string]placement.Inventory) {
			do(t, s, func(ctx context.Context, tx *Tx) error {
				list, err := tx.Inventories(ctx, "r")
				got = map[string]placement.Inventory{}
				for _, i := range list {
					got[i.ResourceClass] = i
				}
				return err
			})
			return got
		}
		if d := cmp.Diff(map[string]placement.Inventory{"VCPU": inventory("r", "VCPU", 16), "DISK_GB": inventory("r", "DISK_GB", 3)}, read()); d != "" {
			t.Error(d)
		}
		for _, want := range []bool{true, false} {
			do(t, s, func(ctx context.Context, tx *Tx) error {
				gone, err := tx.DeleteInventory(ctx, "r", "VCPU")
				if gone != want {
					t.Error("deleted:", gone)
				}
				return err
			})
		}
		if got := read(); len(got) != 1 {
			t.Error(got)
		}
	})
}
