package db_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

var schema = fstest.MapFS{"migrations/0001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE things (
    id         VARCHAR(36) NOT NULL PRIMARY KEY,
    name       VARCHAR(255) NOT NULL,
    size       BIGINT,
    ok         BOOLEAN NOT NULL,
    ratio      DOUBLE NOT NULL,
    tags       TEXT NOT NULL,
    meta       TEXT NOT NULL,
    raw        BLOB,
    created_at TIMESTAMP NOT NULL,
    gone_at    TIMESTAMP NULL
);
CREATE UNIQUE INDEX things_name ON things (name);
CREATE TABLE counted (
    id   IDENTITY,
    name VARCHAR(255) NOT NULL
);
-- +goose Down
DROP TABLE things;
`)}}

type thing struct {
	ID        string            `bun:"id,pk"`
	Name      string            `bun:"name"`
	Size      *int64            `bun:"size"`
	OK        bool              `bun:"ok"`
	Ratio     float64           `bun:"ratio"`
	Tags      []string          `bun:"tags"`
	Meta      map[string]string `bun:"meta"`
	Raw       []byte            `bun:"raw"`
	CreatedAt time.Time         `bun:"created_at"`
	GoneAt    time.Time         `bun:"gone_at,nullzero"`
	Note      string            `bun:"-"`
}

type counted struct {
	ID   int64  `bun:"id,pk,autoincrement"`
	Name string `bun:"name"`
}

var (
	things   = db.Table[thing]("things")
	counteds = db.Table[counted]("counted")
)

func each(t *testing.T, body func(t *testing.T, d *db.DB)) {
	dbtest.Each(t, schema, body)
}

var noon = time.Date(2026, 11, 3, 12, 0, 0, 123456000, time.UTC)

func sample(i int) thing {
	return thing{ID: fmt.Sprintf("id%03d", i), Name: fmt.Sprintf("n%d", i), OK: i%2 == 0,
		CreatedAt: noon.Add(time.Duration(i/3) * time.Second), Tags: []string{}, Meta: map[string]string{}}
}

func TestRowsComeBackAsWritten(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		size := int64(1 << 40)
		want := thing{ID: "a", Name: `it's "odd" \ ? $1 é 漢`, Size: &size, OK: true, Ratio: 0.25, Tags: []string{`x'y\"`, "?"},
			Meta: map[string]string{"k": `v\'`}, Raw: []byte{0, 1, 255}, CreatedAt: noon, GoneAt: noon.Add(time.Microsecond)}
		if err := things.Insert(t.Context(), d, want); err != nil {
			t.Fatal(err)
		}
		got, err := db.One(t.Context(), d, things.Select("name = ?", want.Name))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v %v\nwant %+v", got, err, want)
		}
		want.Size, want.GoneAt, want.Tags = nil, time.Time{}, nil
		if n, err := things.Update(t.Context(), d, want, "size", "gone_at", "tags"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := things.Update(t.Context(), d, want); n != 1 || err != nil { // changes nothing, finds one
			t.Fatal(n, err)
		}
		got, err = db.One(t.Context(), d, things.Select("id = ?", "a"))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v %v\nwant %+v", got, err, want)
		}
		if got.CreatedAt.Location() != time.UTC {
			t.Errorf("time in %v", got.CreatedAt.Location())
		}
		last, err := db.Scan[time.Time](t.Context(), d, "SELECT created_at FROM things")
		if err != nil || !last[0].Equal(noon) {
			t.Errorf("%v %v", last, err)
		}
	})
}

func TestOnlySomeColumns(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		if err := things.Insert(t.Context(), d, sample(1), sample(2)); err != nil {
			t.Fatal(err)
		}
		rows, err := db.All(t.Context(), d, things.Select("size IS NULL").Only("id", "created_at").Page(db.Page{Limit: 1, Marker: "id001"}, "name"))
		want := thing{ID: "id002", CreatedAt: sample(2).CreatedAt}
		if err != nil || len(rows) != 1 || !reflect.DeepEqual(rows[0], want) {
			t.Errorf("%+v %v", rows, err)
		}
		if _, err := db.All(t.Context(), d, things.Select("").Only("id", "nothing")); err == nil {
			t.Error("a column that is not there is read")
		}
	})
}

