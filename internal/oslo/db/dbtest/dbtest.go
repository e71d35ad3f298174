// Package dbtest gives a test an empty database on every engine.
//
// PostgreSQL and MariaDB are private instances on unix sockets, started once
// per test binary and ended with it. An engine that is not installed
// fails the test; NACRE_DBTEST=sqlite,postgres,mysql chooses.
package dbtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"nacre/internal/oslo/db"
)

// Each runs body once per engine, each time on a fresh migrated database.
func Each(t *testing.T, migrations fs.FS, body func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		wanted(t, "sqlite")
		body(t, SQLite(t, migrations))
	})
	t.Run("postgres", func(t *testing.T) {
		wanted(t, "postgres")
		body(t, open(t, Postgres(t), migrations))
	})
	t.Run("mysql", func(t *testing.T) {
		wanted(t, "mysql")
		body(t, open(t, MariaDB(t), migrations))
	})
}

func wanted(t *testing.T, engine string) {
	if chosen := os.Getenv("NACRE_DBTEST"); chosen != "" && !strings.Contains(chosen, engine) {
		t.Skip("not in NACRE_DBTEST")
	}
}

// SQLite is a fresh migrated SQLite database.
func SQLite(t testing.TB, migrations fs.FS) *db.DB {
	t.Helper()
	return open(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"), migrations)
}

func open(t testing.TB, url string, migrations fs.FS) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, migrations, db.Unsynced())
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

var databases atomic.Int64

// Postgres is the address of an empty database on the private PostgreSQL.
func Postgres(t testing.TB) string {
	t.Helper()
	return postgres.database(t)
}

// MariaDB is the address of an empty database on the private MariaDB.
func MariaDB(t testing.TB) string {
	t.Helper()
	return mariadb.database(t)
}

// database makes a database that is dropped when the test ends.
func (s *server) database(t testing.TB) string {
	t.Helper()
	s.once.Do(func() { s.err = s.launch(s) })
	if s.err != nil {
		t.Fatalf("start %s: %v", s.name, s.err)
	}
	if s.dir == "" {
		t.Fatalf("%s is not installed: install it, or leave it out with NACRE_DBTEST", s.name)
	}
	name := fmt.Sprintf("t%d", databases.Add(1))
	if err := s.admin("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() { s.admin("DROP DATABASE " + name) })
	return s.url(name)
}
