package store

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/oslo/db"
)

const sharedGroups = `SELECT object_id FROM rbac_policies WHERE object_type = 'security_group' AND target_project IN ('*', ?)`

var securityGroups = newKind[neutron.SecurityGroup]("security_group", "security_groups", func(project string) (string, []any) {
	return "project_id = ? OR id IN (" + sharedGroups + ")", []any{project, project}
}, map[string]condition{
	"shared": func(values []any) (string, []any, error) {
		const in = "IN (SELECT object_id FROM rbac_policies WHERE object_type = 'security_group' AND action = 'access_as_shared')"
		where, err := oneBool(values, "id "+in, "id NOT "+in)
		return where, nil, err
	},
})

var securityGroupRules = newKind[neutron.SecurityGroupRule]("security_group_rule", "security_group_rules", func(project string) (string, []any) {
	return "project_id = ? OR security_group_id IN (SELECT id FROM security_groups WHERE project_id = ?)", []any{project, project}
}, nil)

// SecurityGroups lists security groups with their rules.
func (s *Store) SecurityGroups(ctx context.Context, q neutron.Query) ([]neutron.SecurityGroup, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) ([]neutron.SecurityGroup, error) {
		rows, err := list(ctx, s, securityGroups, q)
		if err != nil {
			return nil, err
		}
		return rows, s.fillSecurityGroups(ctx, rows, q.ProjectID)
	})
}

// SecurityGroup reads one security group that project may see.
func (s *Store) SecurityGroup(ctx context.Context, id, project string) (neutron.SecurityGroup, error) {
	return whole(ctx, s, func(ctx context.Context, s *Store) (neutron.SecurityGroup, error) {
		row, err := get(ctx, s, securityGroups, id, project)
		if err != nil {
			return row, err
		}
		rows := []neutron.SecurityGroup{row}
		err = s.fillSecurityGroups(ctx, rows, project)
		return rows[0], err
	})
}

func (s *Store) fillSecurityGroups(ctx context.Context, rows []neutron.SecurityGroup, project string) error {
	ids := idsOf(rows, func(g *neutron.SecurityGroup) string { return g.ID })
	shared, err := s.shared(ctx, "security_group", project, ids)
	if err != nil {
		return err
	}
	rules, err := s.RulesOf(ctx, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Shared, rows[i].Rules = shared[rows[i].ID], rules[rows[i].ID]
	}
	return nil
}

// RulesOf are the rules of the groups, by group.
func (s *Store) RulesOf(ctx context.Context, groups []string) (map[string][]neutron.SecurityGroupRule, error) {
	out := map[string][]neutron.SecurityGroupRule{}
	for part := range chunks(distinct(groups)) {
		rows, err := db.All(ctx, s.q, securityGroupRules.table.Select("").In("security_group_id", part).OrderBy("created_at", "id"))
		if err != nil {
			return nil, fmt.Errorf("rules of security groups: %w", err)
		}
		for _, r := range rows {
			out[r.SecurityGroupID] = append(out[r.SecurityGroupID], r)
		}
	}
	return out, nil
}

// MissingGroup is the first of ids that project may not use, "" when it may use all.
func (s *Store) MissingGroup(ctx context.Context, ids []string, project string) (string, error) {
	if len(ids) == 0 {
		return "", nil
	}
	found, err := db.Scan[string](ctx, s.q, "SELECT id FROM security_groups WHERE id IN (?) AND (? = '' OR project_id = ? OR id IN ("+sharedGroups+"))",
		db.List(ids), project, project, project)
	if err != nil {
		return "", fmt.Errorf("look security groups up: %w", err)
	}
	have := map[string]bool{}
	for _, id := range found {
		have[id] = true
	}
	for _, id := range ids {
		if !have[id] {
			return id, nil
		}
	}
	return "", nil
}

// DefaultGroup is the id of a project's default group, "" when it has none yet.
func (s *Store) DefaultGroup(ctx context.Context, project string) (string, error) {
	rows, err := db.Scan[string](ctx, s.q, "SELECT security_group_id FROM default_security_groups WHERE project_id = ?", project)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0], nil
}

// InsertSecurityGroup writes a group with its rules.
func (tx *Tx) InsertSecurityGroup(ctx context.Context, g neutron.SecurityGroup) error {
	if err := securityGroups.table.Insert(ctx, tx.q, g); err != nil {
		return fmt.Errorf("insert security group: %w", err)
	}
	if g.IsDefault {
		_, err := db.Exec(ctx, tx.q, "INSERT INTO default_security_groups (project_id, security_group_id) VALUES (?, ?)", g.ProjectID, g.ID)
		if err != nil {
			return fmt.Errorf("mark default group: %w", err)
		}
	}
	return securityGroupRules.table.Insert(ctx, tx.q, g.Rules...)
}

// UpdateSecurityGroup writes all of a group but its rules.
func (tx *Tx) UpdateSecurityGroup(ctx context.Context, g neutron.SecurityGroup) error {
	tx.TouchGroup(g.ID)
	return update(ctx, tx, securityGroups, g)
}

