package service

import (
	"context"
	"errors"
	"maps"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
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
//
// Only grants that may have a part in the result are read, so that the cost is
// that of the result and not of all grants there are.
func (s *Service) Effective(ctx context.Context, f keystone.AssignmentFilter) ([]keystone.Effective, error) {
	return s.effectiveWith(ctx, f, nil)
}

// effectiveWith is Effective with groups that count as the user's, beside its own.
func (s *Service) effectiveWith(ctx context.Context, f keystone.AssignmentFilter, also []string) ([]keystone.Effective, error) {
	x := &expansion{s: s, filter: f, also: also, members: map[string][]string{}, below: map[string][]string{}, implied: map[string][]keystone.Implication{}}
	rows, err := x.read(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]keystone.Effective, 0, x.count(rows))
	var run keystone.Assignment
	told := map[implied]bool{}
	for _, a := range rows {
		if a.ActorKind != run.ActorKind || a.ActorID != run.ActorID || a.TargetKind != run.TargetKind || a.TargetID != run.TargetID {
			run = a
			clear(told)
		}
		for _, i := range x.implications(a.RoleID) {
			if way := (implied{i, a.Inherited}); i.PriorID != "" && told[way] {
				continue // two roles of one actor that come to the same, in the same way
			} else if i.PriorID != "" {
				told[way] = true
			}
			e := keystone.Effective{Assignment: a, ViaRole: i.PriorID}
			e.RoleID = i.ImpliedID
			out = x.place(out, e)
		}
	}
	return out, nil
}

// implied is in which way a grant came to a role.
type implied struct {
	keystone.Implication
	inherited bool
}

// expansion is what Effective needs to know.
type expansion struct {
	s       *Service
	filter  keystone.AssignmentFilter
	also    []string // groups that count as those of the user of interest
	book    *roleBook
	wanted  map[string]bool                   // projects of interest; nil is all
	members map[string][]string               // of each group; with a user of interest, only that one
	below   map[string][]string               // projects of interest that inherit from a project or a domain
	implied map[string][]keystone.Implication // what a role comes to
}

// read gives every grant that may have a part in the result, and learns what is
// needed to expand them.
func (x *expansion) read(ctx context.Context) ([]keystone.Assignment, error) {
	revision, err := x.s.store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	if x.book, err = x.s.roleBook(ctx, revision); err != nil {
		return nil, err
	}
	q := store.Grants{RoleIDs: x.rolesFor(x.filter.RoleID), Inherited: x.filter.Inherited}
	family, err := x.targets(ctx, &q)
	if err == nil && x.filter.UserID != "" {
		err = x.actors(ctx, &q)
	}
	if err != nil {
		return nil, err
	}
	rows, err := x.s.store.AssignmentsOf(ctx, q)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, x.beside)
	if x.filter != (keystone.AssignmentFilter{Inherited: x.filter.Inherited}) {
		slices.SortFunc(rows, keystone.Assignment.Compare)
	}
	if err := x.inherit(ctx, rows, family); err != nil {
		return nil, err
	}
	return rows, x.membersOf(ctx, rows)
}

// rolesFor lists the roles that come to a role; nil is any.
func (x *expansion) rolesFor(id string) []string {
	if id == "" {
		return nil
	}
	ids := []string{id}
	for prior := range x.book.implied {
		if prior != id && x.book.implied.Reaches(prior, id) {
			ids = append(ids, prior)
		}
	}
	return ids
}

// targets asks for the grants on what the filter names and on what lies above
// it, and gives the projects among those.
func (x *expansion) targets(ctx context.Context, q *store.Grants) (family []keystone.Project, err error) {
	switch f := x.filter; {
	case f.DomainID != "":
		no := false
		q.TargetKind, q.TargetIDs, q.Inherited = keystone.TargetDomain, []string{f.DomainID}, &no
	case f.ProjectID != "":
		x.wanted = map[string]bool{f.ProjectID: true}
		q.TargetIDs = []string{f.ProjectID}
		p, err := x.s.store.Project(ctx, f.ProjectID)
		if errors.Is(err, db.ErrNoRow) && f.Inherited != nil && !*f.Inherited {
			return nil, nil // the original looks the project up for what it inherits only
		} else if err != nil {
			return nil, missing(err, "project", f.ProjectID)
		}
		if f.Subtree {
			if family, err = x.s.store.Subtree(ctx, p.ID); err != nil {
				return nil, err
			}
		}
		for _, below := range family {
			x.wanted[below.ID] = true
		}
		above, err := x.s.store.Parents(ctx, p)
		family = append(append(family, p), above...)
		for _, member := range family {
			q.TargetIDs = append(q.TargetIDs, member.ID)
		}
		return family, err
	}
	return nil, nil
}

// actors asks for the grants to the user and to its groups.
func (x *expansion) actors(ctx context.Context, q *store.Grants) error {
	user := x.filter.UserID
	groups, err := x.s.identities.groupIDs(ctx, user)
	q.ActorIDs = append([]string{user}, groups...)
	for _, g := range groups {
		x.members[g] = []string{user}
	}
	for _, g := range x.also {
		if x.members[g] == nil {
			q.ActorIDs = append(q.ActorIDs, g)
			x.members[g] = []string{user}
		}
	}
	return err
}

