package db

import (
	"reflect"
	"testing"
)

// TestTrimMemory: what the engine keeps after its connections are closed is
// given back, and databases that are open do not notice.
func TestTrimMemory(t *testing.T) {
	ctx := t.Context()
	open := func(name string) *DB {
		d, err := Open(ctx, "sqlite://"+t.TempDir()+"/"+name+".db", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"CREATE TABLE rows (n INTEGER PRIMARY KEY, text TEXT)", `INSERT INTO rows WITH RECURSIVE c(n) AS
			(SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT n, hex(randomblob(100)) FROM c`} {
			if _, err := Exec(ctx, d, text); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	kept := func() int64 {
		sqliteMemoryLock.Lock()
		defer sqliteMemoryLock.Unlock()
		return reflect.ValueOf(&sqliteMemory).Elem().FieldByName("freedSize").Int()
	}
	stays := open("stays")
	defer stays.Close()
	open("goes").Close()
	if n := kept(); n < 512<<10 {
		t.Fatalf("the engine keeps %d bytes: this is not its memory, or it needs no trimming any more", n)
	}
	if err := TrimMemory(ctx); err != nil {
		t.Fatal(err)
	}
	if n := kept(); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
	if n, err := Scan[int](ctx, stays, "SELECT COUNT(*) FROM rows"); err != nil || len(n) != 1 || n[0] != 5000 {
		t.Error(n, err)
	}
}
