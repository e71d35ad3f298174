package api

import (
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) assignmentRoutes() httpapi.Table {
	return httpapi.Table{{Method: "GET", Path: "/role_assignments", Status: 200,
		Rule: anyScope("identity:list_role_assignments", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)"),
		Do:   on(callerDomain("target.domain_id"), a.listAssignments)}}
}

// assignmentFilter reads the query; combinations that mean nothing are refused.
func assignmentFilter(c *httpapi.Call) (f keystone.AssignmentFilter, err error) {
	q := c.Query
	f = keystone.AssignmentFilter{UserID: q.Get("user.id"), GroupID: q.Get("group.id"), RoleID: q.Get("role.id"),
		ProjectID: q.Get("scope.project.id"), DomainID: q.Get("scope.domain.id"), System: q.Get("scope.system"), Subtree: flag(c, "include_subtree")}
	if q.Has("scope.OS-INHERIT:inherited_to") {
		inherited := q.Get("scope.OS-INHERIT:inherited_to") == "projects"
		f.Inherited = &inherited
	}
	for _, refusal := range []struct {
		when bool
		why  string
	}{
		{f.Subtree && f.ProjectID == "", "scope.project.id must be specified if include_subtree is also specified"},
		{f.DomainID != "" && f.ProjectID != "", "Specify a domain or project, not both"},
		{f.DomainID != "" && f.System != "", "Specify system or domain, not both"},
		{f.ProjectID != "" && f.System != "", "Specify system or project, not both"},
		{f.UserID != "" && f.GroupID != "", "Specify a user or group, not both"},
		{flag(c, "effective") && f.GroupID != "", "Combining effective and group filter will always result in an empty list."},
		{flag(c, "effective") && f.DomainID != "" && f.Inherited != nil && *f.Inherited, "Combining effective, domain and inherited filters will always result in an empty list."},
	} {
		if refusal.when {
			return f, fault.BadRequest("%s", refusal.why)
		}
	}
	return f, nil
}

func (a *API) listAssignments(c *httpapi.Call, _ nothing) (view, error) {
	if flag(c, "include_subtree") {
		if err := enforce(c, "identity:list_role_assignments_for_tree", policy.Target{"target.domain_id": nullable(c.Caller.DomainID)}); err != nil {
			return nil, err
		}
	}
	f, err := assignmentFilter(c)
	if err != nil {
		return nil, err
	}
	find := a.svc.Assignments
	if flag(c, "effective") {
		find = a.svc.Effective
	}
	rows, err := find(c.Ctx(), f)
	if err != nil {
		return nil, err
	}
	names, err := a.svc.NamesOf(c.Ctx(), rows)
	if err != nil {
		return nil, err
	}
	if d := c.Caller.DomainID; d != "" {
		rows = slices.DeleteFunc(rows, func(e keystone.Effective) bool { return !within(e, d, names) })
	}
	if !flag(c, "include_names") {
		names = service.Names{}
	}
	views := make([]view, len(rows))
	for i, e := range rows {
		views[i] = assignmentView(c, e, names)
	}
	return view{"role_assignments": views, "links": listLinks(c)}, nil
}

// within reports whether an assignment is on a domain or a project in it.
func within(e keystone.Effective, domainID string, names service.Names) bool {
	switch e.TargetKind {
	case keystone.TargetDomain:
		return e.TargetID == domainID
	case keystone.TargetProject:
		return names.Projects[e.TargetID].DomainID == domainID
	}
	return false
}

// assignmentView names who has which role on what, and links to the grant it
// comes from. Names are told when there are any.
func assignmentView(c *httpapi.Call, e keystone.Effective, n service.Names) view {
	links := view{"assignment": base(c, grantPath(e))}
	if e.ViaGroup != "" {
		links["membership"] = base(c, "groups", e.ViaGroup, "users", e.ActorID)
	}
	if e.ViaRole != "" {
		links["prior_role"] = base(c, "prior_role", e.RoleID, "implies", e.ViaRole)
	}
	v := view{"links": links, "scope": scopeView(e, n), "role": roleName(e.RoleID, n)}
	if e.ActorKind == keystone.ActorUser {
		u := n.Users[e.ActorID]
		v["user"] = named(e.ActorID, u.Name, u.DomainID, n)
	} else {
		g := n.Groups[e.ActorID]
		v["group"] = named(e.ActorID, g.Name, g.DomainID, n)
	}
	return v
}

// grantPath is the path of the grant that an entry comes from.
func grantPath(e keystone.Effective) string {
	target, actor, role := "", "users/"+e.ActorID, e.RoleID
	switch {
	case e.ViaDomain != "":
		target = "domains/" + e.ViaDomain
	case e.ViaProject != "":
		target = "projects/" + e.ViaProject
	case e.TargetKind == keystone.TargetSystem:
		target = "system"
	default:
		target = e.TargetKind + "s/" + e.TargetID
	}
	if e.ViaGroup != "" {
		actor = "groups/" + e.ViaGroup
	} else if e.ActorKind == keystone.ActorGroup {
		actor = "groups/" + e.ActorID
	}
	if e.ViaRole != "" {
		role = e.ViaRole
	}
	path := target + "/" + actor + "/roles/" + role
	if inherited(e) {
		path = "OS-INHERIT/" + path + "/inherited_to_projects"
	}
	return path
}

func inherited(e keystone.Effective) bool {
	return e.Inherited || e.ViaDomain != "" || e.ViaProject != ""
}

func scopeView(e keystone.Effective, n service.Names) view {
	v := view{}
	p := n.Projects[e.TargetID]
	switch {
	case e.TargetKind == keystone.TargetSystem:
		v["system"] = view{"all": true}
	case e.TargetKind == keystone.TargetDomain && n.Projects == nil:
		v["domain"] = view{"id": e.TargetID}
	case e.TargetKind == keystone.TargetDomain:
		v["domain"] = nameOf(p)
	default:
		v["project"] = named(e.TargetID, p.Name, p.DomainID, n)
	}
	if inherited(e) {
		v["OS-INHERIT:inherited_to"] = "projects"
	}
	return v
}

// named is an ID with its name and domain, if names are to be told.
func named(id, name, domainID string, n service.Names) view {
	if n.Projects == nil {
		return view{"id": id}
	}
	return view{"id": id, "name": name, "domain": view{"id": domainID, "name": n.Projects[domainID].Name}}
}

func roleName(id string, n service.Names) view {
	if n.Roles == nil {
		return view{"id": id}
	}
	r := n.Roles[id]
	v := view{"id": id, "name": r.Name}
	if r.DomainID != "" {
		v["domain"] = view{"id": r.DomainID, "name": n.Projects[r.DomainID].Name}
	}
	return v
}