// beside reports whether a grant that was read has no part in the result.
func (x *expansion) beside(a keystone.Assignment) bool {
	f := x.filter
	return a.TargetKind == keystone.TargetSystem ||
		f.UserID != "" && (a.ActorKind == keystone.ActorUser) != (a.ActorID == f.UserID) ||
		!a.Inherited && f.ProjectID != "" && (a.TargetKind != keystone.TargetProject || !x.wanted[a.TargetID])
}

// inherit finds the projects of interest below the grants that are inherited.
func (x *expansion) inherit(ctx context.Context, rows []keystone.Assignment, family []keystone.Project) error {
	from := map[string]bool{}
	for _, a := range rows {
		if a.Inherited {
			from[a.TargetID] = true
		}
	}
	if len(from) == 0 {
		return nil
	}
	parents := map[string]string{}
	for _, p := range family {
		parents[p.ID] = p.ParentID
	}
	if x.wanted == nil {
		var err error
		if parents, err = x.s.store.TreeBelow(ctx, slices.Collect(maps.Keys(from))); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(parents)) {
		up := parents[id]
		if x.wanted != nil && !x.wanted[id] {
			continue
		}
		for range len(parents) { // no further, should parents ever form a ring
			if up == "" {
				break
			}
			if from[up] {
				x.below[up] = append(x.below[up], id)
			}
			up = parents[up]
		}
	}
	return nil
}

// membersOf finds the members of the groups that have grants.
func (x *expansion) membersOf(ctx context.Context, rows []keystone.Assignment) error {
	if x.filter.UserID != "" {
		return nil
	}
	groups := map[string]bool{}
	for _, a := range rows {
		if a.ActorKind == keystone.ActorGroup {
			groups[a.ActorID] = true
		}
	}
	ms, err := x.s.identities.membershipsOf(ctx, slices.Collect(maps.Keys(groups)))
	for _, m := range ms {
		x.members[m.GroupID] = append(x.members[m.GroupID], m.UserID)
	}
	return err
}

// implications lists what a role comes to, itself first, without the roles of
// domains and without those not asked for. The prior one is "" for itself.
func (x *expansion) implications(role string) []keystone.Implication {
	if all, ok := x.implied[role]; ok {
		return all
	}
	all := []keystone.Implication{{ImpliedID: role}}
	seen := map[string]bool{role: true}
	for i := 0; i < len(all); i++ {
		for _, id := range x.book.implied[all[i].ImpliedID] {
			if !seen[id] {
				seen[id] = true
				all = append(all, keystone.Implication{PriorID: all[i].ImpliedID, ImpliedID: id})
			}
		}
	}
	all = slices.DeleteFunc(all, func(i keystone.Implication) bool {
		return x.filter.RoleID != "" && i.ImpliedID != x.filter.RoleID || x.book.roles[i.ImpliedID].DomainID != ""
	})
	x.implied[role] = all
	return all
}

// count is how many entries grants come to.
func (x *expansion) count(rows []keystone.Assignment) (n int) {
	for _, a := range rows {
		one := len(x.implications(a.RoleID))
		if a.Inherited {
			one *= len(x.below[a.TargetID])
		}
		if a.ActorKind == keystone.ActorGroup {
			one *= len(x.members[a.ActorID])
		}
		n += one
	}
	return n
}

// place adds an entry for each target that a grant holds on.
func (x *expansion) place(out []keystone.Effective, e keystone.Effective) []keystone.Effective {
	if !e.Inherited {
		return x.hold(out, e)
	}
	from := e.TargetID
	if e.TargetKind == keystone.TargetDomain {
		e.ViaDomain = from
	} else {
		e.ViaProject = from
	}
	e.TargetKind, e.Inherited = keystone.TargetProject, false
	for _, e.TargetID = range x.below[from] {
		out = x.hold(out, e)
	}
	return out
}

// hold adds an entry for each user who has a grant.
func (x *expansion) hold(out []keystone.Effective, e keystone.Effective) []keystone.Effective {
	if e.ActorKind == keystone.ActorUser {
		return append(out, e)
	}
	e.ViaGroup, e.ActorKind = e.ActorID, keystone.ActorUser
	for _, e.ActorID = range x.members[e.ViaGroup] {
		out = append(out, e)
	}
	return out
}

// WithinDomain keeps those that are on a domain or on a project in it.
func (s *Service) WithinDomain(ctx context.Context, list []keystone.Effective, domainID string) ([]keystone.Effective, error) {
	projects := map[string]bool{}
	for _, e := range list {
		if e.TargetKind == keystone.TargetProject {
			projects[e.TargetID] = true
		}
	}
	rows, err := s.store.ProjectsByID(ctx, slices.Collect(maps.Keys(projects)))
	for _, p := range rows {
		projects[p.ID] = p.DomainID == domainID
	}
	return slices.DeleteFunc(list, func(e keystone.Effective) bool {
		return e.TargetKind == keystone.TargetSystem || e.TargetKind == keystone.TargetDomain && e.TargetID != domainID ||
			e.TargetKind == keystone.TargetProject && !projects[e.TargetID]
	}), err
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
	u, err1 := s.identities.UsersByID(ctx, users)
	g, err2 := s.identities.GroupsByID(ctx, groups)
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
