package db_test

import (
	"database/sql"
	"testing"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// settings are what speed and safety rest on: questions to the engine and
// their answers, on every connection of a pool.
var settings = map[db.Engine]map[string]map[string]string{
	db.SQLite: {
		"reader": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", "PRAGMA busy_timeout": "5000", "PRAGMA foreign_keys": "1",
			"PRAGMA cache_size": "-1500", "PRAGMA query_only": "1"},
		"writer": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", "PRAGMA busy_timeout": "5000", "PRAGMA foreign_keys": "1",
			"PRAGMA cache_size": "-1500", "PRAGMA query_only": "0"},
	},
	db.PostgreSQL: {"reader": postgresSettings, "writer": postgresSettings},
	db.MariaDB:    {"reader": mariaSettings, "writer": mariaSettings},
}

var postgresSettings = map[string]string{"SHOW transaction_isolation": "read committed", "SHOW default_transaction_isolation": "read committed",
	"SHOW timezone": "UTC", "SHOW standard_conforming_strings": "on", "SHOW server_encoding": "UTF8"}

var mariaSettings = map[string]string{"SELECT @@session.tx_isolation": "READ-COMMITTED", "SELECT @@session.time_zone": "+00:00",
	"SELECT @@character_set_connection": "utf8mb4", "SELECT @@collation_connection": "utf8mb4_nopad_bin", "SELECT @@foreign_key_checks": "1",
	"SELECT @@session.sql_mode LIKE '%STRICT_ALL_TABLES%'": "1", "SELECT @@session.sql_mode LIKE '%ANSI_QUOTES%'": "1",
	"SELECT @@session.sql_mode LIKE '%PIPES_AS_CONCAT%'": "1", "SELECT @@session.sql_mode LIKE '%NO_BACKSLASH%'": "0"}

// conns is how many connections each pool may have.
var conns = map[db.Engine]map[string]int{
	db.SQLite: {"reader": 4, "writer": 1}, db.PostgreSQL: {"reader": 20, "writer": 20}, db.MariaDB: {"reader": 20, "writer": 20}}

// TestSettingsOfEveryConnection reads back from the running engine what was
// asked for, on all connections that a pool may have, at once: a setting made
// on the first of them only would pass any other test.
func TestSettingsOfEveryConnection(t *testing.T) {
	check := func(t *testing.T, d *db.DB) {
		for name, pool := range d.Pools() {
			want := conns[d.Engine()][name]
			if got := pool.Stats().MaxOpenConnections; got != want {
				t.Errorf("%s: at most %d connections, want %d", name, got, want)
			}
			for range want {
				conn, err := pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				for ask, want := range settings[d.Engine()][name] {
					var got string
					if err := conn.QueryRowContext(t.Context(), ask).Scan(&got); err != nil || got != want {
						t.Errorf("%s: %s is %q %v, want %q", name, ask, got, err, want)
					}
				}
			}
			if d.Engine() != db.SQLite {
				break // both are one pool
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) { // synced, as in production
		d, err := db.Open(t.Context(), "sqlite://"+t.TempDir()+"/x.db", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		check(t, d)
	})
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		if d.Engine() != db.SQLite {
			check(t, d)
		}
	})
}

// TestTransactionsBeginWithTheirLock shows the effect of _txlock: a second
// transaction does not begin while one is open, so that none is refused at its
// first write for what it has read.
func TestTransactionsBeginWithTheirLock(t *testing.T) {
	file := "sqlite://" + t.TempDir() + "/x.db"
	var pools []*sql.DB
	for range 2 {
		d, err := db.Open(t.Context(), file, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		pools = append(pools, d.Pools()["writer"])
	}
	first, err := pools[0].BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Rollback()
	if _, err := pools[1].ExecContext(t.Context(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	if second, err := pools[1].BeginTx(t.Context(), nil); err == nil {
		second.Rollback()
		t.Error("two transactions of writers are open")
	}
}

// TestAChangeOfNothingFindsItsRow is the effect of clientFoundRows.
func TestAChangeOfNothingFindsItsRow(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		row := sample(1)
		if err := things.Insert(t.Context(), d, row); err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func() (int64, error){
			"Update": func() (int64, error) { return things.Update(t.Context(), d, row) },
			"Exec": func() (int64, error) {
				return db.Exec(t.Context(), d, "UPDATE things SET name = ? WHERE id = ?", row.Name, row.ID)
			},
		} {
			if n, err := change(); n != 1 || err != nil {
				t.Errorf("%s found %d rows, %v", what, n, err)
			}
		}
	})
}
