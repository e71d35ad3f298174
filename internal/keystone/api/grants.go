package api

import (
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// checkGrantRule, changeGrantRule and listGrantsRule are long because they
// name each way a grant can lie within one domain.
const (
	grantsIn       = "(role:ROLE and domain_id:%(target.user.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:ROLE and domain_id:%(target.user.domain_id)s and domain_id:%(target.domain.id)s) or (role:ROLE and domain_id:%(target.group.domain_id)s and domain_id:%(target.project.domain_id)s) or (role:ROLE and domain_id:%(target.group.domain_id)s and domain_id:%(target.domain.id)s)"
	roleFits       = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
	adminOrReader  = "(rule:admin_required) or ((role:reader and system_scope:all) or "
	changeInDomain = "(rule:admin_required) or (ADMIN) and " + roleFits + " or (MANAGER) and rule:domain_managed_target_role"
)

func grantsAs(role string) string { return strings.ReplaceAll(grantsIn, "ROLE", role) }

func listGrantsRule() policy.Rule {
	return anyScope("identity:list_grants", adminOrReader+grantsAs("reader")+")")
}

func checkGrantRule() policy.Rule {
	return anyScope("identity:check_grant", adminOrReader+"("+grantsAs("reader")+") and "+roleFits+")")
}

func changeGrantRule(name string) policy.Rule {
	return anyScope(name, strings.NewReplacer("ADMIN", grantsAs("admin"), "MANAGER", grantsAs("manager")).Replace(changeInDomain))
}

// grantRoutes are the same for every kind of target and actor, with and
// without inheritance.
func (a *API) grantRoutes() httpapi.Table {
	var t httpapi.Table
	for _, target := range []string{"projects/{project_id}", "domains/{domain_id}"} {
		for _, actor := range []string{"users/{user_id}", "groups/{group_id}"} {
			path := "/" + target + "/" + actor + "/roles"
			t = append(t, httpapi.Route{Method: "GET", Path: path, Status: 200, Rule: listGrantsRule(), Do: on(a.grantTarget, a.listGrants)})
			t = append(t, a.oneGrant(path+"/{role_id}")...)
			t = append(t, a.oneGrant("/OS-INHERIT"+path+"/{role_id}/inherited_to_projects")...)
			if strings.HasPrefix(target, "domains") {
				t = append(t, httpapi.Route{Method: "GET", Path: "/OS-INHERIT" + path + "/inherited_to_projects", Status: 200,
					Rule: listGrantsRule(), Do: on(a.grantTarget, a.listGrants)})
			}
		}
	}
	return t
}

func (a *API) oneGrant(path string) httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 204, Rule: checkGrantRule(), Do: on(a.grantTarget, a.checkGrant)},
		{Method: "PUT", Path: path, Status: 204, Rule: changeGrantRule("identity:create_grant"), Do: on(a.grantTarget, a.createGrant)},
		{Method: "DELETE", Path: path, Status: 204, Rule: changeGrantRule("identity:revoke_grant"), Do: on(a.oldGrant, a.deleteGrant)},
	}
}

func (a *API) systemGrantRoutes() httpapi.Table {
	var t httpapi.Table
	for _, actor := range []string{"user", "group"} {
		path, suffix := "/system/"+actor+"s/{"+actor+"_id}/roles", "_for_"+actor
		t = append(t, httpapi.Table{
			{Method: "GET", Path: path, Status: 200, Rule: reading("identity:list_system_grants" + suffix), Do: on(a.grantTarget, a.listGrants)},
			{Method: "GET", Path: path + "/{role_id}", Status: 204, Rule: reading("identity:check_system_grant" + suffix), Do: on(a.grantTarget, a.checkGrant)},
			{Method: "PUT", Path: path + "/{role_id}", Status: 204, Rule: administering("identity:create_system_grant" + suffix), Do: on(a.grantTarget, a.createGrant)},
			{Method: "DELETE", Path: path + "/{role_id}", Status: 204, Rule: administering("identity:revoke_system_grant" + suffix), Do: on(a.oldGrant, a.deleteGrant)},
		}...)
	}
	return t
}

// grantOf reads the assignment that a path names.
func grantOf(c *httpapi.Call) keystone.Assignment {
	g := keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: c.Param("user_id"), TargetKind: keystone.TargetSystem, TargetID: keystone.SystemID,
		RoleID: c.Param("role_id"), Inherited: strings.HasSuffix(c.Route.Path, "/inherited_to_projects")}
	if id := c.Param("group_id"); id != "" {
		g.ActorKind, g.ActorID = keystone.ActorGroup, id
	}
	if id := c.Param("project_id"); id != "" {
		g.TargetKind, g.TargetID = keystone.TargetProject, id
	}
	if id := c.Param("domain_id"); id != "" {
		g.TargetKind, g.TargetID = keystone.TargetDomain, id
	}
	return g
}

// grantTarget finds everything that a path names; what is missing is 404.
func (a *API) grantTarget(c *httpapi.Call) (keystone.Assignment, policy.Target, error) {
	return a.grantParts(c, false)
}

// oldGrant is grantTarget where the user or group may be gone.
func (a *API) oldGrant(c *httpapi.Call) (keystone.Assignment, policy.Target, error) {
	return a.grantParts(c, true)
}

func (a *API) grantParts(c *httpapi.Call, gone bool) (keystone.Assignment, policy.Target, error) {
	g, target := grantOf(c), policy.Target{}
	var missing error
	note := func(err error) bool {
		if missing == nil {
			missing = err
		}
		return err == nil
	}
	if g.RoleID != "" {
		if r, err := a.svc.Role(c.Ctx(), g.RoleID); note(err) {
			addRole(target, r)
		}
	}
	if err := a.addActor(c, g, target); !gone {
		note(err)
	}
	note(a.addTarget(c, g, target))
	return g, target, missing
}

func (a *API) addActor(c *httpapi.Call, g keystone.Assignment, t policy.Target) error {
	if g.ActorKind == keystone.ActorGroup {
		group, err := a.svc.Group(c.Ctx(), g.ActorID)
		if err == nil {
			addGroup(t, group)
		}
		return err
	}
	u, err := a.svc.User(c.Ctx(), g.ActorID)
	if err == nil {
		addUser(t, u)
	}
	return err
}

func (a *API) addTarget(c *httpapi.Call, g keystone.Assignment, t policy.Target) error {
	switch g.TargetKind {
	case keystone.TargetProject:
		p, err := a.svc.Project(c.Ctx(), g.TargetID)
		if err == nil {
			addProject(t, p)
		}
		return err
	case keystone.TargetDomain:
		d, err := a.svc.Domain(c.Ctx(), g.TargetID)
		if err == nil {
			t["target.domain.id"] = d.ID
		}
		return err
	}
	return nil
}

func (a *API) listGrants(c *httpapi.Call, g keystone.Assignment) (view, error) {
	rows, err := a.svc.GrantedRoles(c.Ctx(), g)
	return list(c, "roles", rows, roleView), err
}

func (a *API) checkGrant(c *httpapi.Call, g keystone.Assignment) (httpapi.None, error) {
	return httpapi.None{}, a.svc.CheckGrant(c.Ctx(), g)
}

func (a *API) createGrant(c *httpapi.Call, g keystone.Assignment) (httpapi.None, error) {
	return httpapi.None{}, a.svc.Grant(c.Ctx(), g)
}

func (a *API) deleteGrant(c *httpapi.Call, g keystone.Assignment) (httpapi.None, error) {
	return httpapi.None{}, a.svc.Revoke(c.Ctx(), g)
}
