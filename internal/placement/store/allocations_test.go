package store

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nacre/internal/oslo/db"
	"nacre/internal/placement"
)

func use(consumer, provider, class string, n int64) placement.Allocation {
	return placement.Allocation{ConsumerUUID: consumer, ProviderUUID: provider, ResourceClass: class, Used: n, UpdatedAt: noon}
}

func consumer(uuid, project, user, kind string) placement.Consumer {
	return placement.Consumer{UUID: uuid, ProjectID: project, UserID: user, ConsumerType: kind, Generation: 1, UpdatedAt: noon}
}

// claimSome gives u, v and w something of r and c.
func claimSome(t *testing.T, s *Store) {
	t.Helper()
	plant(t, s)
	do(t, s, func(ctx context.Context, tx *Tx) error {
		return errors.Join(tx.PutConsumer(ctx, consumer("u", "p", "alice", "INSTANCE")), tx.PutConsumer(ctx, consumer("v", "p", "bob", "")),
			tx.PutConsumer(ctx, consumer("w", "q", "alice", "INSTANCE")), tx.InsertAllocations(ctx, nil),
			tx.InsertAllocations(ctx, []placement.Allocation{use("u", "r", "VCPU", 1), use("u", "c", "VCPU", 2), use("v", "r", "VCPU", 4), use("v", "r", "DISK_GB", 5), use("w", "r", "VCPU", 8)}))
	})
}

func TestConsumers(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		claimSome(t, s)
		changed := consumer("u", "p2", "carol", "MIGRATION")
		changed.Generation = 2
		do(t, s, func(ctx context.Context, tx *Tx) error { return tx.PutConsumer(ctx, changed) })
		got, err := s.Consumer(t.Context(), "u")
		if d := cmp.Diff(changed, got); err != nil || d != "" {
			t.Error(err, d)
		}
		on, err := s.Consumers(t.Context(), "c")
		if d := cmp.Diff(map[string]placement.Consumer{"u": changed}, on); err != nil || d != "" {
			t.Error(err, d)
		}
		do(t, s, func(ctx context.Context, tx *Tx) error {
			in, err := tx.Consumer(ctx, "u")
			if d := cmp.Diff(changed, in); d != "" {
				t.Error(d)
			}
			return errors.Join(err, tx.DeleteConsumer(ctx, "u"))
		})
		if _, err := s.Consumer(t.Context(), "u"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
	})
}

func TestAllocations(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		claimSome(t, s)
		sorted := cmpopts.SortSlices(func(a, b placement.Allocation) bool {
			return a.ProviderUUID+a.ResourceClass < b.ProviderUUID+b.ResourceClass
		})
		of, err := s.AllocationsOf(t.Context(), "u")
		if d := cmp.Diff([]placement.Allocation{use("u", "c", "VCPU", 2), use("u", "r", "VCPU", 1)}, of, sorted); err != nil || d != "" {
			t.Error(err, d)
		}
		on, err := s.AllocationsOn(t.Context(), "r")
		if d := cmp.Diff([]placement.Allocation{use("u", "r", "VCPU", 1), use("v", "r", "DISK_GB", 5), use("v", "r", "VCPU", 4), use("w", "r", "VCPU", 8)}, on); err != nil || d != "" {
			t.Error(err, d)
		}
		do(t, s, func(ctx context.Context, tx *Tx) error {
			sums, err := tx.UsedClasses(ctx, "r")
			if d := cmp.Diff(map[string]int64{"VCPU": 13, "DISK_GB": 5}, sums); d != "" {
				t.Error(d)
			}
			rows, err2 := tx.AllocationsOf(ctx, "v")
			n, err3 := tx.DeleteAllocations(ctx, "v")
			if len(rows) != 2 || n != 2 {
				t.Error(rows, n)
			}
			return errors.Join(err, err2, err3)
		})
		if left, _ := s.AllocationsOf(t.Context(), "v"); len(left) > 0 {
			t.Error(left)
		}
	})
}

func TestUsages(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		claimSome(t, s)
		for name, tc := range map[string]struct {
			project, user, kind string
			want                []placement.TypedUsage
			consumers           map[string]int
		}{
			"project": {"p", "", "", []placement.TypedUsage{{ResourceClass: "DISK_GB", Used: 5}, {ResourceClass: "VCPU", Used: 4}, {ConsumerType: "INSTANCE", ResourceClass: "VCPU", Used: 3}}, map[string]int{"": 1, "INSTANCE": 1}},
			"user":    {"p", "alice", "", []placement.TypedUsage{{ConsumerType: "INSTANCE", ResourceClass: "VCPU", Used: 3}}, map[string]int{"INSTANCE": 1}},
			"type":    {"q", "", "INSTANCE", []placement.TypedUsage{{ConsumerType: "INSTANCE", ResourceClass: "VCPU", Used: 8}}, map[string]int{"INSTANCE": 1}},
			"unknown": {"p", "bob", "unknown", []placement.TypedUsage{{ResourceClass: "DISK_GB", Used: 5}, {ResourceClass: "VCPU", Used: 4}}, map[string]int{"": 1}},
			"nothing": {"x", "", "", nil, map[string]int{}},
		} {
			sums, counts, err := s.Usages(t.Context(), tc.project, tc.user, tc.kind)
			byType := cmpopts.SortSlices(func(a, b placement.TypedUsage) bool {
				return a.ConsumerType+a.ResourceClass < b.ConsumerType+b.ResourceClass
			})
			if d := cmp.Diff(tc.want, sums, byType, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Error(name, err, d)
			}
			if d := cmp.Diff(tc.consumers, counts); d != "" {
				t.Error(name, d)
			}
		}
	})
}
