package store

import (
	"testing"

	"nacre/internal/oslo/db/dbtest"
)

func TestDerivedTables(t *testing.T) {
	dbtest.Tables(t, Migrations, credentials, appCredentials, appCredentialRoles, appCredentialRules, accessRules,
		trusts, trustRoles, consumers, requestTokens, accessTokens)
}
