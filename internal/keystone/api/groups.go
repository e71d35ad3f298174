package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) groupRoutes() httpapi.Table {
	read := "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.group.domain_id)s)"
	manage := "(rule:admin_required) or (role:manager and domain_id:%(target.group.domain_id)s)"
	both := manage[:len(manage)-1] + " and domain_id:%(target.user.domain_id)s)"
	return httpapi.Table{
		{Method: "GET", Path: "/groups", Status: 200, Rule: anyScope("identity:list_groups", read),
			Do: on(callerDomain("target.group.domain_id"), a.listGroups)},
		{Method: "POST", Path: "/groups", Status: 201, Rule: anyScope("identity:create_group", manage),
			Bodies: httpapi.Schemas{"": "group_create.json"}, Do: onJSON(of(newGroupTarget), a.createGroup)},
		{Method: "GET", Path: "/groups/{group_id}", Status: 200, Rule: anyScope("identity:get_group", read), Do: on(a.group, a.showGroup)},
		{Method: "PATCH", Path: "/groups/{group_id}", Status: 200, Rule: anyScope("identity:update_group", manage),
			Bodies: httpapi.Schemas{"": "group_update.json"}, Do: onJSON(a.group, a.updateGroup)},
		{Method: "DELETE", Path: "/groups/{group_id}", Status: 204, Rule: anyScope("identity:delete_group", manage), Do: onKnown(a.group, a.deleteGroup)},
		{Method: "GET", Path: "/groups/{group_id}/users", Status: 200, Rule: anyScope("identity:list_users_in_group", read),
			Do: on(a.group, a.listUsersOfGroup)},
		{Method: "GET", Path: "/groups/{group_id}/users/{user_id}", Status: 204,
			Rule: anyScope("identity:check_user_in_group", read[:len(read)-1]+" and domain_id:%(target.user.domain_id)s)"),
			Do:   on(a.membership, a.checkMember)},
		{Method: "PUT", Path: "/groups/{group_id}/users/{user_id}", Status: 204, Rule: anyScope("identity:add_user_to_group", both),
			Do: on(a.membership, a.addMember)},
		{Method: "DELETE", Path: "/groups/{group_id}/users/{user_id}", Status: 204, Rule: anyScope("identity:remove_user_from_group", both),
			Do: on(a.membership, a.removeMember)},
	}
}

// group finds the group that the path names.
func (a *API) group(c *httpapi.Call) (keystone.Group, policy.Target, error) {
	g, err := a.svc.Group(c.Ctx(), c.Param("group_id"))
	target := policy.Target{}
	if err == nil {
		addGroup(target, g)
	}
	return g, target, err
}

func addGroup(t policy.Target, g keystone.Group) {
	t["target.group.id"], t["target.group.domain_id"] = g.ID, g.DomainID
}

func newGroupTarget(c *httpapi.Call) policy.Target {
	t := policy.Target{}
	if d := attributesIn(c, "group").Text("domain_id"); d != "" {
		t["target.group.domain_id"] = d
	}
	return t
}

// membership finds the user and the group that the path names.
func (a *API) membership(c *httpapi.Call) (keystone.Membership, policy.Target, error) {
	m := keystone.Membership{UserID: c.Param("user_id"), GroupID: c.Param("group_id")}
	_, target, missing := a.group(c)
	u, err := a.svc.User(c.Ctx(), m.UserID)
	if err == nil {
		addUser(target, u)
	} else if missing == nil {
		missing = err
	}
	return m, target, missing
}

func groupView(g keystone.Group) view {
	return withExtra(g.Extra, view{"id": g.ID, "name": g.Name, "domain_id": g.DomainID, "description": g.Description})
}

func (a *API) listGroups(c *httpapi.Call, _ nothing) (view, error) {
	fs, limit, err := a.ofDomain(c, keystone.NewFilters(c.Query, "domain_id", "name"))
	if err != nil {
		return nil, err
	}
	rows, err := a.svc.Groups(c.Ctx(), fs)
	return limited(c, limit, "groups", rows, groupView), err
}

type groupBody struct {
	Group keystone.Attributes `json:"group"`
}

func (a *API) createGroup(c *httpapi.Call, _ nothing, b groupBody) (view, error) {
	g, err := a.svc.CreateGroup(c.Ctx(), b.Group)
	return member(c, "group", "groups", groupView(g)), err
}

func (a *API) showGroup(c *httpapi.Call, g keystone.Group) (view, error) {
	return member(c, "group", "groups", groupView(g)), nil
}

func (a *API) updateGroup(c *httpapi.Call, g keystone.Group, b groupBody) (view, error) {
	g, err := a.svc.UpdateGroup(c.Ctx(), g.ID, b.Group)
	return member(c, "group", "groups", groupView(g)), err
}

func (a *API) deleteGroup(c *httpapi.Call, g keystone.Group) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteGroup(c.Ctx(), g.ID)
}

func (a *API) listUsersOfGroup(c *httpapi.Call, g keystone.Group) (view, error) {
	fs, err := userFilters(c)
	if err != nil {
		return nil, err
	}
	if d := c.Caller.DomainID; d != "" {
		fs = append(fs, keystone.Filter{Name: "domain_id", Value: d})
	}
	rows, err := a.svc.UsersOfGroup(c.Ctx(), g.ID, fs)
	if err != nil {
		return nil, err
	}
	limit, err := a.svc.IdentityListLimit(c.Ctx(), g.DomainID)
	return limited(c, limit, "users", rows, userView), err
}

func (a *API) checkMember(c *httpapi.Call, m keystone.Membership) (httpapi.None, error) {
	return httpapi.None{}, a.svc.CheckMember(c.Ctx(), m)
}

func (a *API) addMember(c *httpapi.Call, m keystone.Membership) (httpapi.None, error) {
	return httpapi.None{}, a.svc.AddMember(c.Ctx(), m)
}

func (a *API) removeMember(c *httpapi.Call, m keystone.Membership) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RemoveMember(c.Ctx(), m)
}
