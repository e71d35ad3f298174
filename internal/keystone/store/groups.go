package store

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	groups      = db.Table[keystone.Group]("user_groups")
	memberships = db.Table[keystone.Membership]("memberships")
)

// Group is the group with that ID, or ErrNoRow.
func (r reads) Group(ctx context.Context, id string) (keystone.Group, error) {
	return db.One(ctx, r.q, groups.Select("id = ?", id))
}

// Groups lists the groups that pass the filters.
func (r reads) Groups(ctx context.Context, fs keystone.Filters) ([]keystone.Group, error) {
	return list(ctx, r.q, groups, fs, "domain_id", "name")
}

// GroupsByID reads several groups; unknown ones are left out.
func (r reads) GroupsByID(ctx context.Context, ids []string) ([]keystone.Group, error) {
	return byIDs(ctx, r.q, groups, ids)
}

// Memberships lists those of a user or a group; "" is any.
// Those that an identity provider spoke of count until they expire.
func (r reads) Memberships(ctx context.Context, userID, groupID string) ([]keystone.Membership, error) {
	rows, err := db.All(ctx, r.q, memberships.Select("").
		WhereIf(userID != "", "user_id = ?", userID).
		WhereIf(groupID != "", "group_id = ?", groupID).OrderBy("user_id", "group_id"))
	if err != nil {
		return nil, err
	}
	more, _, err := r.LivingMemberships(ctx, userID, groupID)
	for _, m := range more {
		if !slices.Contains(rows, m) {
			rows = append(rows, m)
		}
	}
	return rows, err
}

// MembershipsOf lists those of several groups.
func (r reads) MembershipsOf(ctx context.Context, groupIDs []string) ([]keystone.Membership, error) {
	var rows []keystone.Membership
	for part := range chunks(groupIDs) {
		some, err := db.All(ctx, r.q, memberships.Select("").In("group_id", part).OrderBy("group_id", "user_id"))
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
		expiring, err := db.All(ctx, r.q, expiringMemberships.Select("").In("group_id", part).OrderBy("group_id", "user_id", "idp_id"))
		if err != nil {
			return nil, err
		}
		more, _, err := r.living(ctx, expiring)
		if err != nil {
			return nil, err
		}
		for _, m := range more {
			if !slices.Contains(some, m) {
				some, rows = append(some, m), append(rows, m)
			}
		}
	}
	return rows, nil
}

// InsertGroup writes a new group; ErrDuplicate if the domain has one of that name.
func (tx *Tx) InsertGroup(ctx context.Context, g keystone.Group) error {
	return groups.Insert(ctx, tx.tx, g)
}

// UpdateGroup writes all of a group; ErrDuplicate if the name is taken.
func (tx *Tx) UpdateGroup(ctx context.Context, g keystone.Group) error {
	return update(ctx, tx, groups, g)
}

// DeleteGroup removes a group with its memberships and grants.
func (tx *Tx) DeleteGroup(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM memberships WHERE group_id = ?",
		"DELETE FROM expiring_memberships WHERE group_id = ?",
		"DELETE FROM assignments WHERE actor_kind = 'group' AND actor_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "user_groups", id)
}

// AddMember makes the user a member; one who is stays one.
func (tx *Tx) AddMember(ctx context.Context, m keystone.Membership) error {
	return memberships.InsertMissing(ctx, tx.tx, m)
}

// RemoveMember is ErrNoRow if the user is no member.
func (tx *Tx) RemoveMember(ctx context.Context, m keystone.Membership) error {
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM memberships WHERE user_id = ? AND group_id = ?", m.UserID, m.GroupID)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
