package service

import (
	"context"

	"nacre/internal/keystone"
)

// proveOAuth1 proves the user who granted the access token that the request
// is signed with. The new token is of that grant and on its project.
func (s *Service) proveOAuth1(ctx context.Context, r keystone.OAuthProof, p *proof) error {
	if !p.from.Plain() { // one delegation would hide the bounds of the other
		return unauthorized("oauth1 beside another delegation")
	}
	params, err := oauthParams(r, "oauth_token")
	if err != nil {
		return err
	}
	t, err := s.store.AccessToken(ctx, params["oauth_token"])
	if err := firstError(noRow(err, "Access token"), s.alive(t.ExpiresAt, "access token"), s.checkOAuth(params)); err != nil {
		return err
	}
	p.claimed = keystone.User{ID: t.AuthorizingUserID}
	if t.ConsumerID != params["oauth_consumer_key"] {
		return unauthorized("access token %s is not of consumer %s", t.ID, params["oauth_consumer_key"])
	}
	c, err := s.Consumer(ctx, t.ConsumerID)
	if err := firstError(err, signedBy(r, params, c.Secret, t.Secret)); err != nil {
		return err
	}
	u, err := s.User(ctx, t.AuthorizingUserID)
	if err != nil {
		return asUnauthorized(err)
	}
	p.scope = keystone.Scope{Project: &keystone.Ref{ID: t.ProjectID}}
	p.from.AccessTokenID = t.ID
	return p.is(u)
}
