package store

import (
	"context"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var projects = db.Table[keystone.Project]("projects")

// Project is the project or domain with that ID, or ErrNoRow.
func (r reads) Project(ctx context.Context, id string) (keystone.Project, error) {
	return db.One(ctx, r.q, projects.Select("id = ?", id))
}

// ProjectByName is the project of that name in a domain, or, with no
// domainID, the domain of that name; else ErrNoRow.
func (r reads) ProjectByName(ctx context.Context, domainID, name string) (keystone.Project, error) {
	return db.One(ctx, r.q, projects.Select("domain_id = ? AND name = ?", domainID, name))
}

// Projects lists projects, or domains, that pass the filters.
func (r reads) Projects(ctx context.Context, fs keystone.Filters) ([]keystone.Project, error) {
	return list(ctx, r.q, projects, fs, "domain_id", "name", "parent_id")
}

// ProjectsByID reads several projects; unknown ones are left out.
func (r reads) ProjectsByID(ctx context.Context, ids []string) ([]keystone.Project, error) {
	return byIDs(ctx, r.q, projects, ids)
}

// edge is a project and what lies above it.
type edge struct {
	ID       string `bun:"id"`
	ParentID string `bun:"parent_id"`
}

// manyTrees is from how many subtrees on it is cheaper to read all projects.
const manyTrees = 100

// TreeBelow gives the ID of what lies directly above each project that lies
// below one of roots, or above other projects too.
func (r reads) TreeBelow(ctx context.Context, roots []string) (map[string]string, error) {
	tree := map[string]string{}
	if len(roots) > manyTrees {
		rows, err := db.Scan[edge](ctx, r.q, "SELECT id, parent_id FROM projects")
		for _, e := range rows {
			tree[e.ID] = e.ParentID
		}
		return tree, err
	}
	for level := roots; len(level) > 0; {
		var next []string
		for part := range chunks(level) {
			rows, err := db.Scan[edge](ctx, r.q, "SELECT id, parent_id FROM projects WHERE parent_id IN (?)", db.List(part))
			if err != nil {
				return nil, err
			}
			for _, e := range rows {
				if _, seen := tree[e.ID]; !seen {
					tree[e.ID] = e.ParentID
					next = append(next, e.ID)
				}
			}
		}
		level = next
	}
	return tree, nil
}

// Parents lists what lies above a project, nearest first, its domain last.
func (r reads) Parents(ctx context.Context, p keystone.Project) ([]keystone.Project, error) {
	var out []keystone.Project
	for p.ParentID != "" && len(out) < maxParents {
		above, err := r.Project(ctx, p.ParentID)
		if errors.Is(err, db.ErrNoRow) {
			break
		} else if err != nil {
			return nil, err
		}
		out = append(out, above)
		p = above
	}
	return out, nil
}

// maxParents ends the walk should parents ever form a ring.
const maxParents = 1000

// Subtree lists all projects below one, level by level.
func (r reads) Subtree(ctx context.Context, id string) ([]keystone.Project, error) {
	var out []keystone.Project
	level := []string{id}
	for len(level) > 0 && len(out) < maxSubtree {
		var below []keystone.Project
		below, err := db.All(ctx, r.q, projects.Select("").In("parent_id", level).OrderBy("id"))
		if err != nil {
			return nil, err
		}
		level = level[:0:0]
		for _, p := range below {
			level = append(level, p.ID)
		}
		out = append(out, below...)
	}
	return out, nil
}

// maxSubtree ends the walk should parents ever form a ring.
const maxSubtree = 1 << 20

// InsertProject writes a new project; ErrDuplicate if name or ID is taken.
func (tx *Tx) InsertProject(ctx context.Context, p keystone.Project) error {
	return projects.Insert(ctx, tx.tx, p)
}

// UpdateProject writes all of a project; ErrDuplicate if the name is taken.
func (tx *Tx) UpdateProject(ctx context.Context, p keystone.Project) error {
	return update(ctx, tx, projects, p)
}

// DeleteProject removes a project with the grants on it.
func (tx *Tx) DeleteProject(ctx context.Context, id string) error {
	if err := tx.deleteDerivedOnProjects(ctx, "?", id); err != nil {
		return err
	}
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM assignments WHERE target_kind = 'project' AND target_id = ?",
		"DELETE FROM limits WHERE project_id = ?",
		"DELETE FROM project_endpoints WHERE project_id = ?",
		"DELETE FROM project_endpoint_groups WHERE project_id = ?",
		"UPDATE users SET default_project_id = '' WHERE default_project_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "projects", id)
}

// DeleteDomain removes a domain with its projects, users, groups, roles and
// identity providers, and the grants of and on them all.
func (tx *Tx) DeleteDomain(ctx context.Context, id string) error {
	if err := tx.deleteDerivedOfUsers(ctx, "SELECT id FROM users WHERE domain_id = ?", id); err != nil {
		return err
	}
	if err := tx.deleteDerivedOfUsers(ctx, "SELECT public_id FROM id_mapping WHERE domain_id = ? AND entity_type = 'user'", id); err != nil {
		return err
	}
	if err := tx.deleteDerivedOnProjects(ctx, "SELECT id FROM projects WHERE domain_id = ?", id); err != nil {
		return err
	}
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM assignments WHERE target_kind = 'domain' AND target_id = ?",
		"DELETE FROM assignments WHERE target_kind = 'project' AND target_id IN (SELECT id FROM projects WHERE domain_id = ?)",
		"DELETE FROM assignments WHERE actor_kind = 'user' AND actor_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM assignments WHERE actor_kind = 'group' AND actor_id IN (SELECT id FROM user_groups WHERE domain_id = ?)",
		"DELETE FROM assignments WHERE actor_kind IN ('user', 'group') AND actor_id IN (SELECT public_id FROM id_mapping WHERE domain_id = ?)",
		"DELETE FROM logins WHERE user_id IN (SELECT public_id FROM id_mapping WHERE domain_id = ?)",
		"DELETE FROM expiring_memberships WHERE group_id IN (SELECT public_id FROM id_mapping WHERE domain_id = ?)",
		"DELETE FROM id_mapping WHERE domain_id = ?",
		"DELETE FROM assignments WHERE role_id IN (SELECT id FROM roles WHERE domain_id = ?)",
		"DELETE FROM implied_roles WHERE prior_role_id IN (SELECT id FROM roles WHERE domain_id = ?)",
		"DELETE FROM memberships WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM memberships WHERE group_id IN (SELECT id FROM user_groups WHERE domain_id = ?)",
		"DELETE FROM passwords WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM logins WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM limits WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)",
		"DELETE FROM limits WHERE domain_id = ?",
		"DELETE FROM project_endpoints WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)",
		"DELETE FROM project_endpoint_groups WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)",
		"DELETE FROM domain_options WHERE domain_id = ?",
		"DELETE FROM expiring_memberships WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM expiring_memberships WHERE group_id IN (SELECT id FROM user_groups WHERE domain_id = ?)",
		"DELETE FROM expiring_memberships WHERE idp_id IN (SELECT id FROM identity_providers WHERE domain_id = ?)",
		"DELETE FROM federated_users WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)",
		"DELETE FROM federated_users WHERE idp_id IN (SELECT id FROM identity_providers WHERE domain_id = ?)",
		"DELETE FROM idp_remote_ids WHERE idp_id IN (SELECT id FROM identity_providers WHERE domain_id = ?)",
		"DELETE FROM federation_protocols WHERE idp_id IN (SELECT id FROM identity_providers WHERE domain_id = ?)",
		"DELETE FROM identity_providers WHERE domain_id = ?",
		"DELETE FROM users WHERE domain_id = ?",
		"DELETE FROM user_groups WHERE domain_id = ?",
		"DELETE FROM roles WHERE domain_id = ?",
		"DELETE FROM projects WHERE domain_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "projects", id)
}
