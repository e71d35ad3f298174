// Package mapping is the language in which an administrator says who a
// federated user is here: rules that turn what an identity provider asserts
// (remote) into a user, groups and projects (local).
//
// It is pure: no I/O, no knowledge of what exists. A rule applies when all its
// remote requirements hold; what those without a condition found are its
// direct maps, and {0}, {1} in its local part stand for them. Values stay
// lists from end to end: an assertion's value can never become two, nor a
// list, by what is written in it.
//
// Regular expressions are RE2: linear in time whatever an identity provider
// sends. Lookaround and back references do not exist there; Check says so.
package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The schema versions. The first ignores the domain beside projects, the
// third also reads projects_json and has grants follow the assertion.
const (
	Version1 = "1.0"
	Version2 = "2.0"
	Version3 = "3.0"
)

// Versions lists them.
var Versions = []string{Version1, Version2, Version3}

// Assertion is what an identity provider says of a user.
type Assertion map[string][]string

// Split reads an assertion of plain texts, where a semicolon separates values.
func Split(plain map[string]string) Assertion {
	a := Assertion{}
	for name, text := range plain {
		a[name] = strings.Split(text, ";")
	}
	return a
}

// The kinds of users. An ephemeral one is made when it first comes, a local
// one must be there.
const (
	Ephemeral = "ephemeral"
	Local     = "local"
)

// Domain names a domain by ID or name.
type Domain struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// User is who the rules say it is. Without a domain it is in that of the
// identity provider.
type User struct {
	ID     string  `json:"id,omitempty"`
	Name   string  `json:"name,omitempty"`
	Email  string  `json:"email,omitempty"`
	Domain *Domain `json:"domain,omitempty"`
	Type   string  `json:"type"`
}

// Group is a group by its name.
type Group struct {
	Name   string `json:"name"`
	Domain Domain `json:"domain"`
}

// Project is a project that is to exist, with roles for the user. Without a
// domain it is in that of the identity provider.
type Project struct {
	Name   string  `json:"name"`
	Domain *Domain `json:"domain,omitempty"`
	Roles  []Role  `json:"roles"`
}

// Role is a role by its name.
type Role struct {
	Name string `json:"name"`
}

// Result is what the rules come to.
type Result struct {
	User     User      `json:"user"`
	GroupIDs []string  `json:"group_ids"`
	Groups   []Group   `json:"group_names"`
	Projects []Project `json:"projects"`
}

// ErrNoMatch says that no rule applies, or none says anything.
var ErrNoMatch = errors.New("no rule maps any property of the user to identity values")

// ErrDirectMap says that a local part refers to what its remote part does not have.
var ErrDirectMap = errors.New("the local section refers to a remote match that doesn't exist (e.g. {0} in a local section)")

// Rules are rules that Check has passed, ready to be applied.
type Rules struct {
	version string
	rules   []rule
}

type rule struct {
	Local  []map[string]any `json:"local"`
	Remote []requirement    `json:"remote"`
}

type requirement struct {
	Type      string `json:"type"`
	AnyOneOf  *[]any `json:"any_one_of"`
	NotAnyOf  *[]any `json:"not_any_of"`
	Blacklist *[]any `json:"blacklist"`
	Whitelist *[]any `json:"whitelist"`
	Regex     bool   `json:"regex"`

	patterns []*regexp.Regexp // of Regex
}

// conditions are the values of the one condition that the requirement has.
func (r requirement) conditions() []any {
	for _, list := range []*[]any{r.AnyOneOf, r.NotAnyOf, r.Blacklist, r.Whitelist} {
		if list != nil {
			return *list
		}
	}
	return nil
}

// Parse checks rules, JSON of a list, and makes them ready.
func Parse(version string, text []byte) (*Rules, error) {
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if mistakes := Check(version, map[string]any{"rules": doc}); mistakes != "" {
		return nil, errors.New(strings.TrimSpace(mistakes))
	}
	rs := &Rules{version: version}
	if err := json.Unmarshal(text, &rs.rules); err != nil {
		return nil, err
	}
	for i := range rs.rules {
		for j := range rs.rules[i].Remote {
			if err := rs.rules[i].Remote[j].compile(); err != nil {
				return nil, err
			}
		}
	}
	return rs, nil
}

func (r *requirement) compile() error {
	if !r.Regex {
		return nil
	}
	for _, v := range r.conditions() {
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%v is no regular expression", v)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return fmt.Errorf("regular expression %q of %s: %w", text, r.Type, err)
		}
		r.patterns = append(r.patterns, re)
	}
	return nil
}

// Apply says who an assertion is about.
func (rs *Rules) Apply(a Assertion) (Result, error) {
	b := &builder{version: rs.version}
	for _, r := range rs.rules {
		maps, ok := r.match(a)
		if !ok {
			continue
		}
		for _, local := range r.Local {
			filled, err := rs.fill(local, maps)
			if err != nil {
				return Result{}, err
			}
			if err := b.add(filled); err != nil {
				return Result{}, err
			}
		}
	}
	return b.result()
}

// match reports whether all requirements hold, and the direct maps.
func (r rule) match(a Assertion) (maps [][]string, ok bool) {
	for _, want := range r.Remote {
		values := a[want.Type]
		if len(values) == 0 {
			return nil, false
		}
		hits := want.hits(values)
		switch {
		case want.AnyOneOf != nil && len(hits) == 0, want.NotAnyOf != nil && len(hits) > 0:
			return nil, false
		case want.AnyOneOf != nil, want.NotAnyOf != nil:
		case want.Blacklist != nil:
			maps = append(maps, unique(slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(hits, v) })))
		case want.Whitelist != nil:
			maps = append(maps, unique(hits))
		default:
			maps = append(maps, values)
		}
	}
	return maps, true
}

// hits are the values that meet the requirement's condition.
func (r requirement) hits(values []string) (out []string) {
	listed := r.conditions()
	for _, v := range values {
		hit := slices.Contains(listed, any(v))
		if r.Regex {
			hit = slices.ContainsFunc(r.patterns, func(p *regexp.Regexp) bool { return p.MatchString(v) })
		}
		if hit {
			out = append(out, v)
		}
	}
	return out
}

// unique drops what was there before; the order stays.
func unique[T comparable](values []T) []T {
	out := []T{}
	for _, v := range values {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
