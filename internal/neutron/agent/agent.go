// Package agent is the neutron agent of a host: it asks neutron-server what the
// host should look like, has a mechanism driver make it so, and reports what
// came of it. It knows no API and no database.
//
// It asks when it starts, when it is told that something changed, when a
// report's answer names a newer revision, and once a minute; every minute it
// also lets the driver look at everything afresh. A lost message costs latency
// only. A stopped agent leaves the host as it is.
package agent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/messaging"
)

// Deps of an Agent.
type Deps struct {
	Bus    messaging.Bus
	Host   string
	Driver ml2.Driver
	// Metadata, when not nil, is what Driver was given to answer guests with.
	Metadata *Metadata
	Clock    clock.Clock // clock.System when nil
	// Resync is the pause between full rounds, a minute when 0.
	Resync time.Duration
}

// Agent of one host.
type Agent struct {
	deps    Deps
	started time.Time
	wake    chan struct{}
	reports *reporter
	state   atomic.Pointer[rpcapi.HostState] // the last one received
	full    time.Time                        // of the last full round
	retry   time.Duration                    // before the next try, 0 when all went well
}

// New makes an agent; Run makes it work.
func New(d Deps) *Agent {
	if d.Clock == nil {
		d.Clock = clock.System
	}
	if d.Resync == 0 {
		d.Resync = time.Minute
	}
	a := &Agent{deps: d, started: d.Clock.Now(), wake: make(chan struct{}, 1)}
	a.reports = newReporter(a)
	return a
}

// Run works until ctx ends. It returns early only if the bus refuses the
// host's topic or links cannot be watched.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	methods := messaging.Methods{}
	messaging.Handle(methods, rpcapi.TellChanged, func(context.Context, rpcapi.Changed) (struct{}, error) {
		a.hurry()
		return struct{}{}, nil
	})
	stop, err := a.deps.Bus.Serve(rpcapi.AgentTopic(a.deps.Host), methods)
	if err != nil {
		return fmt.Errorf("serve %s: %w", rpcapi.AgentTopic(a.deps.Host), err)
	}
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := a.deps.Driver.Watch(ctx, a.reports.port); err != nil {
			cancel(err)
		}
	}()
	_ = a.reports.send(ctx) // the server answers for hosts it has heard of
	loop.Run(ctx,
		loop.Loop{Name: "neutron_agent_sync", Every: a.deps.Resync, Wake: a.wake, Run: a.sync},
		loop.Loop{Name: "neutron_agent_report", Every: rpcapi.HeartbeatEvery, Wake: a.reports.wake, Run: a.reports.send})
	<-watched
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// hurry makes the next round begin now.
func (a *Agent) hurry() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// sync is one round: ask, apply, report.
func (a *Agent) sync(ctx context.Context) error {
	full := a.deps.Clock.Now().Sub(a.full) >= a.deps.Resync
	req := rpcapi.HostStateRequest{Host: a.deps.Host}
	if !full {
		req.HaveRevision = a.have()
	}
	state, err := rpcapi.GetHostState.Call(ctx, a.deps.Bus, rpcapi.ServerTopic, req)
	if err != nil {
		a.again(ctx)
		return fmt.Errorf("ask for the state of the host: %w", err)
	}
	if state.Revision == 0 { // the server does not know this host: that is no reason to clear it
		a.reports.hurry()
		a.again(ctx)
		return nil
	} else if state.Unchanged && a.retry == 0 {
		return nil
	} else if state.Unchanged {
		state = *a.state.Load()
	}
	a.state.Store(&state)
	if a.deps.Metadata != nil { // before the ports can ask
		a.deps.Metadata.know(&state)
	}
	status, err := a.deps.Driver.Apply(ctx, state, full)
	if err != nil {
		a.again(ctx)
		return fmt.Errorf("apply the state of the host: %w", err)
	}
	if full {
		a.full = a.deps.Clock.Now()
	}
	a.reports.applied(state, status, full)
	if len(status.Errors) > 0 {
		a.again(ctx)
	} else {
		a.retry = 0
	}
	return nil
}

// have is the revision that is applied, 0 for none.
func (a *Agent) have() int64 {
	if s := a.state.Load(); s != nil {
		return s.Revision
	}
	return 0
}

// maxRetry bounds the pause before a failed round is tried again.
const maxRetry = 30 * time.Second

// again brings the next round forward after a failure, ever later.
func (a *Agent) again(ctx context.Context) {
	a.retry = min(max(2*a.retry, 500*time.Millisecond), maxRetry)
	time.AfterFunc(a.retry, func() {
		if ctx.Err() == nil {
			a.hurry()
		}
	})
}
