package flow

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
)

// Options of an engine. Only Owner is needed.
type Options struct {
	Owner   string // names this process in leases; the same after a restart, never the same twice at once
	Clock   clock.Clock
	Workers int                                       // steps at the same time; 32
	Lease   time.Duration                             // how long a silent owner keeps its flows; 30 s
	Poll    time.Duration                             // how often to look for flows of others; 5 s
	Retain  time.Duration                             // how long finished flows are kept; 7 days
	Backoff func(attempt int) time.Duration           // pause before an undo is tried again; 200 ms doubling to 1 min
	Observe func(flow string, e Entry)                // told of each step
	Fail    func(point string)                        // "<flow>.<step>.before", ".after", "<flow>.<step>.undo.before" …; may panic(Lost)
	Context func(ctx context.Context) context.Context // dresses the context of steps
}

// Lost, panicked by Options.Fail, stops the engine as if its process were
// killed at that point.
const Lost = lost("process lost")

type lost string

// Engine runs the flows of one database.
type Engine struct {
	db      *db.DB
	owner   string
	clock   clock.Clock
	workers int
	lease   time.Duration
	poll    time.Duration
	retain  time.Duration
	backoff func(int) time.Duration
	observe func(string, Entry)
	fail    func(string)
	dress   func(context.Context) context.Context

	mu       sync.Mutex
	flows    map[string]*definition
	alive    bool            // Run runs
	gone     bool            // a failpoint ended it
	ctx      context.Context // of Run
	stop     context.CancelCauseFunc
	queue    []record            // leased, waiting for a worker
	running  map[string]*running // by flow ID
	parked   time.Time           // when the next flow that waits is due; zero: none
	wg       sync.WaitGroup
	wake     chan struct{}
	finished chan struct{} // closed and replaced whenever a flow ends
}

// running is a flow in a worker's hands.
type running struct {
	live   string
	fence  int64
	until  time.Time // end of the lease
	cancel context.CancelCauseFunc
}

// NewEngine makes an engine on d. It does nothing before Run, but flows may be
// started: another process or a later Run takes them up.
func NewEngine(d *db.DB, o Options) *Engine {
	e := &Engine{db: d, owner: o.Owner, clock: o.Clock, observe: o.Observe, fail: o.Fail, backoff: o.Backoff, dress: o.Context,
		workers: cmp.Or(o.Workers, 32), lease: cmp.Or(o.Lease, 30*time.Second), poll: cmp.Or(o.Poll, 5*time.Second),
		retain: cmp.Or(o.Retain, 7*24*time.Hour),
		flows:  map[string]*definition{}, running: map[string]*running{},
		wake: make(chan struct{}, 1), finished: make(chan struct{})}
	if e.clock == nil {
		e.clock = clock.System
	}
	if e.backoff == nil {
		e.backoff = doubling
	}
	return e
}

func doubling(attempt int) time.Duration {
	return min(200*time.Millisecond<<min(attempt, 12), time.Minute)
}

// Run runs flows until ctx ends and their steps have returned. What an earlier
// process of the same owner left is taken up at once.
func (e *Engine) Run(ctx context.Context) error {
	if e.owner == "" {
		return errors.New("flow: the engine's owner has no name")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := retryUntil(ctx, e.reclaim); err != nil {
		return err
	}
	e.mu.Lock()
	e.alive, e.ctx, e.stop = true, ctx, stop
	e.mu.Unlock()
	e.drive(ctx)
	e.mu.Lock()
	e.alive = false
	queued := e.queue
	e.queue = nil
	e.mu.Unlock()
	e.wg.Wait()
	if errors.Is(context.Cause(ctx), errDied) {
		return errDied
	}
	for i := range queued {
		e.release(ctx, &queued[i])
	}
	return nil
}

// errDied is the end of an engine that panicked Lost.
var errDied = errors.New("flow: process lost at a failpoint")

func (e *Engine) dead() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gone
}

func retryUntil(ctx context.Context, fn func(context.Context) error) error {
	for {
		err := fn(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		slog.ErrorContext(ctx, "flow engine cannot start", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
}

// drive looks for flows that are due, extends leases and tidies up.
func (e *Engine) drive(ctx context.Context) {
	var renewed, purged time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.wake:
		}
		now := e.clock.Now()
		e.report(ctx, "look for due flows", e.take(ctx))
		if now.Sub(renewed) >= e.lease/3 {
			renewed = now
			e.report(ctx, "extend leases", e.keep(ctx))
		}
		if now.Sub(purged) >= time.Hour {
			purged = now
			e.report(ctx, "purge finished flows", e.purge(ctx))
		}
		timer.Reset(e.pause(e.clock.Now()))
	}
}

func (e *Engine) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "flow engine failed", "at", what, "error", err)
	}
}

