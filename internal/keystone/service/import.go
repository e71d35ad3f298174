package service

import (
	"context"
	"errors"
	"fmt"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
)

// Import writes what another identity service knew into this one, all or
// nothing. It refuses one that knows something already, unless that is to be
// replaced. It says what will not work as it did.
func (s *Service) Import(ctx context.Context, c keystone.Contents, replace bool) (warnings []string, err error) {
	if len(c.Projects) == 0 || len(c.Users) == 0 {
		return nil, errors.New("there is nothing to import: no project or no user")
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		empty, err := tx.Empty(ctx)
		switch {
		case err != nil:
			return err
		case !empty && !replace:
			return errors.New("this identity service knows users and projects already; to forget all of it, say --replace")
		case !empty:
			if err := tx.Clear(ctx); err != nil {
				return err
			}
		}
		return tx.Fill(ctx, c)
	})
	return unreadableHashes(c), err
}

// unreadableHashes counts users and application credentials that cannot log in
// with what they have.
func unreadableHashes(c keystone.Contents) (warnings []string) {
	users, programs := 0, 0
	for _, u := range c.Users {
		if u.PasswordHash != "" && hashKinds[hashKind(u.PasswordHash)] == nil {
			users++
		}
	}
	for _, a := range c.AppCredentials {
		if hashKinds[hashKind(a.SecretHash)] == nil {
			programs++
		}
	}
	if users > 0 {
		warnings = append(warnings, fmt.Sprintf("%d users have a password under a hash that is not known: set new ones", users))
	}
	if programs > 0 {
		warnings = append(warnings, fmt.Sprintf("%d application credentials have a secret under a hash that is not known: make new ones", programs))
	}
	return warnings
}
