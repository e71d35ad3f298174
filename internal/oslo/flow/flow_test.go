package flow_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/flow/flowtest"
)

// build is a flow that makes three things in a set.
type build struct {
	mu     sync.Mutex
	things map[string]bool
	failed error
}

type state struct{ Name string }

func (b *build) set(thing string, to bool) func(context.Context, *state) error {
	return func(context.Context, *state) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if to {
			b.things[thing] = true
		} else {
			delete(b.things, thing)
		}
		return nil
	}
}

func (b *build) flow() flow.Flow[state] {
	return flow.Flow[state]{Name: "build", Steps: []flow.Step[state]{
		{Name: "look", Do: func(context.Context, *state) error { return nil }},
		{Name: "claim", Do: b.set("claim", true), Undo: b.set("claim", false)},
		{Name: "port", Do: b.set("port", true), Undo: b.set("port", false)},
		{Name: "spawn", Do: b.set("guest", true), Undo: b.set("guest", false)},
	}, Failed: func(_ context.Context, _ *state, err error) error { b.failed = err; return nil }}
}

func TestEveryWay(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[state] {
		b := &build{things: map[string]bool{}}
		return flowtest.World[state]{Flow: b.flow(),
			Done: func(t *testing.T) {
				if len(b.things) != 3 || b.failed != nil {
					t.Error(b.things, b.failed)
				}
			},
			Undone: func(t *testing.T) {
				if len(b.things) != 0 || b.failed == nil {
					t.Error("left over:", b.things, b.failed)
				}
			}}
	})
}

// What Points lists is what a flow that succeeds and one that fails pass.
func TestPoints(t *testing.T) {
	var mu sync.Mutex
	passed := map[string]bool{}
	d := dbtest.SQLite(t, nil)
	e := running(t, d, flow.Options{Fail: func(p string) { mu.Lock(); passed[p] = true; mu.Unlock() }})
	b := &build{things: map[string]bool{}}
	f := b.flow()
	f.Done = func(context.Context, *state) error { return nil }
	f.Steps = append(f.Steps, flow.Step[state]{Name: "end", Do: func(_ context.Context, s *state) error {
		if s.Name == "bad" {
			return errors.New("it fails")
		}
		return nil
	}, Undo: b.set("end", false)})
	s := flow.Register(e, f)
	run(t, e)
	for _, name := range []string{"good", "bad"} {
		start(t.Context(), t, d, s, name, state{Name: name})
		if err := e.Wait(t.Context(), "build", name); (err != nil) != (name == "bad") {
			t.Fatal(name, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if want := slices.Sorted(slices.Values(f.Points())); !slices.Equal(slices.Sorted(maps.Keys(passed)), want) {
		t.Errorf("passed %v\nlisted %v", slices.Sorted(maps.Keys(passed)), want)
	}
}

// start runs an engine until the test ends and starts flow f for key.
func running(t *testing.T, d *db.DB, o flow.Options) *flow.Engine {
	t.Helper()
	if o.Owner == "" {
		o.Owner = "me"
	}
	e := flow.NewEngine(d, o)
	return e
}

func run(t *testing.T, e *flow.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func start[S any](ctx context.Context, t *testing.T, d *db.DB, s flow.Starter[S], key string, st S) {
	t.Helper()
	if err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.Start(ctx, tx, key, st) }); err != nil {
		t.Fatal(err)
	}
}

func TestOnEveryEngine(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		e := running(t, d, flow.Options{})
		var seen auth.Identity
		var request string
		var fences []int64
		tries := 0
		s := flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{
			{Name: "one", Do: func(ctx context.Context, s *state) error {
				seen, request = auth.Caller(ctx), auth.RequestID(ctx)
				s.Name += "+"
				return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return flow.Guard(ctx, tx) })
			}},
			{Name: "two", Do: func(ctx context.Context, s *state) error {
				fences = append(fences, flow.Fence(ctx))
				if tries++; flow.Attempt(ctx) < 2 {
					return flow.Retry(errors.New("not yet"), time.Millisecond)
				}
				if s.Name != "x+" {
					t.Errorf("state %q", s.Name)
				}
				return fault.Conflict("No valid host was found.")
			}},
		}})
		run(t, e)
		ctx := auth.WithRequestID(auth.WithCaller(t.Context(), auth.Identity{ProjectID: "p", Token: "secret"}), "req-1")
		start(ctx, t, d, s, "k", state{Name: "x"})
		err := e.Wait(ctx, "f", "k")
		f, ok := fault.Of(err)
		if !ok || f.Status != 409 || f.Message != "No valid host was found." {
			t.Error(err)
		}
		if seen.ProjectID != "p" || seen.Token != "" || request != "req-1" || tries != 3 || !slices.IsSorted(fences) || fences[0] == fences[2] {
			t.Error(seen, request, tries, fences)
		}
		views, err := e.Flows(ctx, "k")
		if err != nil || len(views) != 1 || views[0].Phase != flow.Failed || views[0].Failure.Step != "two" || len(views[0].Journal) < 4 {
			t.Errorf("%+v %v", views, err)
		}
	})
}

