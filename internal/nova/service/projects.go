package service

import (
	"context"

	"nacre/internal/oslo/fault"
)

// Projects is Keystone.
type Projects interface {
	// Exists asks as the caller whether there is a project of that id. A caller who may not know gets true.
	Exists(ctx context.Context, id string) (bool, error)
}

// checkProject refuses the id of a project that does not exist.
func (s *Service) checkProject(ctx context.Context, id string) error {
	ok, err := s.projects.Exists(ctx, id)
	if err == nil && !ok {
		return fault.BadRequest("Project ID %s is not a valid project.", id)
	}
	return err
}
