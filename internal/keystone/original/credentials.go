package original

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"nacre/internal/keystone"
)

// credentials are read sealed, as they lie there: the keys come along.
func (r *reader) credentials(ctx context.Context) (err error) {
	type credential struct {
		row
		UserID    string  `bun:"user_id"`
		ProjectID *string `bun:"project_id"`
		Type      string  `bun:"type"`
		KeyHash   string  `bun:"key_hash"`
		Sealed    string  `bun:"encrypted_blob"`
	}
	r.out.Credentials, err = taken(ctx, r, "credential", `SELECT id, user_id, project_id, type, extra, key_hash, encrypted_blob FROM credential ORDER BY id`,
		func(c credential, more map[string]any) keystone.Credential {
			return keystone.Credential{ID: c.ID, UserID: c.UserID, ProjectID: text(c.ProjectID), Type: c.Type, Sealed: c.Sealed, KeyHash: c.KeyHash, Extra: more}
		})
	return err
}

// ofParent is a thing that belongs to another.
type ofParent struct {
	Parent string `bun:"parent"`
	ID     string `bun:"id"`
}

// children reads what belongs to what, by the ID of the parent.
func (r *reader) children(ctx context.Context, table, text string) (map[string][]string, error) {
	found, err := rows[ofParent](ctx, r, table, text)
	out := map[string][]string{}
	for _, c := range found {
		out[c.Parent] = append(out[c.Parent], c.ID)
	}
	return out, err
}

func (r *reader) appCredentials(ctx context.Context) (err error) {
	r.out.AccessRules, err = rows[keystone.AccessRule](ctx, r, "access_rule", `SELECT external_id AS id, user_id, service, path, method FROM access_rule
		WHERE external_id IS NOT NULL ORDER BY id`)
	if err != nil {
		return err
	}
	ruleOf := map[string]keystone.AccessRule{}
	for _, rule := range r.out.AccessRules {
		ruleOf[rule.ID] = rule
	}
	roles, err := r.children(ctx, "application_credential_role", `SELECT a.id AS parent, r.role_id AS id FROM application_credential_role r
		JOIN application_credential a ON a.internal_id = r.application_credential_id ORDER BY r.role_id`)
	if err != nil {
		return err
	}
	rules, err := r.children(ctx, "application_credential_access_rule", `SELECT a.id AS parent, r.external_id AS id FROM application_credential_access_rule x
		JOIN application_credential a ON a.internal_id = x.application_credential_id JOIN access_rule r ON r.id = x.access_rule_id ORDER BY r.id`)
	if err != nil {
		return err
	}
	type row struct {
		ID           string  `bun:"id"`
		Name         string  `bun:"name"`
		Hash         string  `bun:"secret_hash"`
		Description  *string `bun:"description"`
		UserID       *string `bun:"user_id"`
		ProjectID    *string `bun:"project_id"`
		ExpiresAt    *int64  `bun:"expires_at"`
		Unrestricted *bool   `bun:"unrestricted"`
	}
	found, err := rows[row](ctx, r, "application_credential", `SELECT id, name, secret_hash, description, user_id, project_id, expires_at, unrestricted
		FROM application_credential ORDER BY internal_id`)
	if err != nil {
		return err
	}
	unscoped := 0
	for _, a := range found {
		if a.UserID == nil || a.ProjectID == nil {
			unscoped++
			continue
		}
		to := keystone.ApplicationCredential{ID: a.ID, Name: a.Name, UserID: *a.UserID, ProjectID: *a.ProjectID, Description: a.Description, SecretHash: a.Hash,
			ExpiresAt: micros(a.ExpiresAt, nil), Unrestricted: a.Unrestricted, RoleIDs: roles[a.ID]}
		for _, id := range rules[a.ID] {
			to.AccessRules = append(to.AccessRules, ruleOf[id])
		}
		r.out.AppCredentials = append(r.out.AppCredentials, to)
	}
	r.left(unscoped, "application credentials without a project")
	return nil
}

