package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/placement"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

func TestTables(t *testing.T) {
	dbtest.Tables(t, migrations, providers, inventories, allocations, consumers, classes, traits, rpTraits, rpAggs)
}

// each runs body on every engine with a store whose clock stands still.
func each(t *testing.T, body func(t *testing.T, s *Store)) {
	t.Helper()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		s, err := New(t.Context(), d, clock.Fixed(noon))
		if err != nil {
			t.Fatal(err)
		}
		body(t, s)
	})
}

// do runs fn in a transaction that must succeed.
func do(t *testing.T, s *Store, fn func(ctx context.Context, tx *Tx) error) {
	t.Helper()
	if err := s.Tx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// refused runs fn in a transaction that must fail with want.
func refused(t *testing.T, s *Store, want error, fn func(ctx context.Context, tx *Tx) error) {
	t.Helper()
	if err := s.Tx(t.Context(), fn); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// provider is one that has uuid for a name, below parent when that is not "".
func provider(uuid, parent, root string) placement.ResourceProvider {
	p := placement.ResourceProvider{UUID: uuid, Name: "name of " + uuid, RootUUID: root}
	if parent != "" {
		p.ParentUUID = &parent
	}
	return p
}

// plant inserts a root r with a child c that has a child g.
func plant(t *testing.T, s *Store) {
	t.Helper()
	do(t, s, func(ctx context.Context, tx *Tx) error {
		for _, p := range []placement.ResourceProvider{provider("r", "", "r"), provider("c", "r", "r"), provider("g", "c", "r")} {
			if _, err := tx.InsertProvider(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestOpenKeepsWhatIsThere(t *testing.T) {
	url := "sqlite://" + filepath.Join(t.TempDir(), "p.db")
	for range 2 {
		s, err := Open(t.Context(), url, clock.System)
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Classes(t.Context())
		if err != nil || len(all) != len(placement.StandardClasses) || all[0].Name != "VCPU" {
			t.Fatal(err, all)
		}
		some, err := s.Traits(t.Context(), "", nil, nil)
		if err != nil || len(some) != len(placement.StandardTraits()) {
			t.Fatal(err, len(some))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Migrations().ReadDir("migrations"); err != nil {
		t.Fatal(err)
	}
}

func TestRevisionRisesOncePerTransaction(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		before, structure, err := s.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		plant(t, s)
		do(t, s, func(ctx context.Context, tx *Tx) error {
			return errors.Join(tx.Alone(ctx), tx.Touch(ctx, "r"), tx.Touch(ctx, "c"))
		})
		after, same, err := s.Revision(t.Context())
		if err != nil || after != before+2 || same != structure {
			t.Error(err, before, after, structure, same)
		}
		do(t, s, func(ctx context.Context, tx *Tx) error { return tx.DeleteProvider(ctx, "g") })
		if _, moved, _ := s.Revision(t.Context()); moved != structure+1 {
			t.Error("a removal does not change the structure")
		}
	})
}
