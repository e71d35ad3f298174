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
	return s.identityWithin(ctx, tok, 0)
}

// ValidateExpired is Validate as ExpiredToken is Token.
func (s *Service) ValidateExpired(ctx context.Context, tok string) (auth.Identity, error) {
	return s.identityWithin(ctx, tok, s.cfg.AllowExpired)
}

func (s *Service) identityWithin(ctx context.Context, tok string, grace time.Duration) (auth.Identity, error) {
	v, err := s.validate(ctx, tok, grace)
	if f, ok := fault.Of(err); ok && f.Status < 500 {
		return auth.Identity{}, fmt.Errorf("%w: %s", auth.ErrInvalid, f.Message)
	}
	return v.identity, err
}

// Token is a valid token with all that it stands for, or the original's 404.
func (s *Service) Token(ctx context.Context, tok string) (keystone.Token, error) {
	return s.tokenWithin(ctx, tok, 0)
}

// ExpiredToken is Token that allows for work that goes on for some days after
// its token has expired. Revoked is revoked all the same.
func (s *Service) ExpiredToken(ctx context.Context, tok string) (keystone.Token, error) {
	return s.tokenWithin(ctx, tok, s.cfg.AllowExpired)
}

func (s *Service) tokenWithin(ctx context.Context, tok string, grace time.Duration) (keystone.Token, error) {
	v, err := s.validate(ctx, tok, grace)
	if err != nil {
		return keystone.Token{}, err
	}
	return *v.token, nil
}

// errNotValid is the answer to a token that was good once.
func errNotValid() *fault.Fault { return fault.NotFound("Failed to validate token") }

func (s *Service) validate(ctx context.Context, tok string, grace time.Duration) (validated, error) {
	if tok == "" {
		return validated{}, fault.NotFound("No token in the request")
	}
	now, err := s.epoch(ctx)
	if err != nil {
		return validated{}, fmt.Errorf("validate token: %w", err)
	}
	v, ok := s.cache.findToken(now, tok)
	if !ok || v.stale(s.clock.Now()) {
		if v, err = s.resolveToken(ctx, now.revision, tok); err != nil {
			return validated{}, err
		}
		s.cache.keepToken(now, v)
	}
	if v.expired(s.clock.Now(), grace) {
		return validated{}, errNotValid()
	}
	return v, nil
}

// resolveToken works out what a token stands for, whether expired or not.
func (s *Service) resolveToken(ctx context.Context, revision int64, tok string) (validated, error) {
	p, err := s.tokens.Read(ctx, tok)
	if errors.Is(err, token.ErrInvalid) {
		return validated{}, fault.NotFound("%s", s.tokens.Refusal(tok))
	} else if err != nil {
		return validated{}, err
	}
	r, err := s.resolve(ctx, revision, p)
	if err != nil {
		return validated{}, err
	}
	t := r.token
	t.ID = tok
	if t.Scoped() && len(t.Roles) == 0 {
		return validated{}, fault.NotFound("Could not find token: %s.", tok)
	}
	events, err := s.revocationsOf(ctx, *t)
	if err != nil {
		return validated{}, err
	}
	if slices.ContainsFunc(events, func(r keystone.Revocation) bool { return r.Covers(*t) }) {
		return validated{}, errNotValid()
	}
	return r.validated(), nil
}

func (s *Service) revocationsOf(ctx context.Context, t keystone.Token) ([]keystone.Revocation, error) {
	return s.store.RevocationsOf(ctx, t.AuditIDs[0], t.Users())
}

// resolving is a token on its way from its payload to what it stands for.
type resolving struct {
	book    *roleBook
	payload token.Payload
	token   *keystone.Token
	grants  grantsOn
	ends    time.Time // when what the token hangs on ends; zero is not before the token
	again   time.Time // when what is kept elsewhere is to be asked again; zero is never
}

// grantsOn is where grants count: on the target, or inherited from above.
type grantsOn struct {
	kind, target string
	above        []string
}

// until lets the token be good till t or before. nil is no limit.
func (r *resolving) until(t *time.Time) {
	if t != nil {
		r.ends = earliest(r.ends, *t)
	}
}

func (r *resolving) validated() validated {
	return validated{r.token, identityOf(*r.token), r.ends, r.again}
}

