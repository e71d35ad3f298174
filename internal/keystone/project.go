package keystone

import "slices"

// Project owns resources. A domain is a project that acts as one: it holds
// users, groups and other projects, has no parent and no domain.
type Project struct {
	ID          string         `bun:"id,pk"`
	Name        string         `bun:"name"` // unique in the domain; of a domain, among domains
	DomainID    string         `bun:"domain_id"`
	ParentID    string         `bun:"parent_id"` // of a top project: its domain; "" of a domain
	IsDomain    bool           `bun:"is_domain"`
	Enabled     bool           `bun:"enabled"`
	Description string         `bun:"description"`
	Tags        []string       `bun:"tags"`
	Options     map[string]any `bun:"options"`
	Extra       map[string]any `bun:"extra"`
}

// Immutable reports whether the resource's options forbid to change or delete it.
func Immutable(options map[string]any) bool {
	set, _ := options["immutable"].(bool)
	return set
}

// Attribute is what a list can be filtered by.
func (p Project) Attribute(name string) any {
	switch name {
	case "name":
		return p.Name
	case "domain_id":
		return p.DomainID
	case "parent_id":
		return p.ParentID
	case "enabled":
		return p.Enabled
	case "is_domain":
		return p.IsDomain
	}
	return nil
}

// TagFilter selects projects by their tags; an empty list selects nothing away.
type TagFilter struct {
	All    []string // tags
	Any    []string // tags-any
	NotAll []string // not-tags
	NotAny []string // not-tags-any
}

// Match reports whether a project with these tags passes.
func (f TagFilter) Match(tags []string) bool {
	has := func(t string) bool { return slices.Contains(tags, t) }
	all := func(want []string) bool {
		return !slices.ContainsFunc(want, func(t string) bool { return !has(t) })
	}
	return all(f.All) &&
		(len(f.Any) == 0 || slices.ContainsFunc(f.Any, has)) &&
		(len(f.NotAll) == 0 || !all(f.NotAll)) &&
		!slices.ContainsFunc(f.NotAny, has)
}
