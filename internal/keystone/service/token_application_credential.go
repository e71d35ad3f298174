package service

import (
	"context"
	"slices"

	"nacre/internal/keystone"
)

// resolveApplicationCredential is about a token made with an application
// credential: it has the roles of both the credential and its user.
func (s *Service) resolveApplicationCredential(ctx context.Context, r *resolving) error {
	a, err := s.ApplicationCredential(ctx, r.payload.AppCredID)
	if err != nil {
		return err
	}
	if a.UserID != r.payload.UserID || a.ProjectID != r.payload.ProjectID || a.Expired(s.clock.Now()) {
		return errNotValid()
	}
	r.token.AppCred = &a
	r.until(a.ExpiresAt)
	held, err := s.rolesOf(ctx, r, a.UserID)
	r.token.Roles = both(r.book.global(a.RoleIDs), held)
	return err
}

// both lists the roles that are in both lists.
func both(a, b []keystone.RoleRef) []keystone.RoleRef {
	return slices.DeleteFunc(a, func(r keystone.RoleRef) bool { return !slices.Contains(b, r) })
}
