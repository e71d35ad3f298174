package flow_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/flow/flowtest"
)

// recorded makes every step record itself in a transaction of its own, the first be light.
func recorded(d *db.DB, f flow.Flow[state]) flow.Flow[state] {
	for i, step := range f.Steps {
		f.Steps[i].Do = func(ctx context.Context, s *state) error {
			if err := step.Do(ctx, s); err != nil {
				return err
			}
			return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return flow.Done(ctx, tx) })
		}
	}
	f.Steps[0].Do, f.Steps[0].Light = func(context.Context, *state) error { return nil }, true
	return f
}

func TestEveryWayRecordedInSteps(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[state] {
		b, d := &build{things: map[string]bool{}}, dbtest.SQLite(t, nil)
		return flowtest.World[state]{DB: d, Flow: recorded(d, b.flow()),
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

// What a step's transaction records is that step and its state: after a crash
// behind it the flow goes on with the next step and what it was told.
func TestDoneKeepsState(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		var ran []string
		define := func(e *flow.Engine) flow.Starter[state] {
			return flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{
				{Name: "light", Light: true, Do: func(_ context.Context, s *state) error {
					ran, s.Name = append(ran, "light"), s.Name+"l"
					return nil
				}},
				{Name: "tx", Do: func(ctx context.Context, s *state) error {
					ran, s.Name = append(ran, "tx"), s.Name+"t"
					return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return flow.Done(ctx, tx) })
				}},
				{Name: "end", Do: func(_ context.Context, s *state) error {
					ran = append(ran, "end "+s.Name)
					return nil
				}},
			}})
		}
		lose := func(point string) {
			if point == "f.tx.after" {
				panic(flow.Lost)
			}
		}
		e := flow.NewEngine(d, flow.Options{Owner: "me", Fail: lose})
		start(t.Context(), t, d, define(e), "k", state{})
		e.Run(t.Context())
		e = flow.NewEngine(d, flow.Options{Owner: "me"})
		define(e)
		run(t, e)
		if err := e.Wait(t.Context(), "f", "k"); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ran, []string{"light", "tx", "end lt"}) {
			t.Error(ran)
		}
		views, err := e.Flows(t.Context(), "k")
		if err != nil || len(views) != 1 || len(views[0].Journal) != 3 || views[0].FinishedAt.IsZero() {
			t.Errorf("%+v %v", views, err)
		}
	})
}

// A flow that was cancelled while a step ran does not take that step's
// transaction for done: it is rolled back, and all is undone.
func TestCancelBeforeDone(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		e := flow.NewEngine(d, flow.Options{Owner: "me"})
		var s flow.Starter[state]
		undone, committed := false, false
		s = flow.Register(e, flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{
			{Name: "a", Undo: func(context.Context, *state) error { undone = true; return nil }, Do: func(ctx context.Context, _ *state) error {
				plain := context.WithoutCancel(ctx)
				if err := d.Tx(plain, func(ctx context.Context, tx *db.Tx) error { return s.Cancel(ctx, tx, "k", "deleted") }); err != nil {
					return err
				}
				return d.Tx(plain, func(ctx context.Context, tx *db.Tx) error {
					tx.AfterCommit(func() { committed = true })
					return flow.Done(ctx, tx)
				})
			}},
		}})
		run(t, e)
		start(t.Context(), t, d, s, "k", state{})
		if err := e.Wait(t.Context(), "f", "k"); !errors.Is(err, flow.ErrCancelled) || !undone || committed {
			t.Error(err, undone, committed)
		}
	})
}

// The transaction of what tells a flow's end ends the flow: whoever sees the one
// may begin the next.
func TestEndRecordedInFailedAndDone(t *testing.T) {
	for _, fails := range []bool{false, true} {
		d := dbtest.SQLite(t, nil)
		var e *flow.Engine
		var s flow.Starter[state]
		live := true
		end := func(ctx context.Context) error {
			err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { return flow.Done(ctx, tx) })
			if err == nil {
				live, err = s.Live(ctx, d, "k")
			}
			return err
		}
		e = flow.NewEngine(d, flow.Options{Owner: "me"})
		s = flow.Register(e, flow.Flow[state]{Name: "f",
			Steps: []flow.Step[state]{{Name: "a", Do: func(context.Context, *state) error {
				if fails {
					return errors.New("no")
				}
				return nil
			}}},
			Done:   func(ctx context.Context, _ *state) error { return end(ctx) },
			Failed: func(ctx context.Context, _ *state, _ error) error { return end(ctx) },
		})
		run(t, e)
		start(t.Context(), t, d, s, "k", state{})
		if err := e.Wait(t.Context(), "f", "k"); (err != nil) != fails || live {
			t.Errorf("fails %v: %v, live %v", fails, err, live)
		}
	}
}

// A flow that an older version left at its Done ends in one that has none.
func TestDoneGone(t *testing.T) {
	d := dbtest.SQLite(t, nil)
	f := flow.Flow[state]{Name: "f", Steps: []flow.Step[state]{{Name: "a", Do: func(context.Context, *state) error { return nil }}},
		Done: func(context.Context, *state) error { return nil }}
	e := flow.NewEngine(d, flow.Options{Owner: "me", Fail: func(point string) {
		if point == "f.done.before" {
			panic(flow.Lost)
		}
	}})
	start(t.Context(), t, d, flow.Register(e, f), "k", state{})
	e.Run(t.Context())
	f.Done = nil
	e = flow.NewEngine(d, flow.Options{Owner: "me"})
	flow.Register(e, f)
	run(t, e)
	if err := e.Wait(t.Context(), "f", "k"); err != nil {
		t.Fatal(err)
	}
}
