package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // registers "sqlite"
)

// sqliteDriver is the database/sql driver; tests put a deaf one in its place.
var sqliteDriver = "sqlite"

// pragma is a setting that is asked for in the connection string and read back.
type pragma struct{ name, set, want string }

func writerPragmas(o options) []pragma {
	synchronous := map[string]string{"OFF": "0", "FULL": "2"}[o.synchronous]
	return []pragma{
		{"busy_timeout", "5000", "5000"},
		{"cache_size", "-1500", "-1500"}, // KiB for each connection, used only when needed
		{"foreign_keys", "1", "1"},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", o.synchronous, synchronous},
	}
}

func readerPragmas(o options) []pragma {
	return append(writerPragmas(o), pragma{"query_only", "1", "1"})
}

// openSQLite opens a file as its owner, or to look into one that may be another's.
func openSQLite(ctx context.Context, u *url.URL, o options) (*DB, error) {
	path := u.Host + u.Path
	if path == "" {
		return nil, errors.New("the address names no file")
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	if o.foreign || o.asItIs {
		return openFile(ctx, path, o)
	}
	owner, err := own(path)
	if err != nil {
		return nil, err
	}
	d, err := openFile(ctx, path, o)
	if err != nil {
		return nil, errors.Join(err, owner.leave())
	}
	d.owner, d.leave = owner, sync.OnceValue(owner.leave)
	return d, nil
}

// openFile opens two pools on one file: a deferred transaction that reads and
// then writes is refused at once, so writers queue for one connection that
// always begins with the write lock, and readers never wait for them.
func openFile(ctx context.Context, path string, o options) (*DB, error) {
	writer, err := sqlitePool(ctx, path, writerPragmas(o), 1)
	if err != nil {
		return nil, err
	}
	if err := checkImmediate(ctx, writer, path); err != nil {
		writer.Close()
		return nil, err
	}
	reader, err := sqlitePool(ctx, path, readerPragmas(o), 4)
	if err != nil {
		writer.Close()
		return nil, err
	}
	dialect := sqlitedialect.New()
	d := &DB{engine: SQLite, reader: bun.NewDB(reader, dialect), writer: bun.NewDB(writer, dialect)}
	d.gen = d.reader.QueryGen()
	return d, nil
}

// createPrivate makes the file, readable by its owner only. One that is there
// is not opened: closing it would take the engine's locks away.
func createPrivate(path string) error {
	owners.Lock()
	defer owners.Unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func sqlitePool(ctx context.Context, path string, pragmas []pragma, conns int) (*sql.DB, error) {
	pool, err := sql.Open(sqliteDriver, sqliteDSN(path, pragmas))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(2 * time.Minute) // pages that a burst of work has cached go with the connection
	if conns > 1 {
		pool.SetConnMaxIdleTime(time.Minute)
	}
	if err := checkPragmas(ctx, pool, pragmas); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func sqliteDSN(path string, pragmas []pragma) string {
	q := url.Values{"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_timezone": {"UTC"}}
	for _, p := range pragmas {
		q.Add("_pragma", p.name+"("+p.set+")")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// maxLog is how many bytes of log are left to the engine, which begins anew only
// when it is all in the file and nobody reads from it: never while there is
// always a reader.
const maxLog = 16 << 20

// trimLog empties a log that has become large. Readers do not wait for that;
// writers do, until the reads that are under way have ended. It gives up on those
// that take half a second, until the log has grown as much again.
func (d *DB) trimLog(ctx context.Context) {
	if d.owner == nil {
		return
	}
	info, err := os.Stat(d.owner.file + "-wal")
	full := d.owner.full.Load()
	if err != nil || info.Size() < full || !d.owner.full.CompareAndSwap(full, info.Size()+maxLog) {
		return
	}
	conn, err := d.writer.DB.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	defer conn.ExecContext(ctx, "PRAGMA busy_timeout = 5000")
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 100"); err != nil {
		return
	}
	for range 5 { // one waits in vain where a new reader has come in the place of an old one, which the next one sees
		var refused, frames, moved int
		err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&refused, &frames, &moved)
		if err == nil && refused == 0 {
			d.owner.full.Store(maxLog)
			return
		}
	}
}

// checkPragmas refuses an engine that runs with other settings than asked for:
// a driver ignores what it does not know.
func checkPragmas(ctx context.Context, pool *sql.DB, pragmas []pragma) error {
	for _, p := range pragmas {
		var got string
		if err := pool.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&got); err != nil {
			return fmt.Errorf("read back %s: %w", p.name, err)
		}
		if !strings.EqualFold(got, p.want) {
			return fmt.Errorf("the engine runs with %s=%s, not %s", p.name, got, p.want)
		}
	}
	return nil
}

// checkImmediate proves that the writer's transactions begin with the write
// lock: while one is open, a second connection must not get it.
func checkImmediate(ctx context.Context, writer *sql.DB, path string) error {
	tx, err := writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	probe, err := sql.Open(sqliteDriver, sqliteDSN(path, []pragma{{name: "busy_timeout", set: "0"}}))
	if err != nil {
		return err
	}
	defer probe.Close()
	other, err := probe.BeginTx(ctx, nil)
	if err == nil {
		other.Rollback()
		return errors.New("transactions do not begin with the write lock (_txlock=immediate was ignored)")
	}
	if kindOf(err) != ErrRetry {
		return fmt.Errorf("probe the write lock: %w", err)
	}
	return nil
}
