package original

import (
	"context"
	"fmt"

	"nacre/internal/keystone"
)

func (r *reader) catalog(ctx context.Context) error {
	if err := r.regions(ctx); err != nil {
		return err
	}
	type service struct {
		ID      string  `bun:"id"`
		Type    string  `bun:"type"`
		Enabled bool    `bun:"enabled"`
		Extra   *string `bun:"extra"`
	}
	services, err := rows[service](ctx, r, "service", `SELECT id, COALESCE(type, '') AS type, enabled, extra FROM service ORDER BY id`)
	if err != nil {
		return err
	}
	for _, s := range services {
		more, err := extra("service", s.ID, s.Extra)
		if err != nil {
			return err
		}
		r.out.Services = append(r.out.Services, keystone.Service{ID: s.ID, Type: s.Type, Enabled: s.Enabled, Extra: more})
	}
	type endpoint struct {
		ID        string  `bun:"id"`
		ServiceID string  `bun:"service_id"`
		Interface string  `bun:"interface"`
		RegionID  *string `bun:"region_id"`
		URL       string  `bun:"url"`
		Enabled   bool    `bun:"enabled"`
		Extra     *string `bun:"extra"`
	}
	endpoints, err := rows[endpoint](ctx, r, "endpoint", `SELECT id, service_id, interface, region_id, url, enabled, extra FROM endpoint ORDER BY id`)
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		more, err := extra("endpoint", e.ID, e.Extra)
		if err != nil {
			return err
		}
		r.out.Endpoints = append(r.out.Endpoints, keystone.Endpoint{ID: e.ID, ServiceID: e.ServiceID, Interface: e.Interface, RegionID: text(e.RegionID),
			URL: e.URL, Enabled: e.Enabled, Extra: more})
	}
	return nil
}

func (r *reader) regions(ctx context.Context) error {
	type row struct {
		ID          string  `bun:"id"`
		Description string  `bun:"description"`
		ParentID    *string `bun:"parent_region_id"`
		Extra       *string `bun:"extra"`
	}
	found, err := rows[row](ctx, r, "region", `SELECT id, description, parent_region_id, extra FROM region ORDER BY id`)
	if err != nil {
		return err
	}
	for _, v := range found {
		more, err := extra("region", v.ID, v.Extra)
		if err != nil {
			return err
		}
		r.out.Regions = append(r.out.Regions, keystone.Region{ID: v.ID, Description: v.Description, ParentID: text(v.ParentID), Extra: more})
	}
	return nil
}

func (r *reader) endpointFilters(ctx context.Context) error {
	type row struct {
		ID          string  `bun:"id"`
		Name        string  `bun:"name"`
		Description *string `bun:"description"`
		Filters     *string `bun:"filters"`
	}
	found, err := rows[row](ctx, r, "endpoint_group", `SELECT id, name, description, filters FROM endpoint_group ORDER BY id`)
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

func (r *reader) policies(ctx context.Context) error {
	type row struct {
		ID    string  `bun:"id"`
		Type  string  `bun:"type"`
		Blob  string  `bun:"content"` // JSON, of a string mostly
		Extra *string `bun:"extra"`
	}
	found, err := rows[row](ctx, r, "policy", `SELECT id, type, "blob" AS content, extra FROM policy ORDER BY id`)
	if err != nil {
		return err
	}
	for _, p := range found {
		more, err := extra("policy", p.ID, p.Extra)
		if err != nil {
			return err
		}
		r.out.Policies = append(r.out.Policies, keystone.Policy{ID: p.ID, Type: p.Type, Blob: unwrapped(p.Blob), Extra: more})
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
