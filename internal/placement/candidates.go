package placement

import (
	"slices"
	"strings"
)

// Filter is what a provider must be like.
type Filter struct {
	Required    [][]string // every set must be met by one of its traits
	Forbidden   []string   // traits
	MemberOf    [][]string // every set must be met by one of its aggregates
	NotMemberOf []string   // aggregates
	InTree      string     // UUID of a provider of the tree
}

// RequestGroup is a part of a request. A group with a suffix is served by one
// provider; the group without one may be spread over a tree.
type RequestGroup struct {
	Suffix    string
	Resources map[string]int64
	Filter
}

// CandidateRequest asks for ways to serve all its groups together.
type CandidateRequest struct {
	Groups        []RequestGroup
	Isolate       bool // group_policy=isolate: no provider serves two suffixed groups
	RootRequired  []string
	RootForbidden []string
	SameSubtree   [][]string // suffixes whose providers have one of themselves as common ancestor
	Limit         int        // 0: all
	Flat          bool       // before 1.29: only providers without children or parents
}

// Candidate is one way to serve a request.
type Candidate struct {
	Allocations map[string]map[string]int64 // provider, class, amount
	Mappings    map[string][]string         // suffix, providers
}

// Candidates lists the ways in which the request can be served, tree by tree,
// and the providers that a reader of them needs to know.
func Candidates(s *Snapshot, req CandidateRequest) (found []Candidate, summaries []*ProviderState) {
	roots := map[string]bool{}
	for _, root := range s.order {
		for _, c := range inTree(s, root, req) {
			found = append(found, c)
			for uuid := range c.Allocations {
				roots[s.Providers[uuid].RootUUID] = true
			}
			roots[root] = roots[root] || len(c.Allocations) > 0 && uses(s, c, root)
			if req.Limit > 0 && len(found) == req.Limit {
				return found, s.members(roots)
			}
		}
	}
	return found, s.members(roots)
}

func uses(s *Snapshot, c Candidate, root string) bool {
	for uuid := range c.Allocations {
		if s.Providers[uuid].RootUUID == root {
			return true
		}
	}
	return false
}

func (s *Snapshot) members(roots map[string]bool) (out []*ProviderState) {
	for _, root := range s.order {
		if roots[root] {
			out = append(out, s.trees[root]...)
		}
	}
	return out
}

// inTree lists the candidates anchored at one root.
func inTree(s *Snapshot, root string, req CandidateRequest) []Candidate {
	tree := s.trees[root]
	if req.Flat && len(tree) > 1 || !qualities(tree[0], Filter{Required: sets(req.RootRequired), Forbidden: req.RootForbidden}) {
		return nil
	}
	pool := append(slices.Clip(tree), s.sharers(root)...)
	choices := make([][]choice, len(req.Groups))
	for i, g := range req.Groups {
		if choices[i] = g.choices(s, tree, pool); len(choices[i]) == 0 {
			return nil
		}
	}
	var out []Candidate
	product(choices, func(picked []choice) {
		if c, ok := combine(s, req, picked); ok && (uses(s, c, root) || len(c.Allocations) > 0 && sharedOnly(s, tree, picked)) {
			out = append(out, c)
		}
	})
	return dedupe(out)
}

// sharedOnly reports whether a candidate that uses only sharing providers
// belongs to this tree: to that of the first sharing provider, so that it is
// listed once.
func sharedOnly(s *Snapshot, tree []*ProviderState, picked []choice) bool {
	for _, p := range picked {
		for _, part := range p.parts {
			return part.provider.RootUUID == tree[0].UUID
		}
	}
	return false
}

func sets(traits []string) [][]string {
	out := make([][]string, len(traits))
	for i, t := range traits {
		out[i] = []string{t}
	}
	return out
}

// part is an amount taken from one provider; no class for a group without resources.
type part struct {
	provider *ProviderState
	class    string
	amount   int64
}

