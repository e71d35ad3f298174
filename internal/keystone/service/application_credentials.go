package service

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// ApplicationCredential is an application credential, or 404.
func (s *Service) ApplicationCredential(ctx context.Context, id string) (keystone.ApplicationCredential, error) {
	a, err := s.store.ApplicationCredential(ctx, id)
	return a, missing(err, "Application Credential", id)
}

// ShowApplicationCredential is ApplicationCredential for a token that may look at them.
func (s *Service) ShowApplicationCredential(ctx context.Context, id string) (keystone.ApplicationCredential, error) {
	if _, err := s.mayManageAppCredentials(ctx); err != nil {
		return keystone.ApplicationCredential{}, err
	}
	return s.ApplicationCredential(ctx, id)
}

// ApplicationCredentials lists a user's.
func (s *Service) ApplicationCredentials(ctx context.Context, userID string, fs keystone.Filters) ([]keystone.ApplicationCredential, error) {
	if _, err := s.mayManageAppCredentials(ctx); err != nil {
		return nil, err
	}
	return s.store.ApplicationCredentials(ctx, userID, fs)
}

// CreateApplicationCredential makes one for the caller, on the project and
// with some or all of the roles of the caller's token. The secret is told
// here and never again.
func (s *Service) CreateApplicationCredential(ctx context.Context, userID string, a keystone.Attributes) (_ keystone.ApplicationCredential, secret string, err error) {
	t, err := s.mayManageAppCredentials(ctx)
	if err != nil {
		return keystone.ApplicationCredential{}, "", err
	}
	if err := unrestricted(t, "application credentials."); err != nil {
		return keystone.ApplicationCredential{}, "", err
	}
	if auth.Caller(ctx).UserID != userID {
		return keystone.ApplicationCredential{}, "", forbiddenAction("Cannot create an application credential for another user.")
	}
	if t.ProjectID() == "" {
		return keystone.ApplicationCredential{}, "", invalidAppCredential("it needs a project, and the token has none")
	}
	a = a.Normalized()
	ac := keystone.ApplicationCredential{ID: uuid.Hex(), Name: a.Text("name"), UserID: userID, ProjectID: t.ProjectID()}
	if text, ok := a["description"].(string); ok {
		ac.Description = &text
	}
	if flag, ok := a["unrestricted"].(bool); ok {
		ac.Unrestricted = &flag
	}
	if ac.RoleIDs, err = s.rolesForAppCredential(ctx, a, t); err != nil {
		return ac, "", err
	}
	if ac.ExpiresAt, err = s.expiryIn(a); err != nil {
		return ac, "", err
	}
	if secret = a.Text("secret"); secret == "" {
		secret = newSecret()
	}
	if ac.SecretHash, err = s.hasher.Hash(ctx, secret); err != nil {
		return ac, "", err
	}
	ac, err = s.keepAppCredential(ctx, ac, a)
	return ac, secret, err
}

func invalidAppCredential(format string, a ...any) error {
	return fault.BadRequest("Invalid application credential: "+format, a...)
}

func newSecret() string {
	b := make([]byte, 64)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// rolesForAppCredential are those that the client named, all of which the
// token has, else all of the token's.
func (s *Service) rolesForAppCredential(ctx context.Context, a keystone.Attributes, t keystone.Token) ([]string, error) {
	var held []string
	for _, r := range t.Roles {
		held = append(held, r.ID)
	}
	ids, err := s.roleIDs(ctx, a["roles"])
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return held, nil
	}
	for _, id := range ids {
		if !slices.Contains(held, id) {
			return nil, invalidAppCredential("Cannot create an application credential with unassigned role")
		}
	}
	return ids, nil
}

