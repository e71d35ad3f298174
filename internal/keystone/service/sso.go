package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/keystone/sso"
	"nacre/internal/oslo/db"
)

// SSO is with whom this cloud is in federation.
func (s *Service) SSO() *sso.Parties { return s.sso }

// UseAssertion is 401 for an assertion that was used before, on any replica.
// One without an ID is good once by other means.
func (s *Service) UseAssertion(ctx context.Context, a sso.Assertion) error {
	if a.ID == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(a.ID))
	err := s.store.UseAssertion(ctx, keystone.UsedAssertion{ID: hex.EncodeToString(sum[:]), EndsAt: a.Ends})
	if errors.Is(err, db.ErrDuplicate) {
		return unauthorized("assertion %s was used before", a.ID)
	}
	return err
}

// IdentityProviderCalled is the ID of the identity provider that calls itself so, or 401.
func (s *Service) IdentityProviderCalled(ctx context.Context, remoteID string) (string, error) {
	id, err := s.store.IdentityProviderByRemoteID(ctx, remoteID)
	if errors.Is(err, db.ErrNoRow) {
		return "", unauthorized("no identity provider calls itself %q", remoteID)
	}
	return id, err
}

// RemoteIDAttributes are the attributes of assertions by which identity
// providers with that protocol may name themselves.
func (s *Service) RemoteIDAttributes(ctx context.Context, protocol string) (names []string, err error) {
	idps, err := s.store.IdentityProviders(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, idp := range idps {
		p, err := s.store.Protocol(ctx, idp.ID, protocol)
		switch {
		case errors.Is(err, db.ErrNoRow):
		case err != nil:
			return nil, err
		case p.RemoteIDAttribute != nil && *p.RemoteIDAttribute != "":
			names = append(names, *p.RemoteIDAttribute)
		case s.sso.RemoteIDAttribute != "":
			names = append(names, s.sso.RemoteIDAttribute)
		}
	}
	return names, nil
}

// TrustingClouds are the enabled service providers, which every token names.
func (s *Service) TrustingClouds(ctx context.Context) ([]keystone.ServiceProvider, error) {
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := memo(&s.cache, revision, &s.cache.trusting, func() (*[]keystone.ServiceProvider, error) {
		rows, err := s.store.ServiceProviders(ctx, keystone.Filters{{Name: "enabled", Value: "true"}})
		return &rows, err
	})
	if err != nil {
		return nil, err
	}
	return *rows, nil
}

// Vouch gives what a service provider is told of the user of a token on a project.
func (s *Service) Vouch(ctx context.Context, providerID, tok string) (sp keystone.ServiceProvider, st sso.Statement, err error) {
	if sp, err = s.ServiceProvider(ctx, providerID); err != nil {
		return sp, st, err
	}
	if !sp.Enabled {
		return sp, st, forbidden("Service Provider %s is disabled", sp.ID)
	}
	t, err := s.Token(ctx, tok)
	if err != nil {
		return sp, st, err
	}
	if t.Project == nil {
		return sp, st, forbiddenAction("Use a project scoped token when attempting to create a SAML assertion")
	}
	st = sso.Statement{User: t.User.Name, UserDomain: t.UserDomain.Name, Project: t.Project.Name, ProjectDomain: t.ProjectDomain.Name}
	for _, r := range t.Roles {
		st.Roles = append(st.Roles, r.Name)
	}
	st.Groups, err = s.groupsToTell(ctx, t.User.ID)
	return sp, st, err
}

// groupsToTell are a user's groups as another cloud's mapping reads them.
func (s *Service) groupsToTell(ctx context.Context, userID string) (out []string, err error) {
	groups, err := s.GroupsOfUser(ctx, userID, nil)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		d, err := s.store.Project(ctx, g.DomainID)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(map[string]any{"name": g.Name, "domain": map[string]any{"name": d.Name}})
		if err != nil {
			return nil, err
		}
		out = append(out, "JSON:"+string(text))
	}
	return out, nil
}
