package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/fault"
)

// proof is what the methods of authentication have established so far.
type proof struct {
	scope   keystone.Scope // what the client asks for; a method that decides it sets it
	user    keystone.User
	claimed keystone.User    // whom the method at work is about, proved or not
	vouched *auditCredential // by which an identity provider vouches
	methods []string
	parent  *keystone.Token // of the token method
	ends    time.Time       // when what was proved ends at the latest; zero is never
	from    token.Payload   // what the token will hang on: only AppCredID … GroupIDs
}

// is records who the user is. All methods must say the same.
func (p *proof) is(u keystone.User) error {
	if p.user.ID != "" && p.user.ID != u.ID {
		return unauthorized("methods prove two users, %s and %s", p.user.ID, u.ID)
	}
	p.user, p.claimed = u, u
	return nil
}

// until lets the token end at t or before. Zero is no limit.
func (p *proof) until(t time.Time) { p.ends = earliest(p.ends, t) }

// used adds a method to those of the token.
func (p *proof) used(methods ...string) {
	for _, m := range methods {
		if !slices.Contains(p.methods, m) {
			p.methods = append(p.methods, m)
		}
	}
}

// earliest is the first of two times, where zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// prover is a method of authentication: it adds to p what the client proved
// by given, or refuses with 401.
type prover func(ctx context.Context, given any, p *proof) error

// provers are the methods there are. [auth] methods says which are offered.
func (s *Service) provers() map[string]prover {
	all := map[string]prover{
		keystone.MethodPassword:              by(s.provePassword),
		keystone.MethodToken:                 by(s.proveToken),
		keystone.MethodTOTP:                  by(s.proveTOTP),
		keystone.MethodOAuth1:                by(s.proveOAuth1),
		keystone.MethodApplicationCredential: by(s.proveApplicationCredential),
	}
	for _, protocol := range s.federationMethods() {
		all[protocol] = by(s.proveMapped)
	}
	return all
}

// by makes a prover of a function on the type of proof that goes with the method.
func by[T any](fn func(ctx context.Context, given T, p *proof) error) prover {
	return func(ctx context.Context, given any, p *proof) error {
		g, ok := given.(T)
		if !ok {
			return fmt.Errorf("authenticate: a proof of type %T", given)
		}
		return fn(ctx, g, p)
	}
}

// offers reports whether a client may authenticate by the method.
func (s *Service) offers(method string) bool {
	return s.methods[method] != nil && slices.Contains(s.cfg.Methods, method)
}

// CheckMethods refuses methods that are not offered, naming those that are.
func (s *Service) CheckMethods(methods []string) error {
	if !slices.ContainsFunc(methods, func(m string) bool { return !s.offers(m) }) {
		return nil
	}
	f := fault.Unauthorized("Attempted to authenticate with an unsupported method.")
	f.Body = map[string]any{"error": map[string]any{"code": f.Status, "message": f.Message, "title": "Unauthorized",
		"identity": map[string]any{"methods": s.cfg.Methods}}}
	return f
}
