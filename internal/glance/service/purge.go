package service

import (
	"context"
	"fmt"
	"time"
)

// Purge forgets what images had that were deleted longer than age ago, and
// says how many rows went. With images their IDs are forgotten as well, and
// may be taken again.
func (s *Service) Purge(ctx context.Context, age time.Duration, images bool) (int64, error) {
	if age < 0 { // would be images that are deleted from now on
		return 0, fmt.Errorf("purge images: %s is no age", age)
	}
	n, err := s.store.Purge(ctx, s.clock.Now().Add(-age), images)
	if err != nil {
		return n, fmt.Errorf("purge images: %w", err)
	}
	return n, nil
}
