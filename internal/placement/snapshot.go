package placement

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// ProviderState is a provider with all that the choice of candidates looks at.
type ProviderState struct {
	ResourceProvider
	Inventories map[string]Inventory
	Used        map[string]int64
	Traits      map[string]bool
	Aggregates  map[string]bool
}

// Free reports whether amount of class can still be allocated here.
func (p *ProviderState) Free(class string, amount int64) bool {
	inv, ok := p.Inventories[class]
	return ok && inv.Fits(amount) && p.Used[class]+amount <= inv.Capacity()
}

// Sharing reports whether the provider serves the members of its aggregates.
func (p *ProviderState) Sharing() bool { return p.Traits[SharingTrait] && len(p.Aggregates) > 0 }

// SortedTraits lists the provider's traits by name, the standard ones first.
func (p *ProviderState) SortedTraits() []string {
	out := sortedKeys(p.Traits)
	slices.SortStableFunc(out, func(a, b string) int {
		if Custom(a) == Custom(b) {
			return 0
		} else if Custom(b) {
			return -1
		}
		return 1
	})
	return out
}

// Snapshot is the state of all providers at one moment.
type Snapshot struct {
	Providers map[string]*ProviderState
	trees     map[string][]*ProviderState // by root, the root first
	order     []string                    // roots, in the order of their creation
	sharing   []*ProviderState
}

// NewSnapshot makes a snapshot without providers.
func NewSnapshot() *Snapshot {
	return &Snapshot{Providers: map[string]*ProviderState{}, trees: map[string][]*ProviderState{}}
}

// Put adds providers or replaces those of the same UUID.
func (s *Snapshot) Put(changed ...*ProviderState) {
	reorder := false
	for _, p := range changed {
		old := s.Providers[p.UUID]
		switch {
		case old == nil:
			s.Providers[p.UUID] = p
			reorder = reorder || !s.append(p)
		case old.RootUUID != p.RootUUID || old.Sharing() || p.Sharing():
			s.Providers[p.UUID] = p
			reorder = true
		default:
			*old = *p
		}
	}
	if reorder {
		s.index()
	}
}

// append puts a provider behind all that are older; false when it is not the youngest.
func (s *Snapshot) append(p *ProviderState) bool {
	tree := s.trees[p.RootUUID]
	if p.UUID == p.RootUUID {
		if n := len(s.order); tree != nil || n > 0 && byAge(s.Providers[s.order[n-1]], p) > 0 {
			return false
		}
		s.order = append(s.order, p.UUID)
	} else if tree == nil || byAge(tree[len(tree)-1], p) > 0 {
		return false
	}
	s.trees[p.RootUUID] = append(tree, p)
	if p.Sharing() {
		s.sharing = append(s.sharing, p)
	}
	return true
}

func byAge(a, b *ProviderState) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.UUID, b.UUID))
}

// index builds trees and order anew.
func (s *Snapshot) index() {
	clear(s.trees)
	s.order, s.sharing = s.order[:0], s.sharing[:0]
	for _, p := range slices.SortedFunc(maps.Values(s.Providers), byAge) {
		if p.UUID == p.RootUUID {
			s.order = append(s.order, p.UUID)
			s.trees[p.RootUUID] = append([]*ProviderState{p}, s.trees[p.RootUUID]...)
		} else {
			s.trees[p.RootUUID] = append(s.trees[p.RootUUID], p)
		}
		if p.Sharing() {
			s.sharing = append(s.sharing, p)
		}
	}
}

// Tree lists the providers of a tree, the root first.
func (s *Snapshot) Tree(root string) []*ProviderState { return s.trees[root] }

// InOrder lists all providers, tree by tree.
func (s *Snapshot) InOrder() []*ProviderState {
	out := make([]*ProviderState, 0, len(s.Providers))
	for _, root := range s.order {
		out = append(out, s.trees[root]...)
	}
	return out
}

// sharers are the providers outside a tree that share what they have with its members.
func (s *Snapshot) sharers(root string) []*ProviderState {
	if len(s.sharing) == 0 {
		return nil
	}
	var out []*ProviderState
	for _, sp := range s.sharing {
		if sp.RootUUID == root {
			continue
		}
		for _, p := range s.trees[root] {
			if intersects(sp.Aggregates, p.Aggregates) {
				out = append(out, sp)
				break
			}
		}
	}
	return out
}

func intersects(a, b map[string]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
