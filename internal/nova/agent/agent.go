// Package agent is nova-compute: it runs the guests of one host as nova-conductor tells it, and tells nova-conductor what
// the host has and how its guests are. It has no database and decides nothing: what should be is the conductor's.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/virt"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/messaging"
)

// housekeepEvery is how often the driver may collect rubbish.
const housekeepEvery = 15 * time.Second

// Config are the options of nova-compute, named as in the original.
type Config struct {
	MaxConcurrentBuilds  int    // guests that are made at the same time; default 10
	ReservedHostMemoryMB int    // kept for the host itself; default 512
	ReservedHostDiskMB   int    // kept for the host itself; default 0
	DHCPDomain           string // appended to host names that config drives tell; default "novalocal", "-" for none
	WaitForPorts         bool   // guests start paused until Neutron has wired their ports
}

// Deps is what an agent needs.
type Deps struct {
	Bus    messaging.Bus
	Driver virt.Driver
	Host   string // the name this host has in the API
	Config Config
	Clock  clock.Clock
	Log    *slog.Logger
}

// Agent is the nova-compute of one host.
type Agent struct {
	Deps
	started time.Time
	builds  chan struct{} // one token per guest being made
	fences  fences
	report  chan struct{} // wakes the report
	known   chan struct{} // closed once the conductor has taken a report
	first   sync.Once     // closes known

	mu      sync.Mutex
	changed map[string]bool // guests whose state must be told
	tell    chan struct{}
}

// New returns an agent that does nothing before Run.
func New(d Deps) *Agent {
	if d.Clock == nil {
		d.Clock = clock.System
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Config.MaxConcurrentBuilds == 0 {
		d.Config.MaxConcurrentBuilds = 10
	}
	if d.Config.ReservedHostMemoryMB == 0 {
		d.Config.ReservedHostMemoryMB = 512
	}
	if d.Config.DHCPDomain == "" {
		d.Config.DHCPDomain = "novalocal"
	}
	return &Agent{Deps: d, started: d.Clock.Now(), builds: make(chan struct{}, d.Config.MaxConcurrentBuilds),
		fences: fences{clock: d.Clock}, report: make(chan struct{}, 1), known: make(chan struct{}), changed: map[string]bool{}, tell: make(chan struct{}, 1)}
}

// Known is closed once the conductor knows the host, so that servers can go there.
func (a *Agent) Known() <-chan struct{} { return a.known }

// Run serves the host until ctx ends. Guests go on.
func (a *Agent) Run(ctx context.Context) error {
	stop, err := a.Bus.Serve(rpcapi.ComputeTopic(a.Host), a.methods())
	if err != nil {
		return fmt.Errorf("nova-compute of %s: %w", a.Host, err)
	}
	defer stop()
	loops := []loop.Loop{
		{Name: "compute_report", Every: rpcapi.ReportEvery, Wake: a.report, Run: a.reportHost},
		{Name: "heartbeat", Every: rpcapi.HeartbeatEvery, Run: a.heartbeat},
		{Name: "guests_changed", Wake: a.tell, Run: a.tellChanged},
		{Name: "guest_events", Every: time.Second, Run: func(ctx context.Context) error { return a.Driver.Watch(ctx, a.noteChange) }},
	}
	if h, ok := a.Driver.(virt.Housekeeper); ok {
		loops = append(loops, loop.Loop{Name: "housekeeping", Every: housekeepEvery,
			Run: func(ctx context.Context) error { return h.Housekeep(ctx, a.Clock.Now()) }})
	}
	loop.Run(ctx, loops...)
	return nil
}

// wake makes the loop that listens on ch run soon.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
