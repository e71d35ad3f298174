package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var serviceProviders = db.Table[keystone.ServiceProvider]("service_providers")

// ServiceProvider is the service provider with that ID, or ErrNoRow.
func (r reads) ServiceProvider(ctx context.Context, id string) (keystone.ServiceProvider, error) {
	return db.One(ctx, r.q, serviceProviders.Select("id = ?", id))
}

// ServiceProviders lists the service providers that pass the filters.
func (r reads) ServiceProviders(ctx context.Context, fs keystone.Filters) ([]keystone.ServiceProvider, error) {
	return list(ctx, r.q, serviceProviders, fs, "id")
}

// InsertServiceProvider writes a new service provider; ErrDuplicate if the ID is taken.
func (tx *Tx) InsertServiceProvider(ctx context.Context, p keystone.ServiceProvider) error {
	return serviceProviders.Insert(ctx, tx.tx, p)
}

// UpdateServiceProvider writes all of a service provider.
func (tx *Tx) UpdateServiceProvider(ctx context.Context, p keystone.ServiceProvider) error {
	return update(ctx, tx, serviceProviders, p)
}

// DeleteServiceProvider removes a service provider, or is ErrNoRow.
func (tx *Tx) DeleteServiceProvider(ctx context.Context, id string) error {
	return tx.remove(ctx, "service_providers", id)
}
