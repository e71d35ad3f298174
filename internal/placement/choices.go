package placement

import (
	"slices"
	"strconv"
	"strings"
)

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

// choices lists the ways to serve the i-th group from the pool of a tree: its
// members and those who share with them.
func (f *search) choices(i int, tree, pool []*ProviderState) []choice {
	g := &f.req.Groups[i]
	if g.Suffix != "" {
		return f.single(g, f.classes[i], pool)
	}
	if g.InTree != "" {
		if !f.snapshot.inTree(tree[0], g.InTree) {
			return nil
		}
		pool = tree
	}
	return spread(g, f.classes[i], tree[0], pool)
}

// single serves all of a group from one provider.
func (f *search) single(g *RequestGroup, classes []string, pool []*ProviderState) (out []choice) {
	for _, p := range pool {
		if !f.snapshot.inTree(p, g.InTree) || !qualities(p, &g.Filter) || !membership(p, p, &g.Filter) {
			continue
		}
		parts := make([]part, 0, max(len(classes), 1))
		for _, class := range classes {
			if p.Free(class, g.Resources[class]) {
				parts = append(parts, part{p, class, g.Resources[class]})
			}
		}
		if len(parts) < len(classes) {
			continue
		}
		if len(classes) == 0 {
			parts = append(parts, part{provider: p})
		}
		out = append(out, choice{g.Suffix, parts})
	}
	return out
}

// spread serves a group from any providers of the pool; the traits that it
// requires may be those of different providers.
func spread(g *RequestGroup, classes []string, root *ProviderState, pool []*ProviderState) (out []choice) {
	options := make([][]choice, len(classes))
	for i, class := range classes {
		for _, p := range pool {
			if p.Free(class, g.Resources[class]) && !anyTrait(p, g.Forbidden) && membership(p, root, &g.Filter) {
				options[i] = append(options[i], choice{parts: []part{{p, class, g.Resources[class]}}})
			}
		}
		if len(options[i]) == 0 {
			return nil
		}
	}
	product(options, nil, func(picked []choice) bool {
		parts := make([]part, 0, len(picked))
		for _, p := range picked {
			parts = append(parts, p.parts...)
		}
		if covers(parts, g.Required) {
			out = append(out, choice{g.Suffix, parts})
		}
		return true
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

// together reports whether next goes with what is picked for other groups:
// providers that serve several have room for all, and where groups are
// isolated, no provider serves two that have a suffix.
func (f *search) together(picked []choice, next choice) bool {
	for _, other := range picked {
		if f.req.Isolate && next.suffix != "" && other.suffix != "" && next.parts[0].provider == other.parts[0].provider {
			return false
		}
	}
	for _, p := range next.parts {
		if total := p.amount + taken(picked, p); total > p.amount {
			inv := p.provider.Inventories[p.class]
			if total > inv.MaxUnit || p.provider.Used[p.class]+total > inv.Capacity() {
				return false
			}
		}
	}
	return true
}

// taken is how much the picked choices take of what p takes from.
func taken(picked []choice, p part) (sum int64) {
	if p.class == "" {
		return 0
	}
	for _, c := range picked {
		for _, q := range c.parts {
			if q.provider == p.provider && q.class == p.class {
				sum += q.amount
			}
		}
	}
	return sum
}

// combine joins one choice per group to a candidate.
func combine(picked []choice) Candidate {
	c := Candidate{Mappings: make([]Mapping, len(picked))}
	for i, ch := range picked {
		m := &c.Mappings[i]
		m.Suffix = ch.suffix
		for _, p := range ch.parts {
			if !slices.Contains(m.Providers, p.provider.UUID) {
				m.Providers = append(m.Providers, p.provider.UUID)
			}
			if p.class != "" {
				c.take(p)
			}
		}
	}
	return c
}

func (c *Candidate) take(p part) {
	i := slices.IndexFunc(c.Allocations, func(a ProviderAllocation) bool { return a.ProviderUUID == p.provider.UUID })
	if i < 0 {
		i = len(c.Allocations)
		c.Allocations = append(c.Allocations, ProviderAllocation{p.provider.UUID, map[string]int64{}})
	}
	c.Allocations[i].Resources[p.class] += p.amount
}

// key is the same for candidates that say the same.
func (c Candidate) key() string {
	var b strings.Builder
	for _, m := range c.Mappings {
		b.WriteString(m.Suffix + "=" + strings.Join(slices.Sorted(slices.Values(m.Providers)), ",") + ";")
	}
	allocations := slices.SortedFunc(slices.Values(c.Allocations), func(a, b ProviderAllocation) int { return strings.Compare(a.ProviderUUID, b.ProviderUUID) })
	for _, a := range allocations {
		b.WriteString(a.ProviderUUID)
		for _, class := range sortedKeys(a.Resources) {
			b.WriteString(":" + class + ":" + strconv.FormatInt(a.Resources[class], 10))
		}
	}
	return b.String()
}

// maxProduct bounds the combinations that are tried for one tree, so that a
// request of many groups cannot cost more than a moment.
const maxProduct = 100000

// product calls each with combinations of one element per list, until each
// says that it has enough. Combinations in which an element does not go with
// those before it are left out; together may be nil. The slice is reused.
func product(lists [][]choice, together func(picked []choice, next choice) bool, each func([]choice) bool) {
	picked := make([]choice, len(lists))
	left := maxProduct
	var walk func(i int) bool
	walk = func(i int) bool {
		if i == len(lists) {
			return each(picked)
		}
		for _, c := range lists[i] {
			if left--; left < 0 {
				return false
			}
			if together != nil && !together(picked[:i], c) {
				continue
			}
			if picked[i] = c; !walk(i + 1) {
				return false
			}
		}
		return true
	}
	walk(0)
}
