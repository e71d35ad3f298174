package service

import (
	"context"
	"errors"
	"maps"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// What version 2.0 of the API means. It knows the default domain only: what
// lies in another does not exist for it.

// V2Scope is what a client wants a token for: a tenant by its ID or its name,
// through a trust perhaps, or nothing.
func (s *Service) V2Scope(ctx context.Context, tenantID, tenantName, trustID string) (keystone.Scope, error) {
	var p keystone.Project
	var err error
	switch {
	case tenantName != "":
		p, err = s.TenantByName(ctx, tenantName)
	case tenantID != "":
		p, err = s.Tenant(ctx, tenantID)
	}
	if err != nil {
		return keystone.Scope{}, asUnauthorized(err)
	}
	if trustID != "" {
		t, err := s.Trust(ctx, trustID)
		if fault.Is(err, 404) || err == nil && t.ProjectID != p.ID {
			return keystone.Scope{}, fault.Forbidden("You are not authorized to perform the requested action.")
		}
		return keystone.Scope{TrustID: trustID}, err
	}
	if p.ID == "" {
		return keystone.Scope{Unscoped: true}, nil
	}
	return keystone.Scope{Project: &keystone.Ref{ID: p.ID}}, nil
}

// AuthenticateV2 is Authenticate for users of the default domain who need no
// second method.
func (s *Service) AuthenticateV2(ctx context.Context, c keystone.Credentials, scope keystone.Scope) (keystone.Token, error) {
	switch given := c.Proofs[c.Methods[0]].(type) {
	case keystone.PasswordProof:
		if u, err := s.identities.User(ctx, given.User.ID); err == nil && u.DomainID != keystone.DefaultDomainID {
			given.User.ID = "" // nobody
			c.Proofs[c.Methods[0]] = given
		}
	case keystone.TokenProof:
		if t, err := s.Token(ctx, given.ID); err == nil && t.UserDomain.ID != keystone.DefaultDomainID {
			return keystone.Token{}, errOtherDomain()
		}
	}
	t, err := s.Authenticate(ctx, c, scope)
	if more := (*keystone.MoreMethods)(nil); errors.As(err, &more) {
		return t, unauthorized("user %s needs more methods than version 2.0 has", more.Receipt.User.ID)
	}
	return t, asUnauthorized(err)
}

func errOtherDomain() *fault.Fault { return fault.Unauthorized("Non-default domain is not supported") }

// KnownToV2 refuses a token that version 2.0 cannot tell of.
func KnownToV2(t keystone.Token) error {
	switch {
	case t.UserDomain.ID != keystone.DefaultDomainID, t.Project != nil && t.Project.DomainID != keystone.DefaultDomainID,
		t.Domain != nil, t.System:
		return errOtherDomain()
	case t.Trust != nil:
		return fault.Unauthorized("Unable to validate trust-scoped tokens using version v2.0 API.")
	case t.AccessToken != nil:
		return fault.Unauthorized("Unable to validate Oauth tokens using the version v2.0 API.")
	}
	return nil
}

// V2User is a user of the default domain, or 404.
func (s *Service) V2User(ctx context.Context, id string) (keystone.User, error) {
	u, err := s.User(ctx, id)
	if err == nil && u.DomainID != keystone.DefaultDomainID {
		return keystone.User{}, missing(db.ErrNoRow, "user", id)
	}
	return u, err
}

// Tenant is a project of the default domain, or 404.
func (s *Service) Tenant(ctx context.Context, id string) (keystone.Project, error) {
	p, err := s.Project(ctx, id)
	if err == nil && (p.IsDomain || p.DomainID != keystone.DefaultDomainID) {
		return keystone.Project{}, missing(db.ErrNoRow, "project", id)
	}
	return p, err
}

// TenantByName is the project of that name in the default domain, or 404.
func (s *Service) TenantByName(ctx context.Context, name string) (keystone.Project, error) {
	p, err := s.store.ProjectByName(ctx, keystone.DefaultDomainID, name)
	return p, missing(err, "project", name)
}

// memberRole is what a user has on its default project.
const memberRole = "member"

// CreateV2User is CreateUser for one who is a member of its default project.
func (s *Service) CreateV2User(ctx context.Context, a keystone.Attributes) (keystone.User, error) {
	if err := s.checkTenant(ctx, a); err != nil {
		return keystone.User{}, err
	}
	return s.CreateUser(ctx, a, s.moveDefault)
}

// checkTenant is 404 for a default project that is not there.
func (s *Service) checkTenant(ctx context.Context, a keystone.Attributes) error {
	id := a.Text("default_project_id")
	if id == "" {
		return nil
	}
	_, err := s.Tenant(ctx, id)
	return err
}

// UpdateV2User is UpdateUser; whose default project changes leaves the old one.
func (s *Service) UpdateV2User(ctx context.Context, was keystone.User, a keystone.Attributes) (keystone.User, error) {
	if err := s.checkTenant(ctx, a); err != nil {
		return was, err
	}
	return s.UpdateUser(ctx, was.ID, a, s.moveDefault)
}

// moveDefault makes a user a member of its default project, instead of the one before.
func (s *Service) moveDefault(ctx context.Context, tx *store.Tx, was, now keystone.User) error {
	if was.DefaultProjectID == now.DefaultProjectID {
		return nil
	}
	if was.DefaultProjectID != "" {
		g, err := membership(ctx, tx, was)
		if err == nil {
			err = s.ungrant(ctx, tx, g)
		}
		if err != nil && !fault.Is(err, 404) {
			return err
		}
	}
	if now.DefaultProjectID == "" {
		return nil
	}
	g, err := membership(ctx, tx, now)
	if err != nil {
		return err
	}
	return s.grant(ctx, tx, g, false)
}

// membership is a user's role on its default project.
func membership(ctx context.Context, q rows, u keystone.User) (keystone.Assignment, error) {
	r, err := roleByUniqueName(ctx, q, memberRole)
	return keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: u.ID, TargetKind: keystone.TargetProject, TargetID: u.DefaultProjectID, RoleID: r.ID}, err
}