// roleIDs reads a list of roles, each named by its ID or its name.
func (s *Service) roleIDs(ctx context.Context, list any) ([]string, error) {
	items, _ := list.([]any)
	var ids []string
	for _, item := range items {
		ref, _ := item.(map[string]any)
		id, _ := ref["id"].(string)
		if id == "" {
			name, _ := ref["name"].(string)
			found, err := roleByUniqueName(ctx, s.store, name)
			if err != nil {
				return nil, err
			}
			id = found.ID
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// roleByUniqueName finds the one role of that name, in whatever domain.
func roleByUniqueName(ctx context.Context, q rows, name string) (keystone.Role, error) {
	found, err := q.Roles(ctx, keystone.Filters{{Name: "name", Value: name}})
	switch {
	case err != nil:
		return keystone.Role{}, err
	case len(found) == 0:
		return keystone.Role{}, fault.NotFound("Role %s is not defined", name)
	case len(found) > 1:
		return keystone.Role{}, fault.BadRequest("There are multiple role entities named '%s'. Please use ID instead of names to resolve the ambiguity.", name)
	}
	return found[0], nil
}

// keepAppCredential writes a new one, within the user's limit, with the access rules that the client named.
func (s *Service) keepAppCredential(ctx context.Context, ac keystone.ApplicationCredential, a keystone.Attributes) (keystone.ApplicationCredential, error) {
	rules, _ := a["access_rules"].([]any)
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.ApplicationCredential, error) {
		if limit := s.cfg.ApplicationCredentialUserLimit; limit > 0 {
			have, err := tx.ApplicationCredentials(ctx, ac.UserID, nil)
			if err != nil {
				return ac, err
			}
			if len(have) >= limit {
				return ac, fault.Forbidden("Unable to create additional application credentials, maximum of %d already exceeded for user.", limit)
			}
		}
		ac.AccessRules = nil
		for _, item := range rules {
			given, _ := item.(map[string]any)
			rule, err := s.ensureAccessRule(ctx, tx, ac.UserID, given)
			if err != nil {
				return ac, err
			}
			ac.AccessRules = append(ac.AccessRules, rule)
		}
		s.notify(ctx, tx, "application_credential", created, ac.ID)
		return ac, duplicate(tx.InsertApplicationCredential(ctx, ac), "application_credential", "Duplicate entry found with name %s", ac.Name)
	})
}

// ensureAccessRule is the user's rule of that ID, or the one that allows the
// same, which is made if there is none.
func (s *Service) ensureAccessRule(ctx context.Context, tx *store.Tx, userID string, a keystone.Attributes) (keystone.AccessRule, error) {
	rule := keystone.AccessRule{ID: a.Text("id"), UserID: userID, Service: a.Text("service"), Path: a.Text("path"), Method: a.Text("method")}
	if rule.ID != "" {
		if found, err := tx.AccessRule(ctx, rule.ID); err == nil && found.UserID == userID {
			return found, nil
		} else if err != nil && !errors.Is(err, db.ErrNoRow) {
			return rule, err
		}
	}
	for _, key := range []string{"service", "path", "method"} {
		if a.Text(key) == "" && rule.ID != "" {
			return rule, fault.NotFound("Could not find Access Rule: %s.", rule.ID)
		} else if a.Text(key) == "" {
			return rule, expecting(key, "access_rules")
		}
	}
	found, err := tx.SameAccessRule(ctx, rule)
	if !errors.Is(err, db.ErrNoRow) {
		return found, err
	}
	rule.ID = uuid.Hex()
	s.notify(ctx, tx, "access_rule", created, rule.ID)
	return rule, tx.InsertAccessRule(ctx, rule)
}

// DeleteApplicationCredential removes one. Its tokens end with it.
func (s *Service) DeleteApplicationCredential(ctx context.Context, id string) error {
	t, err := s.mayManageAppCredentials(ctx)
	if err != nil {
		return err
	}
	if err := unrestricted(t, "application credentials."); err != nil {
		return err
	}
	return s.remove(ctx, "application_credential", "Application Credential", id, (*store.Tx).DeleteApplicationCredential)
}
