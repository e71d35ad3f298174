package api

import (
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) v2EC2Routes() httpapi.Table {
	const all, one = "/users/{user_id}/credentials/OS-EC2", "/users/{user_id}/credentials/OS-EC2/{credential_id}"
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Do: httpapi.Get(a.listV2EC2)},
		{Method: "POST", Path: all, Status: 200, Do: httpapi.JSON(a.createV2EC2)},
		{Method: "GET", Path: one, Status: 200, Do: httpapi.Get(a.showV2EC2)},
		{Method: "DELETE", Path: one, Status: 204, Do: httpapi.Get(a.deleteV2EC2)},
	}
}

// v2Owner is the ID of the user in the path, for that user and administrators.
func (a *API) v2Owner(c *httpapi.Call) (string, error) {
	id := c.Param("user_id")
	if !c.Caller.Admin && c.Caller.UserID != id {
		return "", fault.Forbidden("Token belongs to another user")
	}
	_, err := a.v2User(c)
	return id, err
}

func (a *API) listV2EC2(c *httpapi.Call) (view, error) {
	id, err := a.v2Owner(c)
	if err != nil {
		return nil, err
	}
	rows, err := a.svc.EC2Credentials(c.Ctx(), id)
	views := make([]view, len(rows))
	for i, cred := range rows {
		views[i] = v2EC2Credential(c, cred)
	}
	return view{"credentials": views}, err
}

func (a *API) createV2EC2(c *httpapi.Call, b ec2Body) (view, error) {
	id, err := a.v2Owner(c)
	if err != nil {
		return nil, err
	}
	p, err := a.svc.Tenant(c.Ctx(), b.TenantID)
	if err != nil {
		return nil, err
	}
	cred, err := a.svc.CreateEC2Credential(c.Ctx(), id, p.ID)
	return view{"credential": v2EC2Credential(c, cred)}, err
}

func (a *API) showV2EC2(c *httpapi.Call) (view, error) {
	id, err := a.v2Owner(c)
	if err != nil {
		return nil, err
	}
	cred, err := a.svc.ReachableEC2Credential(c.Ctx(), c.Param("credential_id"))
	if err == nil && cred.UserID != id {
		err = fault.Forbidden("Credential belongs to another user")
	}
	return view{"credential": v2EC2Credential(c, cred)}, err
}

func (a *API) deleteV2EC2(c *httpapi.Call) (httpapi.None, error) {
	id, err := a.v2Owner(c)
	if err != nil {
		return httpapi.None{}, err
	}
	cred, err := a.svc.ReachableEC2Credential(c.Ctx(), c.Param("credential_id"))
	if err == nil && cred.UserID != id {
		err = fault.Forbidden("Credential belongs to another user")
	}
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.DeleteCredential(c.Ctx(), cred.ID)
}
