package pprint

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestRepr(t *testing.T) {
	for want, v := range map[string]any{"'x'": "x", `"it's"`: "it's", `'it\'s "x"'`: `it's "x"`, "None": nil, "True": true,
		"5": json.Number("5"), "1000000": 1e6, "['a', 'b']": []string{"a", "b"}, "['a', {'b': False}]": []any{"a", map[string]any{"b": false}},
		`'a\n\t\\\x01'`: "a\n\t\\\x01"} {
		if got := Repr(v); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestFormat compares with what Python's pprint prints.
func TestFormat(t *testing.T) {
	for want, v := range map[string]any{
		"('some long text with words some long text with words some long text '\n 'with words some long text with words ')": strings.Repeat("some long text with words ", 4),
		"['" + strings.Repeat("x", 30) + "',\n \"it's\",\n {'a': 'b',\n  'c': ['" + strings.Repeat("d", 60) + "']}]": []any{
			strings.Repeat("x", 30), "it's", map[string]any{"a": "b", "c": []any{strings.Repeat("d", 60)}}},
	} {
		if got := Format(v); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestDeepValueIsCut(t *testing.T) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Repeat("[", 5000) + `"` + strings.Repeat("a ", 1<<18) + `"` + strings.Repeat("]", 5000)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(Format(v)); n > 2*longest {
		t.Errorf("%d bytes", n)
	}
}
