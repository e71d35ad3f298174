package service

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/fault"
)

// Quotas tells what a project (or, if userID is not "", that user in it) may have and has.
func (s *Service) Quotas(ctx context.Context, projectID, userID string) (nova.Limits, nova.Usage, error) {
	limits, err := s.store.Limits(ctx, projectID, userID)
	if err != nil {
		return nil, nova.Usage{}, err
	}
	usage, err := s.store.Usage(ctx, projectID, userID)
	return limits, usage, err
}

// ProjectQuotas is Quotas of a project that exists.
func (s *Service) ProjectQuotas(ctx context.Context, projectID, userID string) (nova.Limits, nova.Usage, error) {
	if err := s.checkProject(ctx, projectID); err != nil {
		return nil, nova.Usage{}, err
	}
	return s.Quotas(ctx, projectID, userID)
}

// DefaultQuotas is what a project may have for which nothing was set.
func (s *Service) DefaultQuotas(ctx context.Context, projectID string) (nova.Limits, error) {
	if err := s.checkProject(ctx, projectID); err != nil {
		return nil, err
	}
	return s.store.ClassLimits(ctx, "default")
}

// SetQuotas sets limits of a project or of a user in it. Unless force is set, a limit must not be below what is used
// or was promised to users, nor a user's above what the project has left.
func (s *Service) SetQuotas(ctx context.Context, projectID, userID string, wanted nova.Limits, force bool) (nova.Limits, error) {
	if err := s.checkProject(ctx, projectID); err != nil {
		return nil, err
	}
	var limits nova.Limits
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if err = tx.LockQuota(ctx, projectID); err != nil {
			return err
		}
		if !force {
			if err = checkSettable(ctx, tx, projectID, userID, wanted); err != nil {
				return err
			}
		}
		if err = tx.SetLimits(ctx, projectID, userID, wanted); err != nil {
			return err
		}
		limits, err = tx.Limits(ctx, projectID, userID)
		return err
	})
	return limits, err
}

func checkSettable(ctx context.Context, tx *store.Tx, projectID, userID string, wanted nova.Limits) error {
	usage, err := tx.Usage(ctx, projectID, userID)
	if err != nil {
		return err
	}
	project, err := tx.Limits(ctx, projectID, "")
	if err != nil {
		return err
	}
	set, err := tx.UserLimits(ctx, projectID)
	if err != nil {
		return err
	}
	for resource, limit := range wanted {
		low, high := settable(resource, userID, project[resource], usage.Of(resource), set)
		if err := between(resource, limit, low, high); err != nil {
			return err
		}
	}
	return nil
}

// settable is the range in which a limit may be set; high is nova.Unlimited where there is no upper bound.
func settable(resource, userID string, project, used int, set []nova.Quota) (low, high int) {
	promised, own := 0, 0
	for _, q := range set {
		switch {
		case q.Resource != resource:
		case q.Limit == nova.Unlimited:
			promised = nova.Unlimited
		case q.UserID == userID && userID != "":
			own = q.Limit
		case promised != nova.Unlimited:
			promised += q.Limit
		}
	}
	switch {
	case userID == "" && promised == nova.Unlimited:
		return used, nova.Unlimited
	case userID == "":
		return max(promised+own, used), nova.Unlimited
	case project == nova.Unlimited || promised == nova.Unlimited:
		return used, nova.Unlimited
	}
	return used, project - promised
}

func between(resource string, limit, low, high int) error {
	endless := limit == nova.Unlimited
	switch {
	case !endless && limit < low:
		return fault.BadRequest("Quota limit %d for %s must be greater than or equal to already used and reserved %d.", limit, resource, low)
	case high != nova.Unlimited && (endless || limit > high):
		return fault.BadRequest("Quota limit %d for %s must be less than or equal to %d.", limit, resource, high)
	}
	return nil
}

// DeleteQuotas makes the defaults hold again for a project and its users, or for one user if userID is not "".
func (s *Service) DeleteQuotas(ctx context.Context, projectID, userID string) error {
	return s.store.DeleteLimits(ctx, projectID, userID)
}

// ClassQuotas is what a quota class allows.
func (s *Service) ClassQuotas(ctx context.Context, class string) (nova.Limits, error) {
	return s.store.ClassLimits(ctx, class)
}

// SetClassQuotas sets limits of a quota class.
func (s *Service) SetClassQuotas(ctx context.Context, class string, wanted nova.Limits) (nova.Limits, error) {
	if len(class) > 255 {
		return nil, fault.BadRequest("Invalid input received: quota_class_name has %d characters, more than 255.", len(class))
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.SetClassLimits(ctx, class, wanted) })
	if err != nil {
		return nil, err
	}
	return s.store.ClassLimits(ctx, class)
}
