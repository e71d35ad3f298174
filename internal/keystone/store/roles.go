package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	roles        = db.Table[keystone.Role]("roles")
	impliedRoles = db.Table[keystone.Implication]("implied_roles")
)

// Role is the role with that ID, or ErrNoRow.
func (r reads) Role(ctx context.Context, id string) (keystone.Role, error) {
	return db.One(ctx, r.q, roles.Select("id = ?", id))
}

// RoleByName is the role of that name in a domain ("" is global), or ErrNoRow.
func (r reads) RoleByName(ctx context.Context, domainID, name string) (keystone.Role, error) {
	return db.One(ctx, r.q, roles.Select("domain_id = ? AND name = ?", domainID, name))
}

// Roles lists the roles that pass the filters.
func (r reads) Roles(ctx context.Context, fs keystone.Filters) ([]keystone.Role, error) {
	return list(ctx, r.q, roles, fs, "domain_id", "name")
}

// RolesByID reads several roles; unknown ones are left out.
func (r reads) RolesByID(ctx context.Context, ids []string) ([]keystone.Role, error) {
	return byIDs(ctx, r.q, roles, ids)
}

// Implied reads all implications.
func (r reads) Implied(ctx context.Context) (keystone.Implied, error) {
	rows, err := db.All(ctx, r.q, impliedRoles.Select("").OrderBy("prior_role_id", "implied_role_id"))
	if err != nil {
		return nil, err
	}
	out := keystone.Implied{}
	for _, row := range rows {
		out[row.PriorID] = append(out[row.PriorID], row.ImpliedID)
	}
	return out, nil
}

// InsertRole writes a new role; ErrDuplicate if the name is taken.
func (tx *Tx) InsertRole(ctx context.Context, r keystone.Role) error {
	return roles.Insert(ctx, tx.tx, r)
}

// UpdateRole writes all of a role; ErrDuplicate if the name is taken.
func (tx *Tx) UpdateRole(ctx context.Context, r keystone.Role) error {
	return update(ctx, tx, roles, r)
}

// DeleteRole removes a role with its grants and implications.
func (tx *Tx) DeleteRole(ctx context.Context, id string) error {
	if err := tx.deleteDerivedWithRole(ctx, id); err != nil {
		return err
	}
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM assignments WHERE role_id = ?",
		"DELETE FROM implied_roles WHERE prior_role_id = ?",
		"DELETE FROM implied_roles WHERE implied_role_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "roles", id)
}

// AddImplication records one; one that is there stays.
func (tx *Tx) AddImplication(ctx context.Context, i keystone.Implication) error {
	return impliedRoles.InsertMissing(ctx, tx.tx, i)
}

// RemoveImplication is ErrNoRow if there is none.
func (tx *Tx) RemoveImplication(ctx context.Context, i keystone.Implication) error {
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM implied_roles WHERE prior_role_id = ? AND implied_role_id = ?", i.PriorID, i.ImpliedID)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
