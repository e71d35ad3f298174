package original

import (
	"context"
	"fmt"

	"nacre/internal/keystone"
)

func (r *reader) catalog(ctx context.Context) (err error) {
	type region struct {
		row
		Description string  `bun:"description"`
		ParentID    *string `bun:"parent_region_id"`
	}
	if r.out.Regions, err = taken(ctx, r, "region", `SELECT id, description, parent_region_id, extra FROM region ORDER BY id`,
		func(v region, more map[string]any) keystone.Region {
			return keystone.Region{ID: v.ID, Description: v.Description, ParentID: text(v.ParentID), Extra: more}
		}); err != nil {
		return err
	}
	type service struct {
		row
		Type    string `bun:"type"`
		Enabled bool   `bun:"enabled"`
	}
	if r.out.Services, err = taken(ctx, r, "service", `SELECT id, COALESCE(type, '') AS type, enabled, extra FROM service ORDER BY id`,
		func(s service, more map[string]any) keystone.Service {
			return keystone.Service{ID: s.ID, Type: s.Type, Enabled: s.Enabled, Extra: more}
		}); err != nil {
		return err
	}
	type endpoint struct {
		row
		ServiceID string  `bun:"service_id"`
		Interface string  `bun:"interface"`
		RegionID  *string `bun:"region_id"`
		URL       string  `bun:"url"`
		Enabled   bool    `bun:"enabled"`
	}
	r.out.Endpoints, err = taken(ctx, r, "endpoint", `SELECT id, service_id, interface, region_id, url, enabled, extra FROM endpoint ORDER BY id`,
		func(e endpoint, more map[string]any) keystone.Endpoint {
			return keystone.Endpoint{ID: e.ID, ServiceID: e.ServiceID, Interface: e.Interface, RegionID: text(e.RegionID), URL: e.URL, Enabled: e.Enabled, Extra: more}
		})
	return err
}

func (r *reader) endpointFilters(ctx context.Context) error {
	type group struct {
		ID          string  `bun:"id"`
		Name        string  `bun:"name"`
		Description *string `bun:"description"`
		Filters     *string `bun:"filters"`
	}
	found, err := rows[group](ctx, r, "endpoint_group", `SELECT id, name, description, filters FROM endpoint_group ORDER BY id`)
	if err != nil {
		return err
	}
	for _, g := range found {
		filters, err := object(g.Filters)
		if err != nil {
			return fmt.Errorf("read endpoint_group %s: filters: %w", g.ID, err)
		}
		r.out.EndpointGroups = append(r.out.EndpointGroups, keystone.EndpointGroup{ID: g.ID, Name: g.Name, Description: g.Description, Filters: filters})
	}
	if r.out.ProjectEndpoints, err = rows[keystone.ProjectEndpoint](ctx, r, "project_endpoint", `SELECT project_id, endpoint_id FROM project_endpoint`); err != nil {
		return err
	}
	r.out.ProjectGroups, err = rows[keystone.ProjectEndpointGroup](ctx, r, "project_endpoint_group", `SELECT project_id, endpoint_group_id FROM project_endpoint_group`)
	return err
}

func (r *reader) policies(ctx context.Context) (err error) {
	type policy struct {
		row
		Type string `bun:"type"`
		Blob string `bun:"content"` // JSON, of a string mostly
	}
	if r.out.Policies, err = taken(ctx, r, "policy", `SELECT id, type, "blob" AS content, extra FROM policy ORDER BY id`,
		func(p policy, more map[string]any) keystone.Policy {
			return keystone.Policy{ID: p.ID, Type: p.Type, Blob: unwrapped(p.Blob), Extra: more}
		}); err != nil {
		return err
	}
	r.out.PolicyAssociations, err = rows[keystone.PolicyAssociation](ctx, r, "policy_association", `SELECT COALESCE(endpoint_id, '') AS endpoint_id,
		COALESCE(service_id, '') AS service_id, COALESCE(region_id, '') AS region_id, policy_id FROM policy_association`)
	return err
}

// domainOptions are of domains whose users are looked up elsewhere.
func (r *reader) domainOptions(ctx context.Context) error {
	for table, secret := range map[string]bool{"whitelisted_config": false, "sensitive_config": true} {
		found, err := rows[keystone.DomainOption](ctx, r, table, `SELECT domain_id, "group" AS option_group, "option" AS option_name, value FROM `+table)
		if err != nil {
			return err
		}
		for _, o := range found {
			o.Secret = secret
			r.out.DomainOptions = append(r.out.DomainOptions, o)
		}
	}
	return nil
}
