package service

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
)

// AccessRules lists a user's.
func (s *Service) AccessRules(ctx context.Context, userID string, fs keystone.Filters) ([]keystone.AccessRule, error) {
	if _, err := s.mayManageAppCredentials(ctx); err != nil {
		return nil, err
	}
	return s.store.AccessRules(ctx, userID, fs)
}

// AccessRule is a user's rule, or 404.
func (s *Service) AccessRule(ctx context.Context, userID, id string) (keystone.AccessRule, error) {
	if _, err := s.mayManageAppCredentials(ctx); err != nil {
		return keystone.AccessRule{}, err
	}
	return accessRuleIn(ctx, s.store, userID, id)
}

func accessRuleIn(ctx context.Context, q interface {
	AccessRule(ctx context.Context, id string) (keystone.AccessRule, error)
}, userID, id string) (keystone.AccessRule, error) {
	r, err := q.AccessRule(ctx, id)
	if err == nil && r.UserID != userID {
		err = fault.NotFound("Could not find Access Rule: %s.", id)
	} else {
		err = missing(err, "Access Rule", id)
	}
	return r, err
}

// DeleteAccessRule removes a user's rule that no application credential is bound to.
func (s *Service) DeleteAccessRule(ctx context.Context, userID, id string) error {
	if _, err := s.mayManageAppCredentials(ctx); err != nil {
		return err
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := accessRuleIn(ctx, tx, userID, id); err != nil {
			return err
		}
		used, err := tx.AccessRuleInUse(ctx, id)
		if err != nil {
			return err
		}
		if used {
			return fault.Forbidden("May not delete access rule in use")
		}
		s.notify(ctx, tx, "access_rule", deleted, id)
		return tx.DeleteAccessRule(ctx, id)
	})
}