// UsersOfTenant lists the users of the default domain who have a role on a project.
func (s *Service) UsersOfTenant(ctx context.Context, id string) ([]keystone.User, error) {
	all, err := s.Effective(ctx, keystone.AssignmentFilter{ProjectID: id})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range all {
		if e.ActorKind == keystone.ActorUser {
			ids = append(ids, e.ActorID)
		}
	}
	rows, err := s.store.UsersByID(ctx, ids)
	return slices.DeleteFunc(rows, func(u keystone.User) bool { return u.DomainID != keystone.DefaultDomainID }), err
}

// RolesOnTenant lists the global roles that a user has on a project.
func (s *Service) RolesOnTenant(ctx context.Context, userID string, p keystone.Project) ([]keystone.Role, error) {
	ids, err := s.effectiveRoles(ctx, userID, p)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.RolesByID(ctx, ids)
	return slices.DeleteFunc(rows, func(r keystone.Role) bool { return r.DomainID != "" }), err
}

// GrantOnce is Grant, or 409 for a role that the user has already.
func (s *Service) GrantOnce(ctx context.Context, a keystone.Assignment) error {
	if has, err := s.store.Grant(ctx, a); err != nil {
		return err
	} else if has {
		return fault.Conflict("Conflict occurred attempting to store role grant - User %s already has role %s in tenant %s.", a.ActorID, a.RoleID, a.TargetID)
	}
	return s.Grant(ctx, a)
}

// LegacyEndpoint is the up to three addresses of a service in a region, which
// version 2.0 knows as one endpoint.
type LegacyEndpoint struct {
	ID        string
	ServiceID string
	RegionID  string
	Enabled   bool
	URLs      map[string]string // by interface
	Extra     map[string]any
}

