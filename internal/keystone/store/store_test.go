package store

import (
	"testing"

	"nacre/internal/oslo/db/dbtest"
)

func TestTables(t *testing.T) {
	dbtest.Tables(t, Migrations, users, groups, memberships, projects, roles, impliedRoles, assignments, regions, services, endpoints, revocations, tokens, passcodes,
		registeredLimits, limits, endpointGroups, projectEndpoints, projectEndpointGroups, policies, policyAssociations, domainOptions, passwords, logins,
		identityProviders, remoteIDs, protocols, mappings, serviceProviders, federatedUsers, expiringMemberships, usedAssertions, idMappings)
}

func TestMigrations(t *testing.T) { dbtest.UpAndDown(t, Migrations) }
