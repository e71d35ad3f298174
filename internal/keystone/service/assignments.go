package service

import (
	"context"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Grant gives a role to a user or group on a target, all of which exist.
func (s *Service) Grant(ctx context.Context, a keystone.Assignment) error {
	elsewhere, err := s.identities.has(ctx, a.ActorKind, a.ActorID)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return s.grant(ctx, tx, a, elsewhere) })
}

// grant is Grant in a transaction; the actor may be known to exist elsewhere.
func (s *Service) grant(ctx context.Context, tx *store.Tx, a keystone.Assignment, elsewhere bool) error {
	role, err := roleIn(ctx, tx, a.RoleID)
	if err != nil {
		return err
	}
	if !elsewhere {
		err = actorIn(ctx, tx, a)
	}
	if err := firstError(err, targetIn(ctx, tx, a), domainRoleFits(ctx, tx, role, a)); err != nil {
		return err
	}
	s.notifyGrant(ctx, tx, created, a)
	return tx.AddGrant(ctx, a)
}

// actorIn is 404 for a user or group that is not there.
func actorIn(ctx context.Context, q actors, a keystone.Assignment) (err error) {
	if a.ActorKind == keystone.ActorUser {
		_, err = userIn(ctx, q, a.ActorID)
	} else {
		_, err = groupIn(ctx, q, a.ActorID)
	}
	return err
}

// targetIn is 404 for a project or domain that is not there.
func targetIn(ctx context.Context, q rows, a keystone.Assignment) (err error) {
	switch a.TargetKind {
	case keystone.TargetProject:
		_, err = projectIn(ctx, q, a.TargetID)
	case keystone.TargetDomain:
		_, err = domainIn(ctx, q, a.TargetID)
	}
	return err
}

// domainRoleFits keeps the roles of a domain on its projects.
func domainRoleFits(ctx context.Context, q rows, role keystone.Role, a keystone.Assignment) error {
	switch {
	case role.DomainID == "":
		return nil
	case a.TargetKind == keystone.TargetSystem:
		return fault.BadRequest("Role %s is a domain-specific role. Unable to use a domain-specific role in a system assignment.", role.ID)
	case a.TargetKind == keystone.TargetProject:
		p, err := projectIn(ctx, q, a.TargetID)
		if err == nil && p.DomainID != role.DomainID {
			err = fault.Forbidden("Project %s must be in the same domain as the role %s being assigned.", p.ID, role.ID)
		}
		return err
	}
	return nil
}

// CheckGrant is 404 unless that very assignment exists.
func (s *Service) CheckGrant(ctx context.Context, a keystone.Assignment) error {
	if _, err := s.Role(ctx, a.RoleID); err != nil {
		return err
	}
	if err := targetIn(ctx, s.store, a); err != nil {
		return err
	}
	found, err := s.store.Grant(ctx, a)
	if err == nil && !found {
		return notGranted(a)
	}
	return err
}

// Revoke takes a role away. Tokens lose it at their next use.
func (s *Service) Revoke(ctx context.Context, a keystone.Assignment) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return s.ungrant(ctx, tx, a) })
}

// ungrant is Revoke in a transaction, which may go on if there was no such grant.
func (s *Service) ungrant(ctx context.Context, tx *store.Tx, a keystone.Assignment) error {
	if _, err := roleIn(ctx, tx, a.RoleID); err != nil {
		return err
	}
	if err := targetIn(ctx, tx, a); err != nil {
		return err
	}
	err := tx.RemoveGrant(ctx, a)
	if errors.Is(err, db.ErrNoRow) {
		return notGranted(a)
	} else if err != nil {
		return err
	}
	s.notifyGrant(ctx, tx, deleted, a)
	return nil
}

func notGranted(a keystone.Assignment) error {
	return fault.NotFound("Could not find role assignment with role: %s, user or group: %s, project, domain, or system: %s.", a.RoleID, a.ActorID, a.TargetID)
}

// GrantedRoles lists the roles granted directly to one actor on one target.
func (s *Service) GrantedRoles(ctx context.Context, a keystone.Assignment) ([]keystone.Role, error) {
	if err := firstError(actorIn(ctx, s.identities, a), targetIn(ctx, s.store, a)); err != nil {
		return nil, err
	}
	rows, err := s.store.Assignments(ctx, actorsOf(a), a.TargetKind, []string{a.TargetID})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, row := range rows {
		if row.Inherited == a.Inherited {
			ids = append(ids, row.RoleID)
		}
	}
	roles, err := s.store.RolesByID(ctx, ids)
	if roles == nil {
		roles = []keystone.Role{}
	}
	return roles, err
}

func actorsOf(a keystone.Assignment) store.Actors {
	if a.ActorKind == keystone.ActorUser {
		return store.Actors{UserID: a.ActorID}
	}
	return store.Actors{Groups: []string{a.ActorID}}
}

// ProjectsOfUser lists the projects on which a user, or one of these groups, has any role.
func (s *Service) ProjectsOfUser(ctx context.Context, userID string, groups ...string) ([]keystone.Project, error) {
	return s.targetsOfUser(ctx, userID, groups, keystone.TargetProject)
}

// DomainsOfUser lists the domains on which a user, or one of these groups, has any role.
func (s *Service) DomainsOfUser(ctx context.Context, userID string, groups ...string) ([]keystone.Project, error) {
	return s.targetsOfUser(ctx, userID, groups, keystone.TargetDomain)
}

func (s *Service) targetsOfUser(ctx context.Context, userID string, groups []string, kind string) ([]keystone.Project, error) {
	all, err := s.effectiveWith(ctx, keystone.AssignmentFilter{UserID: userID}, groups)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range all {
		if e.TargetKind == kind {
			ids = append(ids, e.TargetID)
		}
	}
	rows, err := s.store.ProjectsByID(ctx, ids)
	return matching(rows, nil), err
}

// HasSystemRole reports whether a user has a role on the system in person.
func (s *Service) HasSystemRole(ctx context.Context, userID string) (bool, error) {
	rows, err := s.grantedRoles(ctx, userID, keystone.TargetSystem, keystone.SystemID, nil)
	return len(rows) > 0, err
}
