// Package agent is the neutron agent of a host: it asks neutron-server what the
// host should look like, has a mechanism driver make it so, and reports what
// came of it. It knows no API and no database.
//
// It asks when it starts, when it is told that something changed, when a
// report's answer names a newer revision, and once a minute. It is sent the
// whole state once, and then what changed; now and then it learns the whole
// afresh. What changes in the sets that many hosts hold it hears without
// asking. Every minute it lets the driver look at everything afresh. A lost
// message costs latency only. A stopped agent leaves the host as it is.
package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
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
	full    time.Time     // of the last full round
	relearn time.Time     // when the whole state is asked for again
	last    time.Time     // when the last round began
	retry   time.Duration // before the next try, 0 when all went well

	mu   sync.Mutex // guards what follows
	held *held
	news bool // held changed since it was applied
}

// New makes an agent; Run makes it work.
func New(d Deps) *Agent {
	if d.Clock == nil {
		d.Clock = clock.System
	}
	if d.Resync == 0 {
		d.Resync = time.Minute
	}
	a := &Agent{deps: d, started: d.Clock.Now(), wake: make(chan struct{}, 1), held: newHeld()}
	_, a.held.blind = d.Driver.(ml2.Blind)
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
	fanouts := messaging.Methods{}
	messaging.Handle(fanouts, rpcapi.TellSets, a.hearSets)
	stopFanouts, err := a.deps.Bus.Serve(rpcapi.AllAgents, fanouts)
	if err != nil {
		return fmt.Errorf("serve %s: %w", rpcapi.AllAgents, err)
	}
	defer stopFanouts()
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

// hearSets takes what changed in sets that many hosts hold.
func (a *Agent) hearSets(_ context.Context, msg rpcapi.SetsChanged) (struct{}, error) {
	a.mu.Lock()
	news := false
	for _, s := range msg.Sets {
		news = a.held.takeSet(s) || news
	}
	a.news = a.news || news
	a.mu.Unlock()
	if news {
		a.hurry()
	}
	return struct{}{}, nil
}

// Between the beginnings of two rounds lies a short pause, so that many
// changes make few rounds. The first change after a quiet time waits for nothing.
const pace = 50 * time.Millisecond

func (a *Agent) pause(ctx context.Context) {
	if wait := pace - a.deps.Clock.Now().Sub(a.last); wait > 0 && wait <= pace {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	a.last = a.deps.Clock.Now()
}

// sync is one round: ask, apply, report.
func (a *Agent) sync(ctx context.Context) error {
	a.pause(ctx)
	now := a.deps.Clock.Now()
	full, afresh := now.Sub(a.full) >= a.deps.Resync, !now.Before(a.relearn)
	if err := a.ask(ctx, full, afresh); errors.Is(err, errStranger) {
		a.reports.hurry()
		a.again(ctx)
		return nil
	} else if err != nil {
		a.again(ctx)
		return fmt.Errorf("ask for the state of the host: %w", err)
	}
	a.mu.Lock()
	if !a.news && !full && a.retry == 0 {
		a.mu.Unlock()
		return nil
	}
	state, heard := a.held.state(a.deps.Host), maps.Clone(a.held.heard)
	a.news = false
	a.mu.Unlock()
	if a.deps.Metadata != nil { // before the ports can ask
		a.deps.Metadata.know(&state)
	}
	status, err := a.deps.Driver.Apply(ctx, state, full)
	if err != nil {
		a.unapplied()
		a.again(ctx)
		return fmt.Errorf("apply the state of the host: %w", err)
	}
	if full {
		a.full = now
	}
	if afresh { // not all hosts at once
		a.relearn = now.Add(relearnAfter*a.deps.Resync + rand.N(relearnAfter*a.deps.Resync))
	}
	a.reports.applied(state, heard, status, afresh)
	if len(status.Errors) > 0 {
		a.again(ctx)
	} else {
		a.retry = 0
	}
	return nil
}

// relearnAfter is after how many rounds, at least, the whole state is asked for again.
const relearnAfter = 10

func (a *Agent) unapplied() {
	a.mu.Lock()
	a.news = true
	a.mu.Unlock()
}

// errStranger means that the server does not know this host: that is no reason
// to clear it.
var errStranger = errors.New("the server does not know this host")

// questions bounds how often one round asks: for what changed, for the
// networks and groups of new ports, for the sets of their rules.
const questions = 4

// ask brings what is held up to date. Sets are asked about in full rounds, or
// when they are lacking.
func (a *Agent) ask(ctx context.Context, full, afresh bool) error {
	for i := range questions {
		req := rpcapi.HostStateRequest{Host: a.deps.Host}
		a.mu.Lock()
		req.HaveRevision = a.held.revision
		if i == 0 && afresh {
			req.HaveRevision = 0
		}
		if req.HaveRevision != 0 {
			req.Want, req.Sets = a.held.missing()
			a.held.expect(req.Sets)
		}
		if i == 0 && full && req.HaveRevision != 0 {
			maps.Copy(req.Sets, a.held.revisions())
		}
		a.mu.Unlock()
		if i > 0 && len(req.Want)+len(req.Sets) == 0 {
			return nil
		}
		state, err := rpcapi.GetHostState.Call(ctx, a.deps.Bus, rpcapi.ServerTopic, req)
		if err != nil {
			return err
		}
		if state.Revision == 0 {
			return errStranger
		}
		if state.Unchanged {
			return nil
		}
		a.mu.Lock()
		a.held.take(state)
		a.news = true
		a.mu.Unlock()
	}
	return nil
}

// have is the revision that is held, 0 for none.
func (a *Agent) have() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held.revision
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
