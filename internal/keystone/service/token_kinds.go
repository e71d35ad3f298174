package service

import (
	"context"

	"nacre/internal/keystone/token"
)

// kind is a sort of token that hangs on more than a user and a scope.
type kind struct {
	is func(p token.Payload) bool

	// resolve finds what r.payload hangs on, adds it to r.token, lets it end
	// no later than that (r.until) and sets r.token.Roles. User and scope are
	// there and active. What is gone or not allowed any more is a 404.
	resolve func(ctx context.Context, r *resolving) error

	// spend, if set, is asked just before a token is issued, for what can be
	// used so many times only. It may refuse.
	spend func(ctx context.Context, p token.Payload) error
}

// tokenKinds are the sorts of tokens, in the order in which they are recognized.
func (s *Service) tokenKinds() []kind {
	return []kind{
		{is: func(p token.Payload) bool { return p.Thumbprint != "" }, resolve: s.resolveBound},
		{is: func(p token.Payload) bool { return p.TrustID != "" }, resolve: s.resolveTrust, spend: s.spendTrust},
		{is: func(p token.Payload) bool { return p.AccessTokenID != "" }, resolve: s.resolveAccessToken},
		{is: func(p token.Payload) bool { return p.AppCredID != "" }, resolve: s.resolveApplicationCredential},
		{is: token.Payload.Federated, resolve: s.resolveFederated},
	}
}

// kindOf is the kind of a token, or nil if it is plain. A kind that we do not
// know, such as of a token that another Keystone made, is a 404.
func (s *Service) kindOf(p token.Payload) (*kind, error) {
	if p.Plain() {
		return nil, nil
	}
	for i, k := range s.kinds {
		if k.is(p) {
			return &s.kinds[i], nil
		}
	}
	return nil, errNotValid()
}

// spend uses up what can be used so many times only.
func (s *Service) spend(ctx context.Context, p token.Payload) error {
	k, err := s.kindOf(p)
	if err != nil || k == nil || k.spend == nil {
		return err
	}
	return k.spend(ctx, p)
}

// resolveBound is about a token bound to a client's certificate. Those who
// take it check that the client has that certificate.
func (s *Service) resolveBound(ctx context.Context, r *resolving) (err error) {
	r.token.Thumbprint = r.payload.Thumbprint
	r.token.Roles, err = s.rolesOf(ctx, r, r.payload.UserID)
	return err
}
