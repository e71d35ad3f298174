package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// proof is what the methods of authentication have established.
type proof struct {
	user    keystone.User
	methods []string
	parent  *keystone.Token // of the token method
}

// Authenticate issues a token to one who proves an identity and may have the
// scope. An unknown user, a wrong password, and a scope one has no role on
// are the same 401.
func (s *Service) Authenticate(ctx context.Context, c keystone.Credentials, scope keystone.Scope) (keystone.Token, error) {
	if m := slices.IndexFunc(c.Methods, func(m string) bool { return !slices.Contains(keystone.SupportedMethods, m) }); m >= 0 {
		return keystone.Token{}, unsupportedMethod()
	}
	p, err := s.prove(ctx, c, scope)
	if err != nil {
		return keystone.Token{}, err
	}
	if !satisfied(p.user.Options, p.methods) {
		return keystone.Token{}, unauthorized("user %s needs more methods than %v", p.user.ID, p.methods)
	}
	return s.tokenFor(ctx, p, scope)
}

func unsupportedMethod() error {
	f := fault.Unauthorized("Attempted to authenticate with an unsupported method.")
	f.Body = map[string]any{"error": map[string]any{"code": f.Status, "message": f.Message, "title": "Unauthorized",
		"identity": map[string]any{"methods": keystone.SupportedMethods}}}
	return f
}

func (s *Service) prove(ctx context.Context, c keystone.Credentials, scope keystone.Scope) (p proof, err error) {
	for _, m := range c.Methods {
		var user keystone.User
		switch m {
		case keystone.MethodPassword:
			user, err = s.authenticatePassword(ctx, c.User, c.Password)
		case keystone.MethodToken:
			user, err = s.authenticateToken(ctx, c.Token, scope, &p)
		}
		if err != nil {
			return p, err
		}
		if p.user.ID != "" && p.user.ID != user.ID {
			return p, unauthorized("methods prove two users, %s and %s", p.user.ID, user.ID)
		}
		p.user = user
		if !slices.Contains(p.methods, m) {
			p.methods = append(p.methods, m)
		}
	}
	if p.user.ID == "" {
		return p, unauthorized("no method of authentication")
	}
	return p, nil
}

// authenticatePassword is the user with that password, or 401, always after
// one comparison of hashes.
func (s *Service) authenticatePassword(ctx context.Context, ref keystone.Ref, password string) (keystone.User, error) {
	u, reason := s.findUser(ctx, ref)
	if reason != nil && !errors.Is(reason, db.ErrNoRow) {
		return u, reason
	}
	ok, err := s.hasher.Matches(ctx, u.PasswordHash, password)
	if err != nil {
		return u, err
	}
	switch d, err := s.store.Project(ctx, u.DomainID); {
	case reason != nil:
		return keystone.User{}, unauthorized("no such user")
	case !ok:
		return keystone.User{}, unauthorized("wrong password for user %s", u.ID)
	case err != nil && !errors.Is(err, db.ErrNoRow):
		return keystone.User{}, err
	case err != nil || !d.Enabled || !u.Enabled:
		return keystone.User{}, unauthorized("user %s or domain %s is disabled", u.ID, u.DomainID)
	}
	return u, nil
}

// findUser looks a user up; ErrNoRow if there is none.
func (s *Service) findUser(ctx context.Context, ref keystone.Ref) (keystone.User, error) {
	if ref.Name == "" {
		return s.store.User(ctx, ref.ID)
	}
	d, err := s.findDomain(ctx, ref.Domain)
	if err != nil {
		return keystone.User{}, err
	}
	return s.store.UserByName(ctx, d.ID, ref.Name)
}

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