// choice is one way to serve one group.
type choice struct {
	suffix string
	parts  []part
}

// choices lists the ways to serve a group from a pool of providers.
func (g RequestGroup) choices(s *Snapshot, tree, pool []*ProviderState) []choice {
	if g.InTree != "" {
		wanted := s.Providers[g.InTree]
		if wanted == nil {
			return nil
		}
		pool = slices.DeleteFunc(slices.Clone(pool), func(p *ProviderState) bool { return p.RootUUID != wanted.RootUUID })
	}
	if g.Suffix != "" {
		return g.single(pool)
	}
	return g.spread(tree, pool)
}

// single serves all of a group from one provider.
func (g RequestGroup) single(pool []*ProviderState) (out []choice) {
	for _, p := range pool {
		if !qualities(p, g.Filter) || !membership(p, nil, g.Filter) {
			continue
		}
		c := choice{suffix: g.Suffix}
		for _, class := range sortedKeys(g.Resources) {
			if !p.Free(class, g.Resources[class]) {
				c.parts = nil
				break
			}
			c.parts = append(c.parts, part{p, class, g.Resources[class]})
		}
		if len(g.Resources) == 0 {
			c.parts = []part{{provider: p}}
		}
		if c.parts != nil {
			out = append(out, c)
		}
	}
	return out
}

// spread serves a group from any providers of the pool; the traits that it
// requires may be those of different providers.
func (g RequestGroup) spread(tree, pool []*ProviderState) (out []choice) {
	classes := sortedKeys(g.Resources)
	options := make([][]choice, len(classes))
	for i, class := range classes {
		for _, p := range pool {
			if p.Free(class, g.Resources[class]) && !anyTrait(p, g.Forbidden) && membership(p, tree[0], g.Filter) {
				options[i] = append(options[i], choice{parts: []part{{p, class, g.Resources[class]}}})
			}
		}
		if len(options[i]) == 0 {
			return nil
		}
	}
	product(options, func(picked []choice) {
		c := choice{suffix: g.Suffix}
		for _, p := range picked {
			c.parts = append(c.parts, p.parts...)
		}
		if covers(c.parts, g.Required) {
			out = append(out, c)
		}
	})
	return out
}

// covers reports whether the providers together have one trait of every set.
func covers(parts []part, required [][]string) bool {
	for _, set := range required {
		if !slices.ContainsFunc(parts, func(p part) bool { return anyTrait(p.provider, set) }) {
			return false
		}
	}
	return true
}

// qualities reports whether a provider has the traits that a filter demands.
func qualities(p *ProviderState, f Filter) bool {
	for _, set := range f.Required {
		if !anyTrait(p, set) {
			return false
		}
	}
	return !anyTrait(p, f.Forbidden)
}

func anyTrait(p *ProviderState, traits []string) bool {
	return slices.ContainsFunc(traits, func(t string) bool { return p.Traits[t] })
}

// membership reports whether a provider, or the root given, is in the aggregates that a filter demands.
func membership(p, root *ProviderState, f Filter) bool {
	in := func(agg string) bool {
		return p.Aggregates[agg] || root != nil && root.UUID == p.RootUUID && root.Aggregates[agg]
	}
	for _, set := range f.MemberOf {
		if !slices.ContainsFunc(set, in) {
			return false
		}
	}
	return !slices.ContainsFunc(f.NotMemberOf, in)
}

// Matches reports whether a provider meets a filter by itself; for lists of providers.
func (f Filter) Matches(s *Snapshot, p *ProviderState, resources map[string]int64) bool {
	if f.InTree != "" {
		if wanted := s.Providers[f.InTree]; wanted == nil || wanted.RootUUID != p.RootUUID {
			return false
		}
	}
	for class, amount := range resources {
		if !p.Free(class, amount) {
			return false
		}
	}
	return qualities(p, f) && membership(p, nil, f)
}

