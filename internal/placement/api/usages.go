package api

import (
	"regexp"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type providerUsagesView struct {
	Generation int64            `json:"resource_provider_generation"`
	Usages     map[string]int64 `json:"usages"`
}

func (a *API) providerUsages(c *httpapi.Call, p owned) (providerUsagesView, error) {
	st, err := a.svc.State(c.Ctx(), p.UUID)
	if err != nil {
		return providerUsagesView{}, err
	}
	fresh(c, time.Time{})
	v := providerUsagesView{Generation: st.Generation, Usages: map[string]int64{}}
	for class := range st.Inventories {
		v.Usages[class] = st.Used[class]
	}
	return v, nil
}

// usagesRule is asked about the project in the query, by the handler.
var usagesRule = policy.Rule{Name: "placement:usages", Check: "rule:admin_or_project_reader_or_service_api", Scope: []string{"project"}}

var consumerType = regexp.MustCompile(`^[A-Z0-9_]+$|^all|^unknown$`)

type usagesView struct {
	Usages any `json:"usages"`
}

func (a *API) projectUsages(c *httpapi.Call) (usagesView, error) {
	if err := only(c, usageKeys); err != nil {
		return usagesView{}, err
	}
	project, user, kind := c.Query.Get("project_id"), c.Query.Get("user_id"), c.Query.Get("consumer_type")
	if !c.Query.Has("project_id") {
		return usagesView{}, fault.BadRequest("Invalid query string parameters: 'project_id' is a required property")
	}
	if kind != "" && !consumerType.MatchString(kind) {
		return usagesView{}, fault.BadRequest("Invalid query string parameters: '%s' does not match '%s'", kind, consumerType)
	}
	if err := c.Enforce(usagesRule.Name, policy.Target{"project_id": project}); err != nil {
		return usagesView{}, forbidden(c, usagesRule.Name, nil)
	}
	fresh(c, time.Time{})
	only := kind
	if kind == "all" {
		only = ""
	}
	sums, counts, err := a.svc.ProjectUsages(c.Ctx(), project, user, only)
	if err != nil {
		return usagesView{}, err
	}
	flat, byType := map[string]int64{}, map[string]map[string]int64{}
	for _, s := range sums {
		flat[s.ResourceClass] += s.Used
		name := s.ConsumerType
		switch {
		case kind == "all":
			name = "all"
		case name == "":
			name = "unknown"
		}
		if byType[name] == nil {
			byType[name] = map[string]int64{}
		}
		byType[name][s.ResourceClass] += s.Used
	}
	if !c.Version.AtLeast("1.38") {
		return usagesView{flat}, nil
	}
	for t, n := range counts {
		name := t
		switch {
		case kind == "all":
			name = "all"
		case name == "":
			name = "unknown"
		}
		byType[name]["consumer_count"] += int64(n)
	}
	return usagesView{byType}, nil
}
