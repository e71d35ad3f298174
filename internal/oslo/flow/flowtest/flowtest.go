// Package flowtest tries everything that can go wrong on a flow's way: each
// step runs twice, each step fails before and after its effect, each undo runs
// twice and fails once, and the process is lost at each point.
package flowtest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/flow"
)

// World is a fresh place to run a flow in.
type World[S any] struct {
	DB     *db.DB // nil: an empty SQLite
	Flow   flow.Flow[S]
	State  S
	Done   func(t *testing.T) // what must be true after success
	Undone func(t *testing.T) // what must be true after failure: nothing is left
}

// Run makes a world for each way and runs its flow there. The world's own
// goroutines must end with the test it was made for.
func Run[S any](t *testing.T, world func(t *testing.T) World[S]) {
	try := func(name string, change func(w *World[S]), fails bool, lost string) {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			change(&w)
			w.check(t, fails, lost)
		})
	}
	as := func(*World[S]) {}
	f := world(t).Flow
	try("plain", as, false, "")
	try("every step twice", twice, false, "")
	for i, s := range f.Steps {
		try(s.Name+" fails before its effect", failBefore[S](i), true, "")
		try(s.Name+" fails after its effect", failAfter[S](i), true, "")
		for _, when := range []string{".before", ".after"} {
			try("lost"+when+" "+s.Name, as, false, f.Name+"."+s.Name+when)
			if s.Undo != nil {
				try("lost"+when+" undo of "+s.Name, failAfter[S](len(f.Steps)-1), true, f.Name+"."+s.Name+".undo"+when)
			}
		}
	}
	if f.Failed != nil {
		try("lost.before failed", failAfter[S](0), true, f.Name+".failed.before")
		try("lost.after failed", failAfter[S](0), true, f.Name+".failed.after")
	}
}

// ErrInjected is what an injected failure is.
var ErrInjected = errors.New("injected failure")

// twice makes every step run again after it has succeeded.
func twice[S any](w *World[S]) {
	for i := range w.Flow.Steps {
		do := w.Flow.Steps[i].Do
		w.Flow.Steps[i].Do = func(ctx context.Context, s *S) error {
			if err := do(ctx, s); err != nil {
				return err
			}
			return do(ctx, s)
		}
	}
}

func failBefore[S any](i int) func(*World[S]) {
	return func(w *World[S]) {
		stubborn(w)
		w.Flow.Steps[i].Do = func(context.Context, *S) error { return ErrInjected }
	}
}

func failAfter[S any](i int) func(*World[S]) {
	return func(w *World[S]) {
		stubborn(w)
		do := w.Flow.Steps[i].Do
		w.Flow.Steps[i].Do = func(ctx context.Context, s *S) error {
			if err := do(ctx, s); err != nil {
				return err
			}
			return ErrInjected
		}
	}
}

// stubborn makes every undo work, fail all the same, and run again.
func stubborn[S any](w *World[S]) {
	for i, step := range w.Flow.Steps {
		if step.Undo == nil {
			continue
		}
		tries := 0
		w.Flow.Steps[i].Undo = func(ctx context.Context, s *S) error {
			tries++
			if err := step.Undo(ctx, s); err != nil || tries > 1 {
				return err
			}
			return ErrInjected
		}
	}
}

// check runs the flow to its end, with a process lost on the way if lost names
// a failpoint, and looks at the world.
func (w *World[S]) check(t *testing.T, fails bool, lost string) {
	if w.DB == nil {
		w.DB = dbtest.SQLite(t, nil)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	w.Flow.Steps = append([]flow.Step[S](nil), w.Flow.Steps...)
	var once sync.Once
	reached := lost == ""
	first := w.engine(func(point string) {
		if point == lost {
			once.Do(func() { reached = true; panic(flow.Lost) })
		}
	})
	starter := flow.Register(first, w.Flow)
	err := w.DB.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return starter.Start(ctx, tx, "key", w.State) })
	if err != nil {
		t.Fatal(err)
	}
	if lost != "" {
		if first.Run(ctx); !reached {
			t.Fatalf("never came to %s", lost)
		}
		first = w.engine(nil)
		flow.Register(first, w.Flow)
	}
	w.finish(ctx, t, first, fails)
}

func (w *World[S]) engine(fail func(string)) *flow.Engine {
	return flow.NewEngine(w.DB, flow.Options{Owner: "test", Fail: fail, Poll: 50 * time.Millisecond,
		Backoff: func(int) time.Duration { return time.Millisecond }})
}

func (w *World[S]) finish(ctx context.Context, t *testing.T, e *flow.Engine, fails bool) {
	run, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(run) }()
	err := e.Wait(ctx, w.Flow.Name, "key")
	stop()
	<-ended
	switch {
	case ctx.Err() != nil:
		views, _ := e.Flows(context.WithoutCancel(ctx), "key")
		t.Fatalf("the flow did not end: %+v", views)
	case fails && err == nil:
		t.Fatal("the flow succeeded")
	case !fails && err != nil:
		t.Fatalf("the flow failed: %v", err)
	}
	if look := map[bool]func(*testing.T){true: w.Undone, false: w.Done}[fails]; look != nil {
		look(t)
	}
}
