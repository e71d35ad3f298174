package service

import (
	"context"
	"errors"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// HostedHypervisor is a compute node with the service that reported it and, if asked for, the servers on it.
type HostedHypervisor struct {
	nova.Hypervisor
	Service nova.Service
	Up      bool
	Servers []nova.Server
}

// Hypervisors returns one page of compute nodes whose service is known; byNumber tells what the page's marker is.
func (s *Service) Hypervisors(ctx context.Context, p db.Page, byNumber, withServers bool) ([]HostedHypervisor, error) {
	column := "id"
	if byNumber {
		column = "number"
	}
	found, err := s.store.Hypervisors(ctx, p, column)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("marker [%s] not found", p.Marker)
	} else if err != nil {
		return nil, err
	}
	return s.hosted(ctx, found, withServers)
}

// HypervisorsNamed returns the compute nodes with part in their hostname, 404 when there is none.
func (s *Service) HypervisorsNamed(ctx context.Context, part string, withServers bool) ([]HostedHypervisor, error) {
	found, err := s.store.HypervisorsNamed(ctx, part)
	if err == nil && len(found) == 0 {
		return nil, fault.NotFound("No hypervisor matching '%s' could be found.", part)
	} else if err != nil {
		return nil, err
	}
	return s.hosted(ctx, found, withServers)
}

// Hypervisor returns the compute node with that UUID.
func (s *Service) Hypervisor(ctx context.Context, id string, withServers bool) (HostedHypervisor, error) {
	n, err := s.store.Hypervisor(ctx, id)
	return s.oneHosted(ctx, n, id, withServers, err)
}

// HypervisorNumbered returns the compute node with that number; id is how the caller wrote it.
func (s *Service) HypervisorNumbered(ctx context.Context, number int64, id string) (HostedHypervisor, error) {
	n, err := s.store.HypervisorNumbered(ctx, number)
	return s.oneHosted(ctx, n, id, false, err)
}

// NoHypervisor is the 404 for an id.
func NoHypervisor(id string) error {
	return fault.NotFound("Hypervisor with ID '%s' could not be found.", id)
}

func (s *Service) oneHosted(ctx context.Context, n nova.Hypervisor, id string, withServers bool, err error) (HostedHypervisor, error) {
	if errors.Is(err, db.ErrNoRow) {
		return HostedHypervisor{}, NoHypervisor(id)
	} else if err != nil {
		return HostedHypervisor{}, err
	}
	hosted, err := s.hosted(ctx, []nova.Hypervisor{n}, withServers)
	if err == nil && len(hosted) == 0 {
		err = NoHypervisor(id)
	}
	if err != nil {
		return HostedHypervisor{}, err
	}
	return hosted[0], nil
}

// hosted adds services and servers; a node without a service is left out.
func (s *Service) hosted(ctx context.Context, nodes []nova.Hypervisor, withServers bool) ([]HostedHypervisor, error) {
	services, err := s.store.Services(ctx, nova.ServiceFilter{Binary: computeBinary})
	if err != nil {
		return nil, err
	}
	byHost := make(map[string]nova.Service, len(services))
	for _, svc := range services {
		byHost[svc.Host] = svc
	}
	out := []HostedHypervisor{}
	for _, n := range nodes {
		svc, ok := byHost[n.Host]
		if !ok {
			continue
		}
		h := HostedHypervisor{Hypervisor: n, Service: svc, Up: svc.Up(s.clock.Now())}
		if withServers {
			if h.Servers, err = s.store.BareServers(ctx, nova.ServerFilter{Host: n.Host}, db.Page{}); err != nil {
				return nil, err
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// HypervisorStatistics adds up the compute nodes whose service is enabled.
func (s *Service) HypervisorStatistics(ctx context.Context) (count int, sum nova.Hypervisor, err error) {
	all, err := s.Hypervisors(ctx, db.Page{}, false, false)
	for _, h := range all {
		if h.Service.Disabled {
			continue
		}
		count++
		sum.VCPUs += h.VCPUs
		sum.MemoryMB += h.MemoryMB
		sum.LocalGB += h.LocalGB
		sum.VCPUsUsed += h.VCPUsUsed
		sum.MemoryMBUsed += h.MemoryMBUsed
		sum.LocalGBUsed += h.LocalGBUsed
		sum.CurrentWorkload += h.CurrentWorkload
		sum.RunningVMs += h.RunningVMs
		sum.DiskAvailableLeast += h.DiskAvailableLeast
	}
	return count, sum, err
}
