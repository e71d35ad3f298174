package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun/schema"
)

// Page is the part of a list that a client wants.
type Page struct {
	Limit  int    // 0: all
	Marker string // id of the last row seen; "": from the start
	Sort   []Sort // "": the list's own order
}

// Sort is one column to order by.
type Sort struct {
	Column string
	Desc   bool
}

// Page returns the rows after p.Marker, at most p.Limit, in p's order or, if
// it has none, in orders ("created_at DESC"). The marker's column is always
// the last one to sort by, so that the order is total; NULLs come last.
func (q *Query[T]) Page(p Page, orders ...string) *Query[T] {
	q.page = p
	q.orders = slices.Clone(orders)
	return q.Limit(p.Limit)
}

// MarkBy says which unique column markers are values of, if not the primary key.
func (q *Query[T]) MarkBy(column string) *Query[T] {
	q.marker = column
	return q
}

// sortKey is a column to order by.
type sortKey struct {
	*schema.Field
	desc     bool
	nullable bool
}

func (q *Query[T]) sortKeys(p *plan) ([]sortKey, error) {
	sorts := q.page.Sort
	if len(sorts) == 0 {
		for _, o := range q.orders {
			name, dir, _ := strings.Cut(strings.TrimSpace(o), " ")
			sorts = append(sorts, Sort{name, strings.EqualFold(strings.TrimSpace(dir), "DESC")})
		}
	}
	var keys []sortKey
	for _, s := range sorts {
		f := p.field(s.Column)
		if f == nil {
			return nil, fmt.Errorf("sort by unknown column %q of %s", s.Column, p.name)
		}
		if !slices.ContainsFunc(keys, func(k sortKey) bool { return k.Field == f }) {
			keys = append(keys, sortKey{f, s.Desc, f.IsPtr || f.NullZero && !f.IsPK})
		}
	}
	if q.page.Limit == 0 && q.page.Marker == "" {
		return keys, nil
	}
	return q.withTiebreak(p, keys)
}

// withTiebreak makes the order total by ending it with the marker's column.
func (q *Query[T]) withTiebreak(p *plan, keys []sortKey) ([]sortKey, error) {
	id, err := q.markerField(p)
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		if k.Field == id {
			return keys[:i+1], nil
		}
	}
	desc := len(keys) > 0 && keys[len(keys)-1].desc
	return append(keys, sortKey{Field: id, desc: desc}), nil
}

func (q *Query[T]) markerField(p *plan) (*schema.Field, error) {
	if q.marker != "" {
		if f := p.field(q.marker); f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("table %s has no column %q", p.name, q.marker)
	}
	if len(p.pks) == 1 {
		return p.pks[0], nil
	}
	return nil, fmt.Errorf("pages of %s need MarkBy: its primary key is not one column", p.name)
}

// afterMarker looks the marker's row up and says what comes after it.
func (q *Query[T]) afterMarker(ctx context.Context, on Q, p *plan, keys []sortKey) (cond, error) {
	d := on.database()
	id := keys[len(keys)-1]
	conds := append(q.scope[:len(q.scope):len(q.scope)], cond{string(id.SQLName) + " = ?", []any{q.page.Marker}})
	var row T
	if err := on.read(ctx, &row, d.build("SELECT ").add(p.columns, " FROM ", p.name).where(conds).done()); errors.Is(err, ErrNoRow) {
		return cond{}, ErrNoMarker
	} else if err != nil {
		return cond{}, err
	}
	return after(d, keys, reflect.ValueOf(&row).Elem()), nil
}

// after is the condition that a row comes after the marker: a comparison of
// whole rows where all columns go one way and none is NULL, since an index
// serves it, else the same written out.
func after(d *DB, keys []sortKey, marker reflect.Value) cond {
	values := make([]written, len(keys))
	plain := true
	for i, k := range keys {
		values[i] = k.AppendValue(d.gen, nil, marker)
		plain = plain && !k.nullable && k.desc == keys[0].desc
	}
	if plain {
		return rowAfter(keys, values)
	}
	var c cond
	for i, k := range keys {
		step := stepAfter(k, values[i])
		if step.text == "" {
			continue
		}
		words := " OR ("
		if c.text == "" {
			words = "("
		}
		for j, e := range keys[:i] {
			c.add(words, equal(e, values[j]))
			words = " AND "
		}
		c.add(words, step)
		c.text += ")"
	}
	return c
}

// add appends words and another condition.
func (c *cond) add(words string, other cond) {
	c.text += words + other.text
	c.args = append(c.args, other.args...)
}

func rowAfter(keys []sortKey, values []written) cond {
	columns, args := make([]string, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		columns[i], args[i] = string(k.SQLName), values[i]
	}
	return cond{"(" + strings.Join(columns, ", ") + ") " + comparison(keys[0].desc) + " (?" + strings.Repeat(", ?", len(keys)-1) + ")", args}
}

// stepAfter is true of values that come after value; no text if none can.
func stepAfter(k sortKey, value written) cond {
	name := string(k.SQLName)
	switch {
	case string(value) == "NULL":
		return cond{}
	case k.nullable:
		return cond{"(" + name + " " + comparison(k.desc) + " ? OR " + name + " IS NULL)", []any{value}}
	}
	return cond{name + " " + comparison(k.desc) + " ?", []any{value}}
}

func equal(k sortKey, value written) cond {
	if string(value) == "NULL" {
		return cond{text: string(k.SQLName) + " IS NULL"}
	}
	return cond{string(k.SQLName) + " = ?", []any{value}}
}

func comparison(desc bool) string {
	if desc {
		return "<"
	}
	return ">"
}

func appendOrder(b []byte, keys []sortKey) []byte {
	for i, k := range keys {
		if i == 0 {
			b = append(b, " ORDER BY "...)
		} else {
			b = append(b, ", "...)
		}
		if k.nullable {
			b = append(append(append(b, '('), k.SQLName...), " IS NULL), "...)
		}
		b = append(b, k.SQLName...)
		if k.desc {
			b = append(b, " DESC"...)
		}
	}
	return b
}
