package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// begin writes three things of round 0.
func begin(t *testing.T, d *db.DB) {
	t.Helper()
	if err := things.Insert(t.Context(), d, sample(0), sample(1), sample(2)); err != nil {
		t.Fatal(err)
	}
}

// flip makes them those of round n, the first one before the others, in one transaction.
func flip(ctx context.Context, d *db.DB, n int) error {
	return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := db.Exec(ctx, tx, "UPDATE things SET ratio = ? WHERE id = 'id000'", n); err != nil {
			return err
		}
		_, err := db.Exec(ctx, tx, "UPDATE things SET ratio = ? WHERE id <> 'id000'", n)
		return err
	})
}

// rounds reads the first thing, does between, reads the others, and gives the
// rounds they are of.
func rounds(ctx context.Context, on db.Q, between func()) (map[float64]bool, error) {
	first, err := db.One(ctx, on, things.Select("id = ?", "id000"))
	if err != nil {
		return nil, err
	}
	between()
	rest, err := db.All(ctx, on, things.Select("id <> ?", "id000"))
	seen := map[float64]bool{first.Ratio: true}
	for _, row := range rest {
		seen[row.Ratio] = true
	}
	return seen, err
}

func whole(ctx context.Context, d *db.DB) (map[float64]bool, error) {
	return db.Read(ctx, d, func(ctx context.Context, on db.Q) (map[float64]bool, error) { return rounds(ctx, on, func() {}) })
}

// A change that is committed between two statements is seen by the next Read.
func TestReadSeesOneMoment(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		begin(t, d)
		last := 0
		for range 20 {
			var before int
			seen, err := db.Read(t.Context(), d, func(ctx context.Context, on db.Q) (map[float64]bool, error) {
				before = last
				return rounds(ctx, on, func() {
					last++
					if err := flip(t.Context(), d, last); err != nil {
						t.Error(err)
					}
				})
			})
			if err != nil || len(seen) != 1 || !seen[float64(before)] {
				t.Errorf("after round %d rows of rounds %v, %v", before, seen, err)
			}
		}
	})
}

func TestReadersBesideAWriter(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		begin(t, d)
		dbtest.Beside(t, 2000, func(n int) error { return flip(t.Context(), d, n) }, func() error {
			seen, err := whole(t.Context(), d)
			if err == nil && len(seen) != 1 {
				err = fmt.Errorf("rows of rounds %v", seen)
			}
			return err
		})
	})
}

func TestReadWithinATransactionIsPartOfIt(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := things.Insert(ctx, tx, sample(1)); err != nil {
				return err
			}
			_, err := db.Read(ctx, tx, func(ctx context.Context, on db.Q) (thing, error) {
				return db.One(ctx, on, things.Select("id = ?", "id001"))
			})
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// What would wait for a second connection while it has one is refused: enough
// of those at once would wait for each other.
func TestReadTakesOneConnection(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		d.Snapshots()
		for what, try := range map[string]func(ctx context.Context) error{
			"a statement": func(ctx context.Context) error { _, err := db.Count(ctx, d, things.Select("")); return err },
			"a change":    func(ctx context.Context) error { return things.Insert(ctx, d, sample(1)) },
			"a transaction": func(ctx context.Context) error {
				return d.Tx(ctx, func(context.Context, *db.Tx) error { return nil })
			},
			"a Read": func(ctx context.Context) error {
				_, err := db.Read(ctx, d, func(context.Context, db.Q) (int, error) { return 0, nil })
				return err
			},
		} {
			_, err := db.Read(t.Context(), d, func(ctx context.Context, _ db.Q) (int, error) { return 0, try(ctx) })
			if !errors.Is(err, db.ErrNested) {
				t.Errorf("%s: %v", what, err)
			}
		}
		n, err := db.Read(t.Context(), d, func(ctx context.Context, on db.Q) (int, error) {
			if err := things.Insert(ctx, on, sample(1)); err == nil {
				t.Error("it wrote")
			}
			return db.Read(ctx, on, func(ctx context.Context, on db.Q) (int, error) { return db.Count(ctx, on, things.Select("")) })
		})
		if n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

// However a Read ends, its connection is free and fit for the next.
func TestReadEnds(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		d.Snapshots()
		begin(t, d)
		boom := errors.New("boom")
		ways := map[string]func(ctx context.Context, cancel func(), on db.Q) error{
			"well":      func(context.Context, func(), db.Q) error { return nil },
			"in error":  func(context.Context, func(), db.Q) error { return boom },
			"in panic":  func(context.Context, func(), db.Q) error { panic(boom) },
			"cancelled": func(_ context.Context, cancel func(), _ db.Q) error { cancel(); return nil },
			"in a statement": func(ctx context.Context, _ func(), on db.Q) error {
				_, err := db.Scan[int](ctx, on, "SELECT nothing FROM nowhere")
				return err
			},
		}
		for name, way := range ways {
			for range 30 { // more than any pool has
				func() {
					defer func() {
						if v := recover(); v != nil && v != boom {
							panic(v)
						}
					}()
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					_, err := db.Read(ctx, d, func(ctx context.Context, on db.Q) (int, error) {
						n, err := db.Count(ctx, on, things.Select(""))
						if err != nil {
							return n, err
						}
						return n, way(ctx, cancel, on)
					})
					if (err == nil) != (name == "well") {
						t.Errorf("%s: %v", name, err)
					}
				}()
			}
			if err := flip(t.Context(), d, 1); err != nil {
				t.Error(err)
			}
			if n, err := db.Count(t.Context(), d, things.Select("ratio = 1")); n != 3 || err != nil {
				t.Errorf("after one that ended %s: %d rows, %v", name, n, err)
			}
			for _, pool := range d.Pools() {
				for pool.Stats().InUse > 0 { // what was cancelled is rolled back by somebody else
					time.Sleep(time.Millisecond)
				}
			}
		}
	})
}

