package service

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/mapping"
	"nacre/internal/oslo/fault"
)

// federationMethods are the methods, named as protocols are, by which
// identity providers vouch for users.
func (s *Service) federationMethods() []string {
	return append([]string{keystone.MethodMapped, "saml2", "openid"}, s.sso.Protocols()...)
}

// proveMapped proves the user for whom an identity provider vouches.
func (s *Service) proveMapped(ctx context.Context, given keystone.MappedProof, p *proof) error {
	if given.TokenID != "" {
		return s.proveFederatedToken(ctx, given.TokenID, p)
	}
	p.vouched = vouchedBy(given.IdentityProvider, "", "", nil)
	idp, err := s.enabledIdentityProvider(ctx, given.IdentityProvider)
	if err != nil {
		return err
	}
	who, err := s.mapAssertion(ctx, idp, given)
	if err != nil {
		return err
	}
	if who.User.Type == mapping.Local {
		u, err := s.localUser(ctx, who.User)
		if err != nil {
			return err
		}
		return p.is(u)
	}
	u, err := s.shadow(ctx, who)
	if err != nil {
		return err
	}
	p.from.IdentityProvider, p.from.Protocol, p.from.GroupIDs = idp.ID, given.Protocol, who.GroupIDs
	p.vouched = vouchedBy(idp.ID, u.ID, "", who.GroupIDs)
	return p.is(u)
}

// proveFederatedToken proves the user of a token that came of an assertion.
// Its identity provider and groups must still be there.
func (s *Service) proveFederatedToken(ctx context.Context, id string, p *proof) error {
	t, err := s.Token(ctx, id)
	if err != nil {
		return err
	}
	f := t.Federation
	if f == nil {
		return unauthorized("token of user %s came of no identity provider", t.User.ID)
	}
	p.claimed, p.vouched = t.User, vouchedBy(f.IdentityProvider, t.User.ID, t.AuditIDs[0], f.GroupIDs)
	if _, err := s.enabledIdentityProvider(ctx, f.IdentityProvider); err != nil {
		return err
	}
	m, err := s.mappingFor(ctx, f.IdentityProvider, f.Protocol)
	if err != nil {
		return err
	}
	if err := s.groupsExist(ctx, f.GroupIDs, m.ID); err != nil {
		return err
	}
	p.from.IdentityProvider, p.from.Protocol, p.from.GroupIDs = f.IdentityProvider, f.Protocol, f.GroupIDs
	p.until(t.ExpiresAt)
	return p.is(t.User)
}

// enabledIdentityProvider is 404 for none and 403 for a disabled one.
func (s *Service) enabledIdentityProvider(ctx context.Context, id string) (keystone.IdentityProvider, error) {
	idp, err := s.IdentityProvider(ctx, id)
	if err == nil && !idp.Enabled {
		err = forbidden("Identity Provider %s is disabled", id)
	}
	return idp, err
}

// forbidden is a 403 whose reason only the operator sees.
func forbidden(format string, a ...any) error {
	return fault.Forbidden("You are not authorized to perform the requested action.").Cause(fmt.Errorf(format, a...))
}

func (s *Service) mappingFor(ctx context.Context, idpID, protocolID string) (keystone.Mapping, error) {
	p, err := s.Protocol(ctx, idpID, protocolID)
	if err != nil {
		return keystone.Mapping{}, err
	}
	return s.Mapping(ctx, p.MappingID)
}

// mapped is who an assertion is about, found or to be made here.
type mapped struct {
	mapping.Result
	idp     keystone.IdentityProvider
	proto   string
	version string // of the mapping's schema
	domain  keystone.Project
}

// mapAssertion applies the protocol's mapping. What it does not fit is 401.
func (s *Service) mapAssertion(ctx context.Context, idp keystone.IdentityProvider, given keystone.MappedProof) (who mapped, err error) {
	protocol, err := s.Protocol(ctx, idp.ID, given.Protocol)
	if err != nil {
		return who, err
	}
	if err := s.checkIssuer(idp, protocol, given); err != nil {
		return who, err
	}
	m, err := s.Mapping(ctx, protocol.MappingID)
	if err != nil {
		return who, err
	}
	rules, err := mapping.Parse(m.SchemaVersion, []byte(m.Rules))
	if err != nil {
		return who, fmt.Errorf("mapping %s: %w", m.ID, err)
	}
	who = mapped{idp: idp, proto: protocol.ID, version: m.SchemaVersion}
	if who.Result, err = rules.Apply(s.counting(given.Assertion)); err != nil {
		return who, unauthorized("mapping %s: %w; the assertion says %s", m.ID, err, strings.Join(slices.Sorted(maps.Keys(given.Assertion)), ", "))
	}
	if err := s.groupsExist(ctx, who.GroupIDs, m.ID); err != nil {
		return who, err
	}
	if err := s.findGroups(ctx, &who); err != nil {
		return who, err
	}
	return who, s.nameUser(ctx, &who, given.Assertion)
}

// counting are the attributes that an assertion may be mapped by.
func (s *Service) counting(assertion map[string][]string) mapping.Assertion {
	out := mapping.Assertion{}
	for name, values := range assertion {
		if strings.HasPrefix(name, s.sso.AssertionPrefix) {
			out[name] = values
		}
	}
	return out
}

