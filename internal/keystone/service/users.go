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
	return userIn(ctx, s.identities, id)
}

func userIn(ctx context.Context, q actors, id string) (keystone.User, error) {
	u, err := q.User(ctx, id)
	return u, missing(err, "user", id)
}

// Users lists users.
func (s *Service) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	return s.identities.Users(ctx, fs)
}

// CreateUser makes a user. Without a password it cannot log in with one.
func (s *Service) CreateUser(ctx context.Context, a keystone.Attributes, with ...userChange) (keystone.User, error) {
	a = a.Normalized()
	if err := s.ourDomain(ctx, domainFor(ctx, a)); err != nil {
		return keystone.User{}, err
	}
	password, err := s.passwordIn(ctx, a)
	if err != nil {
		return keystone.User{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.User, error) {
		u := keystone.User{ID: uuid.Hex(), DomainID: domainFor(ctx, a), Enabled: true, CreatedAt: s.clock.Now()}
		if _, err := domainIn(ctx, tx, u.DomainID); err != nil {
			return u, err
		}
		if err := applyUser(ctx, tx, &u, a); err != nil {
			return u, err
		}
		if password.given {
			if err := s.setPassword(ctx, tx, &u, password.hash, false); err != nil {
				return u, err
			}
		}
		s.notify(ctx, tx, "user", created, u.ID)
		err := linkFederated(ctx, tx, u, a, userConflict(tx.InsertUser(ctx, u), u))
		return u, alsoChange(ctx, tx, keystone.User{}, u, err, with)
	})
}

// userChange is what goes with a change of a user, in the same transaction.
type userChange func(ctx context.Context, tx *store.Tx, was, now keystone.User) error

func alsoChange(ctx context.Context, tx *store.Tx, was, now keystone.User, err error, with []userChange) error {
	for _, do := range with {
		if err == nil {
			err = do(ctx, tx, was, now)
		}
	}
	return err
}

func userConflict(err error, u keystone.User) error {
	return duplicate(err, "user", "Duplicate entry found with name %s at domain ID %s", u.Name, u.DomainID)
}

// UpdateUser changes a user. A new password, and disabling, revoke its tokens;
// disabling ends its application credentials, too.
func (s *Service) UpdateUser(ctx context.Context, id string, a keystone.Attributes, with ...userChange) (keystone.User, error) {
	if err := s.ourUser(ctx, id, a); err != nil {
		return keystone.User{}, err
	}
	password, err := s.passwordIn(ctx, a)
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
		if err := applyUser(ctx, tx, &u, a); err != nil {
			return u, err
		}
		if password.given {
			if err := s.setPassword(ctx, tx, &u, password.hash, false); err != nil {
				return u, err
			}
		}
		if err := s.admit(ctx, tx, u, a); err != nil {
			return u, err
		}
		if was.Enabled && !u.Enabled {
			if err := firstError(s.notifyAppCredentialsDeleted(ctx, tx, id), tx.DeleteApplicationCredentialsOf(ctx, id)); err != nil {
				return u, err
			}
		}
		if was.Enabled && !u.Enabled || u.PasswordHash != was.PasswordHash {
			if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
				return u, err
			}
		}
		s.notify(ctx, tx, "user", updated, id)
		err = linkFederated(ctx, tx, u, a, userConflict(tx.UpdateUser(ctx, u), u))
		return u, alsoChange(ctx, tx, was, u, err, with)
	})
}

// applyUser puts into u what the client said, but for the password.
func applyUser(ctx context.Context, q rows, u *keystone.User, a keystone.Attributes) error {
	a.SetName("name", &u.Name)
	a.SetFlag("enabled", &u.Enabled)
	a.SetText("default_project_id", &u.DefaultProjectID)
	a.MergeOptions(&u.Options)
	a.MergeExtra(&u.Extra, userAttributes...)
	if p := a.Text("default_project_id"); p != "" {
		if project, err := q.Project(ctx, p); err == nil && project.IsDomain {
			return fault.BadRequest("User's default project ID cannot be a domain ID: %s", p)
		}
	}
	return nil
}

// DeleteUser removes a user with its grants and tokens.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	if err := s.ourUser(ctx, id, nil); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.revoke(ctx, tx, keystone.Revocation{UserID: id}); err != nil {
			return err
		}
		if err := s.notifyUserDeleted(ctx, tx, id); err != nil {
			return err
		}
		return tx.DeleteUser(ctx, id)
	})
	return missing(err, "user", id)
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
