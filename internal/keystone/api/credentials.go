package api

import (
	"cmp"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) credentialRoutes() httpapi.Table {
	read := "(rule:admin_required) or (role:reader and system_scope:all) or user_id:%(target.credential.user_id)s"
	manage := "(rule:admin_required) or user_id:%(target.credential.user_id)s"
	return httpapi.Table{
		{Method: "GET", Path: "/credentials", Status: 200, Rule: anyScope("identity:list_credentials", read),
			Do: on(of(ownCredentials), a.listCredentials)},
		{Method: "POST", Path: "/credentials", Status: 201, Rule: anyScope("identity:create_credential", manage),
			Bodies: httpapi.Schemas{"": "credential_create.json"}, Do: onJSON(of(newCredentialTarget), a.createCredential)},
		{Method: "GET", Path: "/credentials/{credential_id}", Status: 200, Rule: anyScope("identity:get_credential", read),
			Do: on(a.credential, a.showCredential)},
		{Method: "PATCH", Path: "/credentials/{credential_id}", Status: 200, Rule: anyScope("identity:update_credential", manage),
			Bodies: httpapi.Schemas{"": "credential_update.json"}, Do: onJSON(a.credential, a.updateCredential)},
		{Method: "DELETE", Path: "/credentials/{credential_id}", Status: 204, Rule: anyScope("identity:delete_credential", manage),
			Do: on(a.credential, a.deleteCredential)},
	}
}

// ownCredentials is the target of a list: who is no reader of the system lists its own.
func ownCredentials(c *httpapi.Call) policy.Target {
	if c.Caller.System {
		return policy.Target{}
	}
	return policy.Target{"target.credential.user_id": c.Caller.UserID}
}

// newCredentialTarget is what the body says of the credential to be.
func newCredentialTarget(c *httpapi.Call) policy.Target {
	return credentialTarget(attributesIn(c, "credential").Text("user_id"))
}

func credentialTarget(userID string) policy.Target {
	if userID == "" {
		return policy.Target{}
	}
	return policy.Target{"target.credential.user_id": userID}
}

// credential finds the credential that the path names.
func (a *API) credential(c *httpapi.Call) (keystone.Credential, policy.Target, error) {
	cred, err := a.svc.Credential(c.Ctx(), c.Param("credential_id"))
	return cred, credentialTarget(cred.UserID), err
}

func credentialView(c keystone.Credential) view {
	return withExtra(c.Extra, view{"id": c.ID, "user_id": c.UserID, "project_id": nullable(c.ProjectID), "type": c.Type, "blob": c.Blob})
}

func (a *API) listCredentials(c *httpapi.Call, _ nothing) (view, error) {
	rows, err := a.svc.Credentials(c.Ctx(), keystone.NewFilters(c.Query, "user_id", "type"))
	visible := make([]keystone.Credential, 0, len(rows))
	for _, cred := range rows {
		if c.Allowed("identity:get_credential", credentialTarget(cred.UserID)) {
			visible = append(visible, cred)
		}
	}
	return list(c, "credentials", visible, credentialView), err
}

type credentialBody struct {
	Credential keystone.Attributes `json:"credential"`
}

func (a *API) createCredential(c *httpapi.Call, _ nothing, b credentialBody) (view, error) {
	cred, err := a.svc.CreateCredential(c.Ctx(), b.Credential)
	return member(c, "credential", "credentials", credentialView(cred)), err
}

func (a *API) showCredential(c *httpapi.Call, cred keystone.Credential) (view, error) {
	cred, err := a.svc.ReachableCredential(c.Ctx(), cred.ID)
	return member(c, "credential", "credentials", credentialView(cred)), err
}

// updateCredential asks the rule about the credential as it would be, too.
func (a *API) updateCredential(c *httpapi.Call, cred keystone.Credential, b credentialBody) (view, error) {
	if err := enforce(c, "identity:update_credential", credentialTarget(cmp.Or(b.Credential.Text("user_id"), cred.UserID))); err != nil {
		return nil, err
	}
	cred, err := a.svc.UpdateCredential(c.Ctx(), cred.ID, b.Credential)
	return member(c, "credential", "credentials", credentialView(cred)), err
}

func (a *API) deleteCredential(c *httpapi.Call, cred keystone.Credential) (httpapi.None, error) {
	if _, err := a.svc.ReachableCredential(c.Ctx(), cred.ID); err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteCredential(c.Ctx(), cred.ID)
}
