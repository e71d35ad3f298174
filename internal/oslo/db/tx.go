package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"
)

// Q is what a query runs on: a *DB or a *Tx.
type Q interface {
	database() *DB
	read(ctx context.Context, dest any, st statement) error
	write(ctx context.Context, st statement) (sql.Result, error)
}

// Tx is a transaction. It belongs to one goroutine.
type Tx struct {
	d         *DB
	sql       *sql.Tx
	pool      *bun.DB     // where it has its connection from
	kept      *statements // the pool's
	only      bool        // it only reads
	failed    error       // the statement that broke it
	wanted    []string    // texts to be prepared for the next time
	committed []func()
}

// attempts is how often a transaction is tried when the engine asks for it.
const attempts = 12

// insideKey is what the context of a transaction has its inside under.
type insideKey struct{ d *DB }

type inside int

const (
	readWrite inside = iota
	readOnly
)

// Tx runs fn in a transaction and commits when it returns nil. When the engine
// asks for it everything is done again, so fn must be repeatable. The context
// given to fn is for use inside; starting another Tx on the same database with
// it is ErrNested.
func (d *DB) Tx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(insideKey{d}) != nil {
		return ErrNested
	}
	return retry(ctx, func() error { return d.once(ctx, fn) })
}

// retry runs fn again, after a short random pause, while it returns ErrRetry.
func retry(ctx context.Context, fn func() error) (err error) {
	for try := range attempts {
		if err = fn(); !errors.Is(err, ErrRetry) {
			return err
		}
		pause := time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 7)))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

func (d *DB) once(ctx context.Context, fn func(context.Context, *Tx) error) error {
	stx, err := d.writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return mapped(ctx, err)
	}
	tx := &Tx{d: d, sql: stx, pool: d.writer, kept: &d.kept.writer}
	defer tx.prepareWanted(ctx)
	defer stx.Rollback() // after a commit it does nothing
	if err := fn(context.WithValue(ctx, insideKey{d}, readWrite), tx); err != nil {
		return err
	}
	if tx.failed != nil {
		return fmt.Errorf("the transaction failed before its end: %w", tx.failed)
	}
	d.at(ctx, "commit")
	d.owner.begin()
	err = stx.Commit()
	d.owner.done()
	if err != nil {
		return committed(ctx, err)
	}
	d.at(ctx, "committed")
	for _, fn := range tx.committed {
		fn()
	}
	d.trimLog(d.statement(ctx))
	return nil
}

// AfterCommit has fn called once the transaction is in the database, and not
// at all if it is rolled back.
func (tx *Tx) AfterCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// Try runs fn, whose statements may fail: then only they are undone, and the
// transaction goes on.
func (tx *Tx) Try(ctx context.Context, fn func() error) error {
	if _, err := tx.write(ctx, statement{text: "SAVEPOINT try"}); err != nil {
		return err
	}
	hooks := len(tx.committed)
	err := fn()
	if err == nil && tx.failed == nil {
		_, err = tx.write(ctx, statement{text: "RELEASE SAVEPOINT try"})
		return err
	}
	if err == nil {
		err = tx.failed
	}
	if errors.Is(err, ErrRetry) {
		return err // the engine has ended the transaction already
	}
	tx.failed, tx.committed = nil, tx.committed[:hooks]
	if _, rerr := tx.write(ctx, statement{text: "ROLLBACK TO SAVEPOINT try"}); rerr != nil {
		return errors.Join(err, rerr)
	}
	return err
}

func (tx *Tx) database() *DB { return tx.d }

func (tx *Tx) read(ctx context.Context, dest any, st statement) error {
	if err := tx.usable(); err != nil {
		return err
	}
	ctx = tx.d.statement(ctx)
	err := scan(ctx, tx.pool, source{on: tx.sql, stmt: tx.prepared(ctx, st), st: st}, dest)
	if err != nil && !errors.Is(err, ErrNoRow) {
		tx.failed = err
	}
	return err
}

