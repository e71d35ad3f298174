package api

import (
	"slices"
	"strconv"

	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement"
)

// candidatesView is the answer of allocation_candidates. It grows with the
// cloud and every new server asks for it, so it writes itself. All texts in it
// are UUIDs and names of letters, digits, "_" and "-": nothing needs escaping.
type candidatesView struct {
	found     []placement.Candidate
	summaries []placement.ProviderState
	req       placement.CandidateRequest

	listed   bool // before 1.12 the allocations are a list
	mappings bool // from 1.34
	whole    bool // from 1.27 summaries tell of classes that were not asked for
	traits   bool // from 1.17
	tree     bool // from 1.29
}

func newCandidatesView(c *httpapi.Call, req placement.CandidateRequest, found []placement.Candidate, summaries []placement.ProviderState) candidatesView {
	return candidatesView{found: found, summaries: summaries, req: req, listed: !c.Version.AtLeast("1.12"), mappings: c.Version.AtLeast("1.34"),
		whole: c.Version.AtLeast("1.27"), traits: c.Version.AtLeast("1.17"), tree: c.Version.AtLeast("1.29")}
}

// AppendJSON implements httpapi.Appender.
func (v candidatesView) AppendJSON(b []byte) []byte {
	b = slices.Grow(b, 400*(len(v.found)+len(v.summaries))+64)
	b = append(b, `{"allocation_requests": [`...)
	for i, c := range v.found {
		b = v.appendCandidate(comma(b, i), c)
	}
	b = append(b, `], "provider_summaries": {`...)
	for i := range v.summaries {
		b = v.appendSummary(comma(b, i), &v.summaries[i])
	}
	return append(b, `}}`...)
}

// comma separates the i-th element from the one before it.
func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ", "...)
	}
	return b
}

func quote(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"')
}

// key begins a member of an object.
func key(b []byte, name string) []byte { return append(quote(b, name), ": "...) }

func (v candidatesView) appendCandidate(b []byte, c placement.Candidate) []byte {
	open, end := `{"allocations": {`, byte('}')
	if v.listed {
		open, end = `{"allocations": [`, ']'
	}
	b = append(b, open...)
	for i, a := range c.Allocations {
		b = comma(b, i)
		if v.listed {
			b = append(quote(append(b, `{"resource_provider": {"uuid": `...), a.ProviderUUID), `}, "resources": `...)
		} else {
			b = append(key(b, a.ProviderUUID), `{"resources": `...)
		}
		b = append(appendAmounts(b, a.Resources), '}')
	}
	b = append(b, end)
	if v.mappings {
		b = appendMappings(append(b, `, "mappings": `...), c.Mappings)
	}
	return append(b, '}')
}

func appendAmounts(b []byte, amounts map[string]int64) []byte {
	b = append(b, '{')
	i := 0
	for class, n := range amounts {
		b = strconv.AppendInt(key(comma(b, i), class), n, 10)
		i++
	}
	return append(b, '}')
}

func appendMappings(b []byte, mappings []placement.Mapping) []byte {
	b = append(b, '{')
	for i, m := range mappings {
		b = appendNames(key(comma(b, i), m.Suffix), m.Providers)
	}
	return append(b, '}')
}

func appendNames(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, n := range names {
		b = quote(comma(b, i), n)
	}
	return append(b, ']')
}

func (v candidatesView) appendSummary(b []byte, p *placement.ProviderState) []byte {
	b = append(key(b, p.UUID), `{"resources": {`...)
	i := 0
	for class, inv := range p.Inventories {
		if !v.whole && !v.asked(class) {
			continue
		}
		b = append(key(comma(b, i), class), `{"capacity": `...)
		b = append(strconv.AppendInt(b, inv.Capacity(), 10), `, "used": `...)
		b = append(strconv.AppendInt(b, p.Used[class], 10), '}')
		i++
	}
	b = append(b, '}')
	if v.traits {
		b = appendNames(append(b, `, "traits": `...), p.SortedTraits())
	}
	if v.tree {
		b = append(b, `, "parent_provider_uuid": `...)
		if p.ParentUUID == nil {
			b = append(b, "null"...)
		} else {
			b = quote(b, *p.ParentUUID)
		}
		b = quote(append(b, `, "root_provider_uuid": `...), p.RootUUID)
	}
	return append(b, '}')
}

// asked reports whether a group of the request asks for a class.
func (v candidatesView) asked(class string) bool {
	return slices.ContainsFunc(v.req.Groups, func(g placement.RequestGroup) bool { return g.Resources[class] > 0 })
}
