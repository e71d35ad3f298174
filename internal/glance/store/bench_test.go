package store_test

import (
	"context"
	"fmt"
	"testing"

	"nacre/internal/glance"
	"nacre/internal/glance/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// BenchmarkFilters lists a page of 100 of 10,000 images by a tag or a property
// that few, all or none have.
func BenchmarkFilters(b *testing.B) {
	for engine, open := range map[string]func() string{
		"sqlite":   func() string { return "sqlite://" + b.TempDir() + "/test.db" },
		"postgres": func() string { return dbtest.Postgres(b) },
	} {
		b.Run(engine, func(b *testing.B) {
			s, err := store.Open(b.Context(), open(), db.Unsynced())
			if err != nil {
				b.Fatal(err)
			}
			defer s.DB().Close()
			crowd(b, s, 10_000)
			if engine == "postgres" { // does this itself, after a while
				if _, err := db.Exec(b.Context(), s.DB(), "ANALYZE"); err != nil {
					b.Fatal(err)
				}
			}
			for _, f := range []struct {
				name  string
				found int
				f     glance.Filter
			}{
				{"none", 100, glance.Filter{}},
				{"ten-of-a-tag", 10, glance.Filter{Tags: []string{"t7"}}},
				{"all-of-a-tag", 100, glance.Filter{Tags: []string{"all"}}},
				{"none-of-a-tag", 0, glance.Filter{Tags: []string{"nosuch"}}},
				{"two-tags", 10, glance.Filter{Tags: []string{"all", "t7"}}},
				{"hundred-of-a-property", 100, glance.Filter{Properties: map[string]string{"kind": "k7"}}},
				{"ten-of-a-property", 10, glance.Filter{Properties: map[string]string{"rare": "r7"}}},
				{"all-of-a-property", 100, glance.Filter{Properties: map[string]string{"os_type": "linux"}}},
				{"none-of-a-property", 0, glance.Filter{Properties: map[string]string{"kind": "nosuch"}}},
			} {
				f.f.MemberStatus = "accepted"
				b.Run(f.name, func(b *testing.B) {
					for b.Loop() {
						got, err := s.Images(b.Context(), as("p"), f.f, db.Page{Limit: 100, Sort: newest})
						if err != nil || len(got) != f.found {
							b.Fatal(len(got), err)
						}
					}
				})
			}
		})
	}
}

// crowd makes that many images with tags, properties and locations.
func crowd(t testing.TB, s *store.Store, n int) {
	t.Helper()
	type tag struct {
		ImageID string `bun:"image_id,pk"`
		Value   string `bun:"value,pk"`
	}
	type property struct {
		ImageID string `bun:"image_id,pk"`
		Name    string `bun:"name,pk"`
		Value   string `bun:"value"`
		Start   string `bun:"value_start"`
	}
	var images []glance.Image
	var locations []glance.Location
	var tags []tag
	var properties []property
	for i := range n {
		img := image(i, "p")
		images = append(images, img)
		locations = append(locations, glance.Location{ID: img.ID, ImageID: img.ID, Store: "files", Status: glance.LocationActive, Metadata: map[string]any{}})
		tags = append(tags, tag{img.ID, "all"}, tag{img.ID, fmt.Sprintf("t%d", i%1000)})
		for name, value := range map[string]string{"os_type": "linux", "kind": fmt.Sprintf("k%d", i%100), "rare": fmt.Sprintf("r%d", i%1000)} {
			properties = append(properties, property{img.ID, name, value, value})
		}
	}
	err := s.DB().Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		if err := db.Table[glance.Image]("images").Insert(ctx, tx, images...); err != nil {
			return err
		}
		if err := db.Table[glance.Location]("image_locations").Insert(ctx, tx, locations...); err != nil {
			return err
		}
		if err := db.Table[tag]("image_tags").Insert(ctx, tx, tags...); err != nil {
			return err
		}
		return db.Table[property]("image_properties").Insert(ctx, tx, properties...)
	})
	if err != nil {
		t.Fatal(err)
	}
}