// Readers hold the log of what was written only while they read: once they
// have ended all of it can be taken into the file.
func TestReadersLetTheLogGo(t *testing.T) {
	file := t.TempDir() + "/x.db"
	d, err := db.Open(t.Context(), "sqlite://"+file, schema, db.Unsynced())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.Snapshots()
	begin(t, d)
	row := sample(0)
	row.Raw = make([]byte, 30_000)
	dbtest.Beside(t, 300, func(n int) error {
		row.Raw[n]++
		_, err := things.Update(t.Context(), d, row)
		return err
	}, func() error {
		_, err := whole(t.Context(), d)
		return err
	})
	if log := sizeOf(t, file+"-wal"); log < 1<<20 {
		t.Fatalf("the log has only %d bytes", log)
	}
	var refused, frames, moved int
	if err := d.Pools()["writer"].QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&refused, &frames, &moved); err != nil {
		t.Fatal(err)
	}
	if log := sizeOf(t, file+"-wal"); refused != 0 || log != 0 {
		t.Errorf("the log has %d bytes though no reader is left, refused: %d", log, refused)
	}
}

// TestTheLogStaysSmall though there is always somebody who reads from it.
func TestTheLogStaysSmall(t *testing.T) {
	file := t.TempDir() + "/x.db"
	d, err := db.Open(t.Context(), "sqlite://"+file, schema, db.Unsynced())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	begin(t, d)
	var over atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() { // each transaction begins before the one before it ends
		var before *sql.Tx
		for !over.Load() {
			tx, err := d.Pools()["reader"].BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
			if err == nil {
				_, err = tx.Exec("SELECT COUNT(*) FROM things")
			}
			time.Sleep(10 * time.Millisecond) // other changes are made meanwhile
			if before != nil {
				before.Rollback()
			}
			if before = tx; err != nil {
				t.Error(err)
				return
			}
		}
		before.Rollback()
	})
	row := sample(0)
	const changes = 2000
	var most int64
	for n := range changes {
		row.Raw = bytes.Repeat([]byte{byte(n)}, 30_000)
		if _, err := things.Update(t.Context(), d, row); err != nil {
			t.Fatal(err)
		}
		most = max(most, sizeOf(t, file+"-wal"))
	}
	over.Store(true)
	reader.Wait()
	if most > changes*30_000/3*2 {
		t.Errorf("it had %d bytes, %d were written", most, changes*30_000)
	}
	var timeout int
	if err := d.Pools()["writer"].QueryRow("PRAGMA busy_timeout").Scan(&timeout); err != nil || timeout != 5000 {
		t.Errorf("the writer waits %d ms, %v", timeout, err)
	}
}

func sizeOf(t *testing.T, file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
