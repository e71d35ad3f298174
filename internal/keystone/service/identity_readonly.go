package service

import (
	"context"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
)

// errReadOnly refuses to change what is kept elsewhere.
func errReadOnly() error {
	return fault.Forbidden("You are not authorized to perform the requested action.").Cause(errors.New("LDAP does not support write operations"))
}

// ourUser refuses to change a user who is kept elsewhere.
func (s *Service) ourUser(ctx context.Context, id string, a keystone.Attributes) error {
	u, err := s.identities.User(ctx, id)
	if err != nil || !u.Nonlocal {
		return unlessNoRow(err)
	}
	return firstError(sameID(a, id), sameDomain(a, u.DomainID), errReadOnly())
}

// ourGroup refuses to change a group that is kept elsewhere.
func (s *Service) ourGroup(ctx context.Context, id string, a keystone.Attributes) error {
	g, err := s.identities.Group(ctx, id)
	if err != nil || !g.Nonlocal {
		return unlessNoRow(err)
	}
	return firstError(sameID(a, id), sameDomain(a, g.DomainID), errReadOnly())
}

// ourDomain refuses to put users or groups into a domain whose are kept elsewhere.
func (s *Service) ourDomain(ctx context.Context, id string) error {
	b, err := s.identities.of(ctx, id)
	if err == nil && b != nil {
		err = errReadOnly()
	}
	return err
}

// sameBackend refuses a membership between what is kept in two places.
func (s *Service) sameBackend(ctx context.Context, m keystone.Membership) (nonlocal bool, err error) {
	g, err1 := s.identities.Group(ctx, m.GroupID)
	u, err2 := s.identities.User(ctx, m.UserID)
	if err := firstError(err1, err2); err != nil {
		return false, unlessNoRow(err)
	}
	if u.Nonlocal != g.Nonlocal || u.Nonlocal && u.DomainID != g.DomainID {
		return false, fault.Forbidden("Group membership across backend boundaries is not allowed. Group in question is %s, user is %s.", m.GroupID, m.UserID)
	}
	return u.Nonlocal, nil
}

// ourMembership refuses to change who is a member of a group that is kept elsewhere.
func (s *Service) ourMembership(ctx context.Context, m keystone.Membership) error {
	nonlocal, err := s.sameBackend(ctx, m)
	if err == nil && nonlocal {
		err = errReadOnly()
	}
	return err
}
