package service

import (
	"context"

	"nacre/internal/keystone"
)

// provePassword proves the user who has the password.
func (s *Service) provePassword(ctx context.Context, given keystone.PasswordProof, p *proof) error {
	u, err := s.authenticatePassword(ctx, given.User, given.Password)
	p.claimed = u
	if err != nil {
		return err
	}
	return p.is(u)
}

// authenticatePassword is the user with that password, if it has not expired, or
// 401 and the user in question.
func (s *Service) authenticatePassword(ctx context.Context, ref keystone.Ref, password string) (keystone.User, error) {
	u, err := s.userWithPassword(ctx, ref, password)
	if err == nil {
		err = s.notExpired(u)
	}
	return u, err
}

// findUser looks a user up; ErrNoRow if there is none.
func (s *Service) findUser(ctx context.Context, ref keystone.Ref) (keystone.User, error) {
	if ref.Name == "" {
		return s.identities.User(ctx, ref.ID)
	}
	d, err := s.findDomain(ctx, ref.Domain)
	if err != nil {
		return keystone.User{}, err
	}
	return s.identities.UserByName(ctx, d.ID, ref.Name)
}
