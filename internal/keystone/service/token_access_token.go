package service

import "context"

// resolveAccessToken is about a token made with an OAuth access token: it has
// the roles of both the grant and the user who made it.
func (s *Service) resolveAccessToken(ctx context.Context, r *resolving) error {
	a, err := s.store.AccessToken(ctx, r.payload.AccessTokenID)
	if err := noRow(err, "Access token"); err != nil {
		return err
	}
	if a.AuthorizingUserID != r.payload.UserID || a.ProjectID != r.payload.ProjectID || s.alive(a.ExpiresAt, "access token") != nil {
		return errNotValid()
	}
	r.token.AccessToken = &a
	r.until(a.ExpiresAt)
	held, err := s.rolesOf(ctx, r, a.AuthorizingUserID)
	r.token.Roles = both(r.book.global(a.RoleIDs), held)
	return err
}
