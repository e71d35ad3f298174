package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

func (a *API) policyRoutes() httpapi.Table {
	t := httpapi.Table{
		{Method: "GET", Path: "/policies", Status: 200, Rule: reading("identity:list_policies"), Do: httpapi.Get(a.listPolicies)},
		{Method: "POST", Path: "/policies", Status: 201, Rule: administering("identity:create_policy"),
			Bodies: httpapi.Schemas{"": "policy_create.json"}, Do: httpapi.JSON(a.createPolicy)},
		{Method: "GET", Path: "/policies/{policy_id}", Status: 200, Rule: reading("identity:get_policy"), Do: httpapi.Get(a.showPolicy)},
		{Method: "PATCH", Path: "/policies/{policy_id}", Status: 200, Rule: administering("identity:update_policy"),
			Bodies: httpapi.Schemas{"": "policy_update.json"}, Do: httpapi.JSON(a.updatePolicy)},
		{Method: "DELETE", Path: "/policies/{policy_id}", Status: 204, Rule: administering("identity:delete_policy"), Do: httpapi.Get(a.deletePolicy)},

		{Method: "GET", Path: "/policies/{policy_id}/OS-ENDPOINT-POLICY/endpoints", Status: 200, Rule: reading("identity:list_endpoints_for_policy"), Do: httpapi.Get(a.listEndpointsOfPolicy)},
		{Method: "GET", Path: "/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy", Status: 200, Rule: reading("identity:get_policy_for_endpoint"), Do: httpapi.Get(a.showPolicyOfEndpoint)},
	}
	for _, of := range []struct{ path, rule string }{
		{"endpoints/{endpoint_id}", "endpoint"},
		{"services/{service_id}", "service"},
		{"services/{service_id}/regions/{region_id}", "region_and_service"},
	} {
		path := "/policies/{policy_id}/OS-ENDPOINT-POLICY/" + of.path
		t = append(t, httpapi.Table{
			{Method: "GET", Path: path, Status: 204, Rule: reading("identity:check_policy_association_for_" + of.rule), Do: httpapi.Get(a.checkPolicyAssociation)},
			{Method: "PUT", Path: path, Status: 204, Rule: administering("identity:create_policy_association_for_" + of.rule), Do: httpapi.Get(a.createPolicyAssociation)},
			{Method: "DELETE", Path: path, Status: 204, Rule: administering("identity:delete_policy_association_for_" + of.rule), Do: httpapi.Get(a.deletePolicyAssociation)},
		}...)
	}
	return t
}

func policyView(p keystone.Policy) view {
	return withExtra(p.Extra, view{"id": p.ID, "blob": p.Blob, "type": p.Type})
}

func (a *API) listPolicies(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Policies(c.Ctx(), keystone.NewFilters(c.Query, "type"))
	return limited(c, a.svc.ListLimit("policy"), "policies", rows, policyView), err
}

type policyBody struct {
	Policy keystone.Attributes `json:"policy"`
}

func (a *API) createPolicy(c *httpapi.Call, b policyBody) (view, error) {
	p, err := a.svc.CreatePolicy(c.Ctx(), b.Policy)
	return member(c, "policy", "policies", policyView(p)), err
}

func (a *API) showPolicy(c *httpapi.Call) (view, error) {
	p, err := a.svc.Policy(c.Ctx(), c.Param("policy_id"))
	return member(c, "policy", "policies", policyView(p)), err
}

func (a *API) updatePolicy(c *httpapi.Call, b policyBody) (view, error) {
	p, err := a.svc.UpdatePolicy(c.Ctx(), c.Param("policy_id"), b.Policy)
	return member(c, "policy", "policies", policyView(p)), err
}

func (a *API) deletePolicy(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeletePolicy(c.Ctx(), c.Param("policy_id"))
}

func (a *API) listEndpointsOfPolicy(c *httpapi.Call) (view, error) {
	rows, err := a.svc.EndpointsOfPolicy(c.Ctx(), c.Param("policy_id"))
	return list(c, "endpoints", rows, func(e keystone.Endpoint) view {
		v := endpointView(e)
		delete(v, "region") // the original tells it in every list but this
		return v
	}), err
}

// showPolicyOfEndpoint links as if a policy were an endpoint, as the original does.
func (a *API) showPolicyOfEndpoint(c *httpapi.Call) (view, error) {
	p, err := a.svc.PolicyOfEndpoint(c.Ctx(), c.Param("endpoint_id"))
	return member(c, "policy", "endpoints", policyView(p)), err
}

func policyAssociation(c *httpapi.Call) keystone.PolicyAssociation {
	return keystone.PolicyAssociation{PolicyID: c.Param("policy_id"), EndpointID: c.Param("endpoint_id"),
		ServiceID: c.Param("service_id"), RegionID: c.Param("region_id")}
}

func (a *API) checkPolicyAssociation(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.CheckPolicyAssociation(c.Ctx(), policyAssociation(c))
}

func (a *API) createPolicyAssociation(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.AssociatePolicy(c.Ctx(), policyAssociation(c))
}

func (a *API) deletePolicyAssociation(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DissociatePolicy(c.Ctx(), policyAssociation(c))
}
