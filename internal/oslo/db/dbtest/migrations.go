package dbtest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"nacre/internal/oslo/db"
)

// UpAndDown fails unless, on every engine, each migration can be undone, which
// leaves the tables as they were before it, and done again.
func UpAndDown(t *testing.T, migrations fs.FS) {
	t.Helper()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	Each(t, migrations, func(t *testing.T, d *db.DB) {
		to := func(version int) string {
			t.Helper()
			if err := d.MigrateTo(t.Context(), migrations, int64(version)); err != nil {
				t.Fatalf("to version %d: %v", version, err)
			}
			return tablesOf(t, d)
		}
		last := len(files)
		newest := to(last)
		to(0)
		at := []string{tablesOf(t, d)}
		for v := 1; v <= last; v++ {
			at = append(at, to(v))
			if down := to(v - 1); down != at[v-1] {
				t.Errorf("%s, undone, leaves\n%s\nbefore it there was\n%s", files[v-1], down, at[v-1])
			}
			if up := to(v); up != at[v] {
				t.Errorf("%s, done again, makes\n%s\nat first it was\n%s", files[v-1], up, at[v])
			}
		}
		if at[last] != newest {
			t.Errorf("one by one they make\n%s\nat once they made\n%s", at[last], newest)
		}
	})
}

// tablesOf lists the columns and indexes there are, a line each.
func tablesOf(t *testing.T, d *db.DB) string {
	t.Helper()
	query := map[db.Engine]string{
		db.SQLite: `SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'
			UNION ALL SELECT 'index ' || name || ' on ' || tbl_name FROM sqlite_master WHERE type = 'index'`,
		db.PostgreSQL: `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT 'index ' || indexname || ' on ' || tablename FROM pg_indexes WHERE schemaname = 'public'`,
		db.MariaDB: `SELECT CONCAT(table_name, '.', column_name, ' ', column_type, ' ', is_nullable) FROM information_schema.columns WHERE table_schema = DATABASE()
			UNION ALL SELECT CONCAT('index ', index_name, ' on ', table_name, ' of ', column_name) FROM information_schema.statistics WHERE table_schema = DATABASE()`,
	}[d.Engine()]
	lines, err := db.Scan[string](t.Context(), d, query)
	if err != nil {
		t.Fatal(fmt.Errorf("read the tables: %w", err))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
