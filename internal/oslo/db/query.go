package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Query is a SELECT of whole rows that has not been sent yet.
type Query[T any] struct {
	table  TableOf[T]
	scope  []cond // the marker of a page must meet these too
	where  []cond
	page   Page
	marker string // column the marker is a value of
	orders []string
	limit  int
	only   []string
	err    error
}

type cond struct {
	text string
	args []any
}

// Select asks for the rows that meet where; "" means all.
func (t TableOf[T]) Select(where string, args ...any) *Query[T] {
	q := &Query[T]{table: t}
	return q.Scope(where, args...)
}

// Scope is Where that the marker of a page must meet as well: who may not see
// a row may not page from it either.
func (q *Query[T]) Scope(where string, args ...any) *Query[T] {
	if where != "" {
		q.scope = append(q.scope, cond{where, args})
	}
	return q
}

// Where adds a condition that the rows must meet too.
func (q *Query[T]) Where(where string, args ...any) *Query[T] {
	q.where = append(q.where, cond{where, args})
	return q
}

// WhereIf is Where if ok.
func (q *Query[T]) WhereIf(ok bool, where string, args ...any) *Query[T] {
	if ok {
		q.Where(where, args...)
	}
	return q
}

// In demands that column is one of values, a slice; none is met by an empty one.
func (q *Query[T]) In(column string, values any) *Query[T] {
	v := reflect.ValueOf(values)
	if v.Kind() != reflect.Slice {
		q.err = fmt.Errorf("In(%s): %T is no slice", column, values)
		return q
	}
	switch v.Len() {
	case 0:
		return q.Where("1 = 0")
	case 1:
		return q.Where(column+" = ?", v.Index(0).Interface())
	}
	return q.Where(column+" IN (?)", bun.List(values))
}

// OrderBy sorts by columns, each "name" or "name DESC". NULLs come last.
func (q *Query[T]) OrderBy(orders ...string) *Query[T] {
	q.orders = slices.Clone(orders)
	return q
}

// Limit returns at most n rows; 0 is no limit.
func (q *Query[T]) Limit(n int) *Query[T] {
	q.limit = n
	return q
}

// Only reads no more than these columns; the others' fields stay empty. None
// means all.
func (q *Query[T]) Only(columns ...string) *Query[T] {
	q.only = columns
	return q
}

// columns are what rows are read with.
func (q *Query[T]) columns(p *plan) (string, error) {
	if len(q.only) == 0 {
		return p.columns, nil
	}
	var fields []*schema.Field
	for _, c := range q.only {
		f := p.field(c)
		if f == nil {
			return "", fmt.Errorf("table %s has no column %q", p.name, c)
		}
		fields = append(fields, f)
	}
	return names(fields), nil
}

// send reads what the query asks for into dest; what replaces the columns.
func (q *Query[T]) send(ctx context.Context, on Q, what string, dest any) error {
	if q.err != nil {
		return q.err
	}
	d := on.database()
	p := planOf(d, q.table)
	if what == "" {
		var err error
		if what, err = q.columns(p); err != nil {
			return err
		}
	}
	t := d.build("SELECT ").add(what, " FROM ", p.name)
	conds := append(q.scope[:len(q.scope):len(q.scope)], q.where...)
	keys, err := q.sortKeys(p)
	if err != nil {
		return err
	}
	if q.page.Marker != "" {
		after, err := q.afterMarker(ctx, on, p, keys)
		if err != nil {
			return err
		}
		conds = append(conds, after)
	}
	t.where(conds)
	t.b = appendOrder(t.b, keys)
	t.limit(q.limit)
	return on.read(ctx, dest, t.done())
}

// limit ends the text. Where it will not be kept the number stays in it: SQLite
// parses twice when a limit is told after the parsing.
func (t *builder) limit(n int) {
	number := func(b []byte) []byte { return strconv.AppendInt(b, int64(n), 10) }
	switch {
	case n <= 0:
	case t.keep && n > 1:
		t.add(" LIMIT ").value(number)
	default:
		t.b = number(append(t.b, " LIMIT "...))
	}
}

// where adds the conditions.
func (t *builder) where(conds []cond) *builder {
	words := " WHERE ("
	for _, c := range conds {
		t.add(words).format(c.text, c.args).add(")")
		words = " AND ("
	}
	return t
}

// All returns the rows; ErrNoMarker if the page begins after an unknown one.
func All[T any](ctx context.Context, on Q, q *Query[T]) ([]T, error) {
	rows := []T{}
	err := q.send(ctx, on, "", &rows)
	return rows, err
}

// Some is All of a few columns, read into rows of another shape: V has `bun` tags for them.
func Some[V, T any](ctx context.Context, on Q, q *Query[T], columns ...string) ([]V, error) {
	rows := []V{}
	err := q.send(ctx, on, strings.Join(columns, ", "), &rows)
	return rows, err
}

// One returns the first row, or ErrNoRow.
func One[T any](ctx context.Context, on Q, q *Query[T]) (T, error) {
	var row T
	one := *q
	err := one.Limit(1).send(ctx, on, "", &row)
	return row, err
}

// Count says how many rows there are, whatever the page.
func Count[T any](ctx context.Context, on Q, q *Query[T]) (int, error) {
	all := *q
	all.page, all.orders, all.limit = Page{}, nil, 0
	var n int
	err := all.send(ctx, on, "COUNT(*)", &n)
	return n, err
}

// Exec runs a statement with `?` for values and returns the rows it found.
// A slice as value is JSON; List makes it `IN (?)`.
func Exec(ctx context.Context, on Q, text string, args ...any) (int64, error) {
	return affected(on.write(ctx, on.database().build("").format(text, args).done()))
}

// List is a slice for `IN (?)`; it must not be empty.
func List(values any) any { return bun.List(values) }

// Scan reads rows of any shape: T is a struct with `bun` tags or a scalar.
func Scan[T any](ctx context.Context, on Q, text string, args ...any) ([]T, error) {
	rows := []T{}
	err := on.read(ctx, &rows, on.database().build("").format(text, args).done())
	if errors.Is(err, ErrNoRow) {
		err = nil
	}
	return rows, err
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
