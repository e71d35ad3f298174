package api

import (
	"context"
	"encoding/json"
	"slices"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// quotaRoutes are the limits of projects and of quota classes.
func (a *API) quotaRoutes() httpapi.Table {
	const path, class = "/os-quota-sets/{tenant_id}", "/os-quota-class-sets/{id}"
	query := httpapi.Schemas{"2.1": "quota_set_query_2.1.json", "2.75": "quota_set_query_2.75.json"}
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: rule("os_compute_api:os-quota-sets:show", reader), Queries: query,
			Do: httpapi.On(findProject, a.showQuotas)},
		{Method: "GET", Path: path + "/detail", Status: 200, Rule: rule("os_compute_api:os-quota-sets:detail", reader), Queries: query,
			Do: httpapi.On(findProject, a.showQuotasDetail)},
		{Method: "GET", Path: path + "/defaults", Status: 200, Rule: rule("os_compute_api:os-quota-sets:defaults", "@"),
			Do: httpapi.On(findProject, a.showDefaultQuotas)},
		{Method: "PUT", Path: path, Status: 200, Rule: rule("os_compute_api:os-quota-sets:update", admin), Queries: query,
			Bodies: httpapi.Schemas{"2.1": "quota_set_update_2.1.json", "2.36": "quota_set_update_2.36.json", "2.57": "quota_set_update_2.57.json"},
			Do:     httpapi.OnJSON(findProject, a.updateQuotas)},
		{Method: "DELETE", Path: path, Status: 202, Rule: rule("os_compute_api:os-quota-sets:delete", admin), Queries: query,
			Do: httpapi.On(findProject, a.deleteQuotas)},
		{Method: "GET", Path: class, Status: 200, Rule: rule("os_compute_api:os-quota-class-sets:show", admin), Do: httpapi.Get(a.showClassQuotas)},
		{Method: "PUT", Path: class, Status: 200, Rule: rule("os_compute_api:os-quota-class-sets:update", admin),
			Bodies: httpapi.Schemas{"2.1": "quota_class_set_update_2.1.json", "2.50": "quota_class_set_update_2.50.json", "2.57": "quota_class_set_update_2.57.json"},
			Do:     httpapi.JSON(a.updateClassQuotas)},
	}
}

// project is the project in a path, as a rule is asked about it.
type project string

// PolicyTarget makes rules compare the project with the caller's.
func (p project) PolicyTarget() policy.Target {
	return policy.Target{"project_id": string(p), "tenant_id": string(p)}
}

func findProject(_ context.Context, id string) (project, error) { return project(id), nil }

var (
	networkQuotas = []string{nova.QuotaFixedIPs, nova.QuotaFloatingIPs, nova.QuotaSecurityGroupRules, nova.QuotaSecurityGroups}
	fileQuotas    = []string{nova.QuotaInjectedFiles, nova.QuotaInjectedFileContentBytes, nova.QuotaInjectedFilePathBytes}
	groupQuotas   = []string{nova.QuotaServerGroups, nova.QuotaServerGroupMembers}
)

// hiddenQuotas are the resources that a quota set does not show in this version.
func hiddenQuotas(v httpapi.Version) []string {
	switch {
	case v.AtLeast("2.57"):
		return slices.Concat(networkQuotas, fileQuotas)
	case v.AtLeast("2.36"):
		return networkQuotas
	}
	return nil
}

// hiddenClassQuotas is the same for quota classes.
func hiddenClassQuotas(v httpapi.Version) []string {
	switch {
	case v.AtLeast("2.57"):
		return slices.Concat(networkQuotas, fileQuotas)
	case v.AtLeast("2.50"):
		return networkQuotas
	}
	return groupQuotas
}

// quotaView is a limit, or a quotaDetail, by resource; and "id".
type quotaView map[string]any

type quotaDetail struct {
	Limit    int `json:"limit"`
	InUse    int `json:"in_use"`
	Reserved int `json:"reserved"`
}

