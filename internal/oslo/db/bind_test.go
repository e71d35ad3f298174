package db

import (
	"reflect"
	"testing"
	"time"
)

func TestLiteral(t *testing.T) {
	for text, want := range map[string]any{
		"NULL": nil, "TRUE": int64(1), "FALSE": int64(0), "-7": int64(-7), "0.25": 0.25,
		"''": "", "'it''s'": "it's", "''''": "'", `'{"a": "''"}'`: `{"a": "'"}`, "X'00ff'": []byte{0, 255},
	} {
		if got, ok := literal(text); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v %v, not %#v", text, got, ok, want)
		}
	}
	for _, text := range []string{"'a', 'b'", "'', ''", "1, 2", "'", "?!(no)", "now()", "X'0g'"} {
		if got, ok := literal(text); ok {
			t.Errorf("%s is %#v", text, got)
		}
	}
}

func TestLiterals(t *testing.T) {
	for text, want := range map[string][]any{
		"1":                       {int64(1)},
		"'a', 'b, ''c''', NULL,2": {"a", "b, 'c'", nil, int64(2)},
		"('a', 'b'), ('c', 'd')":  nil,
		"'a', b":                  nil,
		"":                        nil,
	} {
		if got, ok := literals(text); ok != (want != nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v %v, not %#v", text, got, ok, want)
		}
	}
}

// Texts must be few: each is parsed once and kept.
func TestTextsOfListsAndPagesAreShared(t *testing.T) {
	type row struct {
		ID string     `bun:"id,pk"`
		At *time.Time `bun:"at"`
		N  int        `bun:"n"`
	}
	d, err := Open(t.Context(), "sqlite://"+t.TempDir()+"/x.db", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := Exec(t.Context(), d, "CREATE TABLE kept (id TEXT PRIMARY KEY, at TIMESTAMP, n BIGINT)"); err != nil {
		t.Fatal(err)
	}
	rows := Table[row]("kept")
	now := time.Now()
	if err := rows.Insert(t.Context(), d, row{"a", nil, 1}, row{"b", &now, 1}, row{"c", nil, 2}, row{"d", nil, 2}); err != nil {
		t.Fatal(err)
	}
	want := func(what string, q *Query[row], ids string, limit int) {
		t.Helper()
		found, err := All(t.Context(), d, q)
		got := ""
		for _, r := range found {
			got += r.ID
		}
		if err != nil || got != ids[:min(len(ids), limit)] {
			t.Errorf("%s: %s %v, not %s", what, got, err, ids)
		}
	}
	kept := func() int { return len(d.kept.reader.byText) }

	for n, ids := range []string{"", "a", "ab", "abc", "abcd"} {
		want("in", rows.Select("id <> ''", []any(nil)...).In("id", []string{"a", "b", "c", "d"}[:n]).OrderBy("id"), ids, 4)
	}
	if kept() != 4 {
		t.Errorf("%d texts for lists of none, one, two, and three or four", kept())
	}
	before := kept()
	for _, limit := range []int{2, 3} {
		for marker, ids := range map[string]string{"b": "acd", "a": "cd", "c": "d"} {
			want("by time after "+marker, rows.Select("").Page(Page{Marker: marker, Limit: limit}, "at", "id"), ids, limit)
		}
		for marker, ids := range map[string]string{"a": "bcd", "c": "d"} {
			want("by number after "+marker, rows.Select("").Page(Page{Marker: marker, Limit: limit}, "n", "id"), ids, limit)
		}
	}
	if kept()-before != 4 {
		t.Errorf("%d texts for the marker, what follows a time, what follows none, and what follows a number", kept()-before)
	}
}
