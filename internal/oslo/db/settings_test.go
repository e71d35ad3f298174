package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

// deaf is a driver that ignores what its connection string asks for, but keep.
type deaf struct {
	driver.Driver
	drop string
}

func (d deaf) Open(dsn string) (driver.Conn, error) {
	path, query, _ := strings.Cut(dsn, "?")
	var kept []string
	for _, part := range strings.Split(query, "&") {
		if !strings.Contains(part, d.drop) {
			kept = append(kept, part)
		}
	}
	return d.Driver.Open(path + "?" + strings.Join(kept, "&"))
}

func TestRefusesAnEngineWithOtherSettings(t *testing.T) {
	defer func(was string) { sqliteDriver = was }(sqliteDriver)
	for _, setting := range []string{"journal_mode", "synchronous", "busy_timeout", "foreign_keys", "cache_size", "query_only", "_txlock"} {
		name := "deaf to " + setting
		sql.Register(name, deaf{&sqlite.Driver{}, setting})
		sqliteDriver = name
		url := "sqlite://" + t.TempDir() + "/x.db"
		d, err := Open(t.Context(), url, nil)
		if setting == "synchronous" && err == nil { // FULL is the engine's own default
			d.Close()
			d, err = Open(t.Context(), url, nil, Unsynced())
		}
		if err == nil {
			d.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), setting) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	d, err := Open(t.Context(), "sqlite://"+t.TempDir()+"/x.db", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.reader.ExecContext(context.Background(), "DELETE FROM nacre_locks"); err == nil {
		t.Error("a reader wrote")
	}
}
