package service

import "context"

// ImportPoints are the failpoints of imports.
func (s *Service) ImportPoints() []string { return s.importFlow().Points() }

// LiveFlows counts the imports that are under way.
func (s *Service) LiveFlows(ctx context.Context) (int, error) {
	views, err := s.flows.Flows(ctx, "")
	return len(views), err
}
