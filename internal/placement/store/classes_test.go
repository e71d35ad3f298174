package store

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

func TestClasses(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		insert := func(name string) func(context.Context, *Tx) error {
			return func(ctx context.Context, tx *Tx) error { return tx.InsertClass(ctx, name) }
		}
		do(t, s, insert("CUSTOM_B"))
		do(t, s, insert("CUSTOM_A"))
		refused(t, s, db.ErrDuplicate, insert("CUSTOM_A"))
		all, err := s.Classes(t.Context())
		n := len(placement.StandardClasses)
		if err != nil || len(all) != n+2 || all[0].Name != "VCPU" || all[n].Name != "CUSTOM_B" || all[n+1].Name != "CUSTOM_A" {
			t.Error(err, all)
		}
		if c, err := s.Class(t.Context(), "CUSTOM_A"); err != nil || c.Name != "CUSTOM_A" || !c.UpdatedAt.Equal(noon) {
			t.Error(c, err)
		}
		if _, err := s.Class(t.Context(), "CUSTOM_X"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		do(t, s, func(ctx context.Context, tx *Tx) error {
			have, err := tx.HaveClasses(ctx, []string{"VCPU", "CUSTOM_A", "CUSTOM_X"})
			if d := cmp.Diff(map[string]bool{"VCPU": true, "CUSTOM_A": true}, have); d != "" {
				t.Error(d)
			}
			none, err2 := tx.HaveClasses(ctx, nil)
			if len(none) > 0 {
				t.Error(none)
			}
			for _, want := range []bool{true, false} {
				gone, err := tx.DeleteClass(ctx, "CUSTOM_A")
				if err != nil || gone != want {
					t.Error(gone, err)
				}
			}
			return errors.Join(err, err2)
		})
	})
}

func TestRenameClassTakesItsUsersAlong(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			return errors.Join(tx.InsertClass(ctx, "CUSTOM_A"), tx.PutInventory(ctx, inventory("r", "CUSTOM_A", 4)),
				tx.InsertAllocations(ctx, []placement.Allocation{use("u", "r", "CUSTOM_A", 2)}))
		})
		_, structure, _ := s.Revision(t.Context())
		do(t, s, func(ctx context.Context, tx *Tx) error {
			used, err := tx.ClassInUse(ctx, "CUSTOM_A")
			if !used {
				t.Error("not in use")
			}
			ok, err2 := tx.RenameClass(ctx, "CUSTOM_A", "CUSTOM_B")
			unknown, err3 := tx.RenameClass(ctx, "CUSTOM_A", "CUSTOM_C")
			if !ok || unknown {
				t.Error(ok, unknown)
			}
			still, err4 := tx.ClassInUse(ctx, "CUSTOM_A")
			if still {
				t.Error("still in use")
			}
			sums, err5 := tx.UsedClasses(ctx, "r")
			if sums["CUSTOM_B"] != 2 {
				t.Error(sums)
			}
			return errors.Join(err, err2, err3, err4, err5)
		})
		if _, now, _ := s.Revision(t.Context()); now == structure {
			t.Error("readers are not told")
		}
		refused(t, s, db.ErrDuplicate, func(ctx context.Context, tx *Tx) error { _, err := tx.RenameClass(ctx, "CUSTOM_B", "VCPU"); return err })
	})
}