// resolve reads the user, the scope and the roles of a payload. What is
// absent or disabled is a 404; no role is not, yet.
func (s *Service) resolve(ctx context.Context, revision int64, p token.Payload) (*resolving, error) {
	t := &keystone.Token{System: p.System, Methods: p.Methods, AuditIDs: p.AuditIDs, IssuedAt: p.IssuedAt, ExpiresAt: p.ExpiresAt}
	if len(t.AuditIDs) == 0 {
		t.AuditIDs = []string{""}
	}
	book, err := s.roleBook(ctx, revision)
	if err != nil {
		return nil, err
	}
	r := &resolving{book: book, payload: p, token: t}
	if t.User, t.UserDomain, err = s.activeUser(ctx, r, p.UserID); err != nil {
		return nil, err
	}
	if err := s.resolveScope(ctx, r); err != nil {
		return nil, err
	}
	if k, err := s.kindOf(p); err != nil {
		return nil, err
	} else if k != nil {
		if err := s.mayHangOnOthers(ctx, r); err != nil {
			return nil, err
		}
		return r, k.resolve(ctx, r)
	}
	t.Roles, err = s.rolesOf(ctx, r, t.User.ID)
	return r, err
}

// activeUser is an enabled user of an enabled domain, or 404.
func (s *Service) activeUser(ctx context.Context, r *resolving, id string) (u keystone.User, d keystone.Project, err error) {
	if u, err = s.User(ctx, id); err != nil {
		return u, d, err
	}
	if u.Nonlocal {
		r.again = s.clock.Now().Add(s.identities.cfg.CacheTime)
	}
	if !u.Enabled {
		return u, d, errNotValid()
	}
	d, err = r.book.domain(u.DomainID)
	return u, d, err
}

// mayHangOnOthers has a token that hangs on more than its user worked out anew
// after a while, if anything is kept elsewhere.
func (s *Service) mayHangOnOthers(ctx context.Context, r *resolving) error {
	all, err := s.identities.all(ctx)
	if len(all) > 0 {
		r.again = s.clock.Now().Add(s.identities.cfg.CacheTime)
	}
	return err
}

// resolveScope fills in what the token is scoped to.
func (s *Service) resolveScope(ctx context.Context, r *resolving) error {
	p, t := r.payload, r.token
	switch {
	case p.System:
		r.grants = grantsOn{keystone.TargetSystem, keystone.SystemID, nil}
	case p.DomainID != "":
		d, err := r.book.domain(p.DomainID)
		t.Domain = &d
		r.grants = grantsOn{keystone.TargetDomain, p.DomainID, nil}
		return err
	case p.ProjectID != "":
		project, err := s.Project(ctx, p.ProjectID)
		if err != nil {
			return err
		}
		if !project.Enabled {
			return fault.NotFound("Unable to validate token because project %s is disabled", project.ID)
		}
		t.Project = &project
		if t.ProjectDomain, err = r.book.domain(project.DomainID); err != nil {
			return err
		}
		above, err := s.above(ctx, project)
		r.grants = grantsOn{keystone.TargetProject, project.ID, above}
		return err
	}
	return nil
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

// rolesOf lists the global roles a user has on the scope, implied ones included, by name.
func (s *Service) rolesOf(ctx context.Context, r *resolving, userID string) ([]keystone.RoleRef, error) {
	if r.grants.kind == "" {
		return nil, nil
	}
	granted, err := s.grantedRoles(ctx, userID, r.grants.kind, r.grants.target, r.grants.above)
	if err != nil {
		return nil, fmt.Errorf("roles of %s: %w", userID, err)
	}
	if r.token.User.DisplayName != "" {
		if err := s.untilMembershipsEnd(ctx, r, userID); err != nil {
			return nil, err
		}
	}
	return r.book.global(granted), nil
}

// global lists the global ones of roles and of what they imply, by name.
func (b *roleBook) global(ids []string) (refs []keystone.RoleRef) {
	for _, id := range b.implied.Closure(ids) {
		if r, ok := b.roles[id]; ok && r.DomainID == "" {
			refs = append(refs, keystone.RoleRef{ID: r.ID, Name: r.Name})
		}
	}
	slices.SortFunc(refs, func(a, b keystone.RoleRef) int { return strings.Compare(a.Name, b.Name) })
	return refs
}

func identityOf(t keystone.Token) auth.Identity {
	id := auth.Identity{Thumbprint: t.Thumbprint, UserID: t.User.ID, UserName: t.User.Name, UserDomainID: t.UserDomain.ID, UserDomainName: t.UserDomain.Name,
		System: t.System, AuditIDs: t.AuditIDs, Methods: t.Methods, IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt}
	if t.Project != nil {
		id.ProjectID, id.ProjectName = t.Project.ID, t.Project.Name
		id.ProjectDomainID, id.ProjectDomainName = t.ProjectDomain.ID, t.ProjectDomain.Name
	}
	if t.Domain != nil {
		id.DomainID, id.DomainName = t.Domain.ID, t.Domain.Name
	}
	if f := t.Federation; f != nil {
		id.IdentityProvider, id.Protocol, id.GroupIDs = f.IdentityProvider, f.Protocol, f.GroupIDs
	}
	delegate(&id, t)
	for _, r := range t.Roles {
		id.Roles, id.RoleIDs = append(id.Roles, r.Name), append(id.RoleIDs, r.ID)
	}
	return id
}

// delegate says by whose leave the caller acts, and what that allows.
func delegate(id *auth.Identity, t keystone.Token) {
	switch {
	case t.Trust != nil:
		id.TrustID, id.TrustorID, id.TrusteeID = t.Trust.ID, t.Trust.TrustorUserID, t.Trust.TrusteeUserID
	case t.AccessToken != nil:
		id.AccessTokenID, id.ConsumerID = t.AccessToken.ID, t.AccessToken.ConsumerID
	case t.AppCred != nil:
		id.AppCredID, id.Restricted = t.AppCred.ID, t.AppCred.Restricted()
		if t.AppCred.AccessRules != nil {
			id.AccessRules = make([]auth.AccessRule, len(t.AppCred.AccessRules))
			for i, r := range t.AppCred.AccessRules {
				id.AccessRules[i] = auth.AccessRule{Service: r.Service, Method: r.Method, Path: r.Path}
			}
		}
	}
}

// RevokeToken makes a valid token invalid; 404 if it is that already.
func (s *Service) RevokeToken(ctx context.Context, tok string) error {
	t, err := s.Token(ctx, tok)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "token", deleted, t.AuditIDs[0])
		return s.revoke(ctx, tx, keystone.Revocation{AuditID: t.AuditIDs[0], IssuedBefore: t.IssuedAt})
	})
}

