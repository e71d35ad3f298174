package service

import (
	"context"
	"maps"
	"slices"

	"nacre/internal/nova"
)

// Zone is an availability zone. It is available when some service in it is enabled.
type Zone struct {
	Name      string
	Available bool
	Services  []ZonedService // the enabled ones
}

// Zones lists the availability zones: those that are available first, each kind by name.
func (s *Service) Zones(ctx context.Context) ([]Zone, error) {
	all, err := s.Services(ctx, nova.ServiceFilter{})
	if err != nil {
		return nil, err
	}
	zones := map[string]*Zone{}
	for _, svc := range all {
		z := zones[svc.Zone]
		if z == nil {
			z = &Zone{Name: svc.Zone}
			zones[svc.Zone] = z
		}
		if !svc.Disabled {
			z.Available, z.Services = true, append(z.Services, svc)
		}
	}
	var open, closed []Zone
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		if z := *zones[name]; z.Available {
			open = append(open, z)
		} else {
			closed = append(closed, z)
		}
	}
	return append(open, closed...), nil
}