func (tx *Tx) write(ctx context.Context, st statement) (res sql.Result, err error) {
	if tx.only {
		return nil, errOnlyReads
	}
	if err := tx.usable(); err != nil {
		return nil, err
	}
	ctx = tx.d.statement(ctx)
	if stmt := tx.prepared(ctx, st); stmt != nil {
		res, err = stmt.ExecContext(ctx, st.args...)
	} else {
		res, err = tx.sql.ExecContext(ctx, st.text, st.args...)
	}
	tx.failed = mapped(ctx, err)
	return res, tx.failed
}

// prepared is the statement if it was prepared before this transaction, which
// may have the last connection.
func (tx *Tx) prepared(ctx context.Context, st statement) *sql.Stmt {
	stmt, wanted := tx.kept.find(st)
	if wanted {
		tx.wanted = append(tx.wanted, st.text)
	}
	if stmt == nil {
		return nil
	}
	return tx.sql.StmtContext(ctx, stmt)
}

// prepareWanted prepares, after its end, what the transaction would have used.
func (tx *Tx) prepareWanted(ctx context.Context) {
	for _, text := range tx.wanted {
		tx.kept.get(tx.d.statement(ctx), tx.pool.DB, statement{text: text, keep: true})
	}
}

// usable refuses statements after one has failed, on every engine, because
// PostgreSQL does.
func (tx *Tx) usable() error {
	if tx.failed != nil {
		return fmt.Errorf("statement after a failed one: %v", tx.failed)
	}
	return nil
}

func (d *DB) database() *DB { return d }

func (d *DB) read(ctx context.Context, dest any, st statement) error {
	if d.reading(ctx) {
		return ErrNested
	}
	return d.readAlone(ctx, dest, st)
}

func (d *DB) readAlone(ctx context.Context, dest any, st statement) error {
	ctx = d.statement(ctx)
	return retry(ctx, func() error {
		return scan(ctx, d.reader, source{on: d.reader.DB, stmt: d.kept.reader.get(ctx, d.reader.DB, st), st: st}, dest)
	})
}

func (d *DB) write(ctx context.Context, st statement) (res sql.Result, err error) {
	if ctx.Value(insideKey{d}) != nil {
		return nil, ErrNested
	}
	d.owner.begin()
	defer d.owner.done()
	d.at(ctx, "commit")
	defer d.at(ctx, "committed")
	ctx = d.statement(ctx)
	err = retry(ctx, func() error {
		var err error
		if stmt := d.kept.writer.get(ctx, d.writer.DB, st); stmt != nil {
			res, err = stmt.ExecContext(ctx, st.args...)
		} else {
			res, err = d.writer.DB.ExecContext(ctx, st.text, st.args...)
		}
		return committed(ctx, err)
	})
	d.trimLog(ctx)
	return res, err
}

// Writes counts the changes that this process has made. On SQLite, which only
// its owner writes, nothing has changed while it stays the same; elsewhere it
// tells nothing, and ok is false.
func (d *DB) Writes() (n int64, ok bool) {
	if d.owner == nil {
		return 0, false
	}
	return d.owner.writes.Load(), true
}

// statement is the context of one statement. SQLite answers from this process
// in microseconds, and watching for a cancellation would cost as much again.
func (d *DB) statement(ctx context.Context) context.Context {
	if d.engine == SQLite {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// Lock makes transactions that hold the same key run one after another, until
// their end. On SQLite they do anyway.
func Lock(ctx context.Context, tx *Tx, key string) error {
	switch tx.d.engine {
	case PostgreSQL:
		_, err := Exec(ctx, tx, "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", key)
		return err
	case MariaDB:
		_, err := Exec(ctx, tx, "INSERT INTO nacre_locks (name) VALUES (?) ON DUPLICATE KEY UPDATE name = VALUES(name)", key)
		return err
	}
	return nil
}
