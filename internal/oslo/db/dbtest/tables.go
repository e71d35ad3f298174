package dbtest

import (
	"context"
	"io/fs"
	"testing"

	"nacre/internal/oslo/db"
)

// Table is any db.TableOf.
type Table interface {
	Name() string
	Columns(ctx context.Context, d *db.DB) (lacking, unread []string, err error)
}

// Tables fails unless, on every engine, each row type has exactly the columns
// of its table.
func Tables(t *testing.T, migrations fs.FS, tables ...Table) {
	t.Helper()
	Each(t, migrations, func(t *testing.T, d *db.DB) {
		for _, table := range tables {
			lacking, unread, err := table.Columns(t.Context(), d)
			if err != nil {
				t.Errorf("%s: %v", table.Name(), err)
			}
			for _, c := range lacking {
				t.Errorf("table %s has no column %s, but its row type names it", table.Name(), c)
			}
			for _, c := range unread {
				t.Errorf("table %s has column %s, but its row type does not", table.Name(), c)
			}
		}
	})
}
