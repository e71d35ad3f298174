package service

import "context"

// LiveFlows counts the imports that are under way.
func (s *Service) LiveFlows(ctx context.Context) (int, error) {
	views, err := s.flows.Flows(ctx, "")
	return len(views), err
}

// Locate works on flows until that of the image's location has ended, and says
// what it failed with. Between two tries it does not wait.
func (s *Service) Locate(ctx context.Context, imageID string) error {
	s.hashPause = 0
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Carry(ctx) }()
	err := s.flows.Wait(ctx, "location_import", imageID)
	stop()
	<-ended
	return err
}
