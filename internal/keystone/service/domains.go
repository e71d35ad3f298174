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
	d, err := s.store.Project(ctx, id)
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
	return d, s.insertProject(ctx, d)
}

// UpdateDomain changes a domain. Disabling revokes the tokens of its users and on it.
func (s *Service) UpdateDomain(ctx context.Context, id string, a keystone.Attributes) (keystone.Project, error) {
	if d, err := s.Domain(ctx, id); err != nil {
		return d, err
	}
	return s.UpdateProject(ctx, id, a)
}

// DeleteDomain removes a disabled domain with all that it holds.
func (s *Service) DeleteDomain(ctx context.Context, id string) error {
	d, err := s.Domain(ctx, id)
	if err != nil {
		return err
	}
	return s.deleteDomain(ctx, d)
}

func (s *Service) deleteDomain(ctx context.Context, d keystone.Project) error {
	if err := deletable(d.Options, "domain", d.ID); err != nil {
		return err
	}
	if d.Enabled {
		return fault.Forbidden("Cannot delete a domain that is enabled, please disable it first.")
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.revoke(ctx, tx, keystone.Revocation{DomainID: d.ID}); err != nil {
			return err
		}
		return tx.DeleteDomain(ctx, d.ID)
	})
	return missing(err, "domain", d.ID)
}
