package service

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// userAttributes are those the API defines; others are the client's own.
var userAttributes = []string{"id", "name", "domain_id", "enabled", "default_project_id", "password", "options", "federated", "links", "extra", "password_expires_at"}

// User is a user, or 404.
func (s *Service) User(ctx context.Context, id string) (keystone.User, error) {
	u, err := s.store.User(ctx, id)
	return u, missing(err, "user", id)
}

// Users lists users.
func (s *Service) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	return s.store.Users(ctx, fs)
}

// CreateUser makes a user. Without a password it cannot log in with one.
func (s *Service) CreateUser(ctx context.Context, a keystone.Attributes) (keystone.User, error) {
	a = a.Normalized()
	u := keystone.User{ID: uuid.Hex(), DomainID: domainFor(ctx, a), Enabled: true, CreatedAt: s.clock.Now()}
	if _, err := s.Domain(ctx, u.DomainID); err != nil {
		return u, err
	}
	if err := s.applyUser(ctx, &u, a); err != nil {
		return u, err
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertUser(ctx, u) })
	return u, duplicate(err, "user", "Duplicate entry found with name %s at domain ID %s", u.Name, u.DomainID)
}

// UpdateUser changes a user. A new password, and disabling, revoke its tokens.
func (s *Service) UpdateUser(ctx context.Context, id string, a keystone.Attributes) (keystone.User, error) {
	u, err := s.User(ctx, id)
	if err != nil {
		return u, err
	}
	if err := firstError(sameID(a, id), sameDomain(a, u.DomainID)); err != nil {
		return u, err
	}
	was := u
	if err := s.applyUser(ctx, &u, a); err != nil {
		return u, err
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if was.Enabled && !u.Enabled || u.PasswordHash != was.PasswordHash {
			if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
				return err
			}
		}
		return tx.UpdateUser(ctx, u)
	})
	return u, duplicate(err, "user", "Duplicate entry found with name %s at domain ID %s", u.Name, u.DomainID)
}

// applyUser puts into u what the client said.
func (s *Service) applyUser(ctx context.Context, u *keystone.User, a keystone.Attributes) error {
	a.SetName("name", &u.Name)
	a.SetFlag("enabled", &u.Enabled)
	a.SetText("default_project_id", &u.DefaultProjectID)
	a.MergeOptions(&u.Options)
	a.MergeExtra(&u.Extra, userAttributes...)
	if federated, _ := a["federated"].([]any); len(federated) > 0 {
		first, _ := federated[0].(map[string]any)
		return fault.BadRequest("Could not find Identity Provider: %v", first["idp_id"])
	}
	if p := a.Text("default_project_id"); p != "" {
		if project, err := s.store.Project(ctx, p); err == nil && project.IsDomain {
			return fault.BadRequest("User's default project ID cannot be a domain ID: %s", p)
		}
	}
	if !a.Has("password") {
		return nil
	}
	u.PasswordHash = ""
	if a["password"] == nil {
		return nil
	}
	hash, err := s.hasher.Hash(ctx, a.Text("password"))
	u.PasswordHash = hash
	return err
}

// DeleteUser removes a user with its grants and tokens.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
			return err
		}
		return tx.DeleteUser(ctx, id)
	})
	return missing(err, "user", id)
}

// ChangePassword sets a new password for one who knows the old. It is 401 for
// an unknown user and a wrong password alike, and revokes the user's tokens.
func (s *Service) ChangePassword(ctx context.Context, id, original, password string) error {
	u, err := s.authenticatePassword(ctx, keystone.Ref{ID: id}, original)
	if err != nil {
		return err
	}
	if locked, _ := u.Options["lock_password"].(bool); locked {
		return fault.BadRequest("You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.")
	}
	if u.PasswordHash, err = s.hasher.Hash(ctx, password); err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
			return err
		}
		return tx.UpdateUser(ctx, u)
	})
}

// firstError is the first that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
