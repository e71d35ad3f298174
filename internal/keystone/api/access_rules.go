package api

import (
	"strconv"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) accessRuleRoutes() httpapi.Table {
	rule := func(name, role string) policy.Rule {
		return policy.Rule{Name: name, Check: "(role:" + role + " and system_scope:all) or user_id:%(target.user.id)s", Scope: []string{"system", "project"}}
	}
	return httpapi.Table{
		{Method: "GET", Path: "/users/{user_id}/access_rules", Status: 200, Rule: rule("identity:list_access_rules", "reader"),
			Do: on(of(a.ruleOwner), a.listAccessRules)},
		{Method: "GET", Path: "/users/{user_id}/access_rules/{access_rule_id}", Status: 200, Rule: rule("identity:get_access_rule", "reader"),
			Do: on(of(a.ruleOwner), a.showAccessRule)},
		{Method: "DELETE", Path: "/users/{user_id}/access_rules/{access_rule_id}", Status: 204, Rule: rule("identity:delete_access_rule", "admin"),
			Do: on(of(a.ruleOwner), a.deleteAccessRule)},
	}
}

// ruleOwner is the target of a call about access rules: the user in the path, if there is one.
func (a *API) ruleOwner(c *httpapi.Call) policy.Target {
	_, target, _ := a.user(c)
	return target
}

func accessRuleView(r keystone.AccessRule) view {
	return view{"id": r.ID, "service": r.Service, "path": r.Path, "method": r.Method}
}

func (a *API) listAccessRules(c *httpapi.Call, _ nothing) (view, error) {
	rows, err := a.svc.AccessRules(c.Ctx(), c.Param("user_id"), keystone.NewFilters(c.Query, "service", "path", "method"))
	return list(c, "access_rules", rows, accessRuleView), err
}

func (a *API) showAccessRule(c *httpapi.Call, _ nothing) (view, error) {
	r, err := a.svc.AccessRule(c.Ctx(), c.Param("user_id"), c.Param("access_rule_id"))
	return member(c, "access_rule", "access_rules", accessRuleView(r)), err
}

func (a *API) deleteAccessRule(c *httpapi.Call, _ nothing) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteAccessRule(c.Ctx(), c.Param("user_id"), c.Param("access_rule_id"))
}

// accessRulesHeader says which version of access rules whoever validates a token enforces.
const accessRulesHeader = "OpenStack-Identity-Access-Rules"

// understood refuses a token with access rules to a service that would not enforce them.
func understood(c *httpapi.Call, t keystone.Token) error {
	if t.AppCred == nil || t.AppCred.AccessRules == nil {
		return nil
	}
	if version, err := strconv.ParseFloat(c.R.Header.Get(accessRulesHeader), 64); err != nil || version < 1 {
		return fault.NotFound("Failed to validate token")
	}
	return nil
}
