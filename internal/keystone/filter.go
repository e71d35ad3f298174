package keystone

import (
	"strings"
	"time"
)

// Filter is one condition of a list's query string: name=x or name__contains=x.
type Filter struct {
	Name       string // of the attribute
	Comparator string // "" equals, contains, startswith, endswith; any other passes everything
	IgnoreCase bool
	Value      string
	Time       time.Time // of a date, which Comparator compares by eq, neq, lt, lte, gt, gte
}

// Filters must all hold.
type Filters []Filter

// NewFilters reads the query parameters that a list supports; others mean nothing.
func NewFilters(query map[string][]string, supported ...string) Filters {
	var out Filters
	for key, values := range query {
		name, comparator, inexact := strings.Cut(key, "__")
		for _, s := range supported {
			if name != s {
				continue
			}
			f := Filter{Name: name}
			if inexact {
				f.Comparator, f.IgnoreCase = strings.CutPrefix(comparator, "i")
			}
			for _, v := range values {
				f.Value = v
				out = append(out, f)
			}
		}
	}
	return out
}

// Equal is the value that an attribute must have, if a filter says so.
func (fs Filters) Equal(name string) (string, bool) {
	for _, f := range fs {
		if f.Name == name && f.Comparator == "" {
			return f.Value, true
		}
	}
	return "", false
}

// Match reports whether a resource with these attributes passes.
func (fs Filters) Match(attribute func(name string) any) bool {
	for _, f := range fs {
		if !f.match(attribute(f.Name)) {
			return false
		}
	}
	return true
}

func (f Filter) match(have any) bool {
	if b, ok := have.(bool); ok {
		return f.Comparator != "" || b == Truth(f.Value)
	}
	if t, ok := have.(*time.Time); ok {
		return t != nil && f.matchTime(*t)
	}
	text, ok := have.(string)
	if !ok {
		return false
	}
	want := f.Value
	if f.IgnoreCase {
		text, want = strings.ToLower(text), strings.ToLower(want)
	}
	switch f.Comparator {
	case "":
		return text == want
	case "contains":
		return strings.Contains(text, want)
	case "startswith":
		return strings.HasPrefix(text, want)
	case "endswith":
		return strings.HasSuffix(text, want)
	}
	return true
}

// TimeComparators are how dates can be compared.
var TimeComparators = []string{"eq", "neq", "lt", "lte", "gt", "gte"}

func (f Filter) matchTime(have time.Time) bool {
	n := have.Compare(f.Time)
	switch f.Comparator {
	case "neq":
		return n != 0
	case "lt":
		return n < 0
	case "lte":
		return n <= 0
	case "gt":
		return n > 0
	case "gte":
		return n >= 0
	}
	return n == 0
}

// Truth reads a boolean of a query string: anything but a known no is yes.
func Truth(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "0", "false", "f", "no", "n", "off":
		return false
	}
	return true
}
