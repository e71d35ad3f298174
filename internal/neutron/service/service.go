// Package service is what the calls of the Networking API mean.
//
// Each call checks, counts and writes in one transaction; what hosts and nova
// must know follows from rows, by hints after the commit and by loops that do
// not need the hints.
package service

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/messaging"
	"nacre/internal/oslo/uuid"
)

// Config of the network service. The names are those of neutron.conf.
type Config struct {
	ML2           ml2.Config
	Quotas        map[string]int // limits of projects for which nobody set another, -1 for none
	DNSDomain     string         // of ports, ends with a period
	DefaultZone   string         // availability zone of agents that name none
	MaxNameserver int            // of a subnet
	MaxHostRoutes int            // of a subnet
	MaxRoutes     int            // of a router
}

// DefaultConfig is that of the original.
func DefaultConfig() Config {
	return Config{
		ML2: ml2.DefaultConfig(),
		Quotas: map[string]int{"network": 100, "subnet": 100, "subnetpool": -1, "port": 500, "router": 10, "floatingip": 50,
			"rbac_policy": 10, "security_group": 10, "security_group_rule": 100},
		DNSDomain: "openstacklocal.", DefaultZone: "nova", MaxNameserver: 5, MaxHostRoutes: 20, MaxRoutes: 30,
	}
}

// Nova is told about ports of its servers.
type Nova interface {
	// SendEvents reports what happened to ports; an error means that nobody
	// may have heard of it.
	SendEvents(ctx context.Context, events []neutron.ServerEvent) error
}

// Deps are the surroundings of the service.
type Deps struct {
	Store     *store.Store
	Bus       messaging.Bus // nil: nobody is hinted
	Clock     clock.Clock
	Nova      Nova // nil: nobody is told
	Mechanism ml2.Mechanism
	Config    Config

	Chance func(below uint64) uint64 // of which address a port gets; nil is random
}

// Service answers the calls of the API and of agents.
type Service struct {
	store    *store.Store
	bus      messaging.Bus
	clock    clock.Clock
	nova     Nova
	mech     ml2.Mechanism
	cfg      Config
	chance   func(uint64) uint64
	wakeNova chan struct{}
	wakePlan chan struct{}
	hints    chan []store.Hint
	news     *setNews
	lost     atomic.Int64 // hints that found no room
}

// New is a service; a zero Config is the default one.
func New(d Deps) *Service {
	if d.Clock == nil {
		d.Clock = clock.System
	}
	if d.Mechanism == nil {
		d.Mechanism = ml2.Linux{}
	}
	if d.Chance == nil {
		d.Chance = rand.Uint64N
	}
	if d.Config.Quotas == nil {
		d.Config = DefaultConfig()
	}
	s := &Service{store: d.Store, bus: d.Bus, clock: d.Clock, nova: d.Nova, mech: d.Mechanism, cfg: d.Config, chance: d.Chance,
		wakeNova: make(chan struct{}, 1), wakePlan: make(chan struct{}, 1), hints: make(chan []store.Hint, 256), news: newSetNews()}
	d.Store.OnChange(s.hint)
	return s
}

// Loops are the reconcilers that neutron-server runs.
func (s *Service) Loops() []loop.Loop {
	return []loop.Loop{
		{Name: "nova_events", Every: 5 * time.Second, Wake: s.wakeNova, Run: s.sendNovaEvents},
		{Name: "placement_of_networks", Every: 15 * time.Second, Wake: s.wakePlan, Run: s.place},
		{Name: "agent_hints", Every: time.Hour, Run: s.castHints},
		{Name: "address_sets", Wake: s.news.wake, Run: s.tellSets},
		{Name: "address_set_history", Every: setsTrimming, Run: s.trimSets},
	}
}

// RPC are the methods that agents call on rpcapi.ServerTopic.
func (s *Service) RPC() messaging.Methods {
	m := messaging.Methods{}
	messaging.Handle(m, rpcapi.GetHostState, s.HostState)
	messaging.Handle(m, rpcapi.SendReport, s.Report)
	messaging.Handle(m, rpcapi.FindGuest, s.FindGuest)
	return m
}

// hint takes what a commit changed; a full queue only costs latency.
func (s *Service) hint(hints []store.Hint, sets []string) {
	if s.bus == nil {
		return
	}
	s.news.add(sets)
	if len(hints) == 0 {
		return
	}
	select {
	case s.hints <- hints:
	default:
		s.lost.Add(1)
	}
}

// castHints tells agents about new revisions, until ctx ends.
func (s *Service) castHints(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case hints := <-s.hints:
			if n := s.lost.Swap(0); n > 0 {
				slog.WarnContext(ctx, "hints were dropped; agents will notice with their next report", "hints", n)
			}
			for _, h := range hints {
				s.castHint(ctx, h)
			}
		}
	}
}

func (s *Service) castHint(ctx context.Context, h store.Hint) {
	c := rpcapi.Changed{Revision: h.Revision}
	if err := rpcapi.TellChanged.Cast(ctx, s.bus, rpcapi.AgentTopic(h.Host), c); err != nil {
		slog.DebugContext(ctx, "a hint was not sent", "host", h.Host, "error", err)
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// scope is the project that limits what the caller sees, "" for everything.
func scope(ctx context.Context) string {
	id := auth.Caller(ctx)
	switch {
	case id.Admin || id.HasRole("service"):
		return ""
	case id.ProjectID == "":
		return "-" // no project has that id
	}
	return id.ProjectID
}

// standard are the common attributes of a new resource.
func (s *Service) standard(description neutron.Opt[string]) neutron.Standard {
	return neutron.NewStandard(description.Value, s.clock.Now())
}

// newID is the id of a new resource.
func newID() string { return uuid.New() }