// revoke records that matching tokens issued until now are invalid. Dates are
// in whole seconds, as those of tokens are; a token that was issued after one
// event may bear the date of the next second, and another must cover it.
func (s *Service) revoke(ctx context.Context, tx *store.Tx, r keystone.Revocation) error {
	now := s.clock.Now()
	r.ID, r.RevokedAt = uuid.Hex(), now.Truncate(time.Second)
	if r.IssuedBefore.Before(r.RevokedAt) {
		r.IssuedBefore = r.RevokedAt
	}
	if r.AuditID == "" {
		if err := s.coverAhead(ctx, tx, &r); err != nil {
			return err
		}
	}
	return tx.Revoke(ctx, r, now.Add(-s.cfg.Expiration-s.cfg.AllowExpired-revocationBuffer))
}

// coverAhead moves the date of r to that of the newest token that r may be about.
func (s *Service) coverAhead(ctx context.Context, tx *store.Tx, r *keystone.Revocation) error {
	ahead, err := tx.RevocationsAhead(ctx, r.RevokedAt)
	if err != nil || len(ahead) == 0 {
		return err
	}
	users, err := trusting(ctx, tx, r.UserID)
	if err != nil {
		return err
	}
	for _, e := range ahead {
		if next := e.IssuedBefore.Add(time.Second); r.Shares(e, users) && next.After(r.IssuedBefore) {
			r.IssuedBefore = next
		}
	}
	return nil
}

// trusting lists a user and those whom a trust may put in one token with it.
func trusting(ctx context.Context, tx *store.Tx, userID string) ([]string, error) {
	users := []string{userID}
	if userID == "" {
		return users, nil
	}
	for _, f := range []keystone.TrustFilter{{TrustorUserID: userID}, {TrusteeUserID: userID}} {
		trusts, err := tx.Trusts(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, t := range trusts {
			users = append(users, t.TrustorUserID, t.TrusteeUserID)
		}
	}
	return users, nil
}

// revocationBuffer is how long an event outlives the tokens it is about: the
// original's [token] expiration_buffer.
const revocationBuffer = 30 * time.Minute

// Revocations lists the events since a time; zero is from the start.
func (s *Service) Revocations(ctx context.Context, since time.Time) ([]keystone.Revocation, error) {
	return s.store.Revocations(ctx, since)
}

// issue makes the token of p, which t says. It is dated after any event that
// would revoke it, at most a second ahead.
func (s *Service) issue(ctx context.Context, p token.Payload, t *keystone.Token) error {
	events, err := s.revocationsOf(ctx, *t)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return err
	}
	t.IssuedAt = after(events, *t)
	p.IssuedAt = t.IssuedAt
	t.ID, err = s.tokens.Issue(ctx, p)
	return err
}
