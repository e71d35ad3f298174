package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Engine names what speaks SQL below.
type Engine string

const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
	MariaDB    Engine = "mysql"
)

// DB is one service's database. Reads made on it see what is committed.
type DB struct {
	engine Engine
	reader *bun.DB
	writer *bun.DB // the same pool as reader, but on SQLite
	gen    schema.QueryGen
	plans  sync.Map // planKey → *plan
	kept   struct{ reader, writer statements }
	owner  *owner                                  // of a SQLite file; nil if it is not ours
	leave  func() error                            // gives it up, once
	points func(ctx context.Context, point string) // nil is nobody
}

// maxConns bounds the connections to PostgreSQL or MariaDB.
const maxConns = 20

type options struct {
	synchronous string
	asItIs      bool
	foreign     bool
	points      func(ctx context.Context, point string)
}

// Option changes how Open works.
type Option func(*options)

// Unsynced lets SQLite answer before the disk has the data. Tests only.
func Unsynced() Option { return func(o *options) { o.synchronous = "OFF" } }

// AsItIs has Open change no schema: it is ErrOld if that of this version is
// another one. On SQLite another process may be the owner, whose commits are
// not known here.
func AsItIs() Option { return func(o *options) { o.asItIs = true } }

// Points has fn called right before and after each commit, with "commit" and
// "committed": a test of recovery ends the process there.
func Points(fn func(ctx context.Context, point string)) Option {
	return func(o *options) { o.points = fn }
}

// Open connects to "sqlite:///path/file.db", "postgres://user:pw@host:port/db"
// or "mysql://user:pw@host:port/db" (?socket=/path for a unix socket), refuses
// an engine that does not run with the settings we rely on, and a SQLite file
// that another process has open, and brings the schema up to date. migrations
// holds *.sql at its root or in "migrations/"; nil means none.
func Open(ctx context.Context, dburl string, migrations fs.FS, opts ...Option) (*DB, error) {
	o := options{synchronous: "FULL"}
	for _, opt := range opts {
		opt(&o)
	}
	u, err := url.Parse(dburl)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err.(*url.Error).Err)
	}
	d, err := connect(ctx, u, o)
	if err != nil {
		return nil, fmt.Errorf("open %s database: %w", u.Scheme, err)
	}
	bring := bringUp
	if o.asItIs {
		bring = refuseOld
	}
	if err := d.migrate(ctx, migrations, bring); err != nil {
		d.Close()
		return nil, fmt.Errorf("migrate %s database: %w", u.Scheme, err)
	}
	d.points = o.points
	return d, nil
}

func (d *DB) at(ctx context.Context, point string) {
	if d.points != nil {
		d.points(ctx, point)
	}
}

// OpenForeign connects to a database that is not ours, to read it: it is not
// migrated.
func OpenForeign(ctx context.Context, dburl string) (*DB, error) {
	u, err := url.Parse(dburl)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err.(*url.Error).Err)
	}
	d, err := connect(ctx, u, options{synchronous: "FULL", foreign: true})
	if err != nil {
		return nil, fmt.Errorf("open %s database: %w", u.Scheme, err)
	}
	return d, nil
}

func connect(ctx context.Context, u *url.URL, o options) (*DB, error) {
	switch u.Scheme {
	case "sqlite":
		return openSQLite(ctx, u, o)
	case "postgres", "postgresql":
		return openPostgres(ctx, u, o)
	case "mysql", "mariadb":
		return openMariaDB(ctx, u, o)
	}
	return nil, fmt.Errorf("unknown engine %q: want sqlite, postgres or mysql", u.Scheme)
}

// serverPool sets the limits of a pool to a server.
func serverPool(pool *sql.DB, o options) *sql.DB {
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(min(maxConns, 8))
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return pool
}

// Engine says which engine this is; stores should not need to ask.
func (d *DB) Engine() Engine { return d.engine }

// Close ends all connections.
func (d *DB) Close() error {
	err := d.reader.Close()
	if d.writer != d.reader {
		err = errors.Join(err, d.writer.Close())
	}
	if d.leave != nil {
		err = errors.Join(err, d.leave())
	}
	return err
}

// Ping reports whether the engine answers.
func (d *DB) Ping(ctx context.Context) error { return d.reader.PingContext(ctx) }
