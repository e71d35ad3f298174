package service

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
)

// Assignments lists grants as they were made.
func (s *Service) Assignments(ctx context.Context, f keystone.AssignmentFilter) ([]keystone.Effective, error) {
	who := store.Actors{UserID: f.UserID}
	if f.GroupID != "" {
		who.Groups = []string{f.GroupID}
	}
	kind, targets, err := s.targetsOf(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Assignments(ctx, who, kind, targets)
	if err != nil {
		return nil, err
	}
	out := []keystone.Effective{}
	for _, a := range rows {
		if (f.RoleID == "" || a.RoleID == f.RoleID) && (f.Inherited == nil || a.Inherited == *f.Inherited) {
			out = append(out, keystone.Effective{Assignment: a})
		}
	}
	return out, nil
}

// targetsOf is the kind of target a filter names, and which.
func (s *Service) targetsOf(ctx context.Context, f keystone.AssignmentFilter) (kind string, ids []string, err error) {
	switch {
	case f.System == "all":
		return keystone.TargetSystem, nil, nil
	case f.DomainID != "":
		return keystone.TargetDomain, []string{f.DomainID}, nil
	case f.ProjectID != "":
		ids, err := s.withSubtree(ctx, f)
		return keystone.TargetProject, ids, err
	}
	return "", nil, nil
}

func (s *Service) withSubtree(ctx context.Context, f keystone.AssignmentFilter) ([]string, error) {
	ids := []string{f.ProjectID}
	if !f.Subtree {
		return ids, nil
	}
	below, err := s.store.Subtree(ctx, f.ProjectID)
	for _, p := range below {
		ids = append(ids, p.ID)
	}
	return ids, err
}

// Effective lists what the grants come to: one entry for each user and
// target, with groups, inheritance and implied roles worked out. Grants on
// the system and roles of domains are left out, as in the original.
func (s *Service) Effective(ctx context.Context, f keystone.AssignmentFilter) ([]keystone.Effective, error) {
	x, err := s.expansion(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, err := x.grants(ctx)
	if err != nil {
		return nil, err
	}
	out := []keystone.Effective{}
	for _, a := range rows {
		for _, placed := range x.place(a) {
			for _, held := range x.hold(placed) {
				out = append(out, x.imply(held)...)
			}
		}
	}
	return slices.DeleteFunc(out, func(e keystone.Effective) bool {
		return f.RoleID != "" && e.RoleID != f.RoleID || x.book.roles[e.RoleID].DomainID != ""
	}), nil
}

// expansion is what Effective needs to know.
type expansion struct {
	s        *Service
	filter   keystone.AssignmentFilter
	projects map[string]keystone.Project
	wanted   []string            // projects of interest; nil is all
	members  map[string][]string // of each group
	groups   []string            // of the user of interest
	book     *roleBook
}

func (s *Service) expansion(ctx context.Context, f keystone.AssignmentFilter) (*expansion, error) {
	x := &expansion{s: s, filter: f, projects: map[string]keystone.Project{}, members: map[string][]string{}}
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	if x.book, err = s.roleBook(ctx, revision); err != nil {
		return nil, err
	}
	if f.ProjectID != "" {
		if x.wanted, err = s.withSubtree(ctx, f); err != nil {
			return nil, err
		}
	}
	ms, err := s.store.Memberships(ctx, f.UserID, "")
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		x.members[m.GroupID] = append(x.members[m.GroupID], m.UserID)
		if f.UserID != "" {
			x.groups = append(x.groups, m.GroupID)
		}
	}
	return x, nil
}

// grants reads every grant that may have a part in the result, and the tree of
// projects if one is inherited.
func (x *expansion) grants(ctx context.Context) ([]keystone.Assignment, error) {
	rows, err := x.s.store.Assignments(ctx, store.Actors{UserID: x.filter.UserID}, "", nil)
	if err == nil && len(x.groups) > 0 {
		var more []keystone.Assignment
		more, err = x.s.store.Assignments(ctx, store.Actors{Groups: x.groups}, "", nil)
		rows = append(rows, more...)
	}
	if err != nil || !slices.ContainsFunc(rows, func(a keystone.Assignment) bool { return a.Inherited }) {
		return rows, err
	}
	all, err := x.s.store.Projects(ctx, nil)
	for _, p := range all {
		x.projects[p.ID] = p
	}
	return rows, err
}

// place gives the targets that a grant holds on, among those asked for.
func (x *expansion) place(a keystone.Assignment) []keystone.Effective {
	f := x.filter
	if a.TargetKind == keystone.TargetSystem || f.Inherited != nil && a.Inherited != *f.Inherited {
		return nil
	}
	if !a.Inherited {
		if f.ProjectID != "" && (a.TargetKind != keystone.TargetProject || !slices.Contains(x.wanted, a.TargetID)) ||
			f.DomainID != "" && (a.TargetKind != keystone.TargetDomain || a.TargetID != f.DomainID) {
			return nil
		}
		return []keystone.Effective{{Assignment: a}}
	}
	if f.DomainID != "" {
		return nil
	}
	var out []keystone.Effective
	for _, id := range x.below(a) {
		e := keystone.Effective{Assignment: a}
		if a.TargetKind == keystone.TargetDomain {
			e.ViaDomain = a.TargetID
		} else {
			e.ViaProject = a.TargetID
		}
		e.TargetKind, e.TargetID, e.Inherited = keystone.TargetProject, id, false
		out = append(out, e)
	}
	return out
}

// below lists the projects of interest that inherit a grant.
func (x *expansion) below(a keystone.Assignment) []string {
	var ids []string
	for id := range x.projects {
		if (x.wanted == nil || slices.Contains(x.wanted, id)) && x.inherits(id, a) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (x *expansion) inherits(id string, a keystone.Assignment) bool {
	p := x.projects[id]
	if a.TargetKind == keystone.TargetDomain {
		return p.DomainID == a.TargetID
	}
	for p.ParentID != "" {
		if p.ParentID == a.TargetID {
			return true
		}
		p = x.projects[p.ParentID]
	}
	return false
}

// hold gives one entry for each user who has a grant.
func (x *expansion) hold(e keystone.Effective) []keystone.Effective {
	if e.ActorKind == keystone.ActorUser {
		return []keystone.Effective{e}
	}
	var out []keystone.Effective
	for _, user := range x.members[e.ActorID] {
		held := e
		held.ViaGroup, held.ActorKind, held.ActorID = e.ActorID, keystone.ActorUser, user
		out = append(out, held)
	}
	return out
}

// imply adds an entry for each role that the entry's role implies.
func (x *expansion) imply(e keystone.Effective) []keystone.Effective {
	out := []keystone.Effective{e}
	seen := map[string]bool{e.RoleID: true}
	for i := 0; i < len(out); i++ {
		for _, id := range x.book.implied[out[i].RoleID] {
			if !seen[id] {
				seen[id] = true
				more := e
				more.ViaRole, more.RoleID = out[i].RoleID, id
				out = append(out, more)
			}
		}
	}
	return out
}

// Names are the resources that a list of assignments speaks of, by ID.
type Names struct {
	Users    map[string]keystone.User
	Groups   map[string]keystone.Group
	Projects map[string]keystone.Project // and domains
	Roles    map[string]keystone.Role
}

// NamesOf reads the resources that assignments speak of, and their domains.
func (s *Service) NamesOf(ctx context.Context, list []keystone.Effective) (n Names, err error) {
	var users, groups, projects, roles []string
	for _, e := range list {
		roles = append(roles, e.RoleID)
		if e.TargetKind != keystone.TargetSystem {
			projects = append(projects, e.TargetID)
		}
		if e.ActorKind == keystone.ActorUser {
			users = append(users, e.ActorID)
		} else {
			groups = append(groups, e.ActorID)
		}
	}
	u, err1 := s.store.UsersByID(ctx, users)
	g, err2 := s.store.GroupsByID(ctx, groups)
	p, err3 := s.store.ProjectsByID(ctx, projects)
	r, err4 := s.store.RolesByID(ctx, roles)
	if err := firstError(err1, err2, err3, err4); err != nil {
		return n, err
	}
	n = Names{index(u, func(u keystone.User) string { return u.ID }), index(g, func(g keystone.Group) string { return g.ID }),
		index(p, func(p keystone.Project) string { return p.ID }), index(r, func(r keystone.Role) string { return r.ID })}
	return n, s.addDomains(ctx, &n)
}

func index[T any](rows []T, id func(T) string) map[string]T {
	out := make(map[string]T, len(rows))
	for _, row := range rows {
		out[id(row)] = row
	}
	return out
}

func (s *Service) addDomains(ctx context.Context, n *Names) error {
	var ids []string
	for _, u := range n.Users {
		ids = append(ids, u.DomainID)
	}
	for _, g := range n.Groups {
		ids = append(ids, g.DomainID)
	}
	for _, p := range n.Projects {
		ids = append(ids, p.DomainID)
	}
	for _, r := range n.Roles {
		ids = append(ids, r.DomainID)
	}
	domains, err := s.store.ProjectsByID(ctx, ids)
	for _, d := range domains {
		n.Projects[d.ID] = d
	}
	return err
}
