package db

import (
	"reflect"
	"testing"
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
