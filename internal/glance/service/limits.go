package service

import (
	"context"
	"fmt"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// Identity is Keystone as this service needs it.
type Identity interface {
	// Limits are those of a project, by resource. What is not registered is absent.
	Limits(ctx context.Context, project string) (map[string]int64, error)
	// Endpoint is the image service's address in a region; "" if there is none.
	Endpoint(ctx context.Context, region, availability string) (string, error)
}

// quota is what Keystone allows the caller's project.
type quota struct {
	project string
	limits  map[string]int64
}

// quotaOf asks Keystone; nil where limits are not kept there.
func (s *Service) quotaOf(ctx context.Context) (*quota, error) {
	if !s.config.UseKeystoneLimits {
		return nil, nil
	}
	project := auth.Caller(ctx).ProjectID
	limits, err := s.identity.Limits(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("limits of project %s: %w", project, err)
	}
	return &quota{project, limits}, nil
}

// wanted is how much more of each resource is asked for.
type wanted map[string]int64

// check makes the check of the project's usage, none where nothing is limited.
// A resource that is not registered has a limit of 0.
func (q *quota) check(w wanted) []glance.UsageCheck {
	if q == nil {
		return nil
	}
	return []glance.UsageCheck{{Project: q.project, Check: func(used glance.Usage) error {
		var over []string
		for _, resource := range limited {
			delta, asked := w[resource]
			limit := q.limits[resource]
			if now := used.Of(resource); asked && limit >= 0 && now+delta > limit {
				over = append(over, fmt.Sprintf("Resource %s is over limit of %d due to current usage %d and delta %d", resource, limit, now, delta))
			}
		}
		if over == nil {
			return nil
		}
		return fault.TooLarge("The request returned a 413 Request Entity Too Large. This generally means that rate limiting "+
			"or a quota threshold was breached.\n\nThe response body:\nProject %s is over a limit for [%s]", q.project, strings.Join(over, ", "))
	}}}
}

// limited are the resources in the order in which they are told.
var limited = []string{glance.ImageSizeTotal, glance.ImageStageTotal, glance.ImageCountTotal, glance.ImageCountUploading}

// ResourceUsage is the limit and the usage of a resource.
type ResourceUsage struct{ Limit, Usage int64 }

// Usage tells the caller's project what it uses and what it may; nil where
// limits are not kept in Keystone.
func (s *Service) Usage(ctx context.Context) (map[string]ResourceUsage, error) {
	q, err := s.quotaOf(ctx)
	if q == nil || err != nil {
		return nil, err
	}
	used, err := s.store.Usage(ctx, q.project)
	if err != nil {
		return nil, err
	}
	out := map[string]ResourceUsage{}
	for _, resource := range limited {
		out[resource] = ResourceUsage{q.limits[resource], used.Of(resource)}
	}
	return out, nil
}
