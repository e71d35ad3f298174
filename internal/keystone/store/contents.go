package store

import (
	"context"
	"fmt"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

// contentTables are those that Fill writes and Clear empties.
var contentTables = []string{"users", "passwords", "logins", "user_groups", "memberships", "projects", "roles", "implied_roles", "assignments",
	"regions", "services", "endpoints", "endpoint_groups", "project_endpoints", "project_endpoint_groups", "policies", "policy_associations",
	"domain_options", "registered_limits", "limits", "credentials", "passcodes", "access_rules", "application_credentials",
	"application_credential_roles", "application_credential_access_rules", "trusts", "trust_roles", "consumers", "request_tokens", "access_tokens",
	"identity_providers", "idp_remote_ids", "federation_protocols", "mappings", "service_providers", "federated_users", "expiring_memberships",
	"used_assertions", "revocation_events", "tokens", "id_mapping"}

// Empty reports whether the service knows nobody and nothing yet.
func (tx *Tx) Empty(ctx context.Context) (bool, error) {
	for _, table := range []string{"users", "projects", "roles", "services"} {
		n, err := db.Scan[int](ctx, tx.tx, "SELECT COUNT(*) FROM "+table)
		if err != nil || n[0] > 0 {
			return false, err
		}
	}
	return true, nil
}

// Clear forgets everything.
func (tx *Tx) Clear(ctx context.Context) error {
	for _, table := range contentTables {
		if err := tx.exec(ctx, nil, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	return nil
}

// Fill writes all of c; ErrDuplicate if something of it is there.
func (tx *Tx) Fill(ctx context.Context, c keystone.Contents) error {
	named := make([]keystone.User, len(c.Users))
	for i, u := range c.Users {
		named[i] = kept(u)
	}
	for _, write := range []func() error{
		func() error { return fill(ctx, tx, projects, c.Projects) },
		func() error { return fill(ctx, tx, users, named) },
		func() error { return fill(ctx, tx, passwords, c.Passwords) },
		func() error { return fill(ctx, tx, logins, c.Logins) },
		func() error { return fill(ctx, tx, groups, c.Groups) },
		func() error { return fill(ctx, tx, memberships, c.Memberships) },
		func() error { return fill(ctx, tx, roles, c.Roles) },
		func() error { return fill(ctx, tx, impliedRoles, c.Implications) },
		func() error { return fill(ctx, tx, assignments, c.Assignments) },
		func() error { return fill(ctx, tx, regions, c.Regions) },
		func() error { return fill(ctx, tx, services, c.Services) },
		func() error { return fill(ctx, tx, endpoints, c.Endpoints) },
		func() error { return fill(ctx, tx, endpointGroups, c.EndpointGroups) },
		func() error { return fill(ctx, tx, projectEndpoints, c.ProjectEndpoints) },
		func() error { return fill(ctx, tx, projectEndpointGroups, c.ProjectGroups) },
		func() error { return fill(ctx, tx, policies, c.Policies) },
		func() error { return fill(ctx, tx, policyAssociations, c.PolicyAssociations) },
		func() error { return fill(ctx, tx, domainOptions, c.DomainOptions) },
		func() error { return fill(ctx, tx, registeredLimits, c.RegisteredLimits) },
		func() error { return fill(ctx, tx, limits, c.Limits) },
		func() error { return fill(ctx, tx, credentials, c.Credentials) },
		func() error { return fill(ctx, tx, accessRules, c.AccessRules) },
		func() error { return each(ctx, c.AppCredentials, tx.InsertApplicationCredential) },
		func() error { return each(ctx, c.Trusts, tx.InsertTrust) },
		func() error { return fill(ctx, tx, consumers, c.Consumers) },
		func() error { return fill(ctx, tx, requestTokens, c.RequestTokens) },
		func() error { return fill(ctx, tx, accessTokens, c.AccessTokens) },
		func() error { return each(ctx, c.IdentityProviders, tx.InsertIdentityProvider) },
		func() error { return fill(ctx, tx, protocols, c.Protocols) },
		func() error { return fill(ctx, tx, mappings, c.Mappings) },
		func() error { return fill(ctx, tx, serviceProviders, c.ServiceProviders) },
		func() error { return fill(ctx, tx, federatedUsers, c.FederatedUsers) },
		func() error { return fill(ctx, tx, expiringMemberships, c.ExpiringMemberships) },
		func() error { return fill(ctx, tx, revocations, c.Revocations) },
		func() error { return fill(ctx, tx, idMappings, c.IDMappings) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

func fill[T any](ctx context.Context, tx *Tx, table db.TableOf[T], rows []T) error {
	if err := table.Insert(ctx, tx.tx, rows...); err != nil {
		return fmt.Errorf("write %s: %w", table.Name(), err)
	}
	return nil
}

func each[T any](ctx context.Context, rows []T, insert func(ctx context.Context, row T) error) error {
	for _, row := range rows {
		if err := insert(ctx, row); err != nil {
			return fmt.Errorf("write %T: %w", row, err)
		}
	}
	return nil
}
