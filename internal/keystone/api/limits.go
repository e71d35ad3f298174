package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) limitRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/registered_limits", Status: 200, Rule: anyScope("identity:list_registered_limits", ""), Do: httpapi.Get(a.listRegisteredLimits)},
		{Method: "POST", Path: "/registered_limits", Status: 201, Rule: administering("identity:create_registered_limits"),
			Bodies: httpapi.Schemas{"": "registered_limits_create.json"}, Do: httpapi.JSON(a.createRegisteredLimits)},
		{Method: "GET", Path: "/registered_limits/{registered_limit_id}", Status: 200, Rule: anyScope("identity:get_registered_limit", ""), Do: httpapi.Get(a.showRegisteredLimit)},
		{Method: "PATCH", Path: "/registered_limits/{registered_limit_id}", Status: 200, Rule: administering("identity:update_registered_limit"),
			Bodies: httpapi.Schemas{"": "registered_limit_update.json"}, Do: httpapi.JSON(a.updateRegisteredLimit)},
		{Method: "DELETE", Path: "/registered_limits/{registered_limit_id}", Status: 204, Rule: administering("identity:delete_registered_limit"), Do: httpapi.Get(a.deleteRegisteredLimit)},

		{Method: "GET", Path: "/limits/model", Status: 200, Rule: anyScope("identity:get_limit_model", ""), Do: httpapi.Get(a.showLimitModel)},
		{Method: "GET", Path: "/limits", Status: 200, Rule: anyScope("identity:list_limits", ""), Do: httpapi.Get(a.listLimits)},
		{Method: "POST", Path: "/limits", Status: 201, Rule: administering("identity:create_limits"),
			Bodies: httpapi.Schemas{"": "limits_create.json"}, Do: httpapi.JSON(a.createLimits)},
		{Method: "GET", Path: "/limits/{limit_id}", Status: 200,
			Rule: anyScope("identity:get_limit", "rule:admin_required or (role:reader and system_scope:all) or (domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s) or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)"),
			Do:   on(a.limit, a.showLimit)},
		{Method: "PATCH", Path: "/limits/{limit_id}", Status: 200, Rule: administering("identity:update_limit"),
			Bodies: httpapi.Schemas{"": "limit_update.json"}, Do: onKnownJSON(a.limit, a.updateLimit)},
		{Method: "DELETE", Path: "/limits/{limit_id}", Status: 204, Rule: administering("identity:delete_limit"), Do: onKnown(a.limit, a.deleteLimit)},
	}
}

func registeredLimitView(l keystone.RegisteredLimit) view {
	return view{"id": l.ID, "service_id": l.ServiceID, "region_id": nullable(l.RegionID), "resource_name": l.ResourceName,
		"default_limit": l.DefaultLimit, "description": l.Description}
}

func (a *API) listRegisteredLimits(c *httpapi.Call) (view, error) {
	rows, err := a.svc.RegisteredLimits(c.Ctx(), keystone.NewFilters(c.Query, "service_id", "region_id", "resource_name"))
	return limited(c, a.svc.ListLimit("unified_limit"), "registered_limits", rows, registeredLimitView), err
}

type registeredLimitsBody struct {
	Limits []keystone.Attributes `json:"registered_limits"`
}

func (a *API) createRegisteredLimits(c *httpapi.Call, b registeredLimitsBody) (view, error) {
	rows, err := a.svc.CreateRegisteredLimits(c.Ctx(), b.Limits)
	return view{"registered_limits": linked(c, "registered_limits", rows, registeredLimitView)}, err
}

func (a *API) showRegisteredLimit(c *httpapi.Call) (view, error) {
	l, err := a.svc.RegisteredLimit(c.Ctx(), c.Param("registered_limit_id"))
	return member(c, "registered_limit", "registered_limits", registeredLimitView(l)), err
}

type registeredLimitBody struct {
	Limit keystone.Attributes `json:"registered_limit"`
}

func (a *API) updateRegisteredLimit(c *httpapi.Call, b registeredLimitBody) (view, error) {
	l, err := a.svc.UpdateRegisteredLimit(c.Ctx(), c.Param("registered_limit_id"), b.Limit)
	return member(c, "registered_limit", "registered_limits", registeredLimitView(l)), err
}

func (a *API) deleteRegisteredLimit(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteRegisteredLimit(c.Ctx(), c.Param("registered_limit_id"))
}

func (a *API) showLimitModel(*httpapi.Call) (view, error) {
	m := a.svc.LimitModel()
	return view{"model": view{"name": m.Name, "description": m.Description}}, nil
}

// limit finds the limit that the path names, with the domain of its owner.
func (a *API) limit(c *httpapi.Call) (keystone.Limit, policy.Target, error) {
	l, err := a.svc.Limit(c.Ctx(), c.Param("limit_id"))
	if err != nil {
		return l, nil, err
	}
	target := policy.Target{"target.limit.project_id": nullable(l.ProjectID)}
	if l.DomainID != "" {
		target["target.limit.domain.id"] = l.DomainID
	}
	if l.ProjectID != "" {
		if p, err := a.svc.Project(c.Ctx(), l.ProjectID); err == nil {
			target["target.limit.project.domain_id"] = p.DomainID
		}
	}
	return l, target, nil
}

func limitView(l keystone.Limit) view {
	return view{"id": l.ID, "project_id": nullable(l.ProjectID), "domain_id": nullable(l.DomainID), "service_id": l.ServiceID,
		"region_id": nullable(l.RegionID), "resource_name": l.ResourceName, "resource_limit": l.ResourceLimit, "description": l.Description}
}

func (a *API) listLimits(c *httpapi.Call) (view, error) {
	rows, err := a.limitsFor(c, keystone.NewFilters(c.Query, "service_id", "region_id", "resource_name", "project_id", "domain_id"))
	return limited(c, a.svc.ListLimit("unified_limit"), "limits", rows, limitView), err
}

// limitsFor lists what the caller may see: all, or those of its domain or project.
func (a *API) limitsFor(c *httpapi.Call, fs keystone.Filters) ([]keystone.Limit, error) {
	switch who := c.Caller; {
	case who.System || who.HasRole("admin") || who.HasRole("service"):
		return a.svc.Limits(c.Ctx(), fs)
	case who.DomainID != "":
		return a.svc.LimitsInDomain(c.Ctx(), who.DomainID, fs)
	case who.ProjectID != "":
		return a.svc.Limits(c.Ctx(), append(fs, keystone.Filter{Name: "project_id", Value: who.ProjectID}))
	}
	return nil, nil
}

type limitsBody struct {
	Limits []keystone.Attributes `json:"limits"`
}

func (a *API) createLimits(c *httpapi.Call, b limitsBody) (view, error) {
	rows, err := a.svc.CreateLimits(c.Ctx(), b.Limits)
	return view{"limits": linked(c, "limits", rows, limitView)}, err
}

func (a *API) showLimit(c *httpapi.Call, l keystone.Limit) (view, error) {
	return member(c, "limit", "limits", limitView(l)), nil
}

type limitBody struct {
	Limit keystone.Attributes `json:"limit"`
}

func (a *API) updateLimit(c *httpapi.Call, l keystone.Limit, b limitBody) (view, error) {
	l, err := a.svc.UpdateLimit(c.Ctx(), l.ID, b.Limit)
	return member(c, "limit", "limits", limitView(l)), err
}

func (a *API) deleteLimit(c *httpapi.Call, l keystone.Limit) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteLimit(c.Ctx(), l.ID)
}
