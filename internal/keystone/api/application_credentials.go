package api

import (
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) applicationCredentialRoutes() httpapi.Table {
	read := "(rule:admin_required) or (role:reader and system_scope:all) or rule:owner"
	inScope := func(name, check string) policy.Rule {
		return policy.Rule{Name: name, Check: check, Scope: []string{"system", "project"}}
	}
	return httpapi.Table{
		{Method: "GET", Path: "/users/{user_id}/application_credentials", Status: 200,
			Rule: inScope("identity:list_application_credentials", read), Do: on(of(pathUser), a.listApplicationCredentials)},
		{Method: "POST", Path: "/users/{user_id}/application_credentials", Status: 201,
			Rule:   policy.Rule{Name: "identity:create_application_credential", Check: "user_id:%(user_id)s", Scope: []string{"project"}},
			Bodies: httpapi.Schemas{"": "application_credential_create.json"}, Do: onJSON(of(pathUser), a.createApplicationCredential)},
		{Method: "GET", Path: "/users/{user_id}/application_credentials/{application_credential_id}", Status: 200,
			Rule: inScope("identity:get_application_credential", read), Do: on(a.applicationCredential, a.showApplicationCredential)},
		{Method: "DELETE", Path: "/users/{user_id}/application_credentials/{application_credential_id}", Status: 204,
			Rule: inScope("identity:delete_application_credential", "rule:admin_or_owner"), Do: on(a.applicationCredential, a.deleteApplicationCredential)},
	}
}

// applicationCredential finds the one that the path names. Its owner is its
// user, whoever the path says.
func (a *API) applicationCredential(c *httpapi.Call) (keystone.ApplicationCredential, policy.Target, error) {
	ac, err := a.svc.ApplicationCredential(c.Ctx(), c.Param("application_credential_id"))
	if err != nil {
		return ac, pathUser(c), err
	}
	return ac, policy.Target{"user_id": ac.UserID}, nil
}

// applicationCredentialViews tells about application credentials with their roles in full.
func (a *API) applicationCredentialViews(c *httpapi.Call, rows ...keystone.ApplicationCredential) ([]view, error) {
	var ids []string
	for _, ac := range rows {
		ids = append(ids, ac.RoleIDs...)
	}
	roles, err := a.svc.RolesByID(c.Ctx(), ids)
	views := make([]view, len(rows))
	for i, ac := range rows {
		carried := []view{}
		for _, id := range ac.RoleIDs {
			if r, ok := roles[id]; ok {
				carried = append(carried, roleView(r))
			}
		}
		v := view{"id": ac.ID, "name": ac.Name, "description": ac.Description, "user_id": ac.UserID, "project_id": ac.ProjectID, "system": nil,
			"expires_at": localTime(ac.ExpiresAt), "unrestricted": ac.Unrestricted, "roles": carried,
			"links": view{"self": base(c, "application_credentials", ac.ID)}}
		if len(ac.AccessRules) > 0 {
			v["access_rules"] = accessRuleRefs(ac.AccessRules)
		}
		views[i] = v
	}
	return views, err
}

// localTime is how the original writes these times: UTC without saying so.
func localTime(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}

func (a *API) listApplicationCredentials(c *httpapi.Call, _ nothing) (view, error) {
	rows, err := a.svc.ApplicationCredentials(c.Ctx(), c.Param("user_id"), keystone.NewFilters(c.Query, "name"))
	if err != nil {
		return nil, err
	}
	views, err := a.applicationCredentialViews(c, rows...)
	return view{"application_credentials": views, "links": listLinks(c)}, err
}

type applicationCredentialBody struct {
	ApplicationCredential keystone.Attributes `json:"application_credential"`
}

func (a *API) createApplicationCredential(c *httpapi.Call, _ nothing, b applicationCredentialBody) (view, error) {
	ac, secret, err := a.svc.CreateApplicationCredential(c.Ctx(), c.Param("user_id"), b.ApplicationCredential)
	if err != nil {
		return nil, err
	}
	views, err := a.applicationCredentialViews(c, ac)
	views[0]["secret"] = secret
	return view{"application_credential": views[0]}, err
}

func (a *API) showApplicationCredential(c *httpapi.Call, ac keystone.ApplicationCredential) (view, error) {
	ac, err := a.svc.ShowApplicationCredential(c.Ctx(), ac.ID)
	if err != nil {
		return nil, err
	}
	views, err := a.applicationCredentialViews(c, ac)
	return view{"application_credential": views[0]}, err
}

func (a *API) deleteApplicationCredential(c *httpapi.Call, ac keystone.ApplicationCredential) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteApplicationCredential(c.Ctx(), ac.ID)
}
