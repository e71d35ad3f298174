package service

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/fault"
)

// proveToken proves the user of a valid token. The new one ends with it, and
// hangs on what it hangs on: nobody gets more by it, or for longer.
func (s *Service) proveToken(ctx context.Context, given keystone.TokenProof, p *proof) error {
	t, err := s.Token(ctx, given.ID)
	if err != nil {
		return err
	}
	if err := s.mayRescope(t, p.scope); err != nil {
		return err
	}
	if t.AppCred != nil {
		p.from.AppCredID = t.AppCred.ID
		p.scope = keystone.Scope{Project: &keystone.Ref{ID: t.ProjectID()}}
	}
	if f := t.Federation; f != nil {
		p.from = token.Payload{IdentityProvider: f.IdentityProvider, Protocol: f.Protocol, GroupIDs: f.GroupIDs}
	}
	p.from.Thumbprint = t.Thumbprint
	p.parent = &t
	p.until(t.ExpiresAt)
	p.used(t.Methods...)
	return p.is(t.User)
}

// mayRescope refuses tokens that no other may be made of.
func (s *Service) mayRescope(t keystone.Token, scope keystone.Scope) error {
	switch {
	case t.AccessToken != nil:
		return forbiddenAction("Using OAuth-scoped token to create another token. Create a new OAuth-scoped token instead")
	case t.Trust != nil:
		return forbiddenAction("Using trust-scoped token to create another token. Create a new trust-scoped token instead")
	case t.System && (scope.Project != nil || scope.Domain != nil):
		return forbiddenAction("Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.")
	case t.AppCred != nil && scope != keystone.Scope{}:
		return forbiddenAction("Using an application credential token to create a scoped token is not allowed.")
	case s.cfg.NoRescope && t.Scoped():
		return forbiddenAction("rescope a scoped token")
	}
	return nil
}

// forbiddenAction is the original's refusal of what the policy allows.
func forbiddenAction(action string) error {
	return fault.Forbidden("You are not authorized to perform the requested action: %s.", action)
}
