package service

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"nacre/internal/keystone"
	"nacre/internal/keystone/mapping"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// shadow is the user here for one whom an identity provider vouches for, made
// when it first comes, with the memberships and projects that the mapping
// gives it. A login that changes nothing writes nothing.
func (s *Service) shadow(ctx context.Context, who mapped) (keystone.User, error) {
	u, err := s.store.FederatedUser(ctx, who.idp.ID, who.proto, who.User.ID)
	if err != nil && !errors.Is(err, db.ErrNoRow) {
		return u, err
	}
	projects, err := s.mappedProjects(ctx, who)
	if err != nil {
		return u, err
	}
	if u.ID != "" {
		settled, err := s.settled(ctx, who, u, projects)
		if settled || err != nil {
			return u, err
		}
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.User, error) {
		u, isNew, err := s.shadowUser(ctx, tx, who)
		if err != nil {
			return u, err
		}
		if err := s.shadowMemberships(ctx, tx, who, u, isNew); err != nil {
			return u, err
		}
		return u, s.shadowProjects(ctx, tx, who, u, projects)
	})
}

// fresh is how long a membership need not be recorded anew.
const fresh = time.Minute

// settled reports whether all that the assertion says is so already.
func (s *Service) settled(ctx context.Context, who mapped, u keystone.User, projects []mappedProject) (bool, error) {
	if u.DisplayName != "" && u.Name != who.User.Name || who.User.Email != "" && u.Extra["email"] != who.User.Email {
		return false, nil
	}
	ms, err := s.store.ExpiringMemberships(ctx, u.ID, "")
	if err != nil {
		return false, err
	}
	said := 0
	for _, m := range ms {
		if m.IDPID != who.idp.ID {
			continue
		}
		said++
		if !slices.Contains(who.GroupIDs, m.GroupID) || s.clock.Now().Sub(m.LastVerified) > fresh {
			return false, nil
		}
	}
	if said != len(who.GroupIDs) {
		return false, nil
	}
	add, remove, err := grantChanges(ctx, s.store, who, u, projects)
	return len(add) == 0 && len(remove) == 0 && !slices.ContainsFunc(projects, func(p mappedProject) bool { return p.isNew }), err
}

// shadowUser finds or makes the user.
func (s *Service) shadowUser(ctx context.Context, tx *store.Tx, who mapped) (u keystone.User, isNew bool, err error) {
	u, err = tx.FederatedUser(ctx, who.idp.ID, who.proto, who.User.ID)
	if errors.Is(err, db.ErrNoRow) {
		u, err = s.insertShadow(ctx, tx, who)
		return u, true, err
	} else if err != nil {
		return u, false, err
	}
	name, email := u.Name, u.Extra["email"]
	if u.DisplayName != "" { // a name that was given here stays
		u.Name = who.User.Name
	}
	if who.User.Email != "" {
		keystone.Attributes{"email": who.User.Email}.MergeExtra(&u.Extra)
	}
	if u.Name != name || u.Extra["email"] != email {
		s.notify(ctx, tx, "user", updated, u.ID)
	}
	return u, false, tx.UpdateUser(ctx, u)
}

func (s *Service) insertShadow(ctx context.Context, tx *store.Tx, who mapped) (keystone.User, error) {
	u := keystone.User{ID: keystone.PublicID(who.domain.ID, "user", who.User.ID), Name: who.User.Name, DisplayName: who.User.Name,
		DomainID: who.domain.ID, Enabled: true, Options: map[string]any{}, Extra: map[string]any{}, CreatedAt: s.clock.Now()}
	if who.User.Email != "" {
		u.Extra["email"] = who.User.Email
	}
	s.notify(ctx, tx, "user", created, u.ID)
	err := tx.InsertUser(ctx, u)
	if err == nil {
		err = tx.InsertFederatedUser(ctx, keystone.FederatedUser{IDPID: who.idp.ID, ProtocolID: who.proto, UniqueID: who.User.ID, UserID: u.ID})
	}
	return u, duplicate(err, "federated_user", "Duplicate entry")
}

