package service

import (
	"context"
	"fmt"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// quota is what Keystone allows the caller's project, and those it shares a limit with.
type quota []glance.Bound

// quotaOf asks Keystone; nil where limits are not kept there.
func (s *Service) quotaOf(ctx context.Context) (quota, error) {
	if !s.config.UseKeystoneLimits {
		return nil, nil
	}
	project := auth.Caller(ctx).ProjectID
	bounds, err := s.identity.Bounds(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("limits of project %s: %w", project, err)
	}
	return bounds, nil
}

// wanted is how much more of each resource is asked for.
type wanted map[string]int64

// check makes the checks of the usage, none where nothing is limited.
func (q quota) check(w wanted) (checks []glance.UsageCheck) {
	for _, b := range q {
		checks = append(checks, glance.UsageCheck{Bound: b, Check: func(used glance.Usage) error { return within(b, used, w) }})
	}
	return checks
}

// within refuses what goes beyond a bound. A resource that is not registered has a limit of 0.
func within(b glance.Bound, used glance.Usage, w wanted) error {
	var over []string
	for _, resource := range limited {
		delta, asked := w[resource]
		limit := b.Limits[resource]
		if now := used.Of(resource); asked && limit >= 0 && now+delta > limit {
			over = append(over, fmt.Sprintf("Resource %s is over limit of %d due to current usage %d and delta %d", resource, limit, now, delta))
		}
	}
	if over == nil {
		return nil
	}
	return fault.TooLarge("The request returned a 413 Request Entity Too Large. This generally means that rate limiting "+
		"or a quota threshold was breached.\n\nThe response body:\nProject %s is over a limit for [%s]", b.Of, strings.Join(over, ", "))
}

// limited are the resources in the order in which they are told.
var limited = []string{glance.ImageSizeTotal, glance.ImageStageTotal, glance.ImageCountTotal, glance.ImageCountUploading}

// ResourceUsage is the limit and the usage of a resource.
type ResourceUsage struct{ Limit, Usage int64 }

// Usage tells the caller's project what it, with all below it where limits are kept
// by the tree, uses and may; nil where they are not kept in Keystone.
func (s *Service) Usage(ctx context.Context) (map[string]ResourceUsage, error) {
	q, err := s.quotaOf(ctx)
	if q == nil || err != nil {
		return nil, err
	}
	used, err := s.store.Usage(ctx, q[0].Projects...)
	if err != nil {
		return nil, err
	}
	out := map[string]ResourceUsage{}
	for _, resource := range limited {
		out[resource] = ResourceUsage{q[0].Limits[resource], used.Of(resource)}
	}
	return out, nil
}
