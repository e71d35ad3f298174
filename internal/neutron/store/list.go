package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

// condition turns the values of a filter into SQL.
type condition func(values []any) (string, []any, error)

// kind is what lists and look-ups of one resource have of their own.
type kind[T any] struct {
	name    string // network
	table   db.TableOf[T]
	columns map[string]string // JSON name → column
	visible func(project string) (string, []any)
	special map[string]condition
	needed  []string // columns that are read whatever fields were asked for; nil: all are
}

func newKind[T any](name, table string, visible func(string) (string, []any), special map[string]condition) *kind[T] {
	k := &kind[T]{name: name, table: db.Table[T](table), columns: map[string]string{}, visible: visible, special: special}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		column, _, _ := strings.Cut(f.Tag.Get("bun"), ",")
		if api := f.Tag.Get("json"); column != "" && column != "-" && api != "" && api != "-" {
			k.columns[api] = column
		}
	}
	return k
}

// always names the columns that are read whatever fields were asked for.
func (k *kind[T]) always(columns ...string) *kind[T] {
	k.needed = columns
	return k
}

// own is the visibility of what only its project sees.
func own(project string) (string, []any) { return "project_id = ?", []any{project} }

// list reads one page of the rows that the query's project may see.
func list[T any](ctx context.Context, s *Store, k *kind[T], q neutron.Query) ([]T, error) {
	sel := k.table.Select("").Only(k.only(q)...)
	if q.ProjectID != "" {
		where, args := k.visible(q.ProjectID)
		sel.Scope(where, args...)
	}
	for _, f := range q.Filters {
		where, args, err := k.filter(f)
		if err != nil {
			return nil, err
		}
		sel.Where(where, args...)
	}
	if len(q.Sort) > 0 || q.Limit > 0 || q.Marker != "" {
		sel.Page(k.page(q), "id")
	}
	rows, err := db.All(ctx, s.q, sel)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, neutron.NotFound(k.name, q.Marker)
	} else if err != nil {
		return nil, fmt.Errorf("list %s: %w", k.table.Name(), err)
	}
	if q.Reverse {
		slices.Reverse(rows)
	}
	return rows, nil
}

// only are the columns to read, none for all.
func (k *kind[T]) only(q neutron.Query) []string {
	if len(q.Fields) == 0 || len(k.needed) == 0 {
		return nil
	}
	out := slices.Clone(k.needed)
	for _, attr := range q.Fields {
		if column := k.columns[attr]; column != "" && !slices.Contains(out, column) {
			out = append(out, column)
		}
	}
	return out
}

// page is the query's in columns; a reversed one is read backwards.
func (k *kind[T]) page(q neutron.Query) db.Page {
	p := db.Page{Limit: q.Limit, Marker: q.Marker}
	for _, s := range q.Sort {
		if column := k.columns[s.Attr]; column != "" {
			p.Sort = append(p.Sort, db.Sort{Column: column, Desc: s.Desc != q.Reverse})
		}
	}
	if len(p.Sort) == 0 && q.Reverse {
		p.Sort = []db.Sort{{Column: "id", Desc: true}}
	}
	return p
}

func (k *kind[T]) filter(f neutron.Filter) (string, []any, error) {
	if special := k.special[f.Attr]; special != nil {
		return special(f.Values)
	}
	switch f.Attr {
	case "tags", "tags-any", "not-tags", "not-tags-any":
		where, args := tagCondition(f.Attr, f.Values)
		return where, args, nil
	case "changed_since":
		return "updated_at >= ?", f.Values, nil
	}
	column := k.columns[f.Attr]
	if column == "" {
		return "", nil, fmt.Errorf("%s cannot be filtered by %s", k.table.Name(), f.Attr)
	}
	return column + " IN (?)", []any{db.List(f.Values)}, nil
}

// tagCondition finds a tag in the list's JSON text by taking it out: that is
// exact and the same on every engine.
func tagCondition(filter string, tags []any) (string, []any) {
	join := " OR "
	if filter == "tags" || filter == "not-tags" {
		join = " AND "
	}
	text := strings.Join(slices.Repeat([]string{"REPLACE(tags, ?, '') <> tags"}, len(tags)), join)
	if strings.HasPrefix(filter, "not-") {
		text = "NOT (" + text + ")"
	}
	return text, quotedTags(tags)
}

func quotedTags(tags []any) []any {
	out := make([]any, len(tags))
	for i, t := range tags {
		out[i] = jsonText(t)
	}
	return out
}

// get reads one row; project "" sees everything.
func get[T any](ctx context.Context, s *Store, k *kind[T], id, project string) (T, error) {
	sel := k.table.Select("id = ?", id)
	if project != "" {
		where, args := k.visible(project)
		sel.Where(where, args...)
	}
	row, err := db.One(ctx, s.q, sel)
	if errors.Is(err, db.ErrNoRow) {
		return row, neutron.NotFound(k.name, id)
	} else if err != nil {
		return row, fmt.Errorf("read %s %s: %w", k.name, id, err)
	}
	return row, nil
}

// update writes the row, whole.
func update[T any](ctx context.Context, tx *Tx, k *kind[T], row T, columns ...string) error {
	n, err := k.table.Update(ctx, tx.q, row, columns...)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	if err != nil {
		return fmt.Errorf("update %s: %w", k.name, err)
	}
	return nil
}

// chunk bounds how many values an IN takes.
const chunk = 500

// related reads the rows that belong to any of ids, in bites.
func related[T any](ctx context.Context, s *Store, ids []string, text string, more ...any) ([]T, error) {
	var out []T
	for part := range slices.Chunk(ids, chunk) {
		rows, err := db.Scan[T](ctx, s.q, text, append([]any{db.List(part)}, more...)...)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func idsOf[T any](rows []T, id func(*T) string) []string {
	out := make([]string, len(rows))
	for i := range rows {
		out[i] = id(&rows[i])
	}
	return out
}

func chunks(ids []string) func(yield func([]string) bool) { return slices.Chunk(ids, chunk) }
