package db

import (
	"context"
	"database/sql"
)

// Read returns what fn does, whose statements all see the database as it is at
// one moment: what is put together from several of them is whole. fn may run
// again, so it must have no effect. Within a *Tx it is part of it, whose own
// locks keep others from changing what it reads.
//
// While it runs a Read may have a connection, so fn does nothing but read,
// through on and with its ctx: a statement on the database itself, which would
// wait for a second connection, is ErrNested.
func Read[T any](ctx context.Context, on Q, fn func(ctx context.Context, on Q) (T, error)) (out T, err error) {
	d, ok := on.(*DB)
	if !ok {
		return fn(ctx, on)
	}
	if d.reading(ctx) {
		return out, ErrNested
	}
	ctx = context.WithValue(ctx, insideKey{d}, readOnly)
	run := func(on Q) error {
		out, err = fn(ctx, on)
		return err
	}
	if whole, err := d.undisturbed(run); whole {
		return out, err
	}
	return out, retry(ctx, func() error { return d.snapshot(ctx, run) })
}

// reading tells whether ctx is that of a Read.
func (d *DB) reading(ctx context.Context) bool { return ctx.Value(insideKey{d}) == readOnly }

// undisturbed runs fn and tells whether no change came between its statements.
// The owner of a SQLite file, who alone writes it (but for public IDs of users,
// that no Read is about), knows that, it is nearly always so, and a transaction
// would cost half as much again as the statements.
func (d *DB) undisturbed(fn func(on Q) error) (whole bool, err error) {
	o := d.owner
	if o == nil {
		return false, nil
	}
	begun := o.begun.Load()
	if o.writes.Load() != begun { // a change is being committed
		return false, nil
	}
	err = fn(alone{d})
	return o.begun.Load() == begun, err
}

// alone is a database each of whose statements sees what is committed by then.
type alone struct{ d *DB }

func (a alone) database() *DB { return a.d }

func (a alone) read(ctx context.Context, dest any, st statement) error {
	return a.d.readAlone(ctx, dest, st)
}

func (a alone) write(context.Context, statement) (sql.Result, error) { return nil, errOnlyReads }

// asOfFirst has each statement of a transaction see what the first one saw.
var asOfFirst = map[Engine]*sql.TxOptions{
	SQLite:     {ReadOnly: true}, // which begins without the write lock
	PostgreSQL: {ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	MariaDB:    {ReadOnly: true, Isolation: sql.LevelRepeatableRead},
}

// snapshot runs fn in a transaction that only reads.
func (d *DB) snapshot(ctx context.Context, fn func(on Q) error) error {
	stx, err := d.reader.DB.BeginTx(ctx, asOfFirst[d.engine])
	if err != nil {
		return mapped(ctx, err)
	}
	tx := &Tx{d: d, sql: stx, pool: d.reader, kept: &d.kept.reader, only: true}
	defer tx.prepareWanted(ctx)
	defer stx.Rollback() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return mapped(ctx, stx.Commit())
}
