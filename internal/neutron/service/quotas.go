package service

import (
	"context"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/fault"
)

// count makes room for n more of a kind in a project, or refuses. It holds the
// project's lock until the transaction ends, so that nobody counts meanwhile.
func (s *Service) count(ctx context.Context, tx *store.Tx, resource, project string, n int) error {
	if project == "" {
		return nil
	}
	limit, err := s.limit(ctx, tx.Store, resource, project)
	if err != nil || limit < 0 {
		return err
	}
	if err := tx.Lock(ctx, "quota:"+resource+":"+project); err != nil {
		return err
	}
	used, err := tx.Used(ctx, resource, project, limit+1)
	if err != nil {
		return err
	}
	if used+n > limit {
		return neutron.OverQuota(resource)
	}
	return nil
}

func (s *Service) limit(ctx context.Context, st *store.Store, resource, project string) (int, error) {
	set, err := st.Quotas(ctx, project)
	if err != nil {
		return 0, fmt.Errorf("quota of %s: %w", project, err)
	}
	for _, q := range set {
		if q.Resource == resource {
			return q.Limit, nil
		}
	}
	return s.cfg.Quotas[resource], nil
}

// Limits are all limits of a project.
func (s *Service) Limits(ctx context.Context, project string) (map[string]int, error) {
	set, err := s.store.Quotas(ctx, project)
	if err != nil {
		return nil, err
	}
	return s.withDefaults(set), nil
}

func (s *Service) withDefaults(set []neutron.Quota) map[string]int {
	out := s.DefaultLimits()
	for _, q := range set {
		out[q.Resource] = q.Limit
	}
	return out
}

// DefaultLimits are the limits of projects for which nobody set another.
func (s *Service) DefaultLimits() map[string]int {
	out := map[string]int{}
	for _, r := range neutron.QuotaResources {
		out[r] = s.cfg.Quotas[r]
	}
	return out
}

// AllLimits are the limits of the projects for which somebody set some.
func (s *Service) AllLimits(ctx context.Context) (map[string]map[string]int, error) {
	set, err := s.store.Quotas(ctx, "")
	if err != nil {
		return nil, err
	}
	by := map[string][]neutron.Quota{}
	for _, q := range set {
		by[q.ProjectID] = append(by[q.ProjectID], q)
	}
	out := map[string]map[string]int{}
	for project, qs := range by {
		out[project] = s.withDefaults(qs)
	}
	return out, nil
}

// QuotaDetails are a project's limits beside what it uses.
func (s *Service) QuotaDetails(ctx context.Context, project string) (map[string]neutron.QuotaDetail, error) {
	limits, err := s.Limits(ctx, project)
	if err != nil {
		return nil, err
	}
	out := map[string]neutron.QuotaDetail{}
	for r, limit := range limits {
		used, err := s.store.Used(ctx, r, project, 0)
		if err != nil {
			return nil, err
		}
		out[r] = neutron.QuotaDetail{Limit: limit, Used: used}
	}
	return out, nil
}

// SetLimits changes limits of a project and returns all of them. Only by force
// can a limit be lower than what the project has.
func (s *Service) SetLimits(ctx context.Context, project string, limits map[string]int, force bool) (map[string]int, error) {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		for r, n := range limits {
			if err := checkUsage(ctx, tx, project, r, n); err != nil && !force {
				return err
			}
			if err := tx.SetQuota(ctx, neutron.Quota{ProjectID: project, Resource: r, Limit: n}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("set quota: %w", err)
	}
	return s.Limits(ctx, project)
}

func checkUsage(ctx context.Context, tx *store.Tx, project, resource string, limit int) error {
	if limit < 0 {
		return nil
	}
	used, err := tx.Used(ctx, resource, project, 0)
	if err == nil && used > limit {
		err = neutron.Invalid("Quota limit %d for %s must be greater than or equal to already used %d", limit, resource, used)
	}
	return err
}

// ForgetLimits gives a project the default limits again.
func (s *Service) ForgetLimits(ctx context.Context, project string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.DeleteQuotas(ctx, project)
		if err == nil && n == 0 {
			return fault.NotFound("Quota for tenant %s could not be found.", project).As("TenantQuotaNotFound")
		}
		return err
	})
}
