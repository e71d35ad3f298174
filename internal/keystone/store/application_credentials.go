package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	appCredentials     = db.Table[keystone.ApplicationCredential]("application_credentials")
	appCredentialRoles = db.Table[keystone.ApplicationCredentialRole]("application_credential_roles")
	appCredentialRules = db.Table[keystone.ApplicationCredentialAccessRule]("application_credential_access_rules")
	accessRules        = db.Table[keystone.AccessRule]("access_rules")
)

// ApplicationCredential is the one with that ID, roles and access rules included, or ErrNoRow.
func (r reads) ApplicationCredential(ctx context.Context, id string) (keystone.ApplicationCredential, error) {
	return r.wholeAppCredential(ctx, appCredentials.Select("id = ?", id))
}

// ApplicationCredentialByName is a user's of that name, or ErrNoRow.
func (r reads) ApplicationCredentialByName(ctx context.Context, userID, name string) (keystone.ApplicationCredential, error) {
	return r.wholeAppCredential(ctx, appCredentials.Select("user_id = ? AND name = ?", userID, name))
}

func (r reads) wholeAppCredential(ctx context.Context, q *db.Query[keystone.ApplicationCredential]) (keystone.ApplicationCredential, error) {
	return whole(ctx, r, func(ctx context.Context, r reads) (keystone.ApplicationCredential, error) {
		a, err := db.One(ctx, r.q, q)
		if err != nil {
			return a, err
		}
		rows := []keystone.ApplicationCredential{a}
		err = r.completeAppCredentials(ctx, rows)
		return rows[0], err
	})
}

// ApplicationCredentials lists a user's.
func (r reads) ApplicationCredentials(ctx context.Context, userID string, fs keystone.Filters) ([]keystone.ApplicationCredential, error) {
	fs = append(fs, keystone.Filter{Name: "user_id", Value: userID})
	return whole(ctx, r, func(ctx context.Context, r reads) ([]keystone.ApplicationCredential, error) {
		rows, err := list(ctx, r.q, appCredentials, fs, "user_id", "name")
		if err != nil {
			return nil, err
		}
		return rows, r.completeAppCredentials(ctx, rows)
	})
}

// completeAppCredentials reads roles and access rules into rows.
func (r reads) completeAppCredentials(ctx context.Context, rows []keystone.ApplicationCredential) error {
	ids := make([]string, len(rows))
	at := map[string]*keystone.ApplicationCredential{}
	for i := range rows {
		ids[i], at[rows[i].ID] = rows[i].ID, &rows[i]
	}
	roles, err := db.All(ctx, r.q, appCredentialRoles.Select("").In("application_credential_id", ids).OrderBy("place", "role_id"))
	if err != nil {
		return err
	}
	for _, row := range roles {
		a := at[row.ApplicationCredentialID]
		a.RoleIDs = append(a.RoleIDs, row.RoleID)
	}
	bound, err := db.All(ctx, r.q, appCredentialRules.Select("").In("application_credential_id", ids).OrderBy("place", "access_rule_id"))
	if err != nil || len(bound) == 0 {
		return err
	}
	ruleIDs := make([]string, len(bound))
	for i, b := range bound {
		ruleIDs[i] = b.AccessRuleID
	}
	rules, err := byIDs(ctx, r.q, accessRules, ruleIDs)
	byID := map[string]keystone.AccessRule{}
	for _, rule := range rules {
		byID[rule.ID] = rule
	}
	for _, b := range bound {
		a := at[b.ApplicationCredentialID]
		a.AccessRules = append(a.AccessRules, byID[b.AccessRuleID])
	}
	return err
}

// InsertApplicationCredential writes a new one with its roles and access
// rules, those of which must be there; ErrDuplicate if the user has one of that name.
func (tx *Tx) InsertApplicationCredential(ctx context.Context, a keystone.ApplicationCredential) error {
	if err := appCredentials.Insert(ctx, tx.tx, a); err != nil {
		return err
	}
	roles := make([]keystone.ApplicationCredentialRole, len(a.RoleIDs))
	for i, id := range a.RoleIDs {
		roles[i] = keystone.ApplicationCredentialRole{ApplicationCredentialID: a.ID, RoleID: id, Place: i}
	}
	if err := appCredentialRoles.InsertMissing(ctx, tx.tx, roles...); err != nil {
		return err
	}
	rules := make([]keystone.ApplicationCredentialAccessRule, len(a.AccessRules))
	for i, rule := range a.AccessRules {
		rules[i] = keystone.ApplicationCredentialAccessRule{ApplicationCredentialID: a.ID, AccessRuleID: rule.ID, Place: i}
	}
	return appCredentialRules.InsertMissing(ctx, tx.tx, rules...)
}

// DeleteApplicationCredential removes one, or is ErrNoRow. Its access rules stay.
func (tx *Tx) DeleteApplicationCredential(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM application_credential_roles WHERE application_credential_id = ?",
		"DELETE FROM application_credential_access_rules WHERE application_credential_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "application_credentials", id)
}

// deleteAppCredentials removes those of which the condition holds.
func (tx *Tx) deleteAppCredentials(ctx context.Context, where string, args ...any) error {
	ids := "(SELECT id FROM application_credentials WHERE " + where + ")"
	return tx.exec(ctx, args,
		"DELETE FROM application_credential_roles WHERE application_credential_id IN "+ids,
		"DELETE FROM application_credential_access_rules WHERE application_credential_id IN "+ids,
		"DELETE FROM application_credentials WHERE "+where,
	)
}

// DeleteApplicationCredentialsOf removes those of a user, and the user's access rules.
func (tx *Tx) DeleteApplicationCredentialsOf(ctx context.Context, userID string) error {
	if err := tx.deleteAppCredentials(ctx, "user_id = ?", userID); err != nil {
		return err
	}
	return tx.exec(ctx, []any{userID}, "DELETE FROM access_rules WHERE user_id = ?")
}

// AccessRule is the rule with that ID, or ErrNoRow.
func (r reads) AccessRule(ctx context.Context, id string) (keystone.AccessRule, error) {
	return db.One(ctx, r.q, accessRules.Select("id = ?", id))
}

// SameAccessRule is the user's rule that allows the same as a, or ErrNoRow.
func (r reads) SameAccessRule(ctx context.Context, a keystone.AccessRule) (keystone.AccessRule, error) {
	return db.One(ctx, r.q, accessRules.Select("user_id = ? AND service = ? AND path = ? AND method = ?", a.UserID, a.Service, a.Path, a.Method))
}

// AccessRules lists a user's.
func (r reads) AccessRules(ctx context.Context, userID string, fs keystone.Filters) ([]keystone.AccessRule, error) {
	return list(ctx, r.q, accessRules, append(fs, keystone.Filter{Name: "user_id", Value: userID}), "user_id", "service", "path", "method")
}

// AccessRuleInUse reports whether an application credential is bound to the rule.
func (r reads) AccessRuleInUse(ctx context.Context, id string) (bool, error) {
	n, err := db.Count(ctx, r.q, appCredentialRules.Select("access_rule_id = ?", id))
	return n > 0, err
}

// InsertAccessRule writes a new rule.
func (tx *Tx) InsertAccessRule(ctx context.Context, a keystone.AccessRule) error {
	return accessRules.Insert(ctx, tx.tx, a)
}

// DeleteAccessRule removes a rule, or is ErrNoRow.
func (tx *Tx) DeleteAccessRule(ctx context.Context, id string) error {
	return tx.remove(ctx, "access_rules", id)
}
