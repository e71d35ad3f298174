package store

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// TestListsSeeChanges has a list that was read before show every kind of change.
func TestListsSeeChanges(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		srv, other := insert(t, ctx, s, nil), insert(t, ctx, s, nil)
		inTx := func(fn func(ctx context.Context, tx *Tx) error) func() error {
			return func() error { return s.Tx(ctx, fn) }
		}
		allow := func(int) error { return nil }
		for _, change := range []struct {
			name string
			do   func() error
		}{
			{"nothing", func() error { return nil }},
			{"row", func() error { srv.Name = "new"; return s.UpdateServer(ctx, srv, "display_name") }},
			{"task", inTx(func(ctx context.Context, tx *Tx) error { return tx.SetTask(ctx, srv.ID, Expect{}, nova.Pausing) })},
			{"end of task", inTx(func(ctx context.Context, tx *Tx) error {
				return tx.FinishTask(ctx, srv.ID, nova.Pausing, nova.Paused, nova.PowerPaused)
			})},
			{"power", func() error { return s.SetPower(ctx, srv.ID, nova.PowerCrashed) }},
			{"ports", inTx(func(ctx context.Context, tx *Tx) error { srv.NetworkInfo = nil; return tx.SetNetworkInfo(ctx, srv) })},
			{"metadata", inTx(func(ctx context.Context, tx *Tx) error {
				_, err := tx.SetMetadata(ctx, srv.ID, map[string]string{"a": "b"}, false, allow)
				return err
			})},
			{"less metadata", func() error { return s.DeleteMetadata(ctx, srv.ID, "a") }},
			{"a tag", inTx(func(ctx context.Context, tx *Tx) error {
				_, err := tx.AddTag(ctx, srv.ID, "x", allow)
				return err
			})},
			{"other tags", inTx(func(ctx context.Context, tx *Tx) error { return tx.ReplaceTags(ctx, srv.ID, []string{"y", "z"}) })},
			{"fewer tags", func() error { return s.DeleteTag(ctx, srv.ID, "y") }},
		} {
			before, err := s.Server(ctx, srv.ID)
			must(t, err)
			must(t, change.do())
			want, err := s.Server(ctx, srv.ID)
			must(t, err)
			if cmp.Equal(before, want) != (change.name == "nothing") {
				t.Errorf("%s: nothing has changed", change.name)
			}
			list, err := s.Servers(ctx, nova.ServerFilter{}, db.Page{})
			must(t, err)
			if len(list) != 2 || list[1].ID != srv.ID || list[0].ID != other.ID {
				t.Fatalf("%s: list is %v", change.name, list)
			}
			if d := cmp.Diff(want, list[1]); d != "" {
				t.Errorf("%s: %s", change.name, d)
			}
		}
		must(t, s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.DeleteServer(ctx, srv.ID) }))
		for deleted, n := range map[bool]int{false: 1, true: 2} {
			if list, err := s.Servers(ctx, nova.ServerFilter{OrDeleted: deleted}, db.Page{}); err != nil || len(list) != n {
				t.Errorf("after deletion: %v %v", list, err)
			}
		}
		names, err := s.ServerNames(ctx, nova.ServerFilter{}, db.Page{})
		if err != nil || len(names) != 1 || names[0].Name != other.Name || names[0].ID != other.ID {
			t.Errorf("names are %v, %v", names, err)
		}
	})
}

func TestKeptAreFew(t *testing.T) {
	var k kept
	for range 3 {
		list := make([]nova.Server, maxKept/2+1)
		for i := range list {
			list[i] = nova.Server{ID: string(rune('a' + i)), Revision: newRevision()}
		}
		k.put(list)
	}
	for i := range 3 * maxKept {
		k.put([]nova.Server{{ID: string(rune(i + 1<<16)), Revision: 1}})
	}
	if len(k.rows) > maxKept {
		t.Errorf("%d servers are kept", len(k.rows))
	}
}