// authenticateToken is the user of a valid token. A system token gives no
// token on a project or domain.
func (s *Service) authenticateToken(ctx context.Context, tok string, scope keystone.Scope, p *proof) (keystone.User, error) {
	t, err := s.Token(ctx, tok)
	if err != nil {
		return keystone.User{}, err
	}
	if t.System && (scope.Project != nil || scope.Domain != nil) {
		return keystone.User{}, fault.Forbidden("You are not authorized to perform the requested action: Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed..")
	}
	p.parent = &t
	for _, m := range t.Methods {
		if !slices.Contains(p.methods, m) {
			p.methods = append(p.methods, m)
		}
	}
	return t.User, nil
}

// satisfied reports whether the methods used meet one of the user's rules. As
// in the original, methods that the service does not know are left out of them.
func satisfied(options map[string]any, methods []string) bool {
	if on, ok := options["multi_factor_auth_enabled"].(bool); ok && !on {
		return true
	}
	rules, _ := options["multi_factor_auth_rules"].([]any)
	met := func(rule any) bool {
		names, _ := rule.([]any)
		return !slices.ContainsFunc(names, func(n any) bool {
			name, _ := n.(string)
			return slices.Contains(keystone.SupportedMethods, name) && !slices.Contains(methods, name)
		})
	}
	return len(rules) == 0 || slices.ContainsFunc(rules, met)
}

// tokenFor issues the token that a proof and a scope come to.
func (s *Service) tokenFor(ctx context.Context, p proof, scope keystone.Scope) (keystone.Token, error) {
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return keystone.Token{}, err
	}
	now := s.clock.Now().Truncate(time.Second)
	payload := token.Payload{UserID: p.user.ID, Methods: p.methods, System: scope.System, AuditIDs: []string{token.NewAuditID()},
		IssuedAt: now, ExpiresAt: now.Add(s.cfg.Expiration)}
	if p.parent != nil {
		payload.ExpiresAt = p.parent.ExpiresAt
		payload.AuditIDs = append(payload.AuditIDs, p.parent.AuditIDs[len(p.parent.AuditIDs)-1])
	}
	if payload.ProjectID, payload.DomainID, err = s.findScope(ctx, scope); err != nil {
		return keystone.Token{}, err
	}
	byDefault := scope == keystone.Scope{} && p.user.DefaultProjectID != ""
	if byDefault {
		payload.ProjectID = p.user.DefaultProjectID
	}
	t, err := s.resolve(ctx, revision, payload)
	if byDefault && (fault.Is(err, 404) || err == nil && len(t.Roles) == 0) {
		payload.ProjectID = ""
		t, err = s.resolve(ctx, revision, payload)
	}
	if err != nil {
		return t, asUnauthorized(err)
	}
	if t.Scoped() && len(t.Roles) == 0 {
		return t, unauthorized("user %s has no role on the scope", p.user.ID)
	}
	if err := s.issue(ctx, &t); err != nil {
		return t, err
	}
	s.cache.keepToken(revision, validated{&t, identityOf(t)})
	return t, nil
}

// findScope gives the ID of the project or domain that the client wants; 401 if there is none.
func (s *Service) findScope(ctx context.Context, scope keystone.Scope) (projectID, domainID string, err error) {
	switch {
	case scope.Domain != nil:
		d, err := s.findDomain(ctx, scope.Domain)
		return "", d.ID, noScope(err)
	case scope.Project == nil:
		return "", "", nil
	case scope.Project.Name == "":
		p, err := s.store.Project(ctx, scope.Project.ID)
		if err == nil && p.IsDomain {
			err = db.ErrNoRow
		}
		return p.ID, "", noScope(err)
	}
	d, err := s.findDomain(ctx, scope.Project.Domain)
	if err != nil {
		return "", "", noScope(err)
	}
	p, err := s.store.ProjectByName(ctx, d.ID, scope.Project.Name)
	return p.ID, "", noScope(err)
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
	t, err := s.tokenFor(ctx, proof{user: u, methods: []string{keystone.MethodPassword}},
		keystone.Scope{Project: &keystone.Ref{Name: project, Domain: &keystone.Ref{ID: keystone.DefaultDomainID}}})
	return t.ID, t.ExpiresAt, err
}
