package api

import (
	"encoding/json"

	"maps"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) roleRoutes() httpapi.Table {
	read := "(rule:admin_required or (role:reader and system_scope:all)) or "
	return httpapi.Table{
		{Method: "GET", Path: "/roles", Status: 200,
			Rule:   anyScope("identity:list_roles", read+"(role:manager and not domain_id:None)"),
			RuleOf: when(queriesDomain, "identity:list_domain_roles"), Do: httpapi.Get(a.listRoles)},
		{Method: "POST", Path: "/roles", Status: 201, Rule: administering("identity:create_role"),
			RuleOf: when(namesDomain, "identity:create_domain_role"), Bodies: httpapi.Schemas{"": "role_create.json"}, Do: httpapi.JSON(a.createRole)},
		{Method: "GET", Path: "/roles/{role_id}", Status: 200,
			Rule:   anyScope("identity:get_role", read+"(role:manager and rule:domain_managed_target_role)"),
			RuleOf: when(ofDomain, "identity:get_domain_role"), Do: onKnown(a.role, a.showRole)},
		{Method: "PATCH", Path: "/roles/{role_id}", Status: 200, Rule: administering("identity:update_role"),
			RuleOf: when(ofDomain, "identity:update_domain_role"), Bodies: httpapi.Schemas{"": "role_update.json"}, Do: onKnownJSON(a.role, a.updateRole)},
		{Method: "DELETE", Path: "/roles/{role_id}", Status: 204, Rule: administering("identity:delete_role"),
			RuleOf: when(ofDomain, "identity:delete_domain_role"), Do: onKnown(a.role, a.deleteRole)},

		{Method: "GET", Path: "/roles/{role_id}/implies", Status: 200, Rule: reading("identity:list_implied_roles"), Do: on(a.role, a.listImplied)},
		{Method: "HEAD", Path: "/roles/{role_id}/implies/{implied_role_id}", Status: 204, Rule: reading("identity:check_implied_role"), Do: on(a.implication, a.checkImplied)},
		{Method: "GET", Path: "/roles/{role_id}/implies/{implied_role_id}", Status: 200, Rule: reading("identity:get_implied_role"), Do: on(a.implication, a.showImplied)},
		{Method: "PUT", Path: "/roles/{role_id}/implies/{implied_role_id}", Status: 201, Rule: administering("identity:create_implied_role"), Do: on(a.implication, a.createImplied)},
		{Method: "DELETE", Path: "/roles/{role_id}/implies/{implied_role_id}", Status: 204, Rule: administering("identity:delete_implied_role"), Do: on(a.implication, a.deleteImplied)},
		{Method: "GET", Path: "/role_inferences", Status: 200, Rule: reading("identity:list_role_inference_rules"), Do: httpapi.Get(a.listInferences)},
	}
}

// role finds the role that the path names.
func (a *API) role(c *httpapi.Call) (keystone.Role, policy.Target, error) {
	r, err := a.svc.Role(c.Ctx(), c.Param("role_id"))
	target := policy.Target{}
	if err == nil {
		addRole(target, r)
	}
	return r, target, err
}

func addRole(t policy.Target, r keystone.Role) {
	t["target.role.id"], t["target.role.name"], t["target.role.domain_id"] = r.ID, r.Name, nullable(r.DomainID)
}

// when gives calls of that kind a rule of their own: roles of a domain have some.
func when(kind func(c *httpapi.Call, found any) bool, rule string) func(c *httpapi.Call, found any) string {
	return func(c *httpapi.Call, found any) string {
		if kind(c, found) {
			return rule
		}
		return ""
	}
}

func queriesDomain(c *httpapi.Call, _ any) bool { return c.Query.Get("domain_id") != "" }

func namesDomain(c *httpapi.Call, _ any) bool {
	var b roleBody
	return json.Unmarshal(c.Body, &b) == nil && b.Role.Text("domain_id") != "" // what is no body is refused after the rule
}

func ofDomain(_ *httpapi.Call, v any) bool { return v.(found[keystone.Role]).value.DomainID != "" }

func roleView(r keystone.Role) view {
	return withExtra(r.Extra, view{"id": r.ID, "name": r.Name, "domain_id": nullable(r.DomainID), "description": r.Description, "options": orEmpty(r.Options)})
}

