package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// unauthorized is the one answer to whoever does not prove its identity or may
// not have the scope; the reason is for the operator.
func unauthorized(format string, a ...any) *fault.Fault {
	return fault.Unauthorized("The request you have made requires authentication.").Cause(fmt.Errorf(format, a...))
}

// asUnauthorized hides what was not found or is disabled.
func asUnauthorized(err error) error {
	if f, ok := fault.Of(err); ok && f.Status == 404 {
		return unauthorized("%s", f.Message)
	}
	return err
}

// Authenticate issues a token to one who proves an identity and may have the
// scope. An unknown user, a wrong password, and a scope one has no role on
// are the same 401.
func (s *Service) Authenticate(ctx context.Context, c keystone.Credentials, scope keystone.Scope) (keystone.Token, error) {
	if err := s.CheckMethods(c.Methods); err != nil {
		return keystone.Token{}, err
	}
	p := proof{scope: scope}
	for _, m := range c.Methods {
		if err := s.prove(ctx, m, c.Proofs[m], &p); err != nil {
			return keystone.Token{}, err
		}
		p.used(m)
	}
	if p.user.ID == "" {
		return keystone.Token{}, unauthorized("no method of authentication")
	}
	payload, err := s.payloadFor(ctx, p)
	if err != nil {
		return keystone.Token{}, err
	}
	if c.Receipt != "" {
		if err := s.showReceipt(ctx, c.Receipt, &p); err != nil {
			return keystone.Token{}, err
		}
		payload.Methods = p.methods
	}
	if err := s.enough(ctx, p); err != nil {
		s.notifyLogin(ctx, p.user, nil, err)
		return keystone.Token{}, err
	}
	return s.tokenFor(ctx, p, payload)
}

// prove runs one method and tells how it went; a token that is traded for
// another is no login.
func (s *Service) prove(ctx context.Context, method string, given any, p *proof) error {
	p.claimed, p.vouched = keystone.User{}, nil
	err := s.methods[method](ctx, given, p)
	if method != keystone.MethodToken {
		s.notifyLogin(ctx, p.claimed, p.vouched, err)
	}
	return err
}

// tokenFor issues the token that a proof and its scope come to.
func (s *Service) tokenFor(ctx context.Context, p proof, payload token.Payload) (keystone.Token, error) {
	now, err := s.epoch(ctx)
	if err != nil {
		return keystone.Token{}, err
	}
	r, err := s.resolveProof(ctx, now.revision, p, &payload)
	if err != nil {
		return keystone.Token{}, asUnauthorized(err)
	}
	if r.token.Scoped() && len(r.token.Roles) == 0 {
		return keystone.Token{}, unauthorized("user %s has no role on the scope", p.user.ID)
	}
	if err := s.spend(ctx, payload); err != nil {
		return keystone.Token{}, asUnauthorized(err)
	}
	payload.ExpiresAt = earliest(payload.ExpiresAt, r.ends.Truncate(time.Second))
	r.token.ExpiresAt = payload.ExpiresAt
	if err := s.issue(ctx, payload, r.token); err != nil {
		return keystone.Token{}, err
	}
	s.cache.keepToken(now, r.validated())
	return *r.token, nil
}

// resolveProof works out what token a proof comes to: on the scope asked for,
// or on the user's default project, if that can be had.
func (s *Service) resolveProof(ctx context.Context, revision int64, p proof, payload *token.Payload) (*resolving, error) {
	byDefault := p.scope == keystone.Scope{} && p.user.DefaultProjectID != "" && !p.from.Federated()
	if byDefault {
		payload.ProjectID = p.user.DefaultProjectID
	}
	r, err := s.resolve(ctx, revision, *payload)
	if byDefault && (fault.Is(err, 404) || err == nil && len(r.token.Roles) == 0) {
		payload.ProjectID = ""
		r, err = s.resolve(ctx, revision, *payload)
	}
	return r, err
}

func (s *Service) payloadFor(ctx context.Context, p proof) (token.Payload, error) {
	now := s.clock.Now().Truncate(time.Second)
	payload := p.from
	payload.UserID, payload.Methods, payload.AuditIDs = p.user.ID, p.methods, []string{token.NewAuditID()}
	payload.IssuedAt, payload.ExpiresAt = now, earliest(now.Add(s.cfg.Expiration), p.ends.Truncate(time.Second))
	if p.parent != nil {
		payload.AuditIDs = append(payload.AuditIDs, p.parent.AuditIDs[len(p.parent.AuditIDs)-1])
	}
	return payload, s.findScope(ctx, p.scope, &payload)
}

// findScope puts what the client wants to act on into the payload; 401 if there is none such.
func (s *Service) findScope(ctx context.Context, scope keystone.Scope, p *token.Payload) error {
	switch {
	case scope.System && p.Federated():
		return unauthorized("a token on the system cannot say by whom user %s is vouched for", p.UserID)
	case scope.System:
		p.System = true
	case scope.TrustID != "":
		return s.scopeToTrust(ctx, scope.TrustID, p)
	case scope.Domain != nil:
		d, err := s.findDomain(ctx, scope.Domain)
		p.DomainID = d.ID
		return noScope(err)
	case scope.Project != nil:
		project, err := s.findProject(ctx, scope.Project)
		p.ProjectID = project.ID
		return noScope(err)
	}
	return nil
}

// findProject looks a project up; ErrNoRow if there is none.
func (s *Service) findProject(ctx context.Context, ref *keystone.Ref) (keystone.Project, error) {
	if ref.Name == "" {
		p, err := s.store.Project(ctx, ref.ID)
		if err == nil && p.IsDomain {
			err = db.ErrNoRow
		}
		return p, err
	}
	d, err := s.findDomain(ctx, ref.Domain)
	if err != nil {
		return keystone.Project{}, err
	}
	return s.store.ProjectByName(ctx, d.ID, ref.Name)
}

// findDomain looks a domain up; ErrNoRow if there is none.
func (s *Service) findDomain(ctx context.Context, ref *keystone.Ref) (keystone.Project, error) {
	if ref == nil {
		return keystone.Project{}, db.ErrNoRow
	}
	if ref.Name != "" {
		return s.store.ProjectByName(ctx, "", ref.Name)
	}
	d, err := s.store.Project(ctx, ref.ID)
	if err == nil && !d.IsDomain {
		err = db.ErrNoRow
	}
	return d, err
}

func noScope(err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return unauthorized("no such project or domain")
	}
	return err
}

// IssueFor gives a user of the default domain a token on one of its projects
// without a password: for services that live in this process.
func (s *Service) IssueFor(ctx context.Context, user, project string) (tok string, expires time.Time, err error) {
	u, err := s.store.UserByName(ctx, keystone.DefaultDomainID, user)
	if err != nil {
		return "", expires, fmt.Errorf("issue token for %s: %w", user, err)
	}
	p := proof{user: u, methods: []string{keystone.MethodPassword},
		scope: keystone.Scope{Project: &keystone.Ref{Name: project, Domain: &keystone.Ref{ID: keystone.DefaultDomainID}}}}
	payload, err := s.payloadFor(ctx, p)
	if err != nil {
		return "", expires, err
	}
	t, err := s.tokenFor(ctx, p, payload)
	return t.ID, t.ExpiresAt, err
}
