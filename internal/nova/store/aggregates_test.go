package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

type fixedClock struct{ at time.Time }

func (c fixedClock) Now() time.Time { return c.at }

// testClock stands still.
var testClock = fixedClock{time.Date(2026, 11, 22, 20, 0, 0, 123456000, time.UTC)}

func TestAggregates(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		a := nova.Aggregate{UUID: "x", Name: "a", Hosts: []string{}, Metadata: map[string]string{nova.ZoneKey: "z"}}
		add := func(ctx context.Context, tx *Tx) error { return tx.InsertAggregate(ctx, &a) }
		if err := s.Tx(ctx, add); err != nil {
			t.Fatal(err)
		}
		if err := s.Tx(ctx, add); !errors.Is(err, db.ErrDuplicate) {
			t.Error(err)
		}
		a.Hosts = []string{"h1", "h2"}
		err := s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
			all, err := tx.LockAggregates(ctx)
			if err != nil || len(all) != 1 {
				return errors.Join(err, errors.New("no aggregate"))
			}
			a.ID = all[0].ID
			return tx.UpdateAggregate(ctx, a)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Aggregate(ctx, a.ID)
		if d := cmp.Diff(a, got); err != nil || d != "" {
			t.Error(err, d)
		}
		if all, _ := s.Aggregates(ctx); nova.ZoneOf("h2", all) != "z" || nova.ZoneOf("h3", all) != nova.DefaultZone {
			t.Error(all)
		}
		remove := func(ctx context.Context, tx *Tx) error { return tx.DeleteAggregate(ctx, a.ID) }
		if err := s.Tx(ctx, remove); err != nil {
			t.Error(err)
		}
		if err := s.Tx(ctx, remove); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
	})
}

func TestServerPassword(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		for _, want := range []string{"", "a", "b", ""} {
			if err := s.SetServerPassword(ctx, "i", want); err != nil {
				t.Fatal(err)
			}
			if got, err := s.ServerPassword(ctx, "i"); got != want || err != nil {
				t.Errorf("%q %v, want %q", got, err, want)
			}
		}
	})
}
