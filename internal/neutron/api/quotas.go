package api

import (
	"maps"
	"slices"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// quotaRoutes serve the limits of projects.
func (a *API) quotaRoutes() httpapi.Table {
	one := "/quotas/{quota_project_id}"
	return httpapi.Table{
		{Method: "GET", Path: "/quotas", Status: 200, Do: httpapi.Get(a.listQuotas)},
		{Method: "GET", Path: one, Status: 200, Do: httpapi.OnCall(readableQuota, a.showQuota)},
		{Method: "GET", Path: one + "/default", Status: 200, Do: httpapi.OnCall(readableQuota, a.defaultQuota)},
		{Method: "GET", Path: one + "/details", Status: 200, Do: httpapi.OnCall(readableQuota, a.quotaDetails)},
		{Method: "GET", Path: one + "/details.json", Status: 200, Do: httpapi.OnCall(readableQuota, a.quotaDetails)},
		{Method: "PUT", Path: one, Status: 200, Rule: rule("update_quota"), Do: httpapi.OnCall(quotaOf, a.updateQuota)},
		{Method: "DELETE", Path: one, Status: 204, Rule: rule("delete_quota"), Do: httpapi.OnCall(quotaOf, a.deleteQuota)},
	}
}

// quota is the project that a call is about.
type quota struct{ project string }

// PolicyTarget belongs to that project.
func (q quota) PolicyTarget() policy.Target {
	return policy.Target{"project_id": q.project, "tenant_id": q.project}
}

func quotaOf(c *httpapi.Call) (quota, error) {
	return quota{strings.TrimSuffix(c.Param("quota_project_id"), ".json")}, nil
}

// readableQuota asks the rule only about other projects: everybody may read
// the limits of their own.
func readableQuota(c *httpapi.Call) (quota, error) {
	q, err := quotaOf(c)
	if err == nil && q.project != c.Caller.ProjectID {
		err = allow(c, []string{"get_quota"}, q.PolicyTarget())
	}
	return q, err
}

// limits are a project's limits, its id beside them in lists.
type limits map[string]any

func view(of map[string]int) limits {
	out := limits{}
	for k, v := range of {
		out[k] = v
	}
	return out
}

func (a *API) listQuotas(c *httpapi.Call) (map[string][]limits, error) {
	if err := allow(c, []string{"get_quota"}, quota{c.Caller.ProjectID}.PolicyTarget()); err != nil {
		return nil, err
	}
	out := []limits{}
	all, err := a.svc.AllLimits(c.Ctx())
	for _, project := range slices.Sorted(maps.Keys(all)) {
		if c.Allowed("get_quota", quota{project}.PolicyTarget()) {
			v := view(all[project])
			v["project_id"], v["tenant_id"] = project, project
			out = append(out, v)
		}
	}
	return map[string][]limits{"quotas": out}, err
}

func (a *API) showQuota(c *httpapi.Call, q quota) (map[string]limits, error) {
	l, err := a.svc.Limits(c.Ctx(), q.project)
	return map[string]limits{"quota": view(l)}, err
}

func (a *API) defaultQuota(*httpapi.Call, quota) (map[string]limits, error) {
	return map[string]limits{"quota": view(a.svc.DefaultLimits())}, nil
}

func (a *API) quotaDetails(c *httpapi.Call, q quota) (map[string]map[string]neutron.QuotaDetail, error) {
	d, err := a.svc.QuotaDetails(c.Ctx(), q.project)
	return map[string]map[string]neutron.QuotaDetail{"quota": d}, err
}

// quotaAttributes is the table of limits.
var quotaAttributes = func() *attributes.Resource {
	r := &attributes.Resource{Name: "quota", Collection: "quotas"}
	for _, kind := range neutron.QuotaResources {
		r.Attributes = append(r.Attributes, attribute{Name: kind, Put: true, Convert: attributes.Int, Check: attributes.Within(-1, 1<<31-1)})
	}
	return r
}()

func (a *API) updateQuota(c *httpapi.Call, q quota) (map[string]limits, error) {
	item, err := body(c, "quota")
	if err != nil {
		return nil, err
	}
	delete(item, "tenant_id")
	delete(item, "project_id")
	delete(item, "check_limit") // it is always checked
	force := item["force"] == true
	delete(item, "force")
	values, err := quotaAttributes.Update(item, attributes.Owner{})
	if err != nil {
		return nil, err
	}
	changes := map[string]int{}
	for k, v := range values {
		changes[k] = v.(int)
	}
	l, err := a.svc.SetLimits(c.Ctx(), q.project, changes, force)
	return map[string]limits{"quota": view(l)}, err
}

func (a *API) deleteQuota(c *httpapi.Call, q quota) (httpapi.None, error) {
	return httpapi.None{}, a.svc.ForgetLimits(c.Ctx(), q.project)
}
