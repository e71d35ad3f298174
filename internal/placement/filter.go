package placement

import "slices"

// Filter is what a provider must be like.
type Filter struct {
	Required    [][]string // every set must be met by one of its traits
	Forbidden   []string   // traits
	MemberOf    [][]string // every set must be met by one of its aggregates
	NotMemberOf []string   // aggregates
	InTree      string     // UUID of a provider of the tree
}

// Matches reports whether a provider meets a filter by itself; for lists of providers.
func (f Filter) Matches(s *Snapshot, p *ProviderState, resources map[string]int64) bool {
	if !s.inTree(p, f.InTree) {
		return false
	}
	for class, amount := range resources {
		if !p.Free(class, amount) {
			return false
		}
	}
	return qualities(p, &f) && membership(p, p, &f)
}

// inTree reports whether p is in the tree of the provider named; in any when none is.
func (s *Snapshot) inTree(p *ProviderState, uuid string) bool {
	if uuid == "" {
		return true
	}
	wanted := s.Providers[uuid]
	return wanted != nil && wanted.RootUUID == p.RootUUID
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

// qualities reports whether a provider has the traits that a filter demands.
func qualities(p *ProviderState, f *Filter) bool {
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

// singly asks for each of the traits.
func singly(traits []string) [][]string {
	out := make([][]string, len(traits))
	for i, t := range traits {
		out[i] = []string{t}
	}
	return out
}

// membership reports whether a provider is in the aggregates that a filter
// demands. root is that of the tree which it serves: aggregates of a root are
// those of its whole tree, and none that is forbidden may be there either.
func membership(p, root *ProviderState, f *Filter) bool {
	in := func(agg string) bool {
		return p.Aggregates[agg] || p.RootUUID == root.UUID && root.Aggregates[agg]
	}
	for _, set := range f.MemberOf {
		if !slices.ContainsFunc(set, in) {
			return false
		}
	}
	return !slices.ContainsFunc(f.NotMemberOf, func(agg string) bool { return p.Aggregates[agg] || root.Aggregates[agg] })
}
