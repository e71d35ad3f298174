package service

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
)

// ServiceProvider is a service provider, or 404.
func (s *Service) ServiceProvider(ctx context.Context, id string) (keystone.ServiceProvider, error) {
	p, err := s.store.ServiceProvider(ctx, id)
	return p, missing(err, "Service Provider", id)
}

// ServiceProviders lists service providers.
func (s *Service) ServiceProviders(ctx context.Context, fs keystone.Filters) ([]keystone.ServiceProvider, error) {
	return s.store.ServiceProviders(ctx, fs)
}

// CreateServiceProvider makes a service provider.
func (s *Service) CreateServiceProvider(ctx context.Context, id string, a keystone.Attributes) (keystone.ServiceProvider, error) {
	a = a.Normalized()
	if err := shortID(id); err != nil {
		return keystone.ServiceProvider{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.ServiceProvider, error) {
		p := keystone.ServiceProvider{ID: id, RelayStatePrefix: keystone.RelayStatePrefix}
		applyServiceProvider(&p, a)
		s.notify(ctx, tx, serviceProviderResource, created, id)
		return p, duplicate(tx.InsertServiceProvider(ctx, p), "service_provider", "Duplicate entry found with ID %s", id)
	})
}

func applyServiceProvider(p *keystone.ServiceProvider, a keystone.Attributes) {
	a.SetFlag("enabled", &p.Enabled)
	setNullable(a, "description", &p.Description)
	a.SetText("auth_url", &p.AuthURL)
	a.SetText("sp_url", &p.SPURL)
	if a["relay_state_prefix"] != nil {
		a.SetText("relay_state_prefix", &p.RelayStatePrefix)
	}
}

// UpdateServiceProvider changes a service provider.
func (s *Service) UpdateServiceProvider(ctx context.Context, id string, a keystone.Attributes) (keystone.ServiceProvider, error) {
	a = a.Normalized()
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.ServiceProvider, error) {
		p, err := tx.ServiceProvider(ctx, id)
		if err != nil {
			return p, missing(err, "Service Provider", id)
		}
		applyServiceProvider(&p, a)
		s.notify(ctx, tx, serviceProviderResource, updated, id)
		return p, tx.UpdateServiceProvider(ctx, p)
	})
}

// DeleteServiceProvider removes a service provider.
func (s *Service) DeleteServiceProvider(ctx context.Context, id string) error {
	return s.remove(ctx, serviceProviderResource, "Service Provider", id, (*store.Tx).DeleteServiceProvider)
}
