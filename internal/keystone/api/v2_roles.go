package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) v2RoleRoutes() httpapi.Table {
	const one, ofUser = "/OS-KSADM/roles/{role_id}", "/tenants/{tenant_id}/users/{user_id}/roles"
	return httpapi.Table{
		{Method: "GET", Path: "/OS-KSADM/roles", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2Roles)},
		{Method: "POST", Path: "/OS-KSADM/roles", Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.createV2Role)},
		{Method: "GET", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.Get(a.showV2Role)},
		{Method: "DELETE", Path: one, Status: 204, Rule: v2Admin, Do: httpapi.Get(a.deleteV2Role)},
		{Method: "GET", Path: ofUser, Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2RolesOfUser)},
		{Method: "PUT", Path: ofUser + "/OS-KSADM/{role_id}", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.grantV2Role)},
		{Method: "DELETE", Path: ofUser + "/OS-KSADM/{role_id}", Status: 204, Rule: v2Admin, Do: httpapi.Get(a.revokeV2Role)},
		{Method: "GET", Path: "/users/{user_id}/roles", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2GlobalRoles)},
		{Method: "PUT", Path: "/users/{user_id}/roles/OS-KSADM/{role_id}", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.grantV2GlobalRole)},
		{Method: "DELETE", Path: "/users/{user_id}/roles/OS-KSADM/{role_id}", Status: 204, Rule: v2Admin, Do: httpapi.Get(a.revokeV2GlobalRole)},
	}
}

func v2RoleView(r keystone.Role) view {
	v := withExtra(r.Extra, view{"id": r.ID, "name": r.Name})
	if r.Description != nil {
		v["description"] = *r.Description
	}
	return v
}

func v2RoleList(rows []keystone.Role) view {
	views := make([]view, len(rows))
	for i, r := range rows {
		views[i] = v2RoleView(r)
	}
	return view{"roles": views}
}

// v2Role is the global role that the path names, or 404.
func (a *API) v2Role(c *httpapi.Call) (keystone.Role, error) {
	r, err := a.svc.Role(c.Ctx(), c.Param("role_id"))
	if err == nil && r.DomainID != "" {
		err = fault.NotFound("Could not find role: %s.", r.ID)
	}
	return r, err
}

func (a *API) listV2Roles(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Roles(c.Ctx(), nil)
	return v2RoleList(rows), err
}

func (a *API) createV2Role(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource("role")
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, nil)
	if err := v2Name(at, true, 255); err != nil {
		return nil, err
	}
	r, err := a.svc.CreateRole(c.Ctx(), at)
	return view{"role": v2RoleView(r)}, err
}

func (a *API) showV2Role(c *httpapi.Call) (view, error) {
	r, err := a.v2Role(c)
	return view{"role": v2RoleView(r)}, err
}

func (a *API) deleteV2Role(c *httpapi.Call) (httpapi.None, error) {
	r, err := a.v2Role(c)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteRole(c.Ctx(), r.ID)
}

// v2Grant is the role assignment that the path names, all parts of which are there.
func (a *API) v2Grant(c *httpapi.Call) (keystone.Assignment, keystone.Role, error) {
	p, err1 := a.v2Tenant(c)
	u, err2 := a.v2User(c)
	r, err3 := a.v2Role(c)
	return keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: u.ID, TargetKind: keystone.TargetProject, TargetID: p.ID, RoleID: r.ID}, r,
		firstOf(err1, err2, err3)
}

func (a *API) listV2RolesOfUser(c *httpapi.Call) (view, error) {
	p, err1 := a.v2Tenant(c)
	u, err2 := a.v2User(c)
	if err := firstOf(err1, err2); err != nil {
		return nil, err
	}
	rows, err := a.svc.RolesOnTenant(c.Ctx(), u.ID, p)
	return v2RoleList(rows), err
}

func (a *API) grantV2Role(c *httpapi.Call) (view, error) {
	g, r, err := a.v2Grant(c)
	if err == nil {
		err = a.svc.GrantOnce(c.Ctx(), g)
	}
	return view{"role": v2RoleView(r)}, err
}

func (a *API) revokeV2Role(c *httpapi.Call) (httpapi.None, error) {
	g, _, err := a.v2Grant(c)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.Revoke(c.Ctx(), g)
}

// v2GlobalGrant is a role on no tenant: what version 3 has on the system. The
// original refused these.
func (a *API) v2GlobalGrant(c *httpapi.Call) (keystone.Assignment, keystone.Role, error) {
	u, err1 := a.v2User(c)
	r, err2 := a.v2Role(c)
	return keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: u.ID, TargetKind: keystone.TargetSystem, TargetID: keystone.SystemID, RoleID: r.ID}, r,
		firstOf(err1, err2)
}

func (a *API) listV2GlobalRoles(c *httpapi.Call) (view, error) {
	u, err := a.v2User(c)
	if err != nil {
		return nil, err
	}
	rows, err := a.svc.GrantedRoles(c.Ctx(), keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: u.ID, TargetKind: keystone.TargetSystem, TargetID: keystone.SystemID})
	return v2RoleList(rows), err
}

func (a *API) grantV2GlobalRole(c *httpapi.Call) (view, error) {
	g, r, err := a.v2GlobalGrant(c)
	if err == nil {
		err = a.svc.GrantOnce(c.Ctx(), g)
	}
	return view{"role": v2RoleView(r)}, err
}

func (a *API) revokeV2GlobalRole(c *httpapi.Call) (httpapi.None, error) {
	g, _, err := a.v2GlobalGrant(c)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.Revoke(c.Ctx(), g)
}
