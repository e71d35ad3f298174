package store

import (
	"testing"

	"nacre/internal/oslo/db/dbtest"
)

func TestRowsAndTables(t *testing.T) {
	dbtest.Tables(t, Migrations(), networks.table, subnets.table, subnetpools.table, ports.table, routers.table, routerPorts,
		floatingips.table, securityGroups.table, securityGroupRules.table, agents.table, hostsTable, quotas, rbacPolicies.table, novaEvents, hostChanges, addressSets, setChanges)
}
