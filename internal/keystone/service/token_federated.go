package service

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
)

// resolveFederated is about a token of a user whom an identity provider
// vouches for: its roles are the user's own and those of the groups that the
// assertion was mapped to. It ends with the identity provider.
func (s *Service) resolveFederated(ctx context.Context, r *resolving) error {
	p := r.payload
	if _, err := s.IdentityProvider(ctx, p.IdentityProvider); fault.Is(err, 404) {
		return errNotValid()
	} else if err != nil {
		return err
	}
	r.token.Federation = &keystone.Federation{IdentityProvider: p.IdentityProvider, Protocol: p.Protocol, GroupIDs: p.GroupIDs}
	if r.grants.kind == "" {
		return nil
	}
	own, err := s.grantedRoles(ctx, p.UserID, r.grants.kind, r.grants.target, r.grants.above)
	if err != nil {
		return err
	}
	ms, ends, err := s.store.LivingMemberships(ctx, p.UserID, "")
	if err != nil {
		return err
	}
	for i, m := range ms { // own counts these; those of this assertion stay
		if !slices.Contains(p.GroupIDs, m.GroupID) {
			r.until(&ends[i])
		}
	}
	groups, err := s.store.RolesGranted(ctx, "", p.GroupIDs, r.grants.kind, r.grants.target, r.grants.above)
	r.token.Roles = r.book.global(append(own, groups...))
	return err
}
