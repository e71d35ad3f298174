package db

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun/schema"
)

// TableOf is a table whose rows are T.
type TableOf[T any] struct{ name string }

// Table names the table whose rows are T, a struct with `bun` tags.
func Table[T any](name string) TableOf[T] { return TableOf[T]{name} }

// Name is the table's name.
func (t TableOf[T]) Name() string { return t.name }

type planKey struct {
	typ  reflect.Type
	name string
}

// plan is what one engine needs to know of a table, worked out once.
type plan struct {
	name    string
	fields  []*schema.Field
	columns string // all, for SELECT
	pks     []*schema.Field
	auto    *schema.Field // counts up by itself, or nil
}

func planOf[T any](d *DB, t TableOf[T]) *plan {
	key := planKey{reflect.TypeFor[T](), t.name}
	if p, ok := d.plans.Load(key); ok {
		return p.(*plan)
	}
	st := d.reader.Table(key.typ)
	p := &plan{name: string(d.gen.AppendIdent(nil, t.name)), fields: st.Fields, pks: st.PKs}
	for _, f := range st.Fields {
		if f.AutoIncrement {
			p.auto = f
		}
	}
	p.columns = names(p.fields)
	d.plans.Store(key, p)
	return p
}

func names(fields []*schema.Field) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(f.SQLName))
	}
	return b.String()
}

// field finds a column by its name, or nil.
func (p *plan) field(column string) *schema.Field {
	for _, f := range p.fields {
		if f.Name == column {
			return f
		}
	}
	return nil
}

// chunk is how many rows one INSERT carries.
const chunk = 200

// Insert writes new rows; ErrDuplicate if one of them exists.
func (t TableOf[T]) Insert(ctx context.Context, q Q, rows ...T) error {
	return t.insert(ctx, q, rows, func(*plan) string { return "" })
}

// InsertMissing writes those rows that do not collide with one that is there.
func (t TableOf[T]) InsertMissing(ctx context.Context, q Q, rows ...T) error {
	return t.insert(ctx, q, rows, func(p *plan) string {
		if q.database().engine == MariaDB {
			name := string(p.fields[0].SQLName)
			return " ON DUPLICATE KEY UPDATE " + name + " = " + name
		}
		return " ON CONFLICT DO NOTHING"
	})
}

// Upsert writes row, or changes all its columns but conflict (the columns of a
// unique key) and the primary key if it is there.
func (t TableOf[T]) Upsert(ctx context.Context, q Q, row T, conflict []string) error {
	return t.insert(ctx, q, []T{row}, func(p *plan) string {
		return p.onConflict(q.database().engine, conflict)
	})
}

func (p *plan) onConflict(engine Engine, conflict []string) string {
	var set []string
	for _, f := range p.fields {
		if f.IsPK || slices.Contains(conflict, f.Name) {
			continue
		}
		from := "EXCLUDED." + string(f.SQLName)
		if engine == MariaDB {
			from = "VALUES(" + string(f.SQLName) + ")"
		}
		set = append(set, string(f.SQLName)+" = "+from)
	}
	if len(set) == 0 {
		set = []string{string(p.fields[0].SQLName) + " = " + p.name + "." + string(p.fields[0].SQLName)}
	}
	if engine == MariaDB {
		return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
	}
	return " ON CONFLICT (" + strings.Join(conflict, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// Add writes one new row and sets its self-counting column, the one whose tag
// says autoincrement.
func (t TableOf[T]) Add(ctx context.Context, q Q, row *T) error {
	d := q.database()
	p := planOf(d, t)
	if p.auto == nil {
		return fmt.Errorf("table %s has no autoincrement column", t.name)
	}
	insert := p.insert(d, without(p.fields, p.auto), []reflect.Value{reflect.ValueOf(row).Elem()})
	into := p.auto.Value(reflect.ValueOf(row).Elem())
	if d.engine == PostgreSQL {
		var id int64
		if err := q.read(ctx, &id, insert.add(" RETURNING ", string(p.auto.SQLName)).done()); err != nil {
			return err
		}
		into.SetInt(id)
		return nil
	}
	res, err := q.write(ctx, insert.done())
	if err != nil {
		return err
	}
	id, err := res.LastInsertId()
	into.SetInt(id)
	return err
}

func without(fields []*schema.Field, drop *schema.Field) []*schema.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f *schema.Field) bool { return f == drop })
}

func (t TableOf[T]) insert(ctx context.Context, q Q, rows []T, tail func(*plan) string) error {
	d := q.database()
	p := planOf(d, t)
	fields := p.fields
	if p.auto != nil && len(rows) > 0 && p.auto.HasZeroValue(reflect.ValueOf(&rows[0]).Elem()) {
		fields = without(fields, p.auto)
	}
	for part := range slices.Chunk(rows, chunk) {
		values := make([]reflect.Value, len(part))
		for i := range part {
			values[i] = reflect.ValueOf(&part[i]).Elem()
		}
		if _, err := q.write(ctx, p.insert(d, fields, values).add(tail(p)).done()); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) insert(d *DB, fields []*schema.Field, rows []reflect.Value) *builder {
	t := d.build("INSERT INTO ").add(p.name, " (", names(fields), ") VALUES ")
	for i, row := range rows {
		if i > 0 {
			t.add(", ")
		}
		t.add("(")
		for j, f := range fields {
			if j > 0 {
				t.add(", ")
			}
			t.field(f, row)
		}
		t.add(")")
	}
	return t
}

// field adds the value of a row's field.
func (t *builder) field(f *schema.Field, row reflect.Value) {
	t.value(func(b []byte) []byte { return f.AppendValue(t.d.gen, b, row) })
}

// Update writes columns of row (all, if none are named) to the row with its
// primary key and returns how many rows there were: 0 or 1.
func (t TableOf[T]) Update(ctx context.Context, q Q, row T, columns ...string) (int64, error) {
	d := q.database()
	p := planOf(d, t)
	v := reflect.ValueOf(&row).Elem()
	u := d.build("UPDATE ").add(p.name, " SET ")
	if err := p.set(u, v, columns); err != nil {
		return 0, err
	}
	u.add(" WHERE ")
	for i, f := range p.pks {
		if i > 0 {
			u.add(" AND ")
		}
		u.add(string(f.SQLName), " = ").field(f, v)
	}
	return affected(q.write(ctx, u.done()))
}

func (p *plan) set(t *builder, row reflect.Value, columns []string) error {
	if len(p.pks) == 0 {
		return fmt.Errorf("table %s has no primary key", p.name)
	}
	var fields []*schema.Field
	for _, c := range columns {
		f := p.field(c)
		if f == nil {
			return fmt.Errorf("table %s has no column %q", p.name, c)
		}
		fields = append(fields, f)
	}
	if len(columns) == 0 {
		fields = slices.DeleteFunc(slices.Clone(p.fields), func(f *schema.Field) bool { return f.IsPK })
	}
	for i, f := range fields {
		if i > 0 {
			t.add(", ")
		}
		t.add(string(f.SQLName), " = ").field(f, row)
	}
	return nil
}
