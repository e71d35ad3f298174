package api

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// step is one step of a JSON path, in gabbi's dialect: a filter, a quoted or
// bare key, a function in backquotes, or "..".
var step = regexp.MustCompile("^(?:(\\.\\.)|\\.|\\$|\\[\\?\\(?(.*?)\\)?\\](?:$|(\\.|\\[))|\\[['\"]?([^\\]'\"]*)['\"]?\\]|`(\\w+)`|([^.\\[\\]`$]+))")

var condition = regexp.MustCompile(`^\s*([^=<>!]+?)\s*(==|=|<=|>=|<|>)\s*(.*)$`)

// find gives all values that a path leads to.
func find(doc any, path string) []any {
	found, deep := []any{doc}, false
	for path != "" {
		m := step.FindStringSubmatch(path)
		if m == nil {
			panic("JSON path: " + path)
		}
		path = m[3] + path[len(m[0]):]
		if m[1] != "" {
			deep = true
			continue
		}
		if m[0] == "." || m[0] == "$" {
			continue
		}
		if deep {
			found, deep = each(found, everything), false
		}
		found = each(found, follow(m))
	}
	return found
}

func each(values []any, f func(any) []any) (out []any) {
	for _, v := range values {
		out = append(out, f(v)...)
	}
	return out
}

func follow(m []string) func(any) []any {
	switch {
	case m[2] != "":
		return func(v any) []any { return filter(v, m[2]) }
	case m[5] != "":
		return func(v any) []any { return function(v, m[5]) }
	case m[6] != "":
		return func(v any) []any { return child(v, strings.Trim(m[6], ` '"`)) }
	}
	return func(v any) []any { return child(v, m[4]) }
}

// everything is a value and all below it.
func everything(v any) []any {
	out := []any{v}
	switch t := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(t)) {
			out = append(out, everything(t[k])...)
		}
	case []any:
		out = append(out, each(t, everything)...)
	}
	return out
}

func child(v any, key string) []any {
	switch t := v.(type) {
	case map[string]any:
		if c, ok := t[key]; ok {
			return []any{c}
		}
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i < len(t) {
			return []any{t[i]}
		}
	}
	return nil
}

func function(v any, name string) []any {
	switch t := v.(type) {
	case map[string]any:
		return []any{float64(len(t))}
	case string:
		return []any{float64(len(t))}
	case []any:
		if name == "len" {
			return []any{float64(len(t))}
		}
		sorted := slices.Clone(t)
		slices.SortFunc(sorted, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		return []any{sorted}
	}
	return nil
}

// filter keeps the elements of a list that meet a condition.
func filter(v any, text string) (out []any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	m := condition.FindStringSubmatch(text)
	for _, e := range list {
		if slices.ContainsFunc(find(e, m[1]), func(got any) bool { return holds(got, m[2], strings.Trim(m[3], ` '"`)) }) {
			out = append(out, e)
		}
	}
	return out
}

func holds(got any, op, want string) bool {
	d := strings.Compare(fmt.Sprint(got), want)
	if n, ok := got.(float64); ok {
		w, _ := strconv.ParseFloat(want, 64)
		d = int(n - w)
	}
	switch op {
	case "<":
		return d < 0
	case "<=":
		return d <= 0
	case ">":
		return d > 0
	case ">=":
		return d >= 0
	}
	return d == 0
}

func TestFind(t *testing.T) {
	doc := map[string]any{"a": []any{map[string]any{"b": "x", "n": 1.0}, map[string]any{"b": "y", "n": 2.0}}, "c.d": map[string]any{"b": []any{"q", "p"}}}
	for path, want := range map[string][]any{
		"$.a[1].b": {"y"}, "$.a[?b = 'x'].n": {1.0}, "$.a.`len`": {2.0}, "a[?n>=2].b": {"y"},
		`$["c.d"].b.` + "`sorted`": {[]any{"p", "q"}}, "$..n": {1.0, 2.0}, "$.nosuch": nil,
	} {
		if d := gocmp.Diff(want, find(doc, path)); d != "" {
			t.Error(path, d)
		}
	}
}
