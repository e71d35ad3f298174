package store

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/oslo/db"
)

func TestTraits(t *testing.T) {
	yes, no := true, false
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		insert := func(ctx context.Context, tx *Tx) error { return tx.InsertTrait(ctx, "CUSTOM_B") }
		do(t, s, insert)
		refused(t, s, db.ErrDuplicate, insert)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			return errors.Join(tx.InsertTrait(ctx, "CUSTOM_A"), tx.SetTraits(ctx, "r", []string{"HW_CPU_X86_AVX"}), tx.SetTraits(ctx, "r", []string{"CUSTOM_A", "CUSTOM_A"}))
		})
		for name, tc := range map[string]struct {
			prefix     string
			names      []string
			associated *bool
			want       []string
		}{
			"prefix":     {"CUSTOM_", nil, nil, []string{"CUSTOM_A", "CUSTOM_B"}},
			"names":      {"", []string{"CUSTOM_B", "HW_CPU_X86_AVX", "X"}, nil, []string{"CUSTOM_B", "HW_CPU_X86_AVX"}},
			"no names":   {"", []string{}, nil, nil},
			"associated": {"", nil, &yes, []string{"CUSTOM_A"}},
			"free":       {"CUSTOM_", nil, &no, []string{"CUSTOM_B"}},
			"not ASCII":  {"CUSTOM_é", nil, nil, nil},
		} {
			found, err := s.Traits(t.Context(), tc.prefix, tc.names, tc.associated)
			var got []string
			for _, f := range found {
				got = append(got, f.Name)
			}
			if d := cmp.Diff(tc.want, got); err != nil || d != "" {
				t.Error(name, err, d)
			}
		}
		have, err := s.HaveTraits(t.Context(), []string{"CUSTOM_A", "X"})
		if d := cmp.Diff(map[string]bool{"CUSTOM_A": true}, have); err != nil || d != "" {
			t.Error(err, d)
		}
	})
}

func TestTraitsWithinATransaction(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		plant(t, s)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			err := errors.Join(tx.InsertTrait(ctx, "CUSTOM_A"), tx.SetTraits(ctx, "r", []string{"CUSTOM_A"}))
			have, err2 := tx.HaveTraits(ctx, []string{"CUSTOM_A", "X"})
			of, err3 := tx.TraitsOf(ctx, "r")
			if want := map[string]bool{"CUSTOM_A": true}; !cmp.Equal(have, want) || !cmp.Equal(of, want) {
				t.Error(have, of)
			}
			used, err4 := tx.TraitInUse(ctx, "CUSTOM_A")
			err5 := tx.SetTraits(ctx, "r", nil)
			free, err6 := tx.TraitInUse(ctx, "CUSTOM_A")
			if !used || free {
				t.Error(used, free)
			}
			for _, want := range []bool{true, false} {
				gone, err := tx.DeleteTrait(ctx, "CUSTOM_A")
				if err != nil || gone != want {
					t.Error(gone, err)
				}
			}
			return errors.Join(err, err2, err3, err4, err5, err6, tx.SetAggregates(ctx, "r", []string{"a"}), tx.SetAggregates(ctx, "r", nil))
		})
		if all, err := s.Changed(t.Context(), 0); err != nil || len(all[0].Aggregates) > 0 {
			t.Error(err, all)
		}
	})
}
