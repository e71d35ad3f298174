//go:build kill

package test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // reads what the service wrote

	"nacre/internal/oslo/db/dbtest"
	"nacre/test/host"
)

// database is one engine's way to keep a state and to put it back. The service is down meanwhile.
type database interface {
	url() string // "" is the service's default
	open() (*sql.DB, error)
	tables() string // a query for their names
	keep() error
	restore() error
}

// dump is every row of every table: "table|column=value|…". The revision moves
// at each start, too, and means nothing but that it moved.
func (i *identity) dump() (out []string) {
	i.t.Helper()
	d, err := i.db.open()
	if err != nil {
		i.t.Fatal(err)
	}
	defer d.Close()
	names, err := host.Texts(d, i.db.tables())
	if err != nil || len(names) < 20 {
		i.t.Fatalf("tables %v: %v", names, err)
	}
	for _, table := range names {
		if table == "revisions" {
			continue
		}
		if out, err = rowsIn(d, table, out); err != nil {
			i.t.Fatalf("%s: %v", table, err)
		}
	}
	slices.Sort(out)
	return out
}

func rowsIn(d *sql.DB, table string, out []string) ([]string, error) {
	rows, err := d.Query(`SELECT * FROM "` + table + `"`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, at := make([]any, len(columns)), make([]any, len(columns))
		for n := range values {
			at[n] = &values[n]
		}
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		row := table
		for n, c := range columns {
			if text, ok := values[n].([]byte); ok {
				values[n] = string(text)
			}
			row += fmt.Sprintf("|%s=%v", c, values[n])
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// sqliteFile is the service's own database, kept by a copy of its files.
type sqliteFile struct{ file, copy string }

func sqliteIn(t *testing.T, dir string) database {
	return sqliteFile{filepath.Join(dir, "db", "keystone.db"), filepath.Join(t.TempDir(), "keystone.db")}
}

func (s sqliteFile) url() string    { return "" }
func (s sqliteFile) tables() string { return "SELECT name FROM sqlite_master WHERE type = 'table'" }

// open brings the file in order as the service would, and checks all of it.
func (s sqliteFile) open() (*sql.DB, error) {
	d, err := sql.Open("sqlite", "file:"+s.file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	if found, err := host.Texts(d, "PRAGMA integrity_check"); err != nil || len(found) != 1 || found[0] != "ok" {
		return nil, fmt.Errorf("the file is damaged: %v %v", found, err)
	}
	return d, nil
}

func (s sqliteFile) keep() error    { return copyDatabase(s.file, s.copy) }
func (s sqliteFile) restore() error { return copyDatabase(s.copy, s.file) }

func copyDatabase(from, to string) error {
	for _, part := range []string{"", "-wal", "-shm"} {
		text, err := os.ReadFile(from + part)
		if os.IsNotExist(err) {
			err = os.RemoveAll(to + part)
		} else if err == nil {
			err = os.WriteFile(to+part, text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// postgresCopy is a database of a private PostgreSQL, kept as a template.
type postgresCopy struct {
	at    string
	admin *sql.DB
}

func postgresFor(t *testing.T, _ string) database {
	at := dbtest.Postgres(t)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/postgres"
	admin, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	admin.SetMaxOpenConns(1)
	t.Cleanup(func() { _, _ = admin.Exec("DROP DATABASE IF EXISTS kept"); admin.Close() })
	return postgresCopy{at, admin}
}

func (p postgresCopy) url() string { return p.at }

func (p postgresCopy) name() string {
	u, _ := url.Parse(p.at) // it was parsed before
	return strings.TrimPrefix(u.Path, "/")
}

func (p postgresCopy) tables() string {
	return "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
}

// open waits until the server has ended what the killed process had begun.
func (p postgresCopy) open() (*sql.DB, error) {
	if err := p.alone(); err != nil {
		return nil, err
	}
	return sql.Open("pgx", p.at)
}

func (p postgresCopy) alone() error {
	for began := time.Now(); time.Since(began) < limit; time.Sleep(5 * time.Millisecond) {
		var others int
		if err := p.admin.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", p.name()).Scan(&others); err != nil || others == 0 {
			return err
		}
	}
	return fmt.Errorf("somebody is still connected to %s", p.name())
}

func (p postgresCopy) keep() error    { return p.clone(p.name(), "kept") }
func (p postgresCopy) restore() error { return p.clone("kept", p.name()) }

func (p postgresCopy) clone(from, to string) error {
	if err := p.alone(); err != nil {
		return err
	}
	if _, err := p.admin.Exec("DROP DATABASE IF EXISTS " + to); err != nil {
		return err
	}
	_, err := p.admin.Exec("CREATE DATABASE " + to + " TEMPLATE " + from)
	return err
}
