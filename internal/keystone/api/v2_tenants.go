package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

func (a *API) v2TenantRoutes(at V2) httpapi.Table {
	list := httpapi.Route{Method: "GET", Path: "/tenants", Status: 200, Do: httpapi.Get(a.listV2TenantsOfCaller)}
	if at == V2Admin {
		list.Rule, list.Do = v2Admin, httpapi.Get(a.listV2Tenants)
	}
	const one = "/tenants/{tenant_id}"
	return httpapi.Table{list,
		{Method: "POST", Path: "/tenants", Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.createV2Tenant)},
		{Method: "GET", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.Get(a.showV2Tenant)},
		{Method: "POST", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.updateV2Tenant)},
		{Method: "PUT", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.updateV2Tenant)},
		{Method: "DELETE", Path: one, Status: 204, Rule: v2Admin, Do: httpapi.Get(a.deleteV2Tenant)},
		{Method: "GET", Path: one + "/users", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2UsersOfTenant)},
	}
}

func v2TenantView(p keystone.Project) view {
	return withExtra(p.Extra, view{"id": p.ID, "name": p.Name, "description": p.Description, "enabled": p.Enabled})
}

// v2Tenant is the tenant that the path names, or 404.
func (a *API) v2Tenant(c *httpapi.Call) (keystone.Project, error) {
	return a.svc.Tenant(c.Ctx(), c.Param("tenant_id"))
}

func v2TenantList(c *httpapi.Call, rows []keystone.Project) (view, error) {
	rows, err := v2Page(c, rows)
	views := make([]view, len(rows))
	for i, p := range rows {
		views[i] = v2TenantView(p)
	}
	return view{"tenants": views, "tenants_links": []view{}}, err
}

func (a *API) listV2TenantsOfCaller(c *httpapi.Call) (view, error) {
	rows, err := a.svc.ProjectsOfUser(c.Ctx(), c.Caller.UserID, c.Caller.GroupIDs...)
	if err != nil {
		return nil, err
	}
	return v2TenantList(c, filtered(rows, keystone.Filters{{Name: "domain_id", Value: keystone.DefaultDomainID}}))
}

// listV2Tenants lists all tenants, or shows the one of a name.
func (a *API) listV2Tenants(c *httpapi.Call) (view, error) {
	if name := c.Query.Get("name"); name != "" {
		p, err := a.svc.TenantByName(c.Ctx(), name)
		return view{"tenant": v2TenantView(p)}, err
	}
	rows, err := a.svc.Projects(c.Ctx(), keystone.Filters{{Name: "domain_id", Value: keystone.DefaultDomainID}, {Name: "is_domain", Value: "false"}}, keystone.TagFilter{})
	if err != nil {
		return nil, err
	}
	return v2TenantList(c, rows)
}

func (a *API) createV2Tenant(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource("tenant")
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, nil)
	if err := firstOf(v2Name(at, true, 64), v2Enabled(at)); err != nil {
		return nil, err
	}
	at["domain_id"] = keystone.DefaultDomainID
	p, err := a.svc.CreateProject(c.Ctx(), at)
	return view{"tenant": v2TenantView(p)}, err
}

func (a *API) showV2Tenant(c *httpapi.Call) (view, error) {
	p, err := a.v2Tenant(c)
	return view{"tenant": v2TenantView(p)}, err
}

func (a *API) updateV2Tenant(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource("tenant")
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, nil)
	p, err := a.v2Tenant(c)
	if err := firstOf(err, v2Name(at, false, 64), v2Enabled(at)); err != nil {
		return nil, err
	}
	p, err = a.svc.UpdateProject(c.Ctx(), p.ID, at)
	return view{"tenant": v2TenantView(p)}, err
}

func (a *API) deleteV2Tenant(c *httpapi.Call) (httpapi.None, error) {
	p, err := a.v2Tenant(c)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteProject(c.Ctx(), p.ID)
}

func (a *API) listV2UsersOfTenant(c *httpapi.Call) (view, error) {
	p, err := a.v2Tenant(c)
	if err != nil {
		return nil, err
	}
	rows, err := a.svc.UsersOfTenant(c.Ctx(), p.ID)
	return v2UserList(rows), err
}

// firstOf is the first error that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
