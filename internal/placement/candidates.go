package placement

import "slices"

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
	Flat          bool       // before 1.29: no two providers of one tree serve a request
}

// Candidate is one way to serve a request.
type Candidate struct {
	Allocations []ProviderAllocation // each provider once
	Mappings    []Mapping            // each group once
}

// ProviderAllocation is what a candidate takes from one provider. Candidates
// may share the map: it is only read.
type ProviderAllocation struct {
	ProviderUUID string
	Resources    map[string]int64
}

// Mapping names the providers that serve the group of a suffix.
type Mapping struct {
	Suffix    string
	Providers []string
}

// providers are those that serve the group of a suffix.
func (c Candidate) providers(suffix string) []string {
	for _, m := range c.Mappings {
		if m.Suffix == suffix {
			return m.Providers
		}
	}
	return nil
}

// Candidates lists the ways in which the request can be served, tree by tree,
// and the providers that a reader of them needs to know.
func Candidates(s *Snapshot, req CandidateRequest) (found []Candidate, summaries []*ProviderState) {
	f := &search{snapshot: s, req: req, roots: map[string]bool{}, seen: map[string]bool{},
		root: Filter{Required: singly(req.RootRequired), Forbidden: req.RootForbidden}}
	for _, g := range req.Groups {
		f.classes = append(f.classes, sortedKeys(g.Resources))
	}
	plain := len(req.Groups) == 1 && req.Groups[0].Suffix == "" && len(req.SameSubtree) == 0
	for _, root := range s.order {
		tree := s.trees[root]
		if !qualities(tree[0], &f.root) {
			continue
		}
		sharers := s.sharers(root)
		if plain && len(tree) == 1 && len(sharers) == 0 && !tree[0].Sharing() {
			f.alone(tree[0])
		} else {
			f.inTree(tree, sharers)
		}
		if f.full() {
			break
		}
	}
	return f.found, f.summaries()
}

// search is one run of Candidates.
type search struct {
	snapshot *Snapshot
	req      CandidateRequest
	classes  [][]string // of each group, by name
	root     Filter     // of the roots

	found []Candidate
	roots map[string]bool // of the trees that candidates use
	order []string        // the same, as they were found
	seen  map[string]bool // what candidates say, where they may repeat
}

func (f *search) full() bool { return f.req.Limit > 0 && len(f.found) >= f.req.Limit }

func (f *search) add(c Candidate) {
	f.found = append(f.found, c)
	for _, a := range c.Allocations {
		f.use(f.snapshot.Providers[a.ProviderUUID].RootUUID)
	}
}

func (f *search) use(root string) {
	if !f.roots[root] {
		f.roots[root] = true
		f.order = append(f.order, root)
	}
}

// summaries are all members of the trees that candidates use; a reader that
// knows no trees gets only the providers used.
func (f *search) summaries() (out []*ProviderState) {
	if !f.req.Flat {
		for _, root := range f.order {
			out = append(out, f.snapshot.trees[root]...)
		}
		return out
	}
	used := map[string]bool{}
	for _, c := range f.found {
		for _, a := range c.Allocations {
			if !used[a.ProviderUUID] {
				used[a.ProviderUUID] = true
				out = append(out, f.snapshot.Providers[a.ProviderUUID])
			}
		}
	}
	return out
}

// alone serves the only group from a provider that has no tree, and shares with nobody.
func (f *search) alone(p *ProviderState) {
	g := &f.req.Groups[0]
	if len(g.Resources) == 0 || !f.snapshot.inTree(p, g.InTree) || !qualities(p, &g.Filter) || !membership(p, p, &g.Filter) {
		return
	}
	for _, class := range f.classes[0] {
		if !p.Free(class, g.Resources[class]) {
			return
		}
	}
	one := &struct {
		allocation [1]ProviderAllocation
		mapping    [1]Mapping
		provider   [1]string
	}{provider: [1]string{p.UUID}}
	one.allocation[0] = ProviderAllocation{p.UUID, g.Resources}
	one.mapping[0].Providers = one.provider[:]
	f.found = append(f.found, Candidate{one.allocation[:], one.mapping[:]})
	f.use(p.RootUUID)
}

// inTree finds the candidates anchored at one root.
func (f *search) inTree(tree, sharers []*ProviderState) {
	pool := append(slices.Clip(tree), sharers...)
	choices := make([][]choice, len(f.req.Groups))
	for i := range f.req.Groups {
		if choices[i] = f.choices(i, tree, pool); len(choices[i]) == 0 {
			return
		}
	}
	product(choices, f.together, func(picked []choice) bool {
		c := combine(picked)
		if f.req.Flat && severalOfOneTree(f.snapshot, c) || !f.sameSubtree(c) {
			return true
		}
		if key := c.key(); !f.seen[key] {
			f.seen[key] = true
			f.add(c)
		}
		return !f.full()
	})
}

func severalOfOneTree(s *Snapshot, c Candidate) bool {
	for i, a := range c.Allocations {
		for _, b := range c.Allocations[:i] {
			if s.Providers[a.ProviderUUID].RootUUID == s.Providers[b.ProviderUUID].RootUUID {
				return true
			}
		}
	}
	return false
}

// sameSubtree reports whether, for each list of suffixes, one of their
// providers is an ancestor of (or the same as) all the others.
func (f *search) sameSubtree(c Candidate) bool {
	for _, suffixes := range f.req.SameSubtree {
		var all []string
		for _, suffix := range suffixes {
			all = append(all, c.providers(suffix)...)
		}
		if !slices.ContainsFunc(all, func(top string) bool {
			return !slices.ContainsFunc(all, func(u string) bool { return !f.snapshot.below(u, top) })
		}) {
			return false
		}
	}
	return true
}
