package attributes

import (
	"strings"

	"nacre/internal/oslo/pprint"
)

// Text writes a value of a body as Python's str() does, for sentences.
func Text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return Repr(v)
}

// Repr writes a value of a body as Python's repr() does.
func Repr(v any) string { return pprint.Repr(v) }

func joined[T any](list []T, f func(T) string) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return strings.Join(out, ", ")
}

func quote(s string) string { return pprint.Quote(s) }
