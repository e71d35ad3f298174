package store

import (
	"context"

	"nacre/internal/oslo/db"
)

// What users derive from their rights ends with the user, the project or the
// role that it stands on: credentials, application credentials, trusts and
// access tokens.

// deleteDerivedOfUsers removes what stands on users, a query of IDs with one parameter.
func (tx *Tx) deleteDerivedOfUsers(ctx context.Context, users string, arg any) error {
	if err := tx.deleteAppCredentials(ctx, "user_id IN ("+users+")", arg); err != nil {
		return err
	}
	return tx.exec(ctx, []any{arg},
		"DELETE FROM access_rules WHERE user_id IN ("+users+")",
		"DELETE FROM credentials WHERE user_id IN ("+users+")",
		"DELETE FROM trust_roles WHERE trust_id IN (SELECT id FROM trusts WHERE trustor_user_id IN ("+users+"))",
		"DELETE FROM trust_roles WHERE trust_id IN (SELECT id FROM trusts WHERE trustee_user_id IN ("+users+"))",
		"DELETE FROM trusts WHERE trustor_user_id IN ("+users+")",
		"DELETE FROM trusts WHERE trustee_user_id IN ("+users+")",
		"DELETE FROM request_tokens WHERE authorizing_user_id IN ("+users+")",
		"DELETE FROM access_tokens WHERE authorizing_user_id IN ("+users+")",
	)
}

// deleteDerivedOnProjects removes what stands on projects, a query of IDs with one parameter.
func (tx *Tx) deleteDerivedOnProjects(ctx context.Context, projects string, arg any) error {
	if err := tx.deleteAppCredentials(ctx, "project_id IN ("+projects+")", arg); err != nil {
		return err
	}
	return tx.exec(ctx, []any{arg},
		"DELETE FROM credentials WHERE project_id IN ("+projects+")",
		"DELETE FROM trust_roles WHERE trust_id IN (SELECT id FROM trusts WHERE project_id IN ("+projects+"))",
		"DELETE FROM trusts WHERE project_id IN ("+projects+")",
		"DELETE FROM request_tokens WHERE requested_project_id IN ("+projects+")",
		"DELETE FROM access_tokens WHERE project_id IN ("+projects+")",
	)
}

// deleteDerivedWithRole removes the application credentials that carry a role.
// A trust with it stays, and gives no token any more.
func (tx *Tx) deleteDerivedWithRole(ctx context.Context, roleID string) error {
	carried, err := db.All(ctx, tx.tx, appCredentialRoles.Select("role_id = ?", roleID))
	if err != nil {
		return err
	}
	for _, row := range carried {
		if err := tx.DeleteApplicationCredential(ctx, row.ApplicationCredentialID); err != nil {
			return err
		}
	}
	return nil
}