func (r *reader) trusts(ctx context.Context) error {
	type row struct {
		ID           string     `bun:"id"`
		Trustor      string     `bun:"trustor_user_id"`
		Trustee      string     `bun:"trustee_user_id"`
		ProjectID    *string    `bun:"project_id"`
		Impersonates bool       `bun:"impersonation"`
		DeletedAt    *time.Time `bun:"deleted_at"`
		Expires      *time.Time `bun:"expires_at"`
		ExpiresAt    *int64     `bun:"expires_at_int"`
		Uses         *int       `bun:"remaining_uses"`
		Extra        *string    `bun:"extra"`
		Redelegated  *string    `bun:"redelegated_trust_id"`
		Redelegation *int       `bun:"redelegation_count"`
	}
	found, err := rows[row](ctx, r, "trust", `SELECT id, trustor_user_id, trustee_user_id, project_id, impersonation, deleted_at, expires_at, expires_at_int,
		remaining_uses, extra, redelegated_trust_id, redelegation_count FROM trust ORDER BY id`)
	if err != nil {
		return err
	}
	roles, err := r.children(ctx, "trust_role", `SELECT trust_id AS parent, role_id AS id FROM trust_role ORDER BY role_id`)
	if err != nil {
		return err
	}
	for _, t := range found {
		more, err := extra("trust", t.ID, t.Extra)
		if err != nil {
			return err
		}
		to := keystone.Trust{ID: t.ID, TrustorUserID: t.Trustor, TrusteeUserID: t.Trustee, ProjectID: text(t.ProjectID), Impersonation: t.Impersonates,
			ExpiresAt: micros(t.ExpiresAt, t.Expires), RemainingUses: t.Uses, DeletedAt: t.DeletedAt, RedelegatedTrustID: text(t.Redelegated),
			Extra: more, RoleIDs: roles[t.ID]}
		delete(more, "roles") // as the request named them
		if t.Redelegation != nil {
			to.RedelegationCount = *t.Redelegation
		}
		r.out.Trusts = append(r.out.Trusts, to)
	}
	return nil
}

// oauth reads consumers and their tokens of OAuth 1.0a.
func (r *reader) oauth(ctx context.Context) (err error) {
	type consumer struct {
		row
		Description *string `bun:"description"`
		Secret      string  `bun:"secret"`
	}
	if r.out.Consumers, err = taken(ctx, r, "consumer", `SELECT id, description, secret, extra FROM consumer ORDER BY id`,
		func(c consumer, more map[string]any) keystone.Consumer {
			return keystone.Consumer{ID: c.ID, Description: c.Description, Secret: c.Secret, Extra: more}
		}); err != nil {
		return err
	}
	type token struct {
		ID       string  `bun:"id"`
		Secret   string  `bun:"secret"`
		Verifier *string `bun:"verifier"`
		User     *string `bun:"authorizing_user_id"`
		Project  string  `bun:"project_id"`
		Roles    *string `bun:"role_ids"`
		Consumer string  `bun:"consumer_id"`
		Expires  *string `bun:"expires_at"`
	}
	asked, err := rows[token](ctx, r, "request_token", `SELECT id, request_secret AS secret, verifier, authorizing_user_id, requested_project_id AS project_id,
		role_ids, consumer_id, expires_at FROM request_token ORDER BY id`)
	if err != nil {
		return err
	}
	for _, t := range asked {
		roles, expires, err := roleIDs(t.Roles, t.Expires)
		if err != nil {
			return fmt.Errorf("read request_token %s: %w", t.ID, err)
		}
		r.out.RequestTokens = append(r.out.RequestTokens, keystone.RequestToken{ID: t.ID, Secret: t.Secret, Verifier: text(t.Verifier),
			AuthorizingUserID: text(t.User), RequestedProjectID: t.Project, RoleIDs: roles, ConsumerID: t.Consumer, ExpiresAt: expires})
	}
	given, err := rows[token](ctx, r, "access_token", `SELECT id, access_secret AS secret, NULL AS verifier, authorizing_user_id, project_id,
		role_ids, consumer_id, expires_at FROM access_token ORDER BY id`)
	if err != nil {
		return err
	}
	for _, t := range given {
		roles, expires, err := roleIDs(t.Roles, t.Expires)
		if err != nil {
			return fmt.Errorf("read access_token %s: %w", t.ID, err)
		}
		r.out.AccessTokens = append(r.out.AccessTokens, keystone.AccessToken{ID: t.ID, Secret: t.Secret, AuthorizingUserID: text(t.User),
			ProjectID: t.Project, RoleIDs: roles, ConsumerID: t.Consumer, ExpiresAt: expires})
	}
	return nil
}

// roleIDs reads a list of roles, and a time, as texts of OAuth's tables.
func roleIDs(list, expires *string) (ids []string, at *time.Time, err error) {
	ids = []string{}
	if list != nil && *list != "" {
		if err := json.Unmarshal([]byte(*list), &ids); err != nil {
			return nil, nil, err
		}
	}
	if expires == nil || *expires == "" {
		return ids, nil, nil
	}
	t, err := time.Parse(time.RFC3339, *expires)
	return ids, &t, err
}
