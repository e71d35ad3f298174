package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	registeredLimits = db.Table[keystone.RegisteredLimit]("registered_limits")
	limits           = db.Table[keystone.Limit]("limits")
)

// RegisteredLimit is the registered limit with that ID, or ErrNoRow.
func (r reads) RegisteredLimit(ctx context.Context, id string) (keystone.RegisteredLimit, error) {
	return db.One(ctx, r.q, registeredLimits.Select("id = ?", id))
}

// RegisteredLimitOf is that of a resource, or ErrNoRow.
func (r reads) RegisteredLimitOf(ctx context.Context, serviceID, regionID, resource string) (keystone.RegisteredLimit, error) {
	return db.One(ctx, r.q, registeredLimits.Select("service_id = ? AND region_id = ? AND resource_name = ?", serviceID, regionID, resource))
}

// RegisteredLimits lists the registered limits that pass the filters.
func (r reads) RegisteredLimits(ctx context.Context, fs keystone.Filters) ([]keystone.RegisteredLimit, error) {
	return list(ctx, r.q, registeredLimits, fs, "service_id", "region_id", "resource_name")
}

// Limit is the limit with that ID, or ErrNoRow.
func (r reads) Limit(ctx context.Context, id string) (keystone.Limit, error) {
	return db.One(ctx, r.q, limits.Select("id = ?", id))
}

// Limits lists the limits that pass the filters.
func (r reads) Limits(ctx context.Context, fs keystone.Filters) ([]keystone.Limit, error) {
	return list(ctx, r.q, limits, fs, "project_id", "domain_id", "service_id", "region_id", "resource_name")
}

// LimitsOn lists the limits that refer to a registered one.
func (r reads) LimitsOn(ctx context.Context, registeredID string) ([]keystone.Limit, error) {
	return db.All(ctx, r.q, limits.Select("registered_limit_id = ?", registeredID).OrderBy("id"))
}

// LimitsInDomain lists the limits of a domain and of its projects.
func (r reads) LimitsInDomain(ctx context.Context, domainID string) ([]keystone.Limit, error) {
	return db.All(ctx, r.q, limits.Select(
		"domain_id = ? OR project_id IN (SELECT id FROM projects WHERE domain_id = ?)", domainID, domainID).OrderBy("id"))
}

// InsertRegisteredLimit writes a new one; ErrDuplicate if the resource has one.
func (tx *Tx) InsertRegisteredLimit(ctx context.Context, l keystone.RegisteredLimit) error {
	return registeredLimits.Insert(ctx, tx.tx, l)
}

// UpdateRegisteredLimit writes all of one; ErrDuplicate if the resource has another.
func (tx *Tx) UpdateRegisteredLimit(ctx context.Context, l keystone.RegisteredLimit) error {
	return update(ctx, tx, registeredLimits, l)
}

// DeleteRegisteredLimit removes one.
func (tx *Tx) DeleteRegisteredLimit(ctx context.Context, id string) error {
	return tx.remove(ctx, "registered_limits", id)
}

// InsertLimit writes a new limit; ErrDuplicate if its owner has one of the resource.
func (tx *Tx) InsertLimit(ctx context.Context, l keystone.Limit) error {
	return limits.Insert(ctx, tx.tx, l)
}

// UpdateLimit writes all of a limit.
func (tx *Tx) UpdateLimit(ctx context.Context, l keystone.Limit) error {
	return update(ctx, tx, limits, l)
}

// DeleteLimit removes a limit.
func (tx *Tx) DeleteLimit(ctx context.Context, id string) error {
	return tx.remove(ctx, "limits", id)
}
