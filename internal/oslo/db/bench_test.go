package db_test

import (
	"context"
	"testing"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func filled(b *testing.B, n int) *db.DB {
	d := dbtest.SQLite(b, schema)
	rows := make([]thing, n)
	for i := range rows {
		rows[i] = sample(i)
	}
	if err := things.Insert(b.Context(), d, rows...); err != nil {
		b.Fatal(err)
	}
	return d
}

func BenchmarkGetByID(b *testing.B) {
	d := filled(b, 1000)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for b.Loop() {
		if _, err := db.One(ctx, d, things.Select("id = ?", "id500")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList1000(b *testing.B) {
	d := filled(b, 1000)
	for b.Loop() {
		if _, err := db.All(b.Context(), d, things.Select("").OrderBy("created_at DESC", "id")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsert is one transaction of one row, as safe as in production.
func BenchmarkInsert(b *testing.B) {
	d, err := db.Open(b.Context(), "sqlite://"+b.TempDir()+"/x.db", schema)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for i := 0; b.Loop(); i++ {
		err := d.Tx(b.Context(), func(ctx context.Context, tx *db.Tx) error { return things.Insert(ctx, tx, sample(i)) })
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDetails is a row and three statements about it, each by itself or
// all of one moment.
func BenchmarkDetails(b *testing.B) {
	for engine, url := range map[string]func(testing.TB) string{"postgres": dbtest.Postgres, "mysql": dbtest.MariaDB,
		"sqlite": func(b testing.TB) string { return "sqlite://" + b.TempDir() + "/x.db" }} {
		b.Run(engine, func(b *testing.B) {
			d, err := db.Open(b.Context(), url(b), schema)
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			if err := things.Insert(b.Context(), d, sample(0), sample(1)); err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			details := func(ctx context.Context, on db.Q) (row thing, err error) {
				for range 4 {
					if row, err = db.One(ctx, on, things.Select("id = ?", "id001")); err != nil {
						return row, err
					}
				}
				return row, nil
			}
			b.Run("each", func(b *testing.B) {
				for b.Loop() {
					if _, err := details(ctx, d); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("read", func(b *testing.B) {
				for b.Loop() {
					if _, err := db.Read(ctx, d, details); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