func (a *API) listRoles(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Roles(c.Ctx(), keystone.NewFilters(c.Query, "name", "domain_id"))
	return limited(c, a.svc.ListLimit("role"), "roles", rows, roleView), err
}

type roleBody struct {
	Role keystone.Attributes `json:"role"`
}

func (a *API) createRole(c *httpapi.Call, b roleBody) (view, error) {
	r, err := a.svc.CreateRole(c.Ctx(), b.Role)
	return member(c, "role", "roles", roleView(r)), err
}

func (a *API) showRole(c *httpapi.Call, r keystone.Role) (view, error) {
	return member(c, "role", "roles", roleView(r)), nil
}

func (a *API) updateRole(c *httpapi.Call, r keystone.Role, b roleBody) (view, error) {
	r, err := a.svc.UpdateRole(c.Ctx(), r.ID, b.Role)
	return member(c, "role", "roles", roleView(r)), err
}

func (a *API) deleteRole(c *httpapi.Call, r keystone.Role) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteRole(c.Ctx(), r.ID)
}

// implication is the two roles that a path names.
type implication struct{ prior, implied keystone.Role }

func (i implication) ids() keystone.Implication {
	return keystone.Implication{PriorID: i.prior.ID, ImpliedID: i.implied.ID}
}

func (a *API) implication(c *httpapi.Call) (i implication, target policy.Target, err error) {
	if i.prior, target, err = a.role(c); err != nil {
		return i, target, err
	}
	i.implied, err = a.svc.Role(c.Ctx(), c.Param("implied_role_id"))
	return i, target, err
}

func roleRef(c *httpapi.Call, r keystone.Role) view {
	return view{"id": r.ID, "name": r.Name, "links": view{"self": base(c, "roles", r.ID)}}
}

func (a *API) listImplied(c *httpapi.Call, r keystone.Role) (view, error) {
	all, err := a.svc.Implied(c.Ctx())
	if err != nil {
		return nil, err
	}
	inference, err := a.inference(c, r, all[r.ID])
	return view{"role_inference": inference, "links": view{"self": base(c, "roles", r.ID, "implies")}}, err
}

// inference is a role with those it implies.
func (a *API) inference(c *httpapi.Call, prior keystone.Role, ids []string) (view, error) {
	roles, err := a.svc.RolesByID(c.Ctx(), ids)
	implies := []view{}
	for _, id := range ids {
		if r, ok := roles[id]; ok {
			implies = append(implies, roleRef(c, r))
		}
	}
	return view{"prior_role": roleRef(c, prior), "implies": implies}, err
}

func (a *API) listInferences(c *httpapi.Call) (view, error) {
	all, err := a.svc.Implied(c.Ctx())
	if err != nil {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(all))
	priors, err := a.svc.RolesByID(c.Ctx(), ids)
	if err != nil {
		return nil, err
	}
	inferences := []view{}
	for _, id := range ids {
		v, err := a.inference(c, priors[id], all[id])
		if err != nil {
			return nil, err
		}
		inferences = append(inferences, v)
	}
	return view{"role_inferences": inferences}, nil
}

func implicationView(c *httpapi.Call, i implication) view {
	return view{"role_inference": view{"prior_role": roleRef(c, i.prior), "implies": roleRef(c, i.implied)},
		"links": view{"self": base(c, "roles", i.prior.ID, "implies", i.implied.ID)}}
}

func (a *API) checkImplied(c *httpapi.Call, i implication) (httpapi.None, error) {
	return httpapi.None{}, a.svc.CheckImplied(c.Ctx(), i.ids())
}

func (a *API) showImplied(c *httpapi.Call, i implication) (view, error) {
	return implicationView(c, i), a.svc.CheckImplied(c.Ctx(), i.ids())
}

func (a *API) createImplied(c *httpapi.Call, i implication) (view, error) {
	return implicationView(c, i), a.svc.Imply(c.Ctx(), i.prior, i.implied)
}

func (a *API) deleteImplied(c *httpapi.Call, i implication) (httpapi.None, error) {
	return httpapi.None{}, a.svc.Unimply(c.Ctx(), i.ids())
}
