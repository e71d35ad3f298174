package service

import (
	"context"
	"errors"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// ServerUsage is how long a server ran in a period.
type ServerUsage struct {
	nova.Server
	Hours  float64
	Uptime time.Duration // since it was launched, in and out of the period
}

// Usages returns one page of the servers, gone ones too, that ran between begin and end, by project and id; projectID ""
// is all projects.
func (s *Service) Usages(ctx context.Context, begin, end time.Time, projectID string, p db.Page) ([]ServerUsage, error) {
	found, err := s.store.ServersBetween(ctx, begin, end, projectID, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("Marker %s could not be found.", p.Marker)
	} else if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	out := make([]ServerUsage, len(found))
	for i, srv := range found {
		until := now
		if srv.TerminatedAt != nil {
			until = *srv.TerminatedAt
		}
		out[i] = ServerUsage{Server: srv, Uptime: until.Sub(*srv.LaunchedAt), Hours: overlap(*srv.LaunchedAt, until, begin, end).Hours()}
	}
	return out, nil
}

// overlap is how much of [from, until] lies in [begin, end].
func overlap(from, until, begin, end time.Time) time.Duration {
	if from.Before(begin) {
		from = begin
	}
	if until.After(end) {
		until = end
	}
	return max(0, until.Sub(from))
}

// Now is the service's time.
func (s *Service) Now() time.Time { return s.clock.Now() }
