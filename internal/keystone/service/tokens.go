package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Validate implements auth.Validator: a change of anything behind the token
// holds at the next call, in every process on the same database.
func (s *Service) Validate(ctx context.Context, tok string) (auth.Identity, error) {
	v, err := s.validate(ctx, tok)
	if f, ok := fault.Of(err); ok {
		return auth.Identity{}, fmt.Errorf("%w: %s", auth.ErrInvalid, f.Message)
	}
	return v.identity, err
}

// Token is a valid token with all that it stands for, or the original's 404.
func (s *Service) Token(ctx context.Context, tok string) (keystone.Token, error) {
	v, err := s.validate(ctx, tok)
	if err != nil {
		return keystone.Token{}, err
	}
	return *v.token, nil
}

// errNotValid is the answer to a token that was good once.
func errNotValid() *fault.Fault { return fault.NotFound("Failed to validate token") }

func (s *Service) validate(ctx context.Context, tok string) (validated, error) {
	if tok == "" {
		return validated{}, fault.NotFound("No token in the request")
	}
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return validated{}, fmt.Errorf("validate token: %w", err)
	}
	v, ok := s.cache.findToken(revision, tok)
	if !ok {
		if v, err = s.resolveToken(ctx, revision, tok); err != nil {
			return validated{}, err
		}
		s.cache.keepToken(revision, v)
	}
	if !s.clock.Now().Before(v.token.ExpiresAt) {
		return validated{}, errNotValid()
	}
	return v, nil
}

// resolveToken works out what a token stands for, whether expired or not.
func (s *Service) resolveToken(ctx context.Context, revision int64, tok string) (validated, error) {
	p, err := s.keys.Read(tok)
	if errors.Is(err, token.ErrInvalid) {
		return validated{}, fault.NotFound("Could not recognize Fernet token")
	} else if err != nil {
		return validated{}, err
	}
	t, err := s.resolve(ctx, revision, p)
	if err != nil {
		return validated{}, err
	}
	t.ID = tok
	if t.Scoped() && len(t.Roles) == 0 {
		return validated{}, fault.NotFound("Could not find token: %s.", tok)
	}
	events, err := s.revocationsOf(ctx, t)
	if err != nil {
		return validated{}, err
	}
	if slices.ContainsFunc(events, func(r keystone.Revocation) bool { return r.Covers(t) }) {
		return validated{}, errNotValid()
	}
	return validated{&t, identityOf(t)}, nil
}

func (s *Service) revocationsOf(ctx context.Context, t keystone.Token) ([]keystone.Revocation, error) {
	return s.store.RevocationsOf(ctx, t.AuditIDs[0], t.User.ID)
}

// resolve reads the user, the scope and the roles of a payload. What is
// absent or disabled is a 404; no role is not, yet.
func (s *Service) resolve(ctx context.Context, revision int64, p token.Payload) (t keystone.Token, err error) {
	t = keystone.Token{System: p.System, Methods: p.Methods, AuditIDs: p.AuditIDs, IssuedAt: p.IssuedAt, ExpiresAt: p.ExpiresAt}
	if len(t.AuditIDs) == 0 {
		t.AuditIDs = []string{""}
	}
	if t.User, err = s.User(ctx, p.UserID); err != nil {
		return t, err
	}
	if !t.User.Enabled {
		return t, errNotValid()
	}
	book, err := s.roleBook(ctx, revision)
	if err != nil {
		return t, err
	}
	if t.UserDomain, err = book.domain(t.User.DomainID); err != nil {
		return t, err
	}
	kind, target, above, err := s.resolveScope(ctx, book, &t, p)
	if err != nil || kind == "" {
		return t, err
	}
	t.Roles, err = s.rolesOn(ctx, book, t.User.ID, kind, target, above)
	return t, err
}

// resolveScope fills in what the token is scoped to and says where to look for grants.
func (s *Service) resolveScope(ctx context.Context, book *roleBook, t *keystone.Token, p token.Payload) (kind, target string, above []string, err error) {
	switch {
	case p.System:
		return keystone.TargetSystem, keystone.SystemID, nil, nil
	case p.DomainID != "":
		d, err := book.domain(p.DomainID)
		t.Domain = &d
		return keystone.TargetDomain, p.DomainID, nil, err
	case p.ProjectID != "":
		project, err := s.Project(ctx, p.ProjectID)
		if err != nil {
			return "", "", nil, err
		}
		if !project.Enabled {
			return "", "", nil, fault.NotFound("Unable to validate token because project %s is disabled", project.ID)
		}
		t.Project = &project
		if t.ProjectDomain, err = book.domain(project.DomainID); err != nil {
			return "", "", nil, err
		}
		above, err := s.above(ctx, project)
		return keystone.TargetProject, project.ID, above, err
	}
	return "", "", nil, nil
}

