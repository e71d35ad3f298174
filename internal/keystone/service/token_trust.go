package service

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/fault"
)

// scopeToTrust lets the trustee have a token of a trust: 401 if there is no
// such trust, 403 if it is for somebody else or has nothing to give.
func (s *Service) scopeToTrust(ctx context.Context, id string, p *token.Payload) error {
	t, err := s.Trust(ctx, id)
	if err != nil {
		return asUnauthorized(err)
	}
	if t.ProjectID == "" {
		return unauthorized("trust %s is on no project", id)
	}
	if t.TrusteeUserID != p.UserID {
		return fault.Forbidden("User is not a trustee.")
	}
	trustor, err := s.User(ctx, t.TrustorUserID)
	if err != nil {
		return asUnauthorized(err)
	}
	if !trustor.Enabled {
		return fault.Forbidden("Trustor is disabled.")
	}
	if _, err := s.trustedRoles(ctx, t); err != nil {
		return asUnauthorized(err)
	}
	p.TrustID, p.ProjectID = t.ID, t.ProjectID
	return nil
}

// trustedRoles lists the roles that a trust gives, implied ones included. If
// whoever gave them at first has lost one, the trust gives nothing: 403.
func (s *Service) trustedRoles(ctx context.Context, t keystone.Trust) ([]string, error) {
	chain, err := s.pedigree(ctx, t)
	if err != nil {
		return nil, err
	}
	project, err := s.Project(ctx, t.ProjectID)
	if err != nil {
		return nil, err
	}
	implied, err := s.store.Implied(ctx)
	if err != nil {
		return nil, err
	}
	roles := implied.Closure(t.RoleIDs)
	for _, giver := range []string{chain[len(chain)-1].TrustorUserID, t.TrustorUserID} {
		held, err := s.effectiveRoles(ctx, giver, project)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(roles, func(id string) bool { return !slices.Contains(held, id) }) {
			return nil, fault.Forbidden("Trustee has no delegated roles.")
		}
	}
	return roles, nil
}

// resolveTrust is about a token made with a trust. Its trustee, its trustor
// and all who had a part in it must be able to act.
func (s *Service) resolveTrust(ctx context.Context, r *resolving) error {
	t, err := s.liveTrust(ctx, r.payload.TrustID)
	if fault.Is(err, 403) {
		return errNotValid()
	} else if err != nil {
		return err
	}
	if t.TrusteeUserID != r.payload.UserID || t.ProjectID != r.payload.ProjectID {
		return errNotValid()
	}
	trustor, domain, err := s.activeUser(ctx, r, t.TrustorUserID)
	if err != nil {
		return err
	}
	roles, err := s.trustedRoles(ctx, t)
	if fault.Is(err, 403) {
		return errNotValid()
	} else if err != nil {
		return err
	}
	r.token.Trust = &t
	r.token.Roles = r.book.global(roles)
	r.until(t.ExpiresAt)
	if t.Impersonation {
		r.token.User, r.token.UserDomain = trustor, domain
	}
	return nil
}

// spendTrust takes one use of the trust that a token is made with.
func (s *Service) spendTrust(ctx context.Context, p token.Payload) error {
	t, err := s.Trust(ctx, p.TrustID)
	if err != nil {
		return err
	}
	return s.consumeTrust(ctx, t)
}
