package store

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

func TestProviders(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		got, err := s.Provider(t.Context(), "c")
		want := provider("c", "r", "r")
		want.CreatedAt, want.UpdatedAt, want.Seq = noon, noon, got.Seq
		if d := cmp.Diff(want, got); err != nil || d != "" || got.Seq == 0 {
			t.Error(err, d)
		}
		if _, err := s.Provider(t.Context(), "x"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		insert := func(p placement.ResourceProvider) func(context.Context, *Tx) error {
			return func(ctx context.Context, tx *Tx) error { _, err := tx.InsertProvider(ctx, p); return err }
		}
		refused(t, s, db.ErrDuplicate, insert(provider("c", "", "c")))
		twin := provider("x", "", "x")
		twin.Name = want.Name
		refused(t, s, db.ErrDuplicate, insert(twin))
		do(t, s, func(ctx context.Context, tx *Tx) error {
			in, err := tx.Provider(ctx, "c")
			if d := cmp.Diff(want, in); d != "" {
				t.Error(d)
			}
			for uuid, want := range map[string]int{"r": 1, "c": 1, "g": 0} {
				n, err := tx.Children(ctx, uuid)
				if err != nil || n != want {
					t.Error(uuid, n, err)
				}
			}
			below, err2 := tx.Descendants(ctx, "c")
			if d := cmp.Diff(map[string]bool{"c": true, "g": true}, below); d != "" {
				t.Error(d)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestMoveAndRename(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			p, err := tx.Provider(ctx, "c")
			p.Name, p.ParentUUID = "new", nil
			return errors.Join(err, tx.UpdateProvider(ctx, p, "c"))
		})
		for uuid, root := range map[string]string{"r": "r", "c": "c", "g": "c"} {
			if p, err := s.Provider(t.Context(), uuid); err != nil || p.RootUUID != root {
				t.Error(uuid, p.RootUUID, err)
			}
		}
		refused(t, s, db.ErrDuplicate, func(ctx context.Context, tx *Tx) error {
			p, err := tx.Provider(ctx, "r")
			p.Name = "new"
			return errors.Join(err, tx.UpdateProvider(ctx, p, ""))
		})
	})
}

func TestBumpIsForOneOnly(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		bump := func(ctx context.Context, tx *Tx) error { return tx.Bump(ctx, "r", 0) }
		do(t, s, bump)
		refused(t, s, ErrGeneration, bump)
		if p, _ := s.Provider(t.Context(), "r"); p.Generation != 1 {
			t.Error(p.Generation)
		}
	})
}

// TestChanged reads back all that a provider has, and only what is newer.
func TestChanged(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			return errors.Join(tx.PutInventory(ctx, inventory("c", "VCPU", 8)), tx.SetTraits(ctx, "c", []string{"HW_CPU_X86_AVX", "HW_CPU_X86_AVX"}),
				tx.SetAggregates(ctx, "c", []string{"a", "b", "a"}), tx.InsertAllocations(ctx, []placement.Allocation{use("u", "c", "VCPU", 2), use("v", "c", "VCPU", 3)}))
		})
		seq, _, _ := s.Revision(t.Context())
		do(t, s, func(ctx context.Context, tx *Tx) error { return tx.Touch(ctx, "c") })
		all, err := s.Changed(t.Context(), 0)
		if err != nil || len(all) != 3 {
			t.Fatal(err, all)
		}
		some, err := s.Changed(t.Context(), seq)
		if err != nil || len(some) != 1 {
			t.Fatal(err, some)
		}
		want := &placement.ProviderState{ResourceProvider: provider("c", "r", "r"), Inventories: map[string]placement.Inventory{"VCPU": inventory("c", "VCPU", 8)},
			Used: map[string]int64{"VCPU": 5}, Traits: map[string]bool{"HW_CPU_X86_AVX": true}, Aggregates: map[string]bool{"a": true, "b": true}}
		want.Seq, want.CreatedAt, want.UpdatedAt = seq+1, noon, noon
		if d := cmp.Diff(want, some[0]); d != "" {
			t.Error(d)
		}
		do(t, s, func(ctx context.Context, tx *Tx) error { return tx.DeleteProvider(ctx, "c") })
		all, err = s.Changed(t.Context(), 0)
		if err != nil || slices.ContainsFunc(all, func(p *placement.ProviderState) bool { return p.UUID == "c" }) {
			t.Error(err, all)
		}
		for _, left := range []func(context.Context, *Tx) int{
			func(ctx context.Context, tx *Tx) int { l, _ := tx.Inventories(ctx, "c"); return len(l) },
			func(ctx context.Context, tx *Tx) int { l, _ := tx.TraitsOf(ctx, "c"); return len(l) },
		} {
			do(t, s, func(ctx context.Context, tx *Tx) error {
				if n := left(ctx, tx); n > 0 {
					t.Error("something of a removed provider is left")
				}
				return nil
			})
		}
	})
}
