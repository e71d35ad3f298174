package keystone

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Attributes are what a client says about a resource: those the API defines,
// of the types its schema demands, and any of its own.
type Attributes map[string]any

// UnmarshalJSON keeps numbers as they were written.
func (a *Attributes) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return err
	}
	*a = m
	return nil
}

// Has reports whether the client said anything about it, null included.
func (a Attributes) Has(name string) bool { _, ok := a[name]; return ok }

// Text is a string, or "" when it is absent or null.
func (a Attributes) Text(name string) string {
	s, _ := a[name].(string)
	return s
}

// SetText puts a string that was given, null as "", into to.
func (a Attributes) SetText(name string, to *string) {
	if a.Has(name) {
		*to = a.Text(name)
	}
}

// SetTextOrNull puts a string or null that was given into to.
func (a Attributes) SetTextOrNull(name string, to **string) {
	if !a.Has(name) {
		return
	}
	*to = nil
	if s, ok := a[name].(string); ok {
		*to = &s
	}
}

// SetNumber puts a whole number that was given into to.
func (a Attributes) SetNumber(name string, to *int) {
	if n, ok := a[name].(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			*to = int(i)
		}
	}
}

// SetName is SetText for a name, of which blanks at the ends are cut off.
func (a Attributes) SetName(name string, to *string) {
	if a.Has(name) {
		*to = strings.TrimSpace(a.Text(name))
	}
}

// SetFlag puts a boolean that was given into to.
func (a Attributes) SetFlag(name string, to *bool) {
	if b, ok := a[name].(bool); ok {
		*to = b
	}
}

// Strings is a list of strings, or nil.
func (a Attributes) Strings(name string) []string {
	list, _ := a[name].([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// MergeOptions changes options as "options" says: null removes one.
func (a Attributes) MergeOptions(to *map[string]any) {
	out := maps.Clone(*to)
	if out == nil {
		out = map[string]any{}
	}
	given, _ := a["options"].(map[string]any)
	for k, v := range given {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	*to = out
}

// MergeExtra changes the client's own attributes: all but the known ones.
func (a Attributes) MergeExtra(to *map[string]any, known ...string) {
	out := maps.Clone(*to)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range a {
		if !slices.Contains(known, k) {
			out[k] = v
		}
	}
	*to = out
}

// Normalized spells the keys as the original keeps them.
func (a Attributes) Normalized() Attributes {
	out := make(Attributes, len(a))
	for k, v := range a {
		out[strings.NewReplacer(":", "_", "-", "_").Replace(k)] = v
	}
	return out
}
