package service_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// manyGrants is a database full of assignments, with all that they speak of.
type manyGrants struct {
	svc      *service.Service
	projects []keystone.Project // domains too
	users    []string
	groups   []string
	members  []keystone.Membership
	roles    []keystone.Role
	implied  keystone.Implied
	rows     []keystone.Assignment
}

// newGrants makes n assignments at random, but always the same: of some users
// and groups, on a forest of projects, some inherited, some of roles that imply others.
func newGrants(t testing.TB, d *db.DB, n, projects, users int) *manyGrants {
	t.Helper()
	g := &manyGrants{implied: keystone.Implied{}, svc: service.New(service.Deps{Store: store.New(d), Tokens: token.NewFernet(keysOf(t), nil)})}
	r := rand.New(rand.NewPCG(1, 2))
	empty := map[string]any{}
	for i := range max(1, projects/100) {
		g.projects = append(g.projects, keystone.Project{ID: fmt.Sprint("domain", i), Name: fmt.Sprint("domain", i), IsDomain: true, Enabled: true, Tags: []string{}, Options: empty, Extra: empty})
	}
	domains := len(g.projects)
	for i := range projects {
		above := g.projects[r.IntN(len(g.projects))]
		p := keystone.Project{ID: fmt.Sprint("project", i), Name: fmt.Sprint("project", i), ParentID: above.ID, DomainID: above.DomainID, Enabled: true, Tags: []string{}, Options: empty, Extra: empty}
		if above.IsDomain {
			p.DomainID = above.ID
		}
		g.projects = append(g.projects, p)
	}
	for i := range users {
		g.users = append(g.users, fmt.Sprint("user", i))
	}
	for i := range max(2, users/10) {
		g.groups = append(g.groups, fmt.Sprint("group", i))
		for range 5 {
			g.members = append(g.members, keystone.Membership{UserID: g.users[r.IntN(users)], GroupID: g.groups[i]})
		}
	}
	for i, domain := range []string{"", "", "", "", "domain0"} {
		g.roles = append(g.roles, keystone.Role{ID: fmt.Sprint("role", i), Name: fmt.Sprint("role", i), DomainID: domain, Options: empty, Extra: empty})
	}
	for _, i := range [][2]int{{0, 1}, {1, 2}, {4, 3}} {
		g.implied[g.roles[i[0]].ID] = append(g.implied[g.roles[i[0]].ID], g.roles[i[1]].ID)
	}
	seen := map[keystone.Assignment]bool{}
	for len(g.rows) < n {
		a := keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: g.users[r.IntN(users)], TargetKind: keystone.TargetProject, RoleID: g.roles[r.IntN(5)].ID}
		if r.IntN(10) == 0 {
			a.ActorKind, a.ActorID = keystone.ActorGroup, g.groups[r.IntN(len(g.groups))]
		}
		target := g.projects[domains+r.IntN(projects)]
		switch r.IntN(100) {
		case 0:
			target, a.TargetKind = g.projects[r.IntN(domains)], keystone.TargetDomain
		case 1:
			a.Inherited = true
		case 2:
			target, a.TargetKind, a.Inherited = g.projects[r.IntN(domains)], keystone.TargetDomain, r.IntN(10) == 0
		}
		a.TargetID = target.ID
		if r.IntN(200) == 0 {
			a.TargetKind, a.TargetID, a.Inherited = keystone.TargetSystem, keystone.SystemID, false
		}
		if !seen[a] {
			seen[a] = true
			g.rows = append(g.rows, a)
		}
	}
	g.write(t, d)
	return g
}

func (g *manyGrants) write(t testing.TB, d *db.DB) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		must(db.Table[keystone.Project]("projects").Insert(ctx, tx, g.projects...))
		must(db.Table[keystone.Role]("roles").Insert(ctx, tx, g.roles...))
		must(db.Table[keystone.Membership]("memberships").InsertMissing(ctx, tx, g.members...))
		for prior, all := range g.implied {
			for _, role := range all {
				must(db.Table[keystone.Implication]("implied_roles").Insert(ctx, tx, keystone.Implication{PriorID: prior, ImpliedID: role}))
			}
		}
		must(db.Table[keystone.Assignment]("assignments").Insert(ctx, tx, g.rows...))
		return nil
	}))
}