// checkIssuer refuses what another identity provider says. One without remote
// IDs may call itself anything.
func (s *Service) checkIssuer(idp keystone.IdentityProvider, p keystone.Protocol, given keystone.MappedProof) error {
	attribute := s.sso.RemoteIDAttribute
	if p.RemoteIDAttribute != nil {
		attribute = cmp.Or(*p.RemoteIDAttribute, attribute)
	}
	said := []string{given.Issuer}
	if attribute != "" {
		said = given.Assertion[attribute]
	}
	switch {
	case len(idp.RemoteIDs) == 0, attribute == "" && given.Issuer == "":
		return nil
	case len(said) != 1:
		return unauthorized("%s of the assertion does not say who its identity provider is", attribute)
	case !slices.Contains(idp.RemoteIDs, said[0]):
		return forbidden("%q is none of the remote IDs of identity provider %s", said[0], idp.ID)
	}
	return nil
}

// groupsExist is 401 for groups that a mapping names by ID and that are not there.
func (s *Service) groupsExist(ctx context.Context, ids []string, mappingID string) error {
	found, err := s.identities.GroupsByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(g keystone.Group) bool { return g.ID == id }) {
			return unauthorized("group %s returned by mapping %s was not found", id, mappingID)
		}
	}
	return nil
}

// findGroups adds the IDs of the groups that the mapping names; those that
// are not there do not count.
func (s *Service) findGroups(ctx context.Context, who *mapped) error {
	for _, g := range who.Groups {
		d, err := s.mappedDomain(ctx, &g.Domain, "")
		if err != nil {
			return err
		}
		found, err := s.identities.Groups(ctx, keystone.Filters{{Name: "domain_id", Value: d.ID}, {Name: "name", Value: g.Name}})
		if err != nil {
			return err
		}
		for _, f := range found {
			if !slices.Contains(who.GroupIDs, f.ID) {
				who.GroupIDs = append(who.GroupIDs, f.ID)
			}
		}
	}
	return nil
}

// mappedDomain is a domain that a mapping names, or the one with that ID if it names none.
func (s *Service) mappedDomain(ctx context.Context, d *mapping.Domain, otherwise string) (keystone.Project, error) {
	if d == nil || *d == (mapping.Domain{}) {
		d = &mapping.Domain{ID: otherwise}
	}
	if d.ID != "" {
		return domainIn(ctx, s.store, d.ID)
	}
	found, err := s.store.ProjectByName(ctx, "", d.Name)
	return found, missing(err, "domain", d.Name)
}

// maxUniqueID is how long an identity provider's ID of a user may be.
const maxUniqueID = 255

// nameUser completes an ephemeral user's ID, name and domain.
func (s *Service) nameUser(ctx context.Context, who *mapped, assertion map[string][]string) (err error) {
	u := &who.User
	if u.Type == mapping.Local {
		return nil
	}
	if u.Name == "" && len(assertion["REMOTE_USER"]) == 1 {
		u.Name = assertion["REMOTE_USER"][0]
	}
	u.Name, u.ID = cmp.Or(u.Name, u.ID), escaped(cmp.Or(u.ID, u.Name))
	switch {
	case u.ID == "":
		return unauthorized("the mapping names no user, nor does REMOTE_USER")
	case len(u.ID) > maxUniqueID || len(u.Name) > maxUniqueID:
		return unauthorized("the name of a user is longer than %d bytes", maxUniqueID)
	}
	if who.domain, err = s.mappedDomain(ctx, u.Domain, who.idp.DomainID); err == nil && !who.domain.Enabled {
		err = unauthorized("domain %s is disabled", who.domain.ID)
	}
	return err
}

// escaped writes an ID as in the path of a URL, in the original's way: slashes stay.
func escaped(id string) string {
	parts := strings.Split(id, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(p), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// localUser is the enabled user of an enabled domain whom a mapping names, or 401.
func (s *Service) localUser(ctx context.Context, u mapping.User) (keystone.User, error) {
	ref := keystone.Ref{ID: u.ID, Name: u.Name}
	switch {
	case u.ID == "" && u.Name == "":
		return keystone.User{}, notGiven("id or name", "user")
	case u.Name != "" && u.Domain == nil:
		return keystone.User{}, notGiven("domain", "user")
	case u.Domain != nil:
		ref.Domain = &keystone.Ref{ID: u.Domain.ID, Name: u.Domain.Name}
	}
	found, err := s.findUser(ctx, ref)
	if err != nil {
		return found, noUser(err)
	}
	d, err := s.store.Project(ctx, found.DomainID)
	if err != nil {
		return found, noUser(err)
	}
	if !found.Enabled || !d.Enabled {
		return found, unauthorized("user %s or its domain is disabled", found.ID)
	}
	return found, nil
}

func noUser(err error) error {
	if fault.Is(noScope(err), 401) {
		return unauthorized("the mapping names a local user who is not there")
	}
	return err
}

// notGiven is the sentence for what should be somewhere and is not.
func notGiven(what, where string) error {
	return fault.BadRequest("Expecting to find %s in %s. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.", what, where)
}
