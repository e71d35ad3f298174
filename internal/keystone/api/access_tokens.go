package api

import (
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) accessTokenRoutes() httpapi.Table {
	const path = "/users/{user_id}/OS-OAUTH1/access_tokens"
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: ofProjectAdmin("identity:list_access_tokens"), Do: httpapi.Get(a.listAccessTokens)},
		{Method: "GET", Path: path + "/{access_token_id}", Status: 200, Rule: ofProjectAdmin("identity:get_access_token"), Do: httpapi.Get(a.showAccessToken)},
		{Method: "DELETE", Path: path + "/{access_token_id}", Status: 204, Rule: ofProjectAdmin("identity:delete_access_token"), Do: httpapi.Get(a.deleteAccessToken)},
		{Method: "GET", Path: path + "/{access_token_id}/roles", Status: 200, Rule: ofProjectAdmin("identity:list_access_token_roles"),
			Do: httpapi.Get(a.listAccessTokenRoles)},
		{Method: "GET", Path: path + "/{access_token_id}/roles/{role_id}", Status: 200, Rule: ofProjectAdmin("identity:get_access_token_role"),
			Do: httpapi.Get(a.showAccessTokenRole)},
	}
}

func accessTokenView(c *httpapi.Call, t keystone.AccessToken) view {
	self := base(c, "users", t.AuthorizingUserID, "OS-OAUTH1/access_tokens", t.ID)
	return view{"id": t.ID, "consumer_id": t.ConsumerID, "authorizing_user_id": t.AuthorizingUserID, "project_id": t.ProjectID,
		"expires_at": wireTimeOrNull(t.ExpiresAt), "links": view{"self": self, "roles": self + "/roles"}}
}

func (a *API) listAccessTokens(c *httpapi.Call) (view, error) {
	rows, err := a.svc.AccessTokens(c.Ctx(), c.Param("user_id"))
	views := make([]view, len(rows))
	for i, t := range rows {
		views[i] = accessTokenView(c, t)
	}
	return view{"access_tokens": views, "links": listLinks(c)}, err
}

// accessToken finds the access token that the path names.
func (a *API) accessToken(c *httpapi.Call) (keystone.AccessToken, error) {
	return a.svc.AccessToken(c.Ctx(), c.Param("user_id"), c.Param("access_token_id"))
}

func (a *API) showAccessToken(c *httpapi.Call) (view, error) {
	t, err := a.accessToken(c)
	return view{"access_token": accessTokenView(c, t)}, err
}

func (a *API) deleteAccessToken(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteAccessToken(c.Ctx(), c.Param("user_id"), c.Param("access_token_id"))
}

// grantedRoleView is a role without what the original leaves out here.
func grantedRoleView(r keystone.Role) view {
	v := roleView(r)
	delete(v, "description")
	return v
}

func (a *API) listAccessTokenRoles(c *httpapi.Call) (view, error) {
	t, err := a.accessToken(c)
	if err != nil {
		return nil, err
	}
	byID, err := a.svc.RolesByID(c.Ctx(), t.RoleIDs)
	var roles []keystone.Role
	for _, id := range t.RoleIDs {
		if r, ok := byID[id]; ok {
			roles = append(roles, r)
		}
	}
	return list(c, "roles", roles, grantedRoleView), err
}

func (a *API) showAccessTokenRole(c *httpapi.Call) (view, error) {
	t, err := a.accessToken(c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(t.RoleIDs, c.Param("role_id")) {
		return nil, fault.NotFound("Could not find role: %s.", c.Param("role_id"))
	}
	r, err := a.svc.Role(c.Ctx(), c.Param("role_id"))
	return member(c, "role", "roles", grantedRoleView(r)), err
}
