package service

import (
	"context"
	"errors"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// ZonedService is a service with its availability zone and whether it lives.
type ZonedService struct {
	nova.Service
	Zone string
	Up   bool
}

// ServiceChange is what an operator changes about a service; nil leaves as it is.
type ServiceChange struct {
	Disabled       *bool
	DisabledReason *string // only with Disabled true
	ForcedDown     *bool
}

// Services lists the services that match f.
func (s *Service) Services(ctx context.Context, f nova.ServiceFilter) ([]ZonedService, error) {
	found, err := s.store.Services(ctx, f)
	if err != nil {
		return nil, err
	}
	aggregates, err := s.store.Aggregates(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]ZonedService, len(found))
	for i, svc := range found {
		out[i] = s.zoned(svc, aggregates)
	}
	return out, nil
}

func (s *Service) zoned(svc nova.Service, aggregates []nova.Aggregate) ZonedService {
	z := ZonedService{Service: svc, Zone: nova.InternalZone, Up: svc.Up(s.clock.Now())}
	if svc.Binary == computeBinary {
		z.Zone = s.zoneOf(svc.Host, aggregates)
	}
	return z
}

// zoneOf is the availability zone of a host.
func (s *Service) zoneOf(host string, aggregates []nova.Aggregate) string {
	if zone := nova.ZoneOf(host, aggregates); zone != nova.DefaultZone {
		return zone
	}
	return s.cfg.DefaultZone
}

const computeBinary = "nova-compute"

// ChangeService changes the nova-compute with that UUID.
func (s *Service) ChangeService(ctx context.Context, id string, c ServiceChange) (ZonedService, error) {
	svc, err := s.store.ServiceByID(ctx, id)
	if errors.Is(err, db.ErrNoRow) {
		return ZonedService{}, fault.NotFound("Service %s could not be found.", id)
	} else if err != nil {
		return ZonedService{}, err
	}
	if err := onlyCompute(svc.Binary); err != nil {
		return ZonedService{}, err
	}
	return s.changeService(ctx, svc, c)
}

// ChangeServiceOf changes the nova-compute of a host.
func (s *Service) ChangeServiceOf(ctx context.Context, host, binary string, c ServiceChange) (ZonedService, error) {
	if err := onlyCompute(binary); err != nil {
		return ZonedService{}, err
	}
	svc, err := s.store.ComputeService(ctx, host)
	if errors.Is(err, db.ErrNoRow) {
		return ZonedService{}, fault.NotFound("Host '%s' is not mapped to any cell", host)
	} else if err != nil {
		return ZonedService{}, err
	}
	return s.changeService(ctx, svc, c)
}

func onlyCompute(binary string) error {
	if binary != computeBinary {
		return fault.BadRequest("Updating a %s service is not supported. Only nova-compute services can be updated.", binary)
	}
	return nil
}

func (s *Service) changeService(ctx context.Context, svc nova.Service, c ServiceChange) (ZonedService, error) {
	if c.Disabled != nil {
		svc.Disabled, svc.DisabledReason = *c.Disabled, nil
		if *c.Disabled {
			svc.DisabledReason = c.DisabledReason
		}
	}
	if c.ForcedDown != nil {
		svc.ForcedDown = *c.ForcedDown
	}
	now := s.clock.Now()
	svc.UpdatedAt = &now
	if err := s.store.UpdateService(ctx, svc); err != nil {
		return ZonedService{}, err
	}
	aggregates, err := s.store.Aggregates(ctx)
	return s.zoned(svc, aggregates), err
}
