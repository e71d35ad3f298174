package db

import (
	"context"
	"slices"
)

// Columns compares a row type with its table: lacking are columns that the
// type names and the table has not, unread those that only the table has.
func (t TableOf[T]) Columns(ctx context.Context, d *DB) (lacking, unread []string, err error) {
	p := planOf(d, t)
	rows, err := d.reader.DB.QueryContext(d.statement(ctx), "SELECT * FROM "+p.name+" WHERE 1 = 0")
	if err != nil {
		return nil, nil, mapped(ctx, err)
	}
	defer rows.Close()
	there, err := rows.Columns()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range p.fields {
		if !slices.Contains(there, f.Name) {
			lacking = append(lacking, f.Name)
		}
	}
	for _, c := range there {
		if p.field(c) == nil {
			unread = append(unread, c)
		}
	}
	return lacking, unread, nil
}
