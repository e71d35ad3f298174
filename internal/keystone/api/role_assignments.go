package api

import (
	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) assignmentRoutes() httpapi.Table {
	return httpapi.Table{{Method: "GET", Path: "/role_assignments", Status: 200,
		Rule:   anyScope("identity:list_role_assignments", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)"),
		RuleOf: when(ofTree, "identity:list_role_assignments_for_tree"), Do: on(a.assignmentsTarget, a.listAssignments)}}
}

func ofTree(c *httpapi.Call, _ any) bool { return flag(c, "include_subtree") }

// assignmentsTarget is the domain that the token is for, or that of the tree.
func (a *API) assignmentsTarget(c *httpapi.Call) (nothing, policy.Target, error) {
	top := c.Query.Get("scope.project.id")
	if !ofTree(c, nil) || top == "" {
		return callerDomain("target.domain_id")(c)
	}
	p, err := a.svc.Project(c.Ctx(), top)
	if err != nil {
		return nothing{}, nil, err
	}
	target := policy.Target{"target.domain_id": nullable(p.DomainID)}
	addProject(target, p)
	return nothing{}, target, nil
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
	if d := c.Caller.DomainID; d != "" && !f.Subtree {
		if rows, err = a.svc.WithinDomain(c.Ctx(), rows, d); err != nil {
			return nil, err
		}
	}
	var names service.Names
	if flag(c, "include_names") {
		if names, err = a.svc.NamesOf(c.Ctx(), rows); err != nil {
			return nil, err
		}
	}
	views := make([]assignmentView, len(rows))
	for i, e := range rows {
		views[i] = newAssignmentView(c, e, names)
	}
	return view{"role_assignments": views, "links": listLinks(c)}, nil
}

// assignmentView is an assignment on the wire. There may be millions in one
// answer, so it is a struct, as no other resource is.
type assignmentView struct {
	Links assignmentLinks `json:"links"`
	Scope assignmentScope `json:"scope"`
	Role  *nameView       `json:"role"`
	User  *nameView       `json:"user,omitempty"`
	Group *nameView       `json:"group,omitempty"`
}

type assignmentLinks struct {
	Assignment string `json:"assignment"`
	Membership string `json:"membership,omitempty"`
	PriorRole  string `json:"prior_role,omitempty"`
}

type assignmentScope struct {
	System    map[string]bool `json:"system,omitempty"`
	Domain    *nameView       `json:"domain,omitempty"`
	Project   *nameView       `json:"project,omitempty"`
	Inherited string          `json:"OS-INHERIT:inherited_to,omitempty"`
}

// nameView is an ID, and, where names were asked for, its name and domain.
type nameView struct {
	ID     string    `json:"id"`
	Name   *string   `json:"name,omitempty"`
	Domain *nameView `json:"domain,omitempty"`
}

// newAssignmentView names who has which role on what, and links to the grant it
// comes from. Names are told when there are any.
func newAssignmentView(c *httpapi.Call, e keystone.Effective, n service.Names) assignmentView {
	v := assignmentView{Links: assignmentLinks{Assignment: base(c, grantPath(e))}, Scope: scopeView(e, n), Role: roleName(e.RoleID, n)}
	if e.ViaGroup != "" {
		v.Links.Membership = base(c, "groups", e.ViaGroup, "users", e.ActorID)
	}
	if e.ViaRole != "" {
		v.Links.PriorRole = base(c, "prior_role", e.RoleID, "implies", e.ViaRole)
	}
	if e.ActorKind == keystone.ActorUser {
		u := n.Users[e.ActorID]
		v.User = named(e.ActorID, u.Name, u.DomainID, n)
	} else {
		g := n.Groups[e.ActorID]
		v.Group = named(e.ActorID, g.Name, g.DomainID, n)
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

func scopeView(e keystone.Effective, n service.Names) (v assignmentScope) {
	p := n.Projects[e.TargetID]
	switch e.TargetKind {
	case keystone.TargetSystem:
		v.System = map[string]bool{"all": true}
	case keystone.TargetDomain:
		v.Domain = &nameView{ID: e.TargetID}
		if n.Projects != nil {
			v.Domain.Name = &p.Name
		}
	default:
		v.Project = named(e.TargetID, p.Name, p.DomainID, n)
	}
	if inherited(e) {
		v.Inherited = "projects"
	}
	return v
}

// named is an ID with its name and domain, if names are to be told.
func named(id, name, domainID string, n service.Names) *nameView {
	if n.Projects == nil {
		return &nameView{ID: id}
	}
	domain := n.Projects[domainID].Name
	return &nameView{ID: id, Name: &name, Domain: &nameView{ID: domainID, Name: &domain}}
}

func roleName(id string, n service.Names) *nameView {
	if n.Roles == nil {
		return &nameView{ID: id}
	}
	r := n.Roles[id]
	v := &nameView{ID: id, Name: &r.Name}
	if r.DomainID != "" {
		domain := n.Projects[r.DomainID].Name
		v.Domain = &nameView{ID: r.DomainID, Name: &domain}
	}
	return v
}
