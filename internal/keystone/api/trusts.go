package api

import (
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

const (
	readTrusts   = "(rule:admin_required) or (role:reader and system_scope:all or "
	trustParties = readTrusts + "user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s)"
)

// trustListRules are asked by listTrusts: which one depends on the query.
var trustListRules = []policy.Rule{
	reading("identity:list_trusts"),
	{Name: "identity:list_trusts_for_trustor", Check: readTrusts + "user_id:%(target.trust.trustor_user_id)s)", Scope: []string{"system", "project"}},
	{Name: "identity:list_trusts_for_trustee", Check: readTrusts + "user_id:%(target.trust.trustee_user_id)s)", Scope: []string{"system", "project"}},
}

func (a *API) trustRoutes() httpapi.Table {
	inScope := func(name, check string) policy.Rule {
		return policy.Rule{Name: name, Check: check, Scope: []string{"system", "project"}}
	}
	return httpapi.Table{
		{Method: "GET", Path: "/OS-TRUST/trusts", Status: 200, Do: httpapi.Get(a.listTrusts)},
		{Method: "POST", Path: "/OS-TRUST/trusts", Status: 201, Bodies: httpapi.Schemas{"": "trust_create.json"},
			Rule: policy.Rule{Name: "identity:create_trust", Check: "user_id:%(target.trust.trustor_user_id)s", Scope: []string{"project"}},
			Do:   onJSON(of(newTrustTarget), a.createTrust)},
		{Method: "GET", Path: "/OS-TRUST/trusts/{trust_id}", Status: 200, Rule: inScope("identity:get_trust", trustParties), Do: onKnown(a.trust, a.showTrust)},
		{Method: "DELETE", Path: "/OS-TRUST/trusts/{trust_id}", Status: 204,
			Rule: inScope("identity:delete_trust", "rule:admin_required or user_id:%(target.trust.trustor_user_id)s"), Do: onKnown(a.trust, a.deleteTrust)},
		{Method: "GET", Path: "/OS-TRUST/trusts/{trust_id}/roles", Status: 200, Rule: inScope("identity:list_roles_for_trust", trustParties),
			Do: onKnown(a.trust, a.listTrustRoles)},
		{Method: "GET", Path: "/OS-TRUST/trusts/{trust_id}/roles/{role_id}", Status: 200, Rule: inScope("identity:get_role_for_trust", trustParties),
			Do: onKnown(a.trust, a.showTrustRole)},
	}
}

// trust finds the trust that the path names.
func (a *API) trust(c *httpapi.Call) (keystone.Trust, policy.Target, error) {
	t, err := a.svc.Trust(c.Ctx(), c.Param("trust_id"))
	return t, policy.Target{"target.trust.trustor_user_id": t.TrustorUserID, "target.trust.trustee_user_id": t.TrusteeUserID}, err
}

// newTrustTarget is what the body says of the trust to be.
func newTrustTarget(c *httpapi.Call) policy.Target {
	t := policy.Target{}
	if id := attributesIn(c, "trust").Text("trustor_user_id"); id != "" {
		t["target.trust.trustor_user_id"] = id
	}
	return t
}

func trustView(t keystone.Trust) view {
	return withExtra(t.Extra, view{"id": t.ID, "trustor_user_id": t.TrustorUserID, "trustee_user_id": t.TrusteeUserID, "project_id": nullable(t.ProjectID),
		"impersonation": t.Impersonation, "expires_at": wireTimeOrNull(t.ExpiresAt), "remaining_uses": t.RemainingUses, "deleted_at": wireTimeOrNull(t.DeletedAt),
		"redelegated_trust_id": nullable(t.RedelegatedTrustID), "redelegation_count": t.RedelegationCount})
}

func wireTimeOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return wireTime(*t)
}

// trustMember is a trust with its roles.
func (a *API) trustMember(c *httpapi.Call, t keystone.Trust) (view, error) {
	roles, links, err := a.trustRoleViews(c, t)
	v := trustView(t)
	v["roles"], v["roles_links"] = roles, links
	return member(c, "trust", "OS-TRUST/trusts", v), err
}

// trustRoleViews are the roles that a trust carries, and the links beside them.
func (a *API) trustRoleViews(c *httpapi.Call, t keystone.Trust) (views []view, links view, err error) {
	roles, err := a.svc.RolesByID(c.Ctx(), t.RoleIDs)
	views = []view{}
	for _, id := range t.RoleIDs {
		if r, ok := roles[id]; ok {
			v := roleView(r)
			v["links"] = view{"self": base(c, "roles", r.ID)}
			views = append(views, v)
		}
	}
	return views, view{"self": base(c, t.ID, "roles"), "next": nil, "previous": nil}, err
}

// listTrusts asks the rule that fits what is listed: all, a trustor's or a trustee's.
func (a *API) listTrusts(c *httpapi.Call) (view, error) {
	f := keystone.TrustFilter{TrustorUserID: c.Query.Get("trustor_user_id")}
	rule, target := "identity:list_trusts", policy.Target{}
	if f.TrustorUserID != "" {
		rule, target["target.trust.trustor_user_id"] = "identity:list_trusts_for_trustor", f.TrustorUserID
	} else if f.TrusteeUserID = c.Query.Get("trustee_user_id"); f.TrusteeUserID != "" {
		rule, target["target.trust.trustee_user_id"] = "identity:list_trusts_for_trustee", f.TrusteeUserID
	}
	if err := enforce(c, rule, target); err != nil {
		return nil, err
	}
	rows, err := a.svc.Trusts(c.Ctx(), f)
	if f == (keystone.TrustFilter{}) && len(c.Query) > 0 {
		rows = nil // the original lists all only for an empty query
	}
	views := make([]view, len(rows))
	for i, t := range rows {
		views[i] = trustView(t)
		views[i]["links"] = view{"self": base(c, "OS-TRUST/trusts", t.ID)}
	}
	return view{"trusts": views, "links": listLinks(c)}, err
}

type trustBody struct {
	Trust keystone.Attributes `json:"trust"`
}

func (a *API) createTrust(c *httpapi.Call, _ nothing, b trustBody) (view, error) {
	t, err := a.svc.CreateTrust(c.Ctx(), b.Trust)
	if err != nil {
		return nil, err
	}
	return a.trustMember(c, t)
}

func (a *API) showTrust(c *httpapi.Call, t keystone.Trust) (view, error) {
	t, err := a.svc.ShowTrust(c.Ctx(), t.ID)
	if err != nil {
		return nil, err
	}
	return a.trustMember(c, t)
}

func (a *API) deleteTrust(c *httpapi.Call, t keystone.Trust) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteTrust(c.Ctx(), t.ID)
}

func (a *API) listTrustRoles(c *httpapi.Call, t keystone.Trust) (view, error) {
	t, err := a.svc.ShowTrust(c.Ctx(), t.ID)
	if err != nil {
		return nil, err
	}
	roles, links, err := a.trustRoleViews(c, t)
	return view{"roles": roles, "links": links}, err
}

func (a *API) showTrustRole(c *httpapi.Call, t keystone.Trust) (view, error) {
	t, err := a.svc.ShowTrust(c.Ctx(), t.ID)
	if err != nil {
		return nil, err
	}
	for _, id := range t.RoleIDs {
		if id == c.Param("role_id") {
			r, err := a.svc.Role(c.Ctx(), id)
			return member(c, "role", "roles", roleView(r)), err
		}
	}
	return nil, fault.NotFound("Could not find role: %s.", c.Param("role_id"))
}