// GroupInUse tells whether a port carries the group.
func (s *Store) GroupInUse(ctx context.Context, id string) (bool, error) {
	rows, err := db.Scan[int](ctx, s.q, "SELECT 1 FROM port_security_groups WHERE security_group_id = ? LIMIT 1", id)
	return len(rows) > 0, err
}

// GroupUsers are the projects with ports that carry a group, though it is
// neither theirs nor shared with them.
func (s *Store) GroupUsers(ctx context.Context, id string) ([]string, error) {
	return db.Scan[string](ctx, s.q, `SELECT DISTINCT p.project_id FROM ports p JOIN port_security_groups g ON g.port_id = p.id
		JOIN security_groups s ON s.id = g.security_group_id WHERE g.security_group_id = ? AND p.project_id <> s.project_id AND NOT EXISTS
		(SELECT 1 FROM rbac_policies r WHERE r.object_type = 'security_group' AND r.object_id = g.security_group_id
			AND r.target_project IN ('*', p.project_id))`, id)
}

// DeleteSecurityGroup removes a group, its rules and those that refer to it.
func (tx *Tx) DeleteSecurityGroup(ctx context.Context, id string) error {
	tx.TouchGroup(id)
	referring, err := db.Scan[string](ctx, tx.q, "SELECT DISTINCT security_group_id FROM security_group_rules WHERE remote_group_id = ?", id)
	if err != nil {
		return fmt.Errorf("rules that refer to a security group: %w", err)
	}
	for _, g := range referring {
		tx.TouchGroup(g)
	}
	if err := tx.bump(ctx); err != nil {
		return err
	}
	if err := tx.dropSet(ctx, groupSet(id)); err != nil {
		return err
	}
	for _, text := range []string{
		"DELETE FROM security_group_rules WHERE security_group_id = ?",
		"DELETE FROM security_group_rules WHERE remote_group_id = ?",
		"DELETE FROM default_security_groups WHERE security_group_id = ?",
		"DELETE FROM rbac_policies WHERE object_type = 'security_group' AND object_id = ?",
		"DELETE FROM security_groups WHERE id = ?",
	} {
		if _, err := db.Exec(ctx, tx.q, text, id); err != nil {
			return fmt.Errorf("delete security group: %w", err)
		}
	}
	return nil
}

// SecurityGroupRules lists rules with the owners of their groups.
func (s *Store) SecurityGroupRules(ctx context.Context, q neutron.Query) ([]neutron.SecurityGroupRule, error) {
	rows, err := list(ctx, s, securityGroupRules, q)
	if err != nil {
		return nil, err
	}
	return rows, s.fillRules(ctx, rows)
}

// SecurityGroupRule reads one rule that project may see.
func (s *Store) SecurityGroupRule(ctx context.Context, id, project string) (neutron.SecurityGroupRule, error) {
	row, err := get(ctx, s, securityGroupRules, id, project)
	if err != nil {
		return row, err
	}
	rows := []neutron.SecurityGroupRule{row}
	err = s.fillRules(ctx, rows)
	return rows[0], err
}

func (s *Store) fillRules(ctx context.Context, rows []neutron.SecurityGroupRule) error {
	type owner struct {
		ID        string `bun:"id"`
		ProjectID string `bun:"project_id"`
	}
	owners, err := related[owner](ctx, s, distinct(idsOf(rows, func(r *neutron.SecurityGroupRule) string { return r.SecurityGroupID })),
		"SELECT id, project_id FROM security_groups WHERE id IN (?)")
	if err != nil {
		return fmt.Errorf("owners of security groups: %w", err)
	}
	at := map[string]string{}
	for _, o := range owners {
		at[o.ID] = o.ProjectID
	}
	for i := range rows {
		rows[i].GroupProjectID = at[rows[i].SecurityGroupID]
	}
	return nil
}

// InsertRules writes rules of groups.
func (tx *Tx) InsertRules(ctx context.Context, rules []neutron.SecurityGroupRule) error {
	for _, r := range rules {
		if err := tx.reviseGroup(ctx, r.SecurityGroupID, r); err != nil {
			return err
		}
	}
	return securityGroupRules.table.Insert(ctx, tx.q, rules...)
}

// DeleteRule removes a rule.
func (tx *Tx) DeleteRule(ctx context.Context, r neutron.SecurityGroupRule) error {
	if err := tx.reviseGroup(ctx, r.SecurityGroupID, r); err != nil {
		return err
	}
	_, err := db.Exec(ctx, tx.q, "DELETE FROM security_group_rules WHERE id = ?", r.ID)
	return err
}

// reviseGroup counts a change of a group's rules as its own.
func (tx *Tx) reviseGroup(ctx context.Context, id string, r neutron.SecurityGroupRule) error {
	tx.TouchGroup(id)
	_, err := db.Exec(ctx, tx.q, "UPDATE security_groups SET revision_number = revision_number + 1, updated_at = ? WHERE id = ?", r.UpdatedAt, id)
	return err
}