// newQuotaView leaves hidden resources out, and the id if it is "".
func newQuotaView(id string, limits nova.Limits, hidden []string) quotaView {
	v := quotaView{}
	if id != "" {
		v["id"] = id
	}
	for resource, limit := range limits {
		if !slices.Contains(hidden, resource) {
			v[resource] = limit
		}
	}
	return v
}

type quotaAnswer struct {
	Set quotaView `json:"quota_set"`
}

func (a *API) showQuotas(c *httpapi.Call, p project) (quotaAnswer, error) {
	limits, _, err := a.svc.ProjectQuotas(c.Ctx(), string(p), first(c.Query, "user_id"))
	return quotaAnswer{newQuotaView(string(p), limits, hiddenQuotas(c.Version))}, err
}

func (a *API) showQuotasDetail(c *httpapi.Call, p project) (quotaAnswer, error) {
	limits, usage, err := a.svc.ProjectQuotas(c.Ctx(), string(p), first(c.Query, "user_id"))
	v := newQuotaView(string(p), limits, hiddenQuotas(c.Version))
	for resource, limit := range limits {
		if _, shown := v[resource]; shown {
			v[resource] = quotaDetail{Limit: limit, InUse: usage.Of(resource)}
		}
	}
	return quotaAnswer{v}, err
}

func (a *API) showDefaultQuotas(c *httpapi.Call, p project) (quotaAnswer, error) {
	limits, err := a.svc.DefaultQuotas(c.Ctx(), string(p))
	return quotaAnswer{newQuotaView(string(p), limits, hiddenQuotas(c.Version))}, err
}

// quotaWishes are limits by resource.
type quotaWishes map[string]number

// limits checks what a schema cannot check of a number in a string.
func (w quotaWishes) limits() (nova.Limits, error) {
	out := nova.Limits{}
	for resource, n := range w {
		if err := n.within(resource, nova.Unlimited, maxInt); err != nil {
			return nil, err
		}
		out[resource] = int(n)
	}
	return out, nil
}

// quotaUpdate is the body's quota_set: limits, and force among them.
type quotaUpdate struct {
	Set quotaSet `json:"quota_set"`
}

type quotaSet struct {
	wishes quotaWishes
	force  bool
}

// UnmarshalJSON tells force from the limits.
func (s *quotaSet) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	var force boolish
	if raw, ok := fields["force"]; ok {
		if err := json.Unmarshal(raw, &force); err != nil {
			return err
		}
		delete(fields, "force")
	}
	s.force, s.wishes = bool(force), quotaWishes{}
	for resource, raw := range fields {
		var n number
		if err := json.Unmarshal(raw, &n); err != nil {
			return err
		}
		s.wishes[resource] = n
	}
	return nil
}

func (a *API) updateQuotas(c *httpapi.Call, p project, body quotaUpdate) (quotaAnswer, error) {
	wanted, err := body.Set.wishes.limits()
	if err != nil {
		return quotaAnswer{}, err
	}
	limits, err := a.svc.SetQuotas(c.Ctx(), string(p), first(c.Query, "user_id"), wanted, body.Set.force)
	return quotaAnswer{newQuotaView("", limits, hiddenQuotas(c.Version))}, err
}

func (a *API) deleteQuotas(c *httpapi.Call, p project) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteQuotas(c.Ctx(), string(p), first(c.Query, "user_id"))
}

type classAnswer struct {
	Set quotaView `json:"quota_class_set"`
}

func (a *API) showClassQuotas(c *httpapi.Call) (classAnswer, error) {
	limits, err := a.svc.ClassQuotas(c.Ctx(), c.Param("id"))
	return classAnswer{newQuotaView(c.Param("id"), limits, hiddenClassQuotas(c.Version))}, err
}

func (a *API) updateClassQuotas(c *httpapi.Call, body struct {
	Set quotaWishes `json:"quota_class_set"`
}) (classAnswer, error) {
	wanted, err := body.Set.limits()
	if err != nil {
		return classAnswer{}, err
	}
	limits, err := a.svc.SetClassQuotas(c.Ctx(), c.Param("id"), wanted)
	return classAnswer{newQuotaView("", limits, hiddenClassQuotas(c.Version))}, err
}
