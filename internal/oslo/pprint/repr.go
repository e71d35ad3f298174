package pprint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Repr prints a decoded JSON value on one line as Python's repr does, objects
// by sorted key. Numbers are json.Number, or Go's own.
func Repr(v any) string {
	switch t := v.(type) {
	case nil:
		return "None"
	case bool:
		if t {
			return "True"
		}
		return "False"
	case string:
		return Quote(t)
	case json.Number:
		return t.String()
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64)
	case []string:
		return "[" + joined(t, Quote) + "]"
	case []any:
		return "[" + joined(t, Repr) + "]"
	case map[string]any:
		return "{" + joined(slices.Sorted(maps.Keys(t)), func(k string) string { return Quote(k) + ": " + Repr(t[k]) }) + "}"
	}
	return fmt.Sprint(v)
}

func joined[T any](list []T, f func(T) string) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return strings.Join(out, ", ")
}

// Quote is the repr of a text: in single quotes unless it has some and no double ones.
func Quote(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == '\\' || r == rune(quote):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte(quote)
	return b.String()
}