// plain works out what the grants come to, straight from what the words mean.
func (g *manyGrants) plain(f keystone.AssignmentFilter) (out []keystone.Effective) {
	parents, domainRole, told := map[string]string{}, map[string]bool{}, map[keystone.Effective]bool{}
	for _, p := range g.projects {
		parents[p.ID] = p.ParentID
	}
	for _, r := range g.roles {
		domainRole[r.ID] = r.DomainID != ""
	}
	above := func(id, up string) bool {
		for id = parents[id]; id != ""; id = parents[id] {
			if id == up {
				return true
			}
		}
		return false
	}
	for _, a := range g.rows {
		if a.TargetKind == keystone.TargetSystem || f.Inherited != nil && a.Inherited != *f.Inherited || f.DomainID != "" && a.Inherited {
			continue
		}
		targets := []keystone.Effective{{Assignment: a}}
		if a.Inherited {
			targets = nil
			for _, p := range g.projects {
				if !p.IsDomain && above(p.ID, a.TargetID) {
					e := keystone.Effective{Assignment: a}
					if a.TargetKind == keystone.TargetDomain {
						e.ViaDomain = a.TargetID
					} else {
						e.ViaProject = a.TargetID
					}
					e.TargetKind, e.TargetID, e.Inherited = keystone.TargetProject, p.ID, false
					targets = append(targets, e)
				}
			}
		}
		for _, e := range targets {
			onProject := e.TargetKind == keystone.TargetProject && (e.TargetID == f.ProjectID || f.Subtree && above(e.TargetID, f.ProjectID))
			if f.ProjectID != "" && !onProject || f.DomainID != "" && (e.TargetKind != keystone.TargetDomain || e.TargetID != f.DomainID) {
				continue
			}
			held := []keystone.Effective{e}
			if e.ActorKind == keystone.ActorGroup {
				held = nil
				for _, m := range slices.Compact(slices.SortedFunc(slices.Values(g.members), func(a, b keystone.Membership) int {
					return slices.Compare([]string{a.GroupID, a.UserID}, []string{b.GroupID, b.UserID})
				})) {
					if m.GroupID == e.ActorID {
						h := e
						h.ViaGroup, h.ActorKind, h.ActorID = m.GroupID, keystone.ActorUser, m.UserID
						held = append(held, h)
					}
				}
			}
			for _, h := range held {
				via := ""
				for role := h.RoleID; ; {
					if (f.UserID == "" || h.ActorID == f.UserID) && (f.RoleID == "" || role == f.RoleID) && !domainRole[role] {
						i := h
						i.ViaRole, i.RoleID = via, role
						if !told[i] { // two roles may come to the same
							out = append(out, i)
						}
						told[i] = true
					}
					if len(g.implied[role]) == 0 {
						break
					}
					via, role = role, g.implied[role][0]
				}
			}
		}
	}
	return out
}

// TestEffective: whatever is asked for, the entries are those that the words mean.
func TestEffective(t *testing.T) {
	yes, no := true, false
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		g := newGrants(t, d, 1500, 200, 30)
		for _, f := range []keystone.AssignmentFilter{{}, {UserID: "user3"}, {ProjectID: "project7"}, {ProjectID: "project0", Subtree: true}, {DomainID: "domain0"},
			{RoleID: "role2"}, {RoleID: "role3", UserID: "user4"}, {UserID: "user5", ProjectID: "project1", Subtree: true}, {Inherited: &yes}, {Inherited: &no},
			{Inherited: &yes, ProjectID: "project9"}, {UserID: "nobody"}, {RoleID: "role4"}, {UserID: "user1", DomainID: "domain1"}} {
			got, err := g.svc.Effective(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			want := g.plain(f)
			order := func(a, b keystone.Effective) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
			slices.SortFunc(got, order)
			slices.SortFunc(want, order)
			if !slices.Equal(got, want) {
				t.Errorf("%+v: %d entries, want %d", f, len(got), len(want))
			}
			if (f == keystone.AssignmentFilter{}) && len(want) < 2000 {
				t.Errorf("only %d entries to compare", len(want))
			}
		}
	})
}

// BenchmarkEffective lists what many grants come to: all of it, and what
// concerns one user, one project, one of both.
func BenchmarkEffective(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		g := newGrants(b, dbtest.SQLite(b, store.Migrations), n, max(100, n/100), max(20, n/50))
		for name, f := range map[string]keystone.AssignmentFilter{"user": {UserID: "user7"}, "project": {ProjectID: "project50"},
			"both": {UserID: "user7", ProjectID: "project50"}, "all": {}} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				var rows []keystone.Effective
				for b.Loop() {
					var err error
					if rows, err = g.svc.Effective(b.Context(), f); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(rows)), "entries")
			})
		}
	}
}

// Two roles of a user that come to the same third one by the same second one
// give that once, as in the original.
func TestImpliedOnce(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := t.Context()
		ids := map[string]string{}
		for _, name := range []string{"a", "b", "c"} {
			r, err := w.CreateRole(ctx, keystone.Attributes{"name": name})
			w.must(t, err)
			ids[name] = r.ID
		}
		for _, pair := range [][2]string{{"a", "b"}, {"b", "c"}} {
			w.must(t, w.Imply(ctx, keystone.Role{ID: ids[pair[0]]}, keystone.Role{ID: ids[pair[1]]}))
		}
		for _, name := range []string{"a", "b"} {
			for _, inherited := range []bool{false, true} {
				g := w.grant()
				g.RoleID, g.Inherited = ids[name], inherited
				w.must(t, w.Service.Grant(ctx, g))
			}
		}
		child, err := w.CreateProject(ctx, keystone.Attributes{"name": "child", "domain_id": w.domain.ID, "parent_id": w.project.ID})
		w.must(t, err)
		for _, project := range []string{w.project.ID, child.ID} {
			list, err := w.Effective(ctx, keystone.AssignmentFilter{UserID: w.user.ID, ProjectID: project})
			w.must(t, err)
			found := map[string]int{}
			for _, e := range list {
				for name, id := range ids {
					if e.RoleID == id {
						found[name]++
					}
				}
			}
			if found["a"] != 1 || found["b"] != 2 || found["c"] != 1 {
				t.Errorf("entries by role: %v", found)
			}
		}
	})
}
