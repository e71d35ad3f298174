package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

var quotas = db.Table[neutron.Quota]("quotas")

// counted names the table that holds what a quota counts.
var counted = map[string]string{
	"network": "networks", "subnet": "subnets", "subnetpool": "subnetpools", "port": "ports", "router": "routers",
	"floatingip": "floatingips", "rbac_policy": "rbac_policies", "security_group": "security_groups", "security_group_rule": "security_group_rules",
}

// Quotas are the limits that somebody set, of one project or of all ("").
func (s *Store) Quotas(ctx context.Context, project string) ([]neutron.Quota, error) {
	return db.All(ctx, s.q, quotas.Select("").WhereIf(project != "", "project_id = ?", project).OrderBy("project_id"))
}

// SetQuota writes a limit.
func (tx *Tx) SetQuota(ctx context.Context, q neutron.Quota) error {
	return quotas.Upsert(ctx, tx.q, q, []string{"project_id", "resource"})
}

// DeleteQuotas forgets a project's limits and returns how many there were.
func (tx *Tx) DeleteQuotas(ctx context.Context, project string) (int64, error) {
	return db.Exec(ctx, tx.q, "DELETE FROM quotas WHERE project_id = ?", project)
}

// Used counts what a project has of a kind; no further than up to stop, if that is not 0.
func (s *Store) Used(ctx context.Context, resource, project string, stop int) (int, error) {
	text, args := "SELECT COUNT(*) FROM "+counted[resource]+" WHERE project_id = ?", []any{project}
	if stop > 0 {
		text, args = "SELECT COUNT(*) FROM (SELECT 1 FROM "+counted[resource]+" WHERE project_id = ? LIMIT ?) AS found", []any{project, stop}
	}
	n, err := db.Scan[int](ctx, s.q, text, args...)
	if err != nil {
		return 0, fmt.Errorf("count %ss: %w", resource, err)
	}
	return n[0], nil
}