func TestStringsCompareByteByByte(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		for i, name := range []string{"a", "A", "a ", "á"} {
			row := sample(i)
			row.Name = name
			if err := things.Insert(t.Context(), d, row); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		if n, err := db.Count(t.Context(), d, things.Select("name = ?", "a")); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestErrorKinds(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if _, err := db.One(ctx, d, things.Select("id = ?", "x")); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		if err := things.Insert(ctx, d, sample(1)); err != nil {
			t.Fatal(err)
		}
		if err := things.Insert(ctx, d, sample(1)); !errors.Is(err, db.ErrDuplicate) {
			t.Error(err)
		}
		if err := things.InsertMissing(ctx, d, sample(1), sample(2)); err != nil {
			t.Error(err)
		}
		changed := sample(2)
		changed.Ratio = 7
		if err := things.Upsert(ctx, d, changed, []string{"id"}); err != nil {
			t.Error(err)
		}
		if got, err := db.One(ctx, d, things.Select("id = ?", "id002")); err != nil || got.Ratio != 7 {
			t.Error(got, err)
		}
		if n, err := db.Exec(ctx, d, "UPDATE things SET name = ? WHERE id = ? AND name = ?", "z", "id001", "other"); n != 0 || err != nil {
			t.Error(n, err)
		}
		if n, err := db.Count(ctx, d, things.Select("").In("id", []string{"id001", "id002", "x"})); n != 2 || err != nil {
			t.Error(n, err)
		}
		if n, err := db.Count(ctx, d, things.Select("").In("id", []string{})); n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestTransactions(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		boom := errors.New("boom")
		committed := 0
		err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			tx.AfterCommit(func() { committed++ })
			if err := things.Insert(ctx, tx, sample(1)); err != nil {
				return err
			}
			if _, err := db.One(ctx, tx, things.Select("id = ?", "id001")); err != nil {
				t.Error("own write not seen:", err)
			}
			return boom
		})
		if err != boom || committed != 0 {
			t.Error(err, committed)
		}
		err = d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			tx.AfterCommit(func() { committed++ })
			if err := d.Tx(ctx, func(context.Context, *db.Tx) error { return nil }); !errors.Is(err, db.ErrNested) {
				t.Error(err)
			}
			if err := things.Insert(ctx, d, sample(9)); !errors.Is(err, db.ErrNested) {
				t.Error(err)
			}
			if err := things.Insert(ctx, tx, sample(2)); err != nil {
				return err
			}
			err := tx.Try(ctx, func() error { return things.Insert(ctx, tx, sample(2)) })
			if !errors.Is(err, db.ErrDuplicate) {
				t.Error(err)
			}
			return things.Insert(ctx, tx, sample(3))
		})
		if err != nil || committed != 1 {
			t.Error(err, committed)
		}
		err = d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			things.Insert(ctx, tx, sample(2)) // fails, and is ignored
			if _, err := db.One(ctx, tx, things.Select("id = ?", "id002")); err == nil {
				t.Error("statement after a failed one worked")
			}
			return nil
		})
		if !errors.Is(err, db.ErrDuplicate) {
			t.Error(err)
		}
		if n, _ := db.Count(ctx, d, things.Select("")); n != 2 {
			t.Error(n)
		}
	})
}

// Fifty racing writers that count first must not pass the limit.
func TestLockMakesCountingExact(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		full := errors.New("full")
		for i := range 50 {
			wg.Go(func() {
				err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
					if err := db.Lock(ctx, tx, "project"); err != nil {
						return err
					}
					n, err := db.Count(ctx, tx, things.Select(""))
					if err != nil {
						return err
					}
					if n >= 10 {
						return full
					}
					return things.Insert(ctx, tx, sample(i))
				})
				if err != nil && err != full {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n, err := db.Count(t.Context(), d, things.Select("")); n != 10 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestAdd(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		for want := int64(1); want <= 3; want++ {
			row := counted{Name: "x"}
			if err := counteds.Add(t.Context(), d, &row); err != nil || row.ID != want {
				t.Fatal(row, err)
			}
		}
		if err := counteds.Insert(t.Context(), d, counted{Name: "y"}, counted{Name: "z"}); err != nil {
			t.Fatal(err)
		}
		if n, _ := db.Count(t.Context(), d, counteds.Select("")); n != 5 {
			t.Error(n)
		}
	})
}

// Paging one by one gives the order of the whole list, for every order.
func TestPages(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		var rows []thing
		for i := range 20 {
			row := sample(i)
			if i%4 != 0 {
				size := int64(i % 5)
				row.Size = &size
			}
			if i%3 == 0 {
				row.GoneAt = noon.Add(time.Duration(i%2) * time.Hour)
			}
			rows = append(rows, row)
		}
		if err := things.Insert(t.Context(), d, rows...); err != nil {
			t.Fatal(err)
		}
		var orders []string
		for _, c := range []string{"created_at", "size", "gone_at", "ok"} {
			orders = append(orders, c, c+" DESC")
		}
		for _, a := range orders {
			for _, b := range orders {
				checkPages(t, d, 20, a, b)
			}
		}
		_, err := db.All(t.Context(), d, things.Select("ok").Page(db.Page{Limit: 2, Marker: "id001"}, "name"))
		if !errors.Is(err, db.ErrNoMarker) {
			t.Error(err)
		}
		_, err = db.All(t.Context(), d, things.Select("").Page(db.Page{Sort: []db.Sort{{Column: "no"}}}))
		if err == nil {
			t.Error("sorted by an unknown column")
		}
	})
}

func checkPages(t *testing.T, d *db.DB, n int, orders ...string) {
	t.Helper()
	var whole, paged []string
	list := func(p db.Page) []thing {
		rows, err := db.All(t.Context(), d, things.Select("").Page(p, orders...))
		if err != nil {
			t.Fatal(orders, err)
		}
		return rows
	}
	for _, r := range list(db.Page{Limit: n}) {
		whole = append(whole, r.ID)
	}
	for p := (db.Page{Limit: 3}); ; p.Marker = paged[len(paged)-1] {
		rows := list(p)
		for _, r := range rows {
			paged = append(paged, r.ID)
		}
		if len(rows) < 3 {
			break
		}
	}
	if len(whole) != n || !slices.Equal(whole, paged) {
		t.Errorf("%v:\nwhole %v\npaged %v", orders, whole, paged)
	}
}

func TestOpenTwice(t *testing.T) {
	url := "sqlite://" + t.TempDir() + "/deep/er/x.db"
	for range 2 {
		d, err := db.Open(t.Context(), url, schema)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	if _, err := db.Open(t.Context(), "oracle://x", nil); err == nil {
		t.Error("opened an unknown engine")
	}
}

func TestColumns(t *testing.T) {
	dbtest.Tables(t, schema, things, counteds)
	type wrong struct {
		ID    string `bun:"id,pk"`
		Other string `bun:"other"`
	}
	d := dbtest.SQLite(t, schema)
	lacking, unread, err := db.Table[wrong]("counted").Columns(t.Context(), d)
	if err != nil || !slices.Equal(lacking, []string{"other"}) || !slices.Equal(unread, []string{"name"}) {
		t.Error(lacking, unread, err)
	}
}
