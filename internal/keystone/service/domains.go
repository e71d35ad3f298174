package service

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Domain is a domain, or 404.
func (s *Service) Domain(ctx context.Context, id string) (keystone.Project, error) {
	return domainIn(ctx, s.store, id)
}

func domainIn(ctx context.Context, q rows, id string) (keystone.Project, error) {
	d, err := q.Project(ctx, id)
	if err == nil && !d.IsDomain {
		err = db.ErrNoRow
	}
	return d, missing(err, "domain", id)
}

// Domains lists domains.
func (s *Service) Domains(ctx context.Context, fs keystone.Filters) ([]keystone.Project, error) {
	return s.store.Projects(ctx, append(fs, keystone.Filter{Name: "is_domain", Value: "true"}, keystone.Filter{Name: "domain_id"}))
}

// CreateDomain makes a domain; explicit_domain_id chooses its ID.
func (s *Service) CreateDomain(ctx context.Context, a keystone.Attributes) (keystone.Project, error) {
	a = a.Normalized()
	d := keystone.Project{ID: uuid.Hex(), IsDomain: true, Enabled: true}
	if a.Has("explicit_domain_id") {
		d.ID = a.Text("explicit_domain_id")
		if len(d.ID) != 32 || !uuid.Valid(d.ID) {
			return d, fault.BadRequest("Domain ID does not conform to required UUID format.")
		}
		delete(a, "explicit_domain_id")
	}
	applyProject(&d, a)
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "domain", created, d.ID)
		return tx.InsertProject(ctx, d)
	})
	return d, projectConflict(err, d)
}

// UpdateDomain changes a domain. Disabling revokes the tokens of its users and on it.
func (s *Service) UpdateDomain(ctx context.Context, id string, a keystone.Attributes) (keystone.Project, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Project, error) {
		d, err := domainIn(ctx, tx, id)
		if err != nil {
			return d, err
		}
		return s.updateProject(ctx, tx, d, a)
	})
}

// DeleteDomain removes a disabled domain with all that it holds.
func (s *Service) DeleteDomain(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		d, err := domainIn(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.deleteDomain(ctx, tx, d)
	})
}

func (s *Service) deleteDomain(ctx context.Context, tx *store.Tx, d keystone.Project) error {
	if err := deletable(d.Options, "domain", d.ID); err != nil {
		return err
	}
	if d.Enabled {
		return fault.Forbidden("Cannot delete a domain that is enabled, please disable it first.")
	}
	if err := s.revoke(ctx, tx, keystone.Revocation{DomainID: d.ID}); err != nil {
		return err
	}
	if err := s.notifyDomainContents(ctx, tx, d.ID); err != nil {
		return err
	}
	s.notifyProject(ctx, tx, deleted, d)
	return tx.DeleteDomain(ctx, d.ID)
}
