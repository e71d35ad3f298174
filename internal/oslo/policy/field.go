package policy

import (
	"fmt"
	"regexp"
	"strings"
)

// field is Neutron's check of a target's attribute, field:networks:shared=True
// or, by regular expression, field:port:device_owner=~^network: .
type field struct {
	name  string
	value string
	match *regexp.Regexp
}

func newField(text string) (node, error) {
	_, cond, ok := strings.Cut(text, ":")
	name, value, is := strings.Cut(cond, "=")
	if !ok || !is {
		return nil, fmt.Errorf("%q is not RESOURCE:FIELD=VALUE", text)
	}
	f := field{name: name, value: value}
	if expr, ok := strings.CutPrefix(value, "~"); ok {
		var err error
		if f.match, err = regexp.Compile(expr); err != nil {
			return nil, fmt.Errorf("field check %q: %w", text, err)
		}
	}
	return f, nil
}

func (f field) holds(q *question) bool {
	v, ok := q.target[f.name]
	if !ok || v == nil {
		return false
	}
	if f.match != nil {
		return f.match.MatchString(text(v))
	}
	return text(v) == f.value
}
