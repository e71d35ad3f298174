package attributes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Text writes a value of a body as Python's str() does, for sentences.
func Text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return Repr(v)
}

// Repr writes a value of a body as Python's repr() does.
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
		return quote(t)
	case json.Number:
		return t.String()
	case int:
		return strconv.Itoa(t)
	case []string:
		return "[" + joined(t, quote) + "]"
	case []any:
		return "[" + joined(t, Repr) + "]"
	case map[string]any:
		return "{" + joined(slices.Sorted(maps.Keys(t)), func(k string) string {
			return quote(k) + ": " + Repr(t[k])
		}) + "}"
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

// quote uses single quotes unless the text has some and no double ones.
func quote(s string) string {
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	r := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
	return "'" + r.Replace(s) + "'"
}
