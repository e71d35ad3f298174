package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement"
)

func (a *API) candidateRoutes() httpapi.Table {
	return httpapi.Table{{Method: "GET", Path: "/allocation_candidates", Status: 200, Min: "1.10",
		Rule: may("allocation_candidates:list"), Do: httpapi.Get(a.listCandidates)}}
}

type candidatesView struct {
	AllocationRequests []allocationRequestView `json:"allocation_requests"`
	ProviderSummaries  map[string]summaryView  `json:"provider_summaries"`
}

type allocationRequestView struct {
	Allocations any                 `json:"allocations"`
	Mappings    map[string][]string `json:"mappings,omitempty"`
}

type summaryView struct {
	Resources map[string]capacityView `json:"resources"`
	Traits    *[]string               `json:"traits,omitempty"`
	Parent    **string                `json:"parent_provider_uuid,omitempty"`
	Root      string                  `json:"root_provider_uuid,omitempty"`
}

type capacityView struct {
	Capacity int64 `json:"capacity"`
	Used     int64 `json:"used"`
}

func (a *API) listCandidates(c *httpapi.Call) (candidatesView, error) {
	req, err := a.candidateRequest(c)
	if err != nil {
		return candidatesView{}, err
	}
	found, summaries, err := a.svc.Candidates(c.Ctx(), req)
	if err != nil {
		return candidatesView{}, err
	}
	v := candidatesView{AllocationRequests: []allocationRequestView{}, ProviderSummaries: map[string]summaryView{}}
	for _, f := range found {
		v.AllocationRequests = append(v.AllocationRequests, newAllocationRequest(c, f))
	}
	for _, p := range summaries {
		v.ProviderSummaries[p.UUID] = newSummary(c, p, req)
	}
	fresh(c, time.Time{})
	return v, nil
}

func newAllocationRequest(c *httpapi.Call, f placement.Candidate) allocationRequestView {
	type listed struct {
		ResourceProvider map[string]string `json:"resource_provider"`
		Resources        map[string]int64  `json:"resources"`
	}
	if !c.Version.AtLeast("1.12") {
		var list []listed
		for uuid, classes := range f.Allocations {
			list = append(list, listed{map[string]string{"uuid": uuid}, classes})
		}
		slices.SortFunc(list, func(a, b listed) int { return strings.Compare(a.ResourceProvider["uuid"], b.ResourceProvider["uuid"]) })
		return allocationRequestView{Allocations: list}
	}
	set := map[string]any{}
	for uuid, classes := range f.Allocations {
		set[uuid] = map[string]any{"resources": classes}
	}
	v := allocationRequestView{Allocations: set}
	if c.Version.AtLeast("1.34") {
		v.Mappings = f.Mappings
	}
	return v
}

func newSummary(c *httpapi.Call, p placement.ProviderState, req placement.CandidateRequest) summaryView {
	v := summaryView{Resources: map[string]capacityView{}}
	for class, inv := range p.Inventories {
		if !c.Version.AtLeast("1.27") && !asked(req, class) {
			continue
		}
		v.Resources[class] = capacityView{inv.Capacity(), p.Used[class]}
	}
	if c.Version.AtLeast("1.17") {
		traits := p.SortedTraits()
		v.Traits = &traits
	}
	if c.Version.AtLeast("1.29") {
		v.Parent, v.Root = &p.ParentUUID, p.RootUUID
	}
	return v
}

func asked(req placement.CandidateRequest, class string) bool {
	return slices.ContainsFunc(req.Groups, func(g placement.RequestGroup) bool { return g.Resources[class] > 0 })
}

// candidateRequest reads the whole query.
func (a *API) candidateRequest(c *httpapi.Call) (req placement.CandidateRequest, err error) {
	names, err := suffixes(c)
	if err != nil {
		return req, err
	}
	if l := c.Query.Get("limit"); c.Query.Has("limit") {
		if !limitForm.MatchString(l) {
			return req, badQuery("'%s' does not match '^[1-9][0-9]*$'", l)
		}
		if req.Limit, err = strconv.Atoi(l); err != nil {
			return req, badQuery("'%s' is too large", l)
		}
	}
	req.Flat = !c.Version.AtLeast("1.29")
	for _, n := range names {
		g, err := a.group(c, n, c.Query)
		if err != nil {
			return req, err
		}
		req.Groups = append(req.Groups, g)
	}
	if err := a.treeWide(c, &req); err != nil {
		return req, err
	}
	return req, checkGroups(c, req)
}

// treeWide reads what is about several groups together.
func (a *API) treeWide(c *httpapi.Call, req *placement.CandidateRequest) error {
	switch p := c.Query.Get("group_policy"); {
	case !c.Query.Has("group_policy"), p == "none":
	case p == "isolate":
		req.Isolate = true
	default:
		return badQuery("'%s' is not one of ['none', 'isolate']", p)
	}
	if c.Query.Has("root_required") {
		if len(c.Query["root_required"]) > 1 {
			return fault.BadRequest("Query parameter \"root_required\" may be specified only once.").As("placement.query.duplicate_key")
		}
		sets, forbidden, named, err := requiredTraits(c, "root_required", c.Query["root_required"])
		if err != nil {
			return err
		}
		for _, set := range sets {
			req.RootRequired = append(req.RootRequired, set...)
		}
		req.RootForbidden = forbidden
		if err := a.svc.CheckNames(c.Ctx(), nil, named); err != nil {
			return err
		}
	}
	for _, s := range c.Query["same_subtree"] {
		req.SameSubtree = append(req.SameSubtree, strings.Split(s, ","))
	}
	return nil
}

// checkGroups refuses combinations of groups that mean nothing.
func checkGroups(c *httpapi.Call, req placement.CandidateRequest) error {
	suffixed, some := 0, false
	for _, g := range req.Groups {
		some = some || len(g.Resources) > 0
		if g.Suffix != "" {
			suffixed++
		}
		if len(g.Resources) == 0 && !inSubtree(req, g.Suffix) && !(g.Suffix == "" && len(req.Groups) > 1) {
			if len(req.Groups) == 1 && g.Suffix == "" {
				continue
			}
			return fault.BadRequest("All traits, member_of and in_tree parameters must be associated with resources. Found the following orphaned suffix: %s", g.Suffix).As("placement.query.bad_value")
		}
	}
	if !some {
		if c.Version.AtLeast("1.25") {
			return fault.BadRequest("There must be at least one resources or resources[$S] parameter.").As("placement.query.missing_value")
		}
		return badQuery("'resources' is a required property")
	}
	if suffixed > 1 && !c.Query.Has("group_policy") {
		return fault.BadRequest("The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter.").As("placement.query.missing_value")
	}
	for _, list := range req.SameSubtree {
		for _, s := range list {
			if !slices.ContainsFunc(req.Groups, func(g placement.RequestGroup) bool { return g.Suffix == s && s != "" }) {
				return fault.BadRequest("Real suffixes should be specified in same_subtree: %s not found in the request.", s).As("placement.query.bad_value")
			}
		}
	}
	return nil
}

func inSubtree(req placement.CandidateRequest, suffix string) bool {
	return suffix != "" && slices.ContainsFunc(req.SameSubtree, func(l []string) bool { return slices.Contains(l, suffix) })
}
