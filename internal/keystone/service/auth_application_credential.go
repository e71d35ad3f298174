package service

import (
	"context"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// proveApplicationCredential proves the user of an application credential by
// its secret. The token is on its project and ends with it.
func (s *Service) proveApplicationCredential(ctx context.Context, given keystone.ApplicationCredentialProof, p *proof) error {
	if p.scope != (keystone.Scope{}) {
		f := fault.Unauthorized("Error authenticating with application credential: Application credentials cannot request a scope.")
		f.Body = map[string]any{"error": map[string]any{"code": f.Status, "message": f.Message, "title": "Unauthorized", "identity": map[string]any{}}}
		return f
	}
	if !p.from.Plain() { // one delegation would hide the bounds of the other
		return unauthorized("an application credential beside another delegation")
	}
	a, err := s.findApplicationCredential(ctx, given)
	if err != nil {
		return err
	}
	p.claimed = keystone.User{ID: a.UserID}
	ok, err := s.hasher.Matches(ctx, a.SecretHash, given.Secret)
	if err != nil {
		return err
	}
	if a.ID == "" {
		return unauthorized("no application credential %s of that user", given.Name)
	}
	if !ok || a.Expired(s.clock.Now()) {
		return unauthorized("application credential %s has another secret or has expired", a.ID)
	}
	u, err := s.User(ctx, a.UserID)
	if err != nil {
		return asUnauthorized(err)
	}
	p.scope = keystone.Scope{Project: &keystone.Ref{ID: a.ProjectID}}
	p.from.AppCredID = a.ID
	return p.is(u)
}

// findApplicationCredential looks one up by its ID, or by its name and user:
// the zero value if there is none, whose secret is compared all the same. As in
// the original an unknown ID, which nobody can guess, is 404.
func (s *Service) findApplicationCredential(ctx context.Context, given keystone.ApplicationCredentialProof) (keystone.ApplicationCredential, error) {
	if given.ID != "" {
		return s.ApplicationCredential(ctx, given.ID)
	}
	u, err := s.findUser(ctx, given.User)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return keystone.ApplicationCredential{}, err
	}
	a, err := s.store.ApplicationCredentialByName(ctx, u.ID, given.Name)
	if errors.Is(err, db.ErrNoRow) {
		return keystone.ApplicationCredential{}, nil
	}
	return a, err
}
