package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
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

// CheckClasses refuses an amount of a class that does not exist.
func (s *Service) CheckClasses(ctx context.Context, amounts map[string]int64) error {
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		if slices.Contains(placement.StandardClasses, name) {
			continue
		}
		if _, err := s.ResourceClass(ctx, name); err != nil {
			return badRequest(err, "Invalid resource class in resources parameter: ")
		}
	}
	return nil
}

// CheckTraits refuses names that no trait has.
func (s *Service) CheckTraits(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	have, err := s.store.HaveTraits(ctx, names)
	if err != nil {
		return err
	}
	if missing := absent(have, names); len(missing) > 0 {
		return fault.BadRequest("No such trait(s): %s.", strings.Join(missing, ", "))
	}
	return nil
}

// ProjectUsages sums what a project uses, by type of consumer, with the number of consumers.
func (s *Service) ProjectUsages(ctx context.Context, project, user, consumerType string) ([]placement.TypedUsage, map[string]int, error) {
	var consumers map[string]int
	sums, err := store.Read(ctx, s.store, func(ctx context.Context, st *store.Store) (sums []placement.TypedUsage, err error) {
		sums, consumers, err = st.Usages(ctx, project, user, consumerType)
		return sums, err
	})
	return sums, consumers, err
}