// above lists the IDs from which a project inherits roles.
func (s *Service) above(ctx context.Context, p keystone.Project) (ids []string, err error) {
	if p.ParentID == p.DomainID {
		return []string{p.DomainID}, nil
	}
	up, err := s.store.Parents(ctx, p)
	for _, a := range up {
		ids = append(ids, a.ID)
	}
	return ids, err
}

// roleBook is what every token needs and there is little of: all roles, what
// they imply, and all domains.
type roleBook struct {
	roles   map[string]keystone.Role
	implied keystone.Implied
	domains map[string]keystone.Project
}

func (s *Service) roleBook(ctx context.Context, revision int64) (*roleBook, error) {
	return memo(&s.cache, revision, &s.cache.roles, func() (*roleBook, error) {
		roles, err1 := s.store.Roles(ctx, nil)
		domains, err2 := s.Domains(ctx, nil)
		implied, err3 := s.store.Implied(ctx)
		if err := firstError(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("roles and domains: %w", err)
		}
		return &roleBook{implied: implied, roles: index(roles, func(r keystone.Role) string { return r.ID }),
			domains: index(domains, func(d keystone.Project) string { return d.ID })}, nil
	})
}

// domain is an enabled domain, or 404.
func (b *roleBook) domain(id string) (keystone.Project, error) {
	d, ok := b.domains[id]
	switch {
	case !ok:
		return d, fault.NotFound("Could not find domain: %s.", id)
	case !d.Enabled:
		return d, fault.NotFound("Unable to validate token because domain %s is disabled", id)
	}
	return d, nil
}

// rolesOn lists the global roles a user has on a target, implied ones included, by name.
func (s *Service) rolesOn(ctx context.Context, book *roleBook, userID, kind, target string, above []string) ([]keystone.RoleRef, error) {
	granted, err := s.store.GrantedRoles(ctx, userID, kind, target, above)
	if err != nil {
		return nil, fmt.Errorf("roles of %s: %w", userID, err)
	}
	var refs []keystone.RoleRef
	for _, id := range book.implied.Closure(granted) {
		if r, ok := book.roles[id]; ok && r.DomainID == "" {
			refs = append(refs, keystone.RoleRef{ID: r.ID, Name: r.Name})
		}
	}
	slices.SortFunc(refs, func(a, b keystone.RoleRef) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

func identityOf(t keystone.Token) auth.Identity {
	id := auth.Identity{UserID: t.User.ID, UserName: t.User.Name, UserDomainID: t.UserDomain.ID, UserDomainName: t.UserDomain.Name,
		System: t.System, AuditIDs: t.AuditIDs, Methods: t.Methods, IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt}
	if t.Project != nil {
		id.ProjectID, id.ProjectName = t.Project.ID, t.Project.Name
		id.ProjectDomainID, id.ProjectDomainName = t.ProjectDomain.ID, t.ProjectDomain.Name
	}
	if t.Domain != nil {
		id.DomainID, id.DomainName = t.Domain.ID, t.Domain.Name
	}
	for _, r := range t.Roles {
		id.Roles, id.RoleIDs = append(id.Roles, r.Name), append(id.RoleIDs, r.ID)
	}
	return id
}

// RevokeToken makes a valid token invalid; 404 if it is that already.
func (s *Service) RevokeToken(ctx context.Context, tok string) error {
	t, err := s.Token(ctx, tok)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		return s.revoke(ctx, tx, keystone.Revocation{AuditID: t.AuditIDs[0]})
	})
}

// revoke records that matching tokens issued until now are invalid. Dates are
// in whole seconds, as those of tokens are.
func (s *Service) revoke(ctx context.Context, tx *store.Tx, r keystone.Revocation) error {
	now := s.clock.Now()
	r.ID, r.RevokedAt = uuid.Hex(), now.Truncate(time.Second)
	r.IssuedBefore = r.RevokedAt
	return tx.Revoke(ctx, r, now.Add(-s.cfg.Expiration-revocationBuffer))
}

// revocationBuffer is how long an event outlives the tokens it is about: the
// original's [token] expiration_buffer.
const revocationBuffer = 30 * time.Minute

// Revocations lists the events since a time; zero is from the start.
func (s *Service) Revocations(ctx context.Context, since time.Time) ([]keystone.Revocation, error) {
	return s.store.Revocations(ctx, since)
}

// issue makes the token that t describes. It is dated after any event that
// would revoke it, at most a second ahead.
func (s *Service) issue(ctx context.Context, t *keystone.Token) error {
	events, err := s.revocationsOf(ctx, *t)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return err
	}
	for _, r := range events {
		if r.Covers(*t) {
			t.IssuedAt = r.IssuedBefore.Add(time.Second)
		}
	}
	p := token.Payload{UserID: t.User.ID, Methods: t.Methods, ProjectID: t.ProjectID(), System: t.System,
		ExpiresAt: t.ExpiresAt, AuditIDs: t.AuditIDs, IssuedAt: t.IssuedAt}
	if t.Domain != nil {
		p.DomainID = t.Domain.ID
	}
	t.ID, err = s.keys.Issue(p)
	return err
}
