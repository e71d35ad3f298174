package service

import "context"

// LiveFlows counts the imports that are under way.
func (s *Service) LiveFlows(ctx context.Context) (int, error) {
	views, err := s.flows.Flows(ctx, "")
	return len(views), err
}
