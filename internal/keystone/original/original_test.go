package original

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func TestAddress(t *testing.T) {
	for theirs, ours := range map[string]string{
		"mysql+pymysql://keystone:p%40ss@db:3306/keystone?charset=utf8":            "mysql://keystone:p%40ss@db:3306/keystone",
		"mysql://keystone:pw@localhost/keystone?unix_socket=/run/mysqld/my.sock":   "mysql://keystone:pw@localhost/keystone?socket=%2Frun%2Fmysqld%2Fmy.sock",
		"postgresql+psycopg2://keystone:pw@db/keystone?sslmode=disable&charset=u8": "postgresql://keystone:pw@db/keystone?sslmode=disable",
	} {
		if got, err := address(theirs); got != ours || err != nil {
			t.Errorf("%s is %s %v, not %s", theirs, got, err, ours)
		}
	}
	for _, bad := range []string{"sqlite:////var/lib/keystone.db", "mysql://%zz"} {
		if got, err := address(bad); err == nil {
			t.Errorf("%s is %s", bad, got)
		}
	}
}

// What is no Keystone, or one that we do not know, is not read.
func TestUnknownSchemas(t *testing.T) {
	url := dbtest.MariaDB(t)
	want := func(words string) {
		t.Helper()
		if _, _, err := Read(t.Context(), url, time.Now()); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %s", err, words)
		}
	}
	want("no database of a Keystone since Yoga")
	d, err := db.OpenForeign(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), d, text); err != nil {
			t.Fatal(err)
		}
	}
	if tables, err := db.Scan[string](t.Context(), d, "SHOW TABLES"); err != nil || len(tables) > 0 {
		t.Errorf("reading has made tables: %v %v", tables, err)
	}
	exec("CREATE TABLE alembic_version (version_num VARCHAR(32))")
	want("the schema has no version")
	exec("INSERT INTO alembic_version VALUES ('29e87d24a316'), ('0123456789ab')")
	want("the schema's version 0123456789ab is not known")
}

// TestExtra: what has no column comes along as it is; what cannot be read is named.
func TestExtra(t *testing.T) {
	d, err := db.OpenForeign(t.Context(), dbtest.MariaDB(t))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), d, text); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE region (id VARCHAR(64), description TEXT, parent_region_id VARCHAR(64), extra TEXT)")
	exec("CREATE TABLE service (id VARCHAR(64), type TEXT, enabled BOOLEAN, extra TEXT)")
	exec("CREATE TABLE endpoint (id VARCHAR(64), service_id TEXT, interface TEXT, region_id TEXT, url TEXT, enabled BOOLEAN, extra TEXT)")
	exec(`INSERT INTO region VALUES ('a', 'd', NULL, NULL), ('b', '', 'a', '{"n": 12345678901234567890, "gone": null, "own": {"x": [1]}}')`)
	exec(`INSERT INTO service VALUES ('s', NULL, TRUE, '{"name": "glance"}')`)
	exec(`INSERT INTO endpoint VALUES ('e', 's', 'public', NULL, 'http://e', FALSE, '')`)
	r := &reader{db: d}
	if err := r.catalog(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = `{[{a d  map[]} {b  a map[gone:<nil> n:12345678901234567890 own:map[x:[1]]]}] [{s  true map[name:glance]}] [{e s public  http://e false map[]}]}`
	if got := fmt.Sprint(struct{ R, S, E any }{r.out.Regions, r.out.Services, r.out.Endpoints}); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	exec("UPDATE region SET extra = '{' WHERE id = 'b'")
	if err := r.catalog(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "read region b: extra: ") {
		t.Errorf("%v", err)
	}
}
