package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// tree is the router: one level per path segment, literals before parameters.
type tree struct {
	literal map[string]*tree
	param   *tree
	name    string // of the parameter that leads here
	rest    *tree
	routes  []*Route
}

func (t *tree) add(path string, r *Route) error {
	at := t
	for _, seg := range segments(path) {
		switch {
		case strings.HasPrefix(seg, "{") && strings.HasSuffix(seg, "...}"):
			if at.rest == nil {
				at.rest = &tree{name: seg[1 : len(seg)-4]}
			}
			at = at.rest
		case strings.HasPrefix(seg, "{"):
			name := strings.Trim(seg, "{}")
			if at.param == nil {
				at.param = &tree{name: name}
			}
			if at.param.name != name {
				return fmt.Errorf("route %s %s: {%s} is called {%s} elsewhere", r.Method, path, name, at.param.name)
			}
			at = at.param
		default:
			if at.literal == nil {
				at.literal = map[string]*tree{}
			}
			if at.literal[seg] == nil {
				at.literal[seg] = &tree{}
			}
			at = at.literal[seg]
		}
	}
	for _, other := range at.routes {
		if other.Method == r.Method && other.Action == r.Action && overlap(other, r) {
			return fmt.Errorf("route %s %s %s is there twice", r.Method, path, r.Action)
		}
	}
	at.routes = append(at.routes, r)
	return nil
}

func overlap(a, b *Route) bool {
	low := func(r *Route) Version { v, _ := ParseVersion(r.Min); return v }
	high := func(r *Route) Version {
		if v, ok := ParseVersion(r.Max); ok {
			return v
		}
		return Version{1 << 20, 0}
	}
	return !high(a).before(low(b)) && !high(b).before(low(a))
}

// find gives the routes of a path and its parameters; nil when there is none.
func (t *tree) find(segs []string, params []param) ([]*Route, []param) {
	if len(segs) == 0 {
		if len(t.routes) > 0 {
			return t.routes, params
		}
		return nil, nil
	}
	if next := t.literal[segs[0]]; next != nil {
		if rs, ps := next.find(segs[1:], params); rs != nil {
			return rs, ps
		}
	}
	if t.param != nil && segs[0] != "" {
		if value, err := url.PathUnescape(segs[0]); err == nil {
			if rs, ps := t.param.find(segs[1:], append(slices.Clip(params), param{t.param.name, value})); rs != nil {
				return rs, ps
			}
		}
	}
	if t.rest != nil {
		if value, err := url.PathUnescape(strings.Join(segs, "/")); err == nil {
			return t.rest.routes, append(slices.Clip(params), param{t.rest.name, value})
		}
	}
	return nil, nil
}

// segments splits an escaped path; "/" and "" have none, "/a/" has "a" and "".
func segments(path string) []string {
	path = strings.TrimPrefix(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// methods lists what a path can do, for Allow.
func methods(rs []*Route) []string {
	var out []string
	for _, r := range rs {
		if !slices.Contains(out, r.Method) {
			out = append(out, r.Method)
		}
	}
	slices.Sort(out)
	return out
}
