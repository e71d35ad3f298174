package store

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	regions   = db.Table[keystone.Region]("regions")
	services  = db.Table[keystone.Service]("services")
	endpoints = db.Table[keystone.Endpoint]("endpoints")
)

// fixedRow is the row of a template that fits, or ErrNoRow.
func fixedRow[T any](rows []T, fits func(T) bool) (row T, err error) {
	if i := slices.IndexFunc(rows, fits); i >= 0 {
		return rows[i], nil
	}
	return row, db.ErrNoRow
}

// fixedList are the rows of a template that pass the filters.
func fixedList[T filterable](rows []T, fs keystone.Filters) []T {
	return slices.DeleteFunc(slices.Clone(rows), func(row T) bool { return !fs.Match(row.Attribute) })
}

// Region is the region with that ID, or ErrNoRow.
func (r reads) Region(ctx context.Context, id string) (keystone.Region, error) {
	if r.fixed != nil {
		return fixedRow(r.fixed.Regions, func(v keystone.Region) bool { return v.ID == id })
	}
	return db.One(ctx, r.q, regions.Select("id = ?", id))
}

// Regions lists the regions that pass the filters.
func (r reads) Regions(ctx context.Context, fs keystone.Filters) ([]keystone.Region, error) {
	if r.fixed != nil {
		return fixedList(r.fixed.Regions, fs), nil
	}
	return list(ctx, r.q, regions, fs, "parent_region_id")
}

// Service is the service with that ID, or ErrNoRow.
func (r reads) Service(ctx context.Context, id string) (keystone.Service, error) {
	if r.fixed != nil {
		return fixedRow(r.fixed.Services, func(v keystone.Service) bool { return v.ID == id })
	}
	return db.One(ctx, r.q, services.Select("id = ?", id))
}

// Services lists the services that pass the filters.
func (r reads) Services(ctx context.Context, fs keystone.Filters) ([]keystone.Service, error) {
	if r.fixed != nil {
		return fixedList(r.fixed.Services, fs), nil
	}
	return list(ctx, r.q, services, fs, "type")
}

// Endpoint is the endpoint with that ID, or ErrNoRow.
func (r reads) Endpoint(ctx context.Context, id string) (keystone.Endpoint, error) {
	if r.fixed != nil {
		return fixedRow(r.fixed.Endpoints, func(v keystone.Endpoint) bool { return v.ID == id })
	}
	return db.One(ctx, r.q, endpoints.Select("id = ?", id))
}

// Endpoints lists the endpoints that pass the filters.
func (r reads) Endpoints(ctx context.Context, fs keystone.Filters) ([]keystone.Endpoint, error) {
	if r.fixed != nil {
		return fixedList(r.fixed.Endpoints, fs), nil
	}
	return list(ctx, r.q, endpoints, fs, "service_id", "interface", "region_id")
}

// InsertRegion writes a new region; ErrDuplicate if the ID is taken.
func (tx *Tx) InsertRegion(ctx context.Context, r keystone.Region) error {
	return regions.Insert(ctx, tx.tx, r)
}

// UpdateRegion writes all of a region.
func (tx *Tx) UpdateRegion(ctx context.Context, r keystone.Region) error {
	return update(ctx, tx, regions, r)
}

// DeleteRegion removes a region with the limits and policies that were for it.
func (tx *Tx) DeleteRegion(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM limits WHERE region_id = ?",
		"DELETE FROM registered_limits WHERE region_id = ?",
		"DELETE FROM policy_associations WHERE region_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "regions", id)
}

// InsertService writes a new service.
func (tx *Tx) InsertService(ctx context.Context, s keystone.Service) error {
	return services.Insert(ctx, tx.tx, s)
}

// UpdateService writes all of a service.
func (tx *Tx) UpdateService(ctx context.Context, s keystone.Service) error {
	return update(ctx, tx, services, s)
}

// DeleteService removes a service with its endpoints, and with the limits and
// policies that were for it.
func (tx *Tx) DeleteService(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM limits WHERE service_id = ?",
		"DELETE FROM registered_limits WHERE service_id = ?",
		"DELETE FROM policy_associations WHERE service_id = ?",
		"DELETE FROM policy_associations WHERE endpoint_id IN (SELECT id FROM endpoints WHERE service_id = ?)",
		"DELETE FROM project_endpoints WHERE endpoint_id IN (SELECT id FROM endpoints WHERE service_id = ?)",
		"DELETE FROM endpoints WHERE service_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "services", id)
}

// InsertEndpoint writes a new endpoint.
func (tx *Tx) InsertEndpoint(ctx context.Context, e keystone.Endpoint) error {
	return endpoints.Insert(ctx, tx.tx, e)
}

// UpdateEndpoint writes all of an endpoint.
func (tx *Tx) UpdateEndpoint(ctx context.Context, e keystone.Endpoint) error {
	return update(ctx, tx, endpoints, e)
}

// DeleteEndpoint removes an endpoint from all projects and policies.
func (tx *Tx) DeleteEndpoint(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM policy_associations WHERE endpoint_id = ?",
		"DELETE FROM project_endpoints WHERE endpoint_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "endpoints", id)
}
