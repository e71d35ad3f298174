package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement"
	"nacre/internal/placement/service"
)

func (a *API) candidateRoutes() httpapi.Table {
	return httpapi.Table{{Method: "GET", Path: "/allocation_candidates", Status: 200, Min: "1.10",
		Rule: may("allocation_candidates:list"),
		Queries: httpapi.Schemas{"1.10": "candidates_query_1.10.json", "1.16": "candidates_query_1.16.json", "1.17": "candidates_query_1.17.json",
			"1.21": "candidates_query_1.21.json", "1.25": "candidates_query_1.25.json", "1.31": "candidates_query_1.31.json",
			"1.33": "candidates_query_1.33.json", "1.35": "candidates_query_1.35.json", "1.36": "candidates_query_1.36.json"},
		Do: httpapi.Get(a.listCandidates)}}
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
	fresh(c, time.Time{})
	return newCandidatesView(c, req, found, summaries), nil
}

// candidateRequest reads the whole query.
func (a *API) candidateRequest(c *httpapi.Call) (req placement.CandidateRequest, err error) {
	req.Flat = !c.Version.AtLeast("1.29")
	if err := treeWide(c, &req); err != nil {
		return req, err
	}
	for _, suffix := range suffixes(c) {
		g, err := group(c, suffix)
		if err != nil {
			return req, err
		}
		req.Groups = append(req.Groups, g)
	}
	if err := checkGroups(c, req); err != nil {
		return req, err
	}
	if err := a.svc.CheckTraits(c.Ctx(), append(slices.Clone(req.RootRequired), req.RootForbidden...)); err != nil {
		return req, err
	}
	for _, g := range req.Groups {
		if err := a.svc.CheckClasses(c.Ctx(), g.Resources); err != nil {
			return req, err
		}
		if err := a.svc.CheckTraits(c.Ctx(), named(g.Filter)); err != nil {
			return req, err
		}
	}
	return req, nil
}

// treeWide reads what is about several groups together.
func treeWide(c *httpapi.Call, req *placement.CandidateRequest) (err error) {
	if c.Query.Has("limit") { // of several the first counts
		if req.Limit, err = strconv.Atoi(c.Query.Get("limit")); err != nil || req.Limit < 0 {
			return fault.BadRequest("Invalid query string parameters: '%s' is no limit", c.Query.Get("limit"))
		}
	}
	req.Isolate = c.Query.Get("group_policy") == "isolate"
	if err := rootTraits(c, req); err != nil {
		return err
	}
	for _, v := range c.Query["same_subtree"] {
		list := split(v)
		if slices.Contains(list, "") {
			return fault.BadRequest("Empty string (unsuffixed group) can not be specified in `same_subtree` ").As(service.CodeBadValue)
		}
		req.SameSubtree = append(req.SameSubtree, list)
	}
	return nil
}

func rootTraits(c *httpapi.Call, req *placement.CandidateRequest) error {
	values := c.Query["root_required"]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return fault.BadRequest("Query parameter 'root_required' may be specified only once.").As(service.CodeDuplicateKey)
	}
	var f placement.Filter
	if err := addTraits(values[0], true, false, &f); err != nil {
		return err
	}
	for _, set := range f.Required {
		req.RootRequired = append(req.RootRequired, set...)
	}
	req.RootForbidden = f.Forbidden
	var both []string
	for _, t := range req.RootRequired {
		if slices.Contains(req.RootForbidden, t) && !slices.Contains(both, t) {
			both = append(both, t)
		}
	}
	if len(both) > 0 {
		return fault.BadRequest("Conflicting required and forbidden traits found in root_required: %s", strings.Join(both, ", ")).As(service.CodeBadValue)
	}
	return nil
}

// checkGroups refuses combinations of groups that mean nothing.
func checkGroups(c *httpapi.Call, req placement.CandidateRequest) error {
	check := checkOrphans
	if c.Version.AtLeast("1.36") {
		check = checkSubtrees
	}
	if err := check(req); err != nil {
		return err
	}
	if err := checkConflicts(req); err != nil {
		return err
	}
	suffixed := 0
	for _, g := range req.Groups {
		if g.Suffix != "" {
			suffixed++
		}
	}
	if suffixed > 1 && !c.Query.Has("group_policy") {
		return fault.BadRequest("The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter.")
	}
	return nil
}

// checkSubtrees holds from 1.36, when a group may ask for no resources if
// same_subtree binds it to others.
func checkSubtrees(req placement.CandidateRequest) error {
	var all, idle, loose, unknown []string
	bound := slices.Concat(req.SameSubtree...)
	for _, g := range req.Groups {
		all = append(all, g.Suffix)
		if len(g.Resources) == 0 {
			idle = append(idle, g.Suffix)
			if !slices.Contains(bound, g.Suffix) {
				loose = append(loose, g.Suffix)
			}
		}
	}
	for _, s := range bound {
		if !slices.Contains(all, s) && !slices.Contains(unknown, s) {
			unknown = append(unknown, s)
		}
	}
	switch {
	case len(idle) == len(all):
		return fault.BadRequest("There must be at least one resources or resources[$S] parameter.").As(service.CodeMissingValue)
	case len(loose) > 0:
		return fault.BadRequest("Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - %s.", listed(loose)).As(service.CodeBadValue)
	case len(unknown) > 0:
		return fault.BadRequest("Real suffixes should be specified in `same_subtree`: %s not found in %s.", listed(unknown), listed(all)).As(service.CodeBadValue)
	}
	return nil
}

// listed prints suffixes as Python prints a list of them.
func listed(suffixes []string) string {
	return "['" + strings.Join(suffixes, "', '") + "']"
}

// checkOrphans holds before 1.36: every group asks for resources.
func checkOrphans(req placement.CandidateRequest) error {
	var traits, aggregates []string
	idle := false
	for _, g := range req.Groups {
		if len(g.Resources) > 0 {
			continue
		}
		idle = true
		if len(g.Required) > 0 {
			traits = append(traits, "required"+g.Suffix)
		}
		if len(g.MemberOf)+len(g.NotMemberOf) > 0 {
			aggregates = append(aggregates, "member_of"+g.Suffix)
		}
	}
	switch {
	case len(traits) > 0:
		return fault.BadRequest("All traits parameters must be associated with resources.  Found the following orphaned traits keys: %s", strings.Join(traits, ", "))
	case len(aggregates) > 0:
		return fault.BadRequest("All member_of parameters must be associated with resources. Found the following orphaned member_of keys: %s", strings.Join(aggregates, ", "))
	case idle:
		return fault.BadRequest("All request groups must specify resources.")
	case len(req.Groups) == 0:
		return fault.BadRequest("At least one request group (`resources` or `resources{$S}`) is required.")
	}
	return nil
}

// checkConflicts refuses traits that a group both requires and forbids.
func checkConflicts(req placement.CandidateRequest) error {
	var both []string
	for _, g := range req.Groups {
		for _, set := range g.Required {
			if !slices.ContainsFunc(set, func(t string) bool { return !slices.Contains(g.Forbidden, t) }) {
				both = append(both, "required"+g.Suffix+": ("+strings.Join(slices.Sorted(slices.Values(set)), ", ")+")")
			}
		}
	}
	if len(both) > 0 {
		slices.Sort(both)
		return fault.BadRequest("Conflicting required and forbidden traits found in the following traits keys: %s", strings.Join(both, ", "))
	}
	return nil
}
