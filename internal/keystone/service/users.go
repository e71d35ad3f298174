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
	return userIn(ctx, s.store, id)
}

func userIn(ctx context.Context, q rows, id string) (keystone.User, error) {
	u, err := q.User(ctx, id)
	return u, missing(err, "user", id)
}

// Users lists users.
func (s *Service) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	return s.store.Users(ctx, fs)
}

// CreateUser makes a user. Without a password it cannot log in with one.
func (s *Service) CreateUser(ctx context.Context, a keystone.Attributes) (keystone.User, error) {
	a = a.Normalized()
	hash, err := s.passwordIn(ctx, a)
	if err != nil {
		return keystone.User{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.User, error) {
		u := keystone.User{ID: uuid.Hex(), DomainID: domainFor(ctx, a), Enabled: true, CreatedAt: s.clock.Now()}
		if _, err := domainIn(ctx, tx, u.DomainID); err != nil {
			return u, err
		}
		if err := applyUser(ctx, tx, &u, a, hash); err != nil {
			return u, err
		}
		return u, userConflict(tx.InsertUser(ctx, u), u)
	})
}

func userConflict(err error, u keystone.User) error {
	return duplicate(err, "user", "Duplicate entry found with name %s at domain ID %s", u.Name, u.DomainID)
}

// passwordIn is the hash of the password that a gives, if any. It takes long,
// so it is made outside of transactions.
func (s *Service) passwordIn(ctx context.Context, a keystone.Attributes) (string, error) {
	if a["password"] == nil {
		return "", nil
	}
	return s.hasher.Hash(ctx, a.Text("password"))
}

// UpdateUser changes a user. A new password, and disabling, revoke its tokens.
func (s *Service) UpdateUser(ctx context.Context, id string, a keystone.Attributes) (keystone.User, error) {
	hash, err := s.passwordIn(ctx, a)
	if err != nil {
		return keystone.User{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.User, error) {
		u, err := userIn(ctx, tx, id)
		if err != nil {
			return u, err
		}
		if err := firstError(sameID(a, id), sameDomain(a, u.DomainID)); err != nil {
			return u, err
		}
		was := u
		if err := applyUser(ctx, tx, &u, a, hash); err != nil {
			return u, err
		}
		if was.Enabled && !u.Enabled || u.PasswordHash != was.PasswordHash {
			if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
				return u, err
			}
		}
		return u, userConflict(tx.UpdateUser(ctx, u), u)
	})
}

// applyUser puts into u what the client said; hash is that of the password.
func applyUser(ctx context.Context, q rows, u *keystone.User, a keystone.Attributes, hash string) error {
	a.SetName("name", &u.Name)
	a.SetFlag("enabled", &u.Enabled)
	a.SetText("default_project_id", &u.DefaultProjectID)
	a.MergeOptions(&u.Options)
	a.MergeExtra(&u.Extra, userAttributes...)
	if a.Has("password") {
		u.PasswordHash = hash
	}
	if federated, _ := a["federated"].([]any); len(federated) > 0 {
		first, _ := federated[0].(map[string]any)
		return fault.BadRequest("Could not find Identity Provider: %v", first["idp_id"])
	}
	if p := a.Text("default_project_id"); p != "" {
		if project, err := q.Project(ctx, p); err == nil && project.IsDomain {
			return fault.BadRequest("User's default project ID cannot be a domain ID: %s", p)
		}
	}
	return nil
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
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		now, err := userIn(ctx, tx, id)
		if err != nil {
			return asUnauthorized(err)
		}
		if now.PasswordHash != u.PasswordHash {
			return unauthorized("the password of user %s has changed meanwhile", id)
		}
		now.PasswordHash = hash
		if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
			return err
		}
		return tx.UpdateUser(ctx, now)
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
