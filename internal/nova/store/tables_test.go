package store

import (
	"testing"

	"nacre/internal/oslo/db/dbtest"
)

func TestTables(t *testing.T) {
	dbtest.Tables(t, Migrations, servers, serverMetadata, serverTags, instanceActions, instanceEvents, services, computeNodes,
		accounts, consoleTokens, orphanGuests, flavors, flavorProjects, keypairs, quotas, quotaClasses, aggregates, serverPasswords)
}