// shadowMemberships makes the user a member of the groups that the assertion
// was mapped to, and of no others that this identity provider spoke of. A
// change ends the user's tokens.
func (s *Service) shadowMemberships(ctx context.Context, tx *store.Tx, who mapped, u keystone.User, isNew bool) error {
	have, err := tx.ExpiringMemberships(ctx, u.ID, "")
	if err != nil {
		return err
	}
	had := map[string]bool{}
	changed := false
	for _, m := range have {
		if m.IDPID != who.idp.ID {
			continue
		}
		if had[m.GroupID] = true; slices.Contains(who.GroupIDs, m.GroupID) {
			continue
		}
		changed = true
		s.notifyMember(ctx, tx, "removed", keystone.Membership{UserID: u.ID, GroupID: m.GroupID})
		if err := tx.RemoveExpiringMembership(ctx, m); err != nil {
			return err
		}
	}
	for _, g := range who.GroupIDs {
		if !had[g] {
			changed = true
			s.notifyMember(ctx, tx, "added", keystone.Membership{UserID: u.ID, GroupID: g})
		}
		m := keystone.ExpiringMembership{UserID: u.ID, GroupID: g, IDPID: who.idp.ID, LastVerified: s.clock.Now()}
		if err := tx.SetExpiringMembership(ctx, m); err != nil {
			return err
		}
	}
	if changed && !isNew {
		return s.revoke(ctx, tx, keystone.Revocation{UserID: u.ID})
	}
	return nil
}

// mappedProject is a project that a mapping gives the user, found or to be made.
type mappedProject struct {
	keystone.Project
	isNew bool
	roles []string // IDs
}

