package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// cut ends all connections to a database but the one it does so with.
func cut(t *testing.T, d *db.DB) {
	t.Helper()
	list, end := "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()", "SELECT pg_terminate_backend(%d, 10000)"
	if d.Engine() == db.MariaDB {
		list, end = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()", "KILL %d"
	}
	conn, err := d.Pools()["writer"].Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.QueryContext(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	rows.Close()
	for _, id := range ids {
		if _, err := conn.ExecContext(context.Background(), fmt.Sprintf(end, id)); err != nil {
			t.Log(err) // it has ended by itself
		}
	}
}

// servers are the engines that connections can be lost to, over TCP: there what
// is written to one that has ended is not refused.
func servers(t *testing.T, body func(t *testing.T, url string)) {
	t.Run("postgres", func(t *testing.T) {
		u, err := url.Parse(dbtest.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		u.Host = overTCP(t, u.Query().Get("host")+"/.s.PGSQL.5432")
		u.RawQuery = "sslmode=disable"
		body(t, u.String())
	})
	t.Run("mysql", func(t *testing.T) {
		u, err := url.Parse(dbtest.MariaDB(t))
		if err != nil {
			t.Fatal(err)
		}
		u.Host = overTCP(t, u.Query().Get("socket"))
		u.RawQuery = ""
		body(t, u.String())
	})
}

// overTCP is the address at which a socket is reached, too.
func overTCP(t *testing.T, socket string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				client.Close()
				continue
			}
			go func() { io.Copy(server, client); server.Close() }()
			go func() { io.Copy(client, server); client.(*net.TCPConn).CloseWrite() }()
		}
	}()
	return l.Addr().String()
}

func openAt(t *testing.T, url string, opts ...db.Option) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, schema, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestALostConnection: what was not committed did not happen, so it is done again.
func TestALostConnection(t *testing.T) {
	servers(t, func(t *testing.T, url string) {
		d := openAt(t, url)
		tries := 0
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if err := things.Insert(ctx, tx, sample(0)); err != nil {
				return err
			}
			if tries++; tries == 1 {
				cut(t, d)
			}
			return things.Insert(ctx, tx, sample(1), sample(2))
		})
		if err != nil || tries != 2 {
			t.Errorf("a transaction: %v after %d tries", err, tries)
		}
		cut(t, d)
		if n, err := db.Count(t.Context(), d, things.Select("")); n != 3 || err != nil {
			t.Errorf("a read: %d, %v", n, err)
		}
		lost := false
		seen, err := db.Read(t.Context(), d, func(ctx context.Context, on db.Q) (map[float64]bool, error) {
			return rounds(ctx, on, func() {
				if !lost {
					lost = true
					cut(t, d)
				}
			})
		})
		if err != nil || len(seen) != 1 {
			t.Errorf("a Read: %v, %v", seen, err)
		}
	})
}

// TestLostWhileCommitting: what may have been committed is not done again.
func TestLostWhileCommitting(t *testing.T) {
	servers(t, func(t *testing.T, url string) {
		var d *db.DB
		tries := 0
		d = openAt(t, url, db.Points(func(_ context.Context, point string) {
			if point == "commit" && tries == 1 {
				cut(t, d)
			}
		}))
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			tries++
			return things.Insert(ctx, tx, sample(tries))
		})
		if err == nil || errors.Is(err, db.ErrRetry) || tries != 1 {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}

// TestATableThatChanges: MariaDB refuses to read one as it was before.
func TestATableThatChanges(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB) {
		begin(t, d)
		changed, rebuilt := false, ""
		if d.Engine() == db.MariaDB {
			rebuilt = ", ALGORITHM=COPY"
		}
		n, err := db.Read(t.Context(), d, func(ctx context.Context, on db.Q) (int, error) {
			if _, err := db.Count(ctx, on, counteds.Select("")); err != nil {
				return 0, err
			}
			if !changed {
				changed = true
				if _, err := d.Pools()["writer"].ExecContext(t.Context(), "ALTER TABLE things ADD COLUMN another BIGINT"+rebuilt); err != nil {
					t.Error(err)
				}
			}
			return db.Count(ctx, on, things.Select(""))
		})
		if n != 3 || err != nil {
			t.Error(n, err)
		}
	})
}
