package api

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"nacre/internal/oslo/pprint"
)

// TestSchemasPrinted compares with what Python's pprint makes of the image schema.
func TestSchemasPrinted(t *testing.T) {
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
		if got := pprint.Format(v); got != want[name] {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want[name])
		}
	}
}