func TestOneLiveFlowPerKey(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		e := running(t, d, flow.Options{})
		s := flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: func(context.Context, *state) error { return nil }}}})
		start(t.Context(), t, d, s, "k", state{})
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return s.Start(ctx, tx, "k", state{}) })
		if !errors.Is(err, db.ErrDuplicate) {
			t.Error(err)
		}
		run(t, e)
		if err := e.Wait(t.Context(), "f", "k"); err != nil {
			t.Error(err)
		}
		start(t.Context(), t, d, s, "k", state{})
	})
}

// A dead owner's flow is taken over when its lease ends, and the dead one,
// come back, can write nothing.
func TestTakeover(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		entered, leave := make(chan struct{}), make(chan struct{})
		var stale error
		define := func(e *flow.Engine, hang bool) flow.Starter[state] {
			return flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: func(ctx context.Context, _ *state) error {
				if !hang {
					return nil
				}
				close(entered)
				<-leave
				stale = d.Tx(context.WithoutCancel(ctx), func(ctx context.Context, tx *db.Tx) error { return flow.Guard(ctx, tx) })
				return stale
			}}}})
		}
		first := running(t, d, flow.Options{Owner: "first", Fail: func(string) {}})
		s := define(first, true)
		stop := run(t, first)
		start(t.Context(), t, d, s, "k", state{})
		<-entered
		second := running(t, d, flow.Options{Owner: "second", Clock: new(ahead).by(time.Hour)}) // by then no heartbeat has come
		define(second, false)
		run(t, second)
		if err := second.Wait(t.Context(), "f", "k"); err != nil {
			t.Error(err)
		}
		close(leave)
		stop()
		if !errors.Is(stale, flow.ErrLost) {
			t.Error("the old owner still writes:", stale)
		}
	})
}

// ahead is a clock that tells a later time, by as much as it holds.
type ahead struct{ atomic.Int64 }

func (a *ahead) Now() time.Time { return time.Now().UTC().Add(time.Duration(a.Load())) }

func (a *ahead) by(d time.Duration) *ahead { a.Store(int64(d)); return a }

// A process that stood still for longer than a lease does not take over from
// itself: nobody else has, so its step goes on, and no second one beside it.
func TestNoTakeoverFromOneself(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		entered, leave := make(chan struct{}, 9), make(chan struct{})
		var clock ahead
		define := func(e *flow.Engine) flow.Starter[state] {
			return flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: func(ctx context.Context, s *state) error {
				if s.Name != "" {
					return nil
				}
				entered <- struct{}{}
				<-leave
				return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return flow.Guard(ctx, tx) })
			}}}})
		}
		e := running(t, d, flow.Options{Clock: &clock})
		s := define(e)
		run(t, e)
		start(t.Context(), t, d, s, "k", state{})
		<-entered
		elsewhere := define(flow.NewEngine(d, flow.Options{Owner: "another"}))
		for i := range 3 {
			clock.by(time.Duration(i+1) * time.Hour)
			quick := fmt.Sprint(i)
			start(t.Context(), t, d, elsewhere, quick, state{Name: quick})
			e.Wake()
			if err := e.Wait(t.Context(), "f", quick); err != nil { // by then it has looked for flows whose lease is over
				t.Error(err)
			}
		}
		close(leave)
		if err := e.Wait(t.Context(), "f", "k"); err != nil || len(entered) > 0 {
			t.Errorf("%v, run again: %v", err, len(entered) > 0)
		}
	})
}

