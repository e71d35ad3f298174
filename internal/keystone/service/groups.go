package service

import (
	"context"
	"errors"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var groupAttributes = []string{"id", "name", "domain_id", "description", "links"}

// Group is a group, or 404.
func (s *Service) Group(ctx context.Context, id string) (keystone.Group, error) {
	return groupIn(ctx, s.identities, id)
}

func groupIn(ctx context.Context, q actors, id string) (keystone.Group, error) {
	g, err := q.Group(ctx, id)
	return g, missing(err, "group", id)
}

// Groups lists groups.
func (s *Service) Groups(ctx context.Context, fs keystone.Filters) ([]keystone.Group, error) {
	return s.identities.Groups(ctx, fs)
}

// CreateGroup makes a group.
func (s *Service) CreateGroup(ctx context.Context, a keystone.Attributes) (keystone.Group, error) {
	a = a.Normalized()
	if err := s.ourDomain(ctx, domainFor(ctx, a)); err != nil {
		return keystone.Group{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Group, error) {
		g := keystone.Group{ID: uuid.Hex(), DomainID: domainFor(ctx, a)}
		if _, err := domainIn(ctx, tx, g.DomainID); err != nil {
			return g, err
		}
		applyGroup(&g, a)
		s.notify(ctx, tx, "group", created, g.ID)
		return g, groupConflict(tx.InsertGroup(ctx, g), g)
	})
}

func groupConflict(err error, g keystone.Group) error {
	return duplicate(err, "group", "Duplicate entry found with name %s at domain ID %s", g.Name, g.DomainID)
}

// UpdateGroup changes a group.
func (s *Service) UpdateGroup(ctx context.Context, id string, a keystone.Attributes) (keystone.Group, error) {
	if err := s.ourGroup(ctx, id, a); err != nil {
		return keystone.Group{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Group, error) {
		g, err := groupIn(ctx, tx, id)
		if err != nil {
			return g, err
		}
		if err := firstError(sameID(a, id), sameDomain(a, g.DomainID)); err != nil {
			return g, err
		}
		applyGroup(&g, a)
		s.notify(ctx, tx, "group", updated, id)
		return g, groupConflict(tx.UpdateGroup(ctx, g), g)
	})
}

func applyGroup(g *keystone.Group, a keystone.Attributes) {
	a.SetName("name", &g.Name)
	a.SetText("description", &g.Description)
	a.MergeExtra(&g.Extra, groupAttributes...)
}

// DeleteGroup removes a group with its grants, and revokes the tokens of its
// members if it had any.
func (s *Service) DeleteGroup(ctx context.Context, id string) error {
	if err := s.ourGroup(ctx, id, nil); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.revokeMembers(ctx, tx, id); err != nil {
			return err
		}
		s.notify(ctx, tx, "group", deleted, id)
		return tx.DeleteGroup(ctx, id)
	})
	return missing(err, "group", id)
}

// revokeMembers revokes the tokens of the members of a group that has grants.
func (s *Service) revokeMembers(ctx context.Context, tx *store.Tx, groupID string) error {
	grants, err := tx.Assignments(ctx, store.Actors{Groups: []string{groupID}}, "", nil)
	if err != nil || len(grants) == 0 {
		return err
	}
	members, err := tx.Memberships(ctx, "", groupID)
	for _, m := range members {
		if err := s.revoke(ctx, tx, keystone.Revocation{UserID: m.UserID}); err != nil {
			return err
		}
	}
	return err
}

// GroupsOfUser lists the groups a user belongs to.
func (s *Service) GroupsOfUser(ctx context.Context, userID string, fs keystone.Filters) ([]keystone.Group, error) {
	if _, err := s.User(ctx, userID); err != nil {
		return nil, err
	}
	groups, err := s.identities.GroupsOf(ctx, userID)
	return matching(groups, fs), err
}

// UsersOfGroup lists the members of a group.
func (s *Service) UsersOfGroup(ctx context.Context, groupID string, fs keystone.Filters) ([]keystone.User, error) {
	if _, err := s.Group(ctx, groupID); err != nil {
		return nil, err
	}
	users, err := s.identities.UsersOf(ctx, groupID)
	return matching(users, fs), err
}

// matching keeps the rows that pass the filters.
func matching[T interface{ Attribute(string) any }](rows []T, fs keystone.Filters) []T {
	out := []T{}
	for _, row := range rows {
		if fs.Match(row.Attribute) {
			out = append(out, row)
		}
	}
	return out
}

// AddMember puts a user into a group; a member stays one.
func (s *Service) AddMember(ctx context.Context, m keystone.Membership) error {
	if err := s.ourMembership(ctx, m); err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := memberIn(ctx, tx, m); err != nil {
			return err
		}
		s.notifyMember(ctx, tx, "added", m)
		return tx.AddMember(ctx, m)
	})
}

// memberIn is 404 for a user or a group that is not there.
func memberIn(ctx context.Context, q actors, m keystone.Membership) error {
	if _, err := groupIn(ctx, q, m.GroupID); err != nil {
		return err
	}
	_, err := userIn(ctx, q, m.UserID)
	return err
}

// CheckMember is 404 for a user who is not in the group.
func (s *Service) CheckMember(ctx context.Context, m keystone.Membership) error {
	if err := memberIn(ctx, s.identities, m); err != nil {
		return err
	}
	if _, err := s.sameBackend(ctx, m); err != nil {
		return err
	}
	in, err := s.identities.groupIDs(ctx, m.UserID)
	if err == nil && !slices.Contains(in, m.GroupID) {
		return notMember(m)
	}
	return err
}

// RemoveMember takes a user out of a group and revokes the user's tokens.
func (s *Service) RemoveMember(ctx context.Context, m keystone.Membership) error {
	if err := s.ourMembership(ctx, m); err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := memberIn(ctx, tx, m); err != nil {
			return err
		}
		if err := tx.RemoveMember(ctx, m); errors.Is(err, db.ErrNoRow) {
			return notMember(m)
		} else if err != nil {
			return err
		}
		s.notifyMember(ctx, tx, "removed", m)
		return s.revoke(ctx, tx, keystone.Revocation{UserID: m.UserID})
	})
}

func notMember(m keystone.Membership) error {
	return fault.NotFound("User '%s' not found in group '%s'", m.UserID, m.GroupID)
}
