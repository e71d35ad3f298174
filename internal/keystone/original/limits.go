package original

import (
	"context"

	"nacre/internal/keystone"
)

func (r *reader) limits(ctx context.Context) (err error) {
	r.out.RegisteredLimits, err = rows[keystone.RegisteredLimit](ctx, r, "registered_limit", `SELECT id, COALESCE(service_id, '') AS service_id,
		COALESCE(region_id, '') AS region_id, COALESCE(resource_name, '') AS resource_name, default_limit, description FROM registered_limit ORDER BY internal_id`)
	if err != nil {
		return err
	}
	r.out.Limits, err = rows[keystone.Limit](ctx, r, "limit", `SELECT l.id, g.id AS registered_limit_id, COALESCE(l.project_id, '') AS project_id,
		COALESCE(l.domain_id, '') AS domain_id, COALESCE(g.service_id, '') AS service_id, COALESCE(g.region_id, '') AS region_id,
		COALESCE(g.resource_name, '') AS resource_name, l.resource_limit, l.description
		FROM "limit" l JOIN registered_limit g ON g.id = l.registered_limit_id ORDER BY l.internal_id`)
	return err
}