func TestCancel(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		e := running(t, d, flow.Options{})
		entered := make(chan struct{})
		var undone []string
		undo := func(name string) func(context.Context, *state) error {
			return func(ctx context.Context, _ *state) error { undone = append(undone, name); return ctx.Err() }
		}
		s := flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{
			{Name: "a", Do: func(context.Context, *state) error { return nil }, Undo: undo("a")},
			{Name: "b", Do: func(ctx context.Context, _ *state) error { close(entered); <-ctx.Done(); return ctx.Err() }, Undo: undo("b")},
			{Name: "c", Do: func(context.Context, *state) error { return errors.New("must not come here") }},
		}})
		run(t, e)
		start(t.Context(), t, d, s, "k", state{})
		<-entered
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error { return s.Cancel(ctx, tx, "k", "deleted") })
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Wait(t.Context(), "f", "k"); !errors.Is(err, flow.ErrCancelled) {
			t.Error(err)
		}
		if !slices.Equal(undone, []string{"b", "a"}) {
			t.Error(undone)
		}
	})
}

// Stopping is not failing: the next engine goes on where the first one was.
func TestStopIsNotFailure(t *testing.T) {
	d := dbtest.SQLite(t, nil)
	entered := make(chan struct{}, 2)
	ran := 0
	define := func(e *flow.Engine) flow.Starter[state] {
		return flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: func(ctx context.Context, _ *state) error {
			entered <- struct{}{}
			if ran++; ran == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}}})
	}
	first := running(t, d, flow.Options{Owner: "a"})
	s := define(first)
	stop := run(t, first)
	start(t.Context(), t, d, s, "k", state{})
	<-entered
	stop()
	second := running(t, d, flow.Options{Owner: "b"})
	define(second)
	run(t, second)
	if err := second.Wait(t.Context(), "f", "k"); err != nil || ran != 2 {
		t.Error(err, ran)
	}
}

// More flows than workers all end, and never more run than there are workers.
func TestWorkersAreBounded(t *testing.T) {
	d := dbtest.SQLite(t, nil)
	e := running(t, d, flow.Options{Workers: 3})
	var now, most atomic.Int64
	s := flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: func(context.Context, *state) error {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		return nil
	}}}})
	run(t, e)
	for i := range 40 {
		start(t.Context(), t, d, s, fmt.Sprint(i), state{})
	}
	for i := range 40 {
		if err := e.Wait(t.Context(), "f", fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
	}
	if most.Load() > 3 {
		t.Error(most.Load(), "at once")
	}
}

// BenchmarkFlow is a flow of four steps from Start to its end.
func BenchmarkFlow(b *testing.B) {
	d := dbtest.SQLite(b, nil)
	e := flow.NewEngine(d, flow.Options{Owner: "me"})
	ended := make(chan struct{})
	nothing := func(context.Context, *state) error { return nil }
	s := flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: nothing}, {Name: "b", Do: nothing}, {Name: "c", Do: nothing},
		{Name: "d", Do: func(context.Context, *state) error { ended <- struct{}{}; return nil }}}})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go e.Run(ctx)
	for i := 0; b.Loop(); i++ {
		err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return s.Start(ctx, tx, fmt.Sprint(i), state{}) })
		if err != nil {
			b.Fatal(err)
		}
		<-ended
	}
}
