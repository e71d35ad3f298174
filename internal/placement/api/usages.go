package api

import (
	"time"

	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
	"nacre/internal/placement"
)

// usageRoutes tell what is used of a provider and by a project.
func (a *API) usageRoutes() httpapi.Table {
	rule := policy.Rule{Name: "placement:usages", Check: "rule:admin_or_project_reader_or_service_api", Scope: []string{"project"}}
	return httpapi.Table{
		{Method: "GET", Path: "/resource_providers/{uuid}/usages", Status: 200, Rule: may("resource_providers:usages"),
			Do: onSaying(a, "No resource provider with uuid %s found: %s", a.providerUsages)},
		{Method: "GET", Path: "/usages", Status: 200, Min: "1.9", Rule: rule,
			Queries: httpapi.Schemas{"1.9": "usages_query_1.9.json", "1.38": "usages_query_1.38.json"}, Do: httpapi.OnCall(findScope, a.projectUsages)},
	}
}

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

// usageScope is a project whose usage is asked for, as the target of a rule.
type usageScope struct{ project string }

// PolicyTarget implements httpapi.Owned.
func (u usageScope) PolicyTarget() policy.Target { return policy.Target{"project_id": u.project} }

func findScope(c *httpapi.Call) (usageScope, error) {
	return usageScope{c.Query.Get("project_id")}, nil
}

type usagesView struct {
	Usages any `json:"usages"`
}

func (a *API) projectUsages(c *httpapi.Call, of usageScope) (usagesView, error) {
	fresh(c, time.Time{})
	kind := c.Query.Get("consumer_type")
	only := kind
	if kind == "all" {
		only = ""
	}
	sums, counts, err := a.svc.ProjectUsages(c.Ctx(), of.project, c.Query.Get("user_id"), only)
	if err != nil {
		return usagesView{}, err
	}
	if !c.Version.AtLeast("1.38") {
		return usagesView{flatUsages(sums)}, nil
	}
	named := func(consumerType string) string {
		switch {
		case kind == "all":
			return "all"
		case consumerType == "":
			return "unknown"
		}
		return consumerType
	}
	byType := map[string]map[string]int64{}
	for _, s := range sums {
		if byType[named(s.ConsumerType)] == nil {
			byType[named(s.ConsumerType)] = map[string]int64{}
		}
		byType[named(s.ConsumerType)][s.ResourceClass] += s.Used
	}
	for t, n := range counts {
		byType[named(t)]["consumer_count"] += int64(n)
	}
	return usagesView{byType}, nil
}

func flatUsages(sums []placement.TypedUsage) map[string]int64 {
	out := map[string]int64{}
	for _, s := range sums {
		out[s.ResourceClass] += s.Used
	}
	return out
}