// combine joins one choice per group to a candidate, if they go together.
func combine(s *Snapshot, req CandidateRequest, picked []choice) (Candidate, bool) {
	c := Candidate{Allocations: map[string]map[string]int64{}, Mappings: map[string][]string{}}
	for _, ch := range picked {
		for _, p := range ch.parts {
			if !slices.Contains(c.Mappings[ch.suffix], p.provider.UUID) {
				c.Mappings[ch.suffix] = append(c.Mappings[ch.suffix], p.provider.UUID)
			}
			if p.class == "" {
				continue
			}
			if c.Allocations[p.provider.UUID] == nil {
				c.Allocations[p.provider.UUID] = map[string]int64{}
			}
			c.Allocations[p.provider.UUID][p.class] += p.amount
		}
	}
	return c, fits(s, c, len(picked)) && isolated(req, c) && sameSubtree(s, req, c)
}

// fits looks again at providers that serve several groups.
func fits(s *Snapshot, c Candidate, groups int) bool {
	if groups < 2 {
		return true
	}
	for uuid, classes := range c.Allocations {
		for class, amount := range classes {
			p := s.Providers[uuid]
			if inv := p.Inventories[class]; amount > inv.MaxUnit || p.Used[class]+amount > inv.Capacity() {
				return false
			}
		}
	}
	return true
}

func isolated(req CandidateRequest, c Candidate) bool {
	if !req.Isolate {
		return true
	}
	seen := map[string]bool{}
	for suffix, providers := range c.Mappings {
		if suffix == "" {
			continue
		}
		if seen[providers[0]] {
			return false
		}
		seen[providers[0]] = true
	}
	return true
}

// sameSubtree reports whether, for each list of suffixes, one of their
// providers is an ancestor of (or the same as) all the others.
func sameSubtree(s *Snapshot, req CandidateRequest, c Candidate) bool {
	for _, suffixes := range req.SameSubtree {
		var all []string
		for _, suffix := range suffixes {
			all = append(all, c.Mappings[suffix]...)
		}
		if !slices.ContainsFunc(all, func(top string) bool {
			return !slices.ContainsFunc(all, func(u string) bool { return !s.below(u, top) })
		}) {
			return false
		}
	}
	return true
}

// below reports whether top is uuid or one of its ancestors.
func (s *Snapshot) below(uuid, top string) bool {
	for p := s.Providers[uuid]; p != nil; p = s.Providers[*p.ParentUUID] {
		if p.UUID == top {
			return true
		}
		if p.ParentUUID == nil {
			return false
		}
	}
	return false
}

// maxProduct bounds the combinations that are tried for one tree, so that a
// request of many groups cannot cost more than a moment.
const maxProduct = 10000

// product calls each with every combination of one element per list.
func product(lists [][]choice, each func([]choice)) {
	picked := make([]choice, len(lists))
	left := maxProduct
	var walk func(i int)
	walk = func(i int) {
		if left <= 0 {
			return
		}
		if i == len(lists) {
			left--
			each(slices.Clone(picked))
			return
		}
		for _, c := range lists[i] {
			picked[i] = c
			walk(i + 1)
		}
	}
	walk(0)
}

// dedupe drops candidates that say the same.
func dedupe(cs []Candidate) []Candidate {
	if len(cs) < 2 {
		return cs
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(cs, func(c Candidate) bool {
		var b strings.Builder
		for _, suffix := range sortedKeys(c.Mappings) {
			providers := slices.Clone(c.Mappings[suffix])
			slices.Sort(providers)
			b.WriteString(suffix + "=" + strings.Join(providers, ",") + ";")
		}
		for _, uuid := range sortedKeys(c.Allocations) {
			b.WriteString(uuid + ":" + strings.Join(sortedKeys(c.Allocations[uuid]), ",") + ";")
		}
		key := b.String()
		had := seen[key]
		seen[key] = true
		return had
	})
}