// LegacyAttribute is where an endpoint of version 3 keeps the ID of that of
// version 2.0 which it is a part of. Nobody is shown it.
const LegacyAttribute = "legacy_endpoint_id"

// LegacyID is the ID of the endpoint of version 2.0 that one is a part of, or "".
func LegacyID(e keystone.Endpoint) string {
	id, _ := e.Extra[LegacyAttribute].(string)
	return id
}

// LegacyEndpoints lists endpoints as version 2.0 does: those it has made, and
// what else there is by service and region, under the ID of the public one.
func (s *Service) LegacyEndpoints(ctx context.Context) ([]LegacyEndpoint, error) {
	all, err := s.store.Endpoints(ctx, nil)
	if err != nil {
		return nil, err
	}
	groups := map[string]*LegacyEndpoint{}
	for _, e := range all {
		key := LegacyID(e)
		if key == "" {
			key = e.ServiceID + " " + e.RegionID
		}
		g := groups[key]
		if g == nil {
			g = &LegacyEndpoint{ID: LegacyID(e), ServiceID: e.ServiceID, RegionID: e.RegionID, Enabled: e.Enabled, URLs: map[string]string{}, Extra: map[string]any{}}
			groups[key] = g
		}
		if LegacyID(e) == "" && e.Interface == "public" {
			g.ID = e.ID
		}
		g.URLs[e.Interface] = e.URL
	}
	out := []LegacyEndpoint{}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if g := groups[key]; g.ID != "" && g.URLs["public"] != "" {
			out = append(out, *g)
		}
	}
	return out, nil
}

var legacyAttributes = []string{"publicurl", "internalurl", "adminurl", "region", "service_id", "enabled", "id", LegacyAttribute}

// CreateLegacyEndpoint makes an endpoint of each address that is given.
func (s *Service) CreateLegacyEndpoint(ctx context.Context, a keystone.Attributes) (LegacyEndpoint, error) {
	made := LegacyEndpoint{ID: uuid.Hex(), ServiceID: a.Text("service_id"), RegionID: a.Text("region"), Enabled: true, URLs: map[string]string{}}
	a.SetFlag("enabled", &made.Enabled)
	a.MergeExtra(&made.Extra, legacyAttributes...)
	for _, kind := range []string{"public", "internal", "admin"} {
		url := a.Text(kind + "url")
		if url == "" {
			continue
		}
		if _, ok := expand(url, anyValue); !ok {
			return made, fault.BadRequest("Cannot create an endpoint with an invalid URL: %s.", url)
		}
		made.URLs[kind] = url
	}
	return made, s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, kind := range slices.Sorted(maps.Keys(made.URLs)) {
			e := keystone.Endpoint{ID: uuid.Hex(), ServiceID: made.ServiceID, RegionID: made.RegionID, Interface: kind, URL: made.URLs[kind], Enabled: made.Enabled,
				Extra: maps.Clone(made.Extra)}
			if e.Extra == nil {
				e.Extra = map[string]any{}
			}
			e.Extra[LegacyAttribute] = made.ID
			if err := s.placeEndpoint(ctx, tx, e, a); err != nil {
				return err
			}
			s.notify(ctx, tx, "endpoint", created, e.ID)
			if err := tx.InsertEndpoint(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteLegacyEndpoint removes the endpoints that CreateLegacyEndpoint has made.
func (s *Service) DeleteLegacyEndpoint(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Endpoints(ctx, nil)
		if err != nil {
			return err
		}
		gone := false
		for _, e := range all {
			if id == "" || LegacyID(e) != id {
				continue
			}
			gone = true
			s.notify(ctx, tx, "endpoint", deleted, e.ID)
			if err := tx.DeleteEndpoint(ctx, e.ID); err != nil {
				return err
			}
		}
		if !gone {
			return missing(db.ErrNoRow, "endpoint", id)
		}
		return nil
	})
}