// mappedProjects looks up what the mapping names. Roles must be there, and of
// no other domain than the user's.
func (s *Service) mappedProjects(ctx context.Context, who mapped) (out []mappedProject, err error) {
	roles, err := s.store.Roles(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, want := range who.Projects {
		p := mappedProject{}
		for _, r := range want.Roles {
			id, err := mappedRole(roles, r.Name, who)
			if err != nil {
				return nil, err
			}
			p.roles = append(p.roles, id)
		}
		if p.Project, p.isNew, err = s.mappedProject(ctx, want, who); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// mappedRole is the ID of a global role of that name, or else of one of the user's domain.
func mappedRole(roles []keystone.Role, name string, who mapped) (string, error) {
	elsewhere := false
	for _, domain := range []string{"", who.domain.ID} {
		for _, r := range roles {
			if r.Name == name && r.DomainID == domain {
				return r.ID, nil
			}
			elsewhere = elsewhere || r.Name == name
		}
	}
	if elsewhere {
		return "", fault.Forbidden("role: %s must be within the same domain as the identity provider: %s.", name, who.idp.ID)
	}
	return "", fault.NotFound("Could not find role: %s.", name)
}

// maxProjectName is how long the name of a project may be.
const maxProjectName = 64

func (s *Service) mappedProject(ctx context.Context, want mapping.Project, who mapped) (p keystone.Project, isNew bool, err error) {
	d, err := s.mappedDomain(ctx, want.Domain, who.idp.DomainID)
	if err != nil {
		return p, false, err
	}
	p, err = s.store.ProjectByName(ctx, d.ID, want.Name)
	if !errors.Is(err, db.ErrNoRow) {
		return p, false, err
	}
	if want.Name == "" || utf8.RuneCountInString(want.Name) > maxProjectName {
		return p, false, unauthorized("the mapping names a project %q", want.Name)
	}
	return keystone.Project{ID: uuid.Hex(), Name: want.Name, DomainID: d.ID, ParentID: d.ID, Enabled: true,
		Tags: []string{}, Options: map[string]any{}, Extra: map[string]any{}}, true, nil
}

// assignmentRows is where grants are looked up: the store, or a transaction.
type assignmentRows interface {
	Assignments(ctx context.Context, who store.Actors, kind string, targetIDs []string) ([]keystone.Assignment, error)
}

// grantChanges compares the user's grants on projects with those of the
// mapping. Only from the third version on does one that is not said any more go.
func grantChanges(ctx context.Context, q assignmentRows, who mapped, u keystone.User, projects []mappedProject) (add, remove []keystone.Assignment, err error) {
	have, err := q.Assignments(ctx, store.Actors{UserID: u.ID}, keystone.TargetProject, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range projects {
		for _, role := range p.roles {
			a := keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: u.ID, TargetKind: keystone.TargetProject, TargetID: p.ID, RoleID: role}
			if !slices.Contains(have, a) && !slices.Contains(add, a) {
				add = append(add, a)
			}
		}
	}
	if who.version < mapping.Version3 {
		return add, nil, nil
	}
	for _, a := range have {
		said := slices.ContainsFunc(projects, func(p mappedProject) bool { return p.ID == a.TargetID && slices.Contains(p.roles, a.RoleID) })
		if !said && !a.Inherited {
			remove = append(remove, a)
		}
	}
	return add, remove, nil
}

// shadowProjects makes the projects that are missing and has the user's grants
// follow the mapping.
func (s *Service) shadowProjects(ctx context.Context, tx *store.Tx, who mapped, u keystone.User, projects []mappedProject) error {
	for i, p := range projects {
		made, err := tx.ProjectByName(ctx, p.DomainID, p.Name) // by another login meanwhile, or by this mapping twice
		if errors.Is(err, db.ErrNoRow) {
			s.notify(ctx, tx, "project", created, p.ID)
			made, err = p.Project, tx.InsertProject(ctx, p.Project)
		}
		if err != nil {
			return err
		}
		projects[i].Project = made
	}
	add, remove, err := grantChanges(ctx, tx, who, u, projects)
	if err != nil {
		return err
	}
	for _, a := range add {
		s.notifyGrant(ctx, tx, created, a)
		if err := tx.AddGrant(ctx, a); err != nil {
			return err
		}
	}
	for _, a := range remove {
		s.notifyGrant(ctx, tx, deleted, a)
		if err := tx.RemoveGrant(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// untilMembershipsEnd ends a federated user's token when one of the
// memberships that its roles may come of does.
func (s *Service) untilMembershipsEnd(ctx context.Context, r *resolving, userID string) error {
	_, ends, err := s.store.LivingMemberships(ctx, userID, "")
	for _, end := range ends {
		r.until(&end)
	}
	return err
}

// FederatedIDs lists as whom identity providers know a user.
func (s *Service) FederatedIDs(ctx context.Context, userID string) ([]keystone.FederatedUser, error) {
	return s.store.FederatedIDs(ctx, userID)
}

// MembershipEnds says when the memberships end that an identity provider spoke
// of, by group.
func (s *Service) MembershipEnds(ctx context.Context, userID string) (map[string]time.Time, error) {
	ms, ends, err := s.store.LivingMemberships(ctx, userID, "")
	out := map[string]time.Time{}
	for i, m := range ms {
		if ends[i].After(out[m.GroupID]) {
			out[m.GroupID] = ends[i]
		}
	}
	return out, err
}

// linkFederated has identity providers know a user that was written, unless
// written says why it was not, as the client says, instead of as before.
func linkFederated(ctx context.Context, tx *store.Tx, u keystone.User, a keystone.Attributes, written error) error {
	said, _ := a["federated"].([]any)
	if written != nil || len(said) == 0 {
		return written
	}
	if err := tx.UnlinkFederatedUser(ctx, u.ID); err != nil {
		return err
	}
	for _, f := range federatedIn(said, u.ID) {
		if len(f.UniqueID) > maxUniqueID {
			return fault.BadRequest("Invalid input for field 'unique_id': it is longer than %d bytes", maxUniqueID)
		}
		if _, err := tx.IdentityProvider(ctx, f.IDPID); errors.Is(err, db.ErrNoRow) {
			return fault.BadRequest("Could not find Identity Provider: %s", f.IDPID)
		} else if err != nil {
			return err
		}
		if _, err := tx.Protocol(ctx, f.IDPID, f.ProtocolID); errors.Is(err, db.ErrNoRow) {
			return fault.BadRequest("Could not find federated protocol %s for Identity Provider: %s.", f.ProtocolID, f.IDPID)
		} else if err != nil {
			return err
		}
		if err := duplicate(tx.InsertFederatedUser(ctx, f), "federated_user", "Duplicate entry"); err != nil {
			return err
		}
	}
	return nil
}

// federatedIn reads [{"idp_id", "protocols": [{"protocol_id", "unique_id"}]}].
func federatedIn(said []any, userID string) (out []keystone.FederatedUser) {
	for _, one := range said {
		idp, _ := one.(map[string]any)
		protocols, _ := idp["protocols"].([]any)
		for _, each := range protocols {
			p, _ := each.(map[string]any)
			f := keystone.Attributes(p)
			out = append(out, keystone.FederatedUser{IDPID: keystone.Attributes(idp).Text("idp_id"), ProtocolID: f.Text("protocol_id"),
				UniqueID: f.Text("unique_id"), UserID: userID})
		}
	}
	return out
}
