package store

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func addFlavors(t *testing.T, s *Store, fs ...nova.Flavor) {
	t.Helper()
	for _, f := range fs {
		err := s.Tx(t.Context(), func(ctx context.Context, tx *Tx) error { return tx.InsertFlavor(ctx, &f) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func flavorIDs(fs []nova.Flavor) (ids []string) {
	for _, f := range fs {
		ids = append(ids, f.FlavorID)
	}
	return ids
}

func TestFlavors(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		specs := map[string]string{"hw:cpu_policy": "shared"}
		addFlavors(t, s,
			nova.Flavor{FlavorID: "c", Name: "C", MemoryMB: 64, RootGB: 1, IsPublic: true, ExtraSpecs: specs, RXTXFactor: 1.5},
			nova.Flavor{FlavorID: "a", Name: "A", MemoryMB: 128, RootGB: 2, IsPublic: true},
			nova.Flavor{FlavorID: "b", Name: "B", MemoryMB: 256, RootGB: 3})
		yes, no := true, false
		if err := s.AddFlavorAccess(ctx, "b", "p1"); err != nil {
			t.Fatal(err)
		}
		for name, tc := range map[string]struct {
			filter nova.FlavorFilter
			page   db.Page
			want   []string
		}{
			"all":              {want: []string{"a", "b", "c"}},
			"public":           {filter: nova.FlavorFilter{IsPublic: &yes}, want: []string{"a", "c"}},
			"private":          {filter: nova.FlavorFilter{IsPublic: &no}, want: []string{"b"}},
			"of p1":            {filter: nova.FlavorFilter{IsPublic: &yes, ProjectID: "p1"}, want: []string{"a", "b", "c"}},
			"of p2":            {filter: nova.FlavorFilter{IsPublic: &yes, ProjectID: "p2"}, want: []string{"a", "c"}},
			"big":              {filter: nova.FlavorFilter{MinRAM: 128, MinDisk: 3}, want: []string{"b"}},
			"enabled":          {filter: nova.FlavorFilter{Disabled: &no}, want: []string{"a", "b", "c"}},
			"page":             {page: db.Page{Limit: 1, Marker: "a"}, want: []string{"b"}},
			"by memory":        {page: db.Page{Sort: []db.Sort{{Column: "memory_mb", Desc: true}}}, want: []string{"b", "a", "c"}},
			"by age, page":     {page: db.Page{Limit: 2, Sort: []db.Sort{{Column: "number"}}}, want: []string{"c", "a"}},
			"by description":   {page: db.Page{Limit: 5, Sort: []db.Sort{{Column: "description"}}}, want: []string{"a", "b", "c"}},
			"desc, paged by a": {page: db.Page{Limit: 5, Marker: "a", Sort: []db.Sort{{Column: "memory_mb", Desc: true}}}, want: []string{"c"}},
		} {
			got, err := s.Flavors(ctx, tc.filter, tc.page)
			if d := cmp.Diff(tc.want, flavorIDs(got)); err != nil || d != "" {
				t.Errorf("%s: %v %s", name, err, d)
			}
		}
		if _, err := s.Flavors(ctx, nova.FlavorFilter{IsPublic: &yes, ProjectID: "p2"}, db.Page{Marker: "b"}); !errors.Is(err, db.ErrNoMarker) {
			t.Errorf("a marker that the project may not see: %v", err)
		}
		f, err := s.Flavor(ctx, "c")
		if err != nil || f.Number != 1 || f.RXTXFactor != 1.5 || f.UpdatedAt != nil || !f.CreatedAt.Equal(testClock.Now()) || cmp.Diff(specs, f.ExtraSpecs) != "" {
			t.Errorf("%+v %v", f, err)
		}
	})
}

func TestFlavorChanges(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		addFlavors(t, s, nova.Flavor{FlavorID: "a", Name: "A"})
		for _, same := range []nova.Flavor{{FlavorID: "a", Name: "B"}, {FlavorID: "b", Name: "A"}} {
			err := s.Tx(ctx, func(ctx context.Context, tx *Tx) error { return tx.InsertFlavor(ctx, &same) })
			if !errors.Is(err, db.ErrDuplicate) {
				t.Errorf("%s/%s: %v", same.FlavorID, same.Name, err)
			}
		}
		addFlavors(t, s, nova.Flavor{FlavorID: "A", Name: "a"}) // case matters
		err := s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
			_, err := tx.ChangeFlavor(ctx, "a", func(f *nova.Flavor) error {
				f.ExtraSpecs = map[string]string{"k": "v"}
				return nil
			})
			return err
		})
		if f, _ := s.Flavor(ctx, "a"); err != nil || f.ExtraSpecs["k"] != "v" || f.UpdatedAt == nil {
			t.Errorf("%+v %v", f, err)
		}
		if err := s.AddFlavorAccess(ctx, "a", "p"); err != nil {
			t.Error(err)
		}
		if err := s.AddFlavorAccess(ctx, "a", "p"); !errors.Is(err, db.ErrDuplicate) {
			t.Error(err)
		}
		if _, err := s.FlavorFor(ctx, "a", "p"); err != nil {
			t.Error(err)
		}
		if _, err := s.FlavorFor(ctx, "a", "q"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		if err := s.RemoveFlavorAccess(ctx, "a", "q"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		remove := func(ctx context.Context, tx *Tx) error { return tx.DeleteFlavor(ctx, "a") }
		if err := s.Tx(ctx, remove); err != nil {
			t.Error(err)
		}
		if err := s.Tx(ctx, remove); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		if left, err := s.FlavorAccess(ctx, "a"); err != nil || len(left) != 0 {
			t.Error(left, err)
		}
	})
}