// pause is how long the engine may sleep.
func (e *Engine) pause(now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.poll
	if len(e.running) > 0 {
		d = min(d, e.lease/3)
	}
	if !e.parked.IsZero() {
		d = min(d, max(e.parked.Sub(now), time.Millisecond))
	}
	return d
}

// take claims what is due, as much as workers are free.
func (e *Engine) take(ctx context.Context) error {
	e.mu.Lock()
	free := e.workers - len(e.running) - len(e.queue)
	if now := e.clock.Now(); !e.parked.IsZero() && !e.parked.After(now) {
		e.parked = time.Time{}
	}
	e.mu.Unlock()
	if free <= 0 {
		return nil
	}
	taken, err := e.claim(ctx, free)
	for _, r := range taken {
		e.enqueue(r)
	}
	if err != nil {
		return err
	}
	return e.nextDue(ctx)
}

// nextDue finds when the next waiting flow wants to go on.
func (e *Engine) nextDue(ctx context.Context) error {
	next, err := db.All(ctx, e.db, records.Select("finished_at IS NULL AND owner = ''").In("name", e.names()).OrderBy("due_at").Limit(1))
	if err == nil && len(next) > 0 {
		e.park(next[0].DueAt)
	}
	return err
}

// park remembers that a flow wants to go on at t.
func (e *Engine) park(t time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.parked.IsZero() || t.Before(e.parked) {
		e.parked = t
	}
}

func (e *Engine) names() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.flows))
}

// Wake makes the engine look for flows now: a hint from another process.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// started takes up a flow whose transaction is committed.
func (e *Engine) started(r record) {
	if r.Owner == e.owner && e.owner != "" {
		e.enqueue(r)
		return
	}
	e.Wake()
}

func (e *Engine) enqueue(r record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = append(e.queue, r)
	e.dispatch()
}

// dispatch gives queued flows to free workers; e.mu is held.
func (e *Engine) dispatch() {
	for e.alive && len(e.queue) > 0 && len(e.running) < e.workers {
		r := e.queue[0]
		e.queue = e.queue[1:]
		ctx, cancel := context.WithCancelCause(e.ctx)
		mine := &running{live: r.Live, fence: r.Fence, until: r.LeaseUntil, cancel: cancel}
		e.running[r.ID] = mine
		e.wg.Go(func() {
			e.carry(ctx, &r)
			cancel(nil)
			e.idle(r.ID, mine)
		})
	}
}

// idle is a worker that has nothing to do any more.
func (e *Engine) idle(id string, was *running) {
	e.mu.Lock()
	defer e.mu.Unlock()
	full := len(e.running) >= e.workers
	if e.running[id] == was { // else it waited, and another worker has it already
		delete(e.running, id)
	}
	close(e.finished)
	e.finished = make(chan struct{})
	e.dispatch()
	if full {
		e.Wake()
	}
}

// cancelled ends the running step of a flow that was cancelled, or wakes the
// engine for one that waits.
func (e *Engine) cancelled(live string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		if r.live == live {
			r.cancel(ErrCancelled)
			return
		}
	}
	e.Wake()
}

// keep extends the leases of all flows in hand and stops those that are lost.
func (e *Engine) keep(ctx context.Context) error {
	e.mu.Lock()
	var ids []string
	for id := range e.running {
		ids = append(ids, id)
	}
	for _, r := range e.queue {
		ids = append(ids, r.ID)
	}
	e.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	until := e.clock.Now().Add(e.lease)
	ours, err := e.renew(ctx, ids, until)
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, r := range e.running {
		switch fence, ok := ours[id]; {
		case ok && fence == r.fence:
			r.until = until
		case err == nil && slices.Contains(ids, id), e.clock.Now().After(r.until):
			r.cancel(ErrLost)
		}
	}
	return err
}

// Wait returns when no flow of that name lives for key: nil, or the *Failure
// of the last one if it was undone. For tests.
func (e *Engine) Wait(ctx context.Context, name, key string) error {
	for {
		e.mu.Lock()
		finished := e.finished
		e.mu.Unlock()
		last, err := e.last(ctx, name, key)
		if err == nil && last.Live == "" && !e.inHand(last.ID) {
			last, err = e.last(ctx, name, key) // a step's own record of the end may have been undone since
		}
		if errors.Is(err, db.ErrNoRow) {
			return nil
		} else if err != nil {
			return err
		}
		if last.Live == "" && !e.inHand(last.ID) {
			if last.Phase == Failed {
				return last.failure()
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-finished:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// last is the newest flow of that name for key.
func (e *Engine) last(ctx context.Context, name, key string) (record, error) {
	return db.One(ctx, e.db, records.Select("name = ? AND resource = ?", name, key).OrderBy("created_at DESC", "live"))
}

func (e *Engine) inHand(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running[id] != nil
}
