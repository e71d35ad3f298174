package original

import (
	"context"
	"slices"

	"nacre/internal/keystone"
)

func (r *reader) federation(ctx context.Context) (err error) {
	r.out.IdentityProviders, err = rows[keystone.IdentityProvider](ctx, r, "identity_provider", `SELECT id, domain_id, enabled, description, authorization_ttl
		FROM identity_provider ORDER BY id`)
	if err != nil {
		return err
	}
	remote, err := r.children(ctx, "idp_remote_ids", `SELECT idp_id AS parent, remote_id AS id FROM idp_remote_ids ORDER BY remote_id`)
	if err != nil {
		return err
	}
	for i := range r.out.IdentityProviders {
		r.out.IdentityProviders[i].RemoteIDs = remote[r.out.IdentityProviders[i].ID]
	}
	if r.out.Protocols, err = rows[keystone.Protocol](ctx, r, "federation_protocol", `SELECT id, idp_id, mapping_id, remote_id_attribute FROM federation_protocol`); err != nil {
		return err
	}
	version := "'1.0'"
	if slices.ContainsFunc(r.versions, func(v string) bool { return slices.Contains(schemaVersions, v) }) {
		version = "schema_version"
	}
	if r.out.Mappings, err = rows[keystone.Mapping](ctx, r, "mapping", `SELECT id, rules, `+version+` AS schema_version FROM mapping ORDER BY id`); err != nil {
		return err
	}
	for i := range r.out.Mappings {
		r.out.Mappings[i].Rules = unwrapped(r.out.Mappings[i].Rules)
	}
	r.out.ServiceProviders, err = rows[keystone.ServiceProvider](ctx, r, "service_provider", `SELECT id, enabled, description, auth_url, sp_url, relay_state_prefix
		FROM service_provider ORDER BY id`)
	return err
}

func (r *reader) federatedUsers(ctx context.Context) (err error) {
	r.out.FederatedUsers, err = rows[keystone.FederatedUser](ctx, r, "federated_user", `SELECT idp_id, protocol_id, unique_id, user_id FROM federated_user ORDER BY id`)
	if err != nil {
		return err
	}
	r.out.ExpiringMemberships, err = rows[keystone.ExpiringMembership](ctx, r, "expiring_user_group_membership",
		`SELECT user_id, group_id, idp_id, last_verified FROM expiring_user_group_membership`)
	return err
}
