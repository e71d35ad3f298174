package service

import (
	"context"
	"errors"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

// provePassword proves the user who has the password.
func (s *Service) provePassword(ctx context.Context, given keystone.PasswordProof, p *proof) error {
	u, err := s.authenticatePassword(ctx, given.User, given.Password)
	if err != nil {
		return err
	}
	return p.is(u)
}

// authenticatePassword is the user with that password, or 401, always after
// one comparison of hashes.
func (s *Service) authenticatePassword(ctx context.Context, ref keystone.Ref, password string) (keystone.User, error) {
	u, reason := s.findUser(ctx, ref)
	if reason != nil && !errors.Is(reason, db.ErrNoRow) {
		return u, reason
	}
	ok, err := s.hasher.Matches(ctx, u.PasswordHash, password)
	if err != nil {
		return u, err
	}
	switch d, err := s.store.Project(ctx, u.DomainID); {
	case reason != nil:
		return keystone.User{}, unauthorized("no such user")
	case !ok:
		return keystone.User{}, unauthorized("wrong password for user %s", u.ID)
	case err != nil && !errors.Is(err, db.ErrNoRow):
		return keystone.User{}, err
	case err != nil || !d.Enabled || !u.Enabled:
		return keystone.User{}, unauthorized("user %s or domain %s is disabled", u.ID, u.DomainID)
	}
	return u, nil
}

// findUser looks a user up; ErrNoRow if there is none.
func (s *Service) findUser(ctx context.Context, ref keystone.Ref) (keystone.User, error) {
	if ref.Name == "" {
		return s.store.User(ctx, ref.ID)
	}
	d, err := s.findDomain(ctx, ref.Domain)
	if err != nil {
		return keystone.User{}, err
	}
	return s.store.UserByName(ctx, d.ID, ref.Name)
}
