package api

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestPretty compares with what Python's pprint makes of the image schema.
func TestPretty(t *testing.T) {
	text, err := os.ReadFile("testdata/pprint.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{"_text": strings.Repeat("some long text with words ", 8),
		"_list": []any{strings.Repeat("x", 30), "it's", strings.Repeat("y", 40), map[string]any{"a": "b", "c": []any{strings.Repeat("d", 60)}}}}
	for name, rule := range imageSchema.properties {
		values[name] = rule
	}
	if len(values) != len(want) {
		t.Errorf("%d values, %d expected", len(values), len(want))
	}
	for name, v := range values {
		if got := pretty(v); got != want[name] {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want[name])
		}
	}
}

func TestRepr(t *testing.T) {
	for want, v := range map[string]any{"'x'": "x", `"it's"`: "it's", `'it\'s "x"'`: `it's "x"`, "None": nil, "True": true,
		"5": json.Number("5"), "['a', {'b': False}]": []any{"a", map[string]any{"b": false}}, `'a\n\t\\\x01'`: "a\n\t\\\x01"} {
		if got := repr(v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
