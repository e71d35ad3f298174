package store

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var assignments = db.Table[keystone.Assignment]("assignments")

// Actors selects assignments of a user (in person) or of groups; both empty are all.
type Actors struct {
	UserID string
	Groups []string
}

// Assignments lists direct assignments. An empty target kind is any target;
// no targetIDs are all of the kind.
func (r reads) Assignments(ctx context.Context, who Actors, kind string, targetIDs []string) ([]keystone.Assignment, error) {
	q := assignments.Select("").OrderBy("actor_kind", "actor_id", "target_kind", "target_id", "role_id", "inherited")
	switch {
	case who.UserID != "":
		q.Where("actor_kind = 'user' AND actor_id = ?", who.UserID)
	case len(who.Groups) > 0:
		q.Where("actor_kind = 'group'").In("actor_id", who.Groups)
	}
	q.WhereIf(kind != "", "target_kind = ?", kind)
	if len(targetIDs) > 0 {
		q.In("target_id", targetIDs)
	}
	return db.All(ctx, r.q, q)
}

// Grants selects assignments; empty fields select all.
type Grants struct {
	ActorIDs   []string // of users and groups
	TargetKind string
	TargetIDs  []string
	RoleIDs    []string
	Inherited  *bool
}

// AssignmentsOf lists direct assignments, but for those on the system.
func (r reads) AssignmentsOf(ctx context.Context, g Grants) ([]keystone.Assignment, error) {
	if len(g.TargetIDs) == 0 {
		return r.assignmentsOf(ctx, g, nil)
	}
	// Without an order, so that the index on targets is used and not the one that has the order.
	var rows []keystone.Assignment
	for part := range chunks(g.TargetIDs) {
		some, err := r.assignmentsOf(ctx, g, part)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func (r reads) assignmentsOf(ctx context.Context, g Grants, targets []string) ([]keystone.Assignment, error) {
	q := assignments.Select("target_kind <> 'system'").WhereIf(g.TargetKind != "", "target_kind = ?", g.TargetKind)
	if g.Inherited != nil {
		q.Where("inherited = ?", *g.Inherited)
	}
	if targets != nil {
		q.In("target_id", targets)
	}
	if g.ActorIDs != nil {
		q.In("actor_id", g.ActorIDs)
	}
	if g.RoleIDs != nil {
		q.In("role_id", g.RoleIDs)
	}
	if targets == nil && g.ActorIDs == nil {
		q.OrderBy("actor_kind", "actor_id", "target_kind", "target_id", "role_id", "inherited")
	}
	return db.All(ctx, r.q, q)
}

// Grant reports whether that very assignment exists.
func (r reads) Grant(ctx context.Context, a keystone.Assignment) (bool, error) {
	n, err := db.Count(ctx, r.q, assignments.Select(oneGrant, grantArgs(a)...))
	return n > 0, err
}

const oneGrant = "actor_kind = ? AND actor_id = ? AND target_kind = ? AND target_id = ? AND role_id = ? AND inherited = ?"

func grantArgs(a keystone.Assignment) []any {
	return []any{a.ActorKind, a.ActorID, a.TargetKind, a.TargetID, a.RoleID, a.Inherited}
}

// RolesGranted gives the IDs of the roles that a user, "" for nobody, has on a
// target, by grants to the user or to one of these groups, on the target itself
// or inherited from one of ancestors. Implied roles are not added.
func (r reads) RolesGranted(ctx context.Context, userID string, groups []string, kind, targetID string, ancestors []string) ([]string, error) {
	actors := append([]string{userID}, groups...)
	// Two plain statements take half the time of one with a subquery.
	rows, err := db.All(ctx, r.q, assignments.Select("actor_kind IN ('user', 'group')").
		In("actor_id", actors).In("target_id", append([]string{targetID}, ancestors...)))
	var roles []string
	for _, a := range rows {
		direct := !a.Inherited && a.TargetKind == kind && a.TargetID == targetID
		inherited := a.Inherited && slices.Contains(ancestors, a.TargetID)
		if (direct || inherited) && (a.ActorKind == keystone.ActorUser) == (a.ActorID == userID) {
			roles = append(roles, a.RoleID)
		}
	}
	return roles, err
}

// AddGrant records an assignment; one that is there stays.
func (tx *Tx) AddGrant(ctx context.Context, a keystone.Assignment) error {
	return assignments.InsertMissing(ctx, tx.tx, a)
}

// RemoveGrant is ErrNoRow if there is no such assignment.
func (tx *Tx) RemoveGrant(ctx context.Context, a keystone.Assignment) error {
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM assignments WHERE "+oneGrant, grantArgs(a)...)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
