package service

import (
	"context"
	"maps"
	"slices"

	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
)

// Candidates lists ways to serve a request and copies of the providers concerned.
func (s *Service) Candidates(ctx context.Context, req placement.CandidateRequest) (found []placement.Candidate, summaries []placement.ProviderState, err error) {
	err = s.read(ctx, func(snap *placement.Snapshot) error {
		cs, members := placement.Candidates(snap, req)
		found = cs
		summaries = make([]placement.ProviderState, len(members))
		for i, m := range members {
			summaries[i] = *m
		}
		return nil
	})
	return found, summaries, err
}

// CheckNames refuses classes and traits that do not exist.
func (s *Service) CheckNames(ctx context.Context, classes map[string]int64, traits []string) error {
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		if slices.Contains(placement.StandardClasses, name) {
			continue
		}
		if _, err := s.ResourceClass(ctx, name); err != nil {
			return fault.BadRequest("Invalid resource class in resources parameter: No such resource class %s.", name)
		}
	}
	if len(traits) == 0 {
		return nil
	}
	have, err := s.store.HaveTraits(ctx, traits)
	if err != nil {
		return err
	}
	if missing := absent(have, traits); missing != "" {
		return fault.BadRequest("No such trait(s): %s.", missing)
	}
	return nil
}

// ProjectUsages sums what a project uses, by type of consumer, with the number of consumers.
func (s *Service) ProjectUsages(ctx context.Context, project, user, consumerType string) ([]placement.TypedUsage, map[string]int, error) {
	return s.store.Usages(ctx, project, user, consumerType)
}
