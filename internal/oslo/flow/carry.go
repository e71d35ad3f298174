package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/trace"
)

// carrier takes one flow as far as it goes.
type carrier struct {
	e   *Engine
	def *definition
	rec *record
	ses session

	recorded *record // the row as the running step's own transaction wrote it, or nil
}

// carry runs a claimed flow until it is finished, waits, or is lost.
func (e *Engine) carry(ctx context.Context, r *record) {
	e.mu.Lock()
	def := e.flows[r.Name]
	e.mu.Unlock()
	ctx = e.stepContext(ctx, r)
	defer e.died(r)
	ses, err := def.load([]byte(r.State))
	if err == nil && r.Step != "" && def.index(r.Step) < 0 {
		err = fmt.Errorf("flow %s has no step %q: is this an older version?", r.Name, r.Step)
	}
	c := &carrier{e: e, def: def, rec: r, ses: ses}
	if err != nil {
		c.wait(ctx, err, e.backoff(int(r.Attempts)))
		return
	}
	for c.advance(ctx) {
		if wasCancelled(ctx) && r.Phase != Doing { // the lease goes on, to undo
			fresh, cancel := e.renewContext(r)
			defer cancel(nil)
			ctx = e.stepContext(fresh, r)
		}
	}
}

func wasCancelled(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrCancelled) }

// renewContext gives a flow in hand a context that nobody cancelled.
func (e *Engine) renewContext(r *record) (context.Context, context.CancelCauseFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithCancelCause(e.ctx)
	if mine := e.running[r.ID]; mine != nil {
		mine.cancel = cancel
	}
	return ctx, cancel
}

// stepContext restores the caller and the request that started the flow.
func (e *Engine) stepContext(ctx context.Context, r *record) context.Context {
	var caller auth.Identity
	if err := json.Unmarshal([]byte(r.Caller), &caller); err != nil {
		slog.WarnContext(ctx, "flow has no readable caller", "flow", r.Name, "resource", r.Resource, "error", err)
	}
	ctx = auth.WithRequestID(auth.WithCaller(ctx, caller), r.RequestID)
	if e.dress != nil {
		ctx = e.dress(ctx)
	}
	return ctx
}

// died stops the engine where a failpoint says the process ends.
func (e *Engine) died(r *record) {
	switch p := recover(); p {
	case nil:
	case Lost:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.alive, e.gone = false, true
		e.stop(errDied)
	default:
		slog.Error("flow engine panicked", "flow", r.Name, "resource", r.Resource, "panic", p, "stack", string(debug.Stack()))
	}
}

// advance does one thing and records it; false when there is nothing to do now.
func (c *carrier) advance(ctx context.Context) bool {
	if ctx.Err() != nil && !wasCancelled(ctx) {
		return c.abandon(ctx)
	}
	switch c.rec.Phase {
	case Doing:
		return c.doStep(ctx)
	case Undoing:
		return c.undoStep(ctx)
	case Failing:
		return c.finish(ctx, Failed, c.tellFailed)
	case Ending:
		return c.finish(ctx, Succeeded, c.ses.done)
	}
	return false
}

func (c *carrier) doStep(ctx context.Context) bool {
	r := c.rec
	if r.Cancelled != "" {
		return c.turn(ctx, &Failure{Step: r.Step, Message: r.Cancelled, Cancel: true})
	}
	if r.Step == "" {
		r.Phase = Ending
		return true
	}
	i := c.def.index(r.Step)
	err := c.watched(ctx, r.Step, "", func(ctx context.Context) error {
		ctx, span := trace.Start(ctx, "flow "+r.Name+" "+r.Step)
		err := c.ses.do(ctx, i)
		span.End(err)
		return err
	})
	switch {
	case err == nil && c.recorded != nil:
		*r = *c.recorded
		return r.Live != ""
	case err == nil:
		c.forward(r, i)
		return c.def.light[i] && r.Step != "" || c.record(ctx)
	case r.Cancelled != "": // found by the step's own transaction
		return c.turn(ctx, &Failure{Step: r.Step, Message: r.Cancelled, Cancel: true})
	}
	if c.stopped(ctx, err) {
		return c.abandon(ctx)
	}
	if after, ok := RetryOf(err); ok && ctx.Err() == nil {
		return c.wait(ctx, err, after)
	}
	return c.turn(ctx, c.failureOf(ctx, err))
}

// inStep is Done for a step, which began at that time; then moves on from it.
func (c *carrier) inStep(step string, began time.Time, then func(*record)) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		next := *c.rec
		next.Journal = slices.Clip(next.Journal)
		next.log(Entry{At: c.e.clock.Now(), Phase: next.Phase, Step: step, Took: time.Since(began)})
		then(&next)
		state, err := c.ses.save()
		if err != nil {
			return err
		}
		next.State = string(state)
		if err = c.e.write(ctx, tx, &next); errors.Is(err, ErrCancelled) {
			c.rec.Cancelled = next.Cancelled
		}
		tx.AfterCommit(func() { c.recorded = &next })
		return err
	}
}

// forward moves on to the step after i, or to the end.
func (c *carrier) forward(r *record, i int) {
	r.Attempts, r.Trouble = 0, ""
	if i+1 < len(c.def.steps) {
		r.Step = c.def.steps[i+1]
		return
	}
	r.Step, r.Phase = "", Ending
	if !c.ses.hasDone() {
		c.close(r, Succeeded)
	}
}

func (c *carrier) failureOf(ctx context.Context, err error) *Failure {
	f := &Failure{Step: c.rec.Step, Message: err.Error()}
	f.Fault, _ = fault.Of(err)
	if f.Fault != nil {
		f.Message = f.Fault.Message
	}
	if wasCancelled(ctx) {
		f.Cancel, f.Fault = true, nil
	}
	return f
}

// turn begins to undo, with the step that was under way.
func (c *carrier) turn(ctx context.Context, f *Failure) bool {
	r, why := c.rec, f.Message
	if f.Fault != nil {
		why = f.Fault.Error() // with what only the operator sees
	}
	slog.WarnContext(ctx, "flow failed, undoing", "flow", r.Name, "resource", r.Resource, "step", f.Step, "error", why)
	r.fail(f)
	r.Phase, r.Attempts, r.Trouble = Undoing, 0, ""
	if r.Step == "" {
		r.Phase = Failing
	}
	return c.record(ctx)
}

func (c *carrier) undoStep(ctx context.Context) bool {
	r := c.rec
	i := c.def.index(r.Step)
	for i >= 0 && !c.ses.hasUndo(i) {
		i--
	}
	if i < 0 {
		r.Step, r.Phase = "", Failing
		return true
	}
	r.Step = c.def.steps[i]
	err := c.watched(ctx, r.Step, "undo.", func(ctx context.Context) error { return c.ses.undo(ctx, i) })
	if err != nil {
		return c.again(ctx, err)
	}
	r.Attempts, r.Trouble = 0, ""
	if i == 0 {
		r.Step, r.Phase = "", Failing
	} else {
		r.Step = c.def.steps[i-1]
	}
	return c.record(ctx)
}

func (c *carrier) tellFailed(ctx context.Context) error { return c.ses.failed(ctx, c.rec.failure()) }

// finish tells the flow's end and records it.
func (c *carrier) finish(ctx context.Context, end Phase, tell func(context.Context) error) bool {
	if err := c.watched(ctx, map[Phase]string{Failed: "failed", Succeeded: "done"}[end], "", tell); err != nil {
		return c.again(ctx, err)
	}
	if c.recorded != nil {
		*c.rec = *c.recorded
		return false
	}
	c.close(c.rec, end)
	return c.record(ctx)
}

func (c *carrier) close(r *record, end Phase) {
	r.Phase, r.Live, r.Owner, r.LeaseUntil = end, "", "", time.Time{}
	r.FinishedAt = c.e.clock.Now()
}

// again is for what must succeed in the end: wait longer each time.
func (c *carrier) again(ctx context.Context, err error) bool {
	if c.stopped(ctx, err) {
		return c.abandon(ctx)
	}
	r := c.rec
	level := slog.LevelWarn
	if r.Attempts >= 5 {
		level = slog.LevelError
	}
	slog.Log(ctx, level, "flow must try again", "flow", r.Name, "resource", r.Resource, "phase", r.Phase, "step", r.Step,
		"attempt", r.Attempts+1, "error", err)
	after, ok := RetryOf(err)
	if !ok {
		after = c.e.backoff(int(r.Attempts))
	}
	return c.wait(ctx, err, after)
}

// wait lets go of the flow until it is due.
func (c *carrier) wait(ctx context.Context, err error, after time.Duration) bool {
	r := c.rec
	r.Attempts++
	r.Trouble = err.Error()
	r.DueAt = c.e.clock.Now().Add(after)
	r.Owner, r.LeaseUntil = "", time.Time{}
	if !c.record(ctx) || r.Owner != "" { // the latter: it was cancelled meanwhile
		return r.Owner != ""
	}
	c.e.park(r.DueAt)
	c.e.Wake()
	return false
}

// record saves the flow; true if there is more to do.
func (c *carrier) record(ctx context.Context) bool {
	r := c.rec
	if c.ses != nil {
		state, err := c.ses.save()
		if err != nil {
			slog.ErrorContext(ctx, "flow state cannot be saved", "flow", r.Name, "resource", r.Resource, "error", err)
			return c.abandon(ctx)
		}
		r.State = string(state)
	}
	switch err := c.save(ctx); {
	case err == nil:
		return r.Live != ""
	case errors.Is(err, ErrCancelled):
		return c.cancelled(ctx)
	case errors.Is(err, errDied):
		return false
	default:
		slog.WarnContext(ctx, "flow left to its next owner", "flow", r.Name, "resource", r.Resource, "error", err)
		return c.abandon(ctx)
	}
}

// save writes the row, through short troubles of the database while the lease lasts.
func (c *carrier) save(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	for try := 0; ; try++ {
		if c.e.dead() {
			return errDied
		}
		err := c.e.write(ctx, c.e.db, c.rec)
		if err == nil || errors.Is(err, ErrLost) || errors.Is(err, ErrCancelled) || try == 5 {
			return err
		}
		time.Sleep(50 * time.Millisecond << try)
	}
}

// cancelled undoes from the step that was done last, although it succeeded.
func (c *carrier) cancelled(ctx context.Context) bool {
	r := c.rec
	if r.Step == "" {
		r.Step = c.def.steps[len(c.def.steps)-1]
	}
	r.Owner, r.LeaseUntil, r.Live = c.e.owner, c.e.clock.Now().Add(c.e.lease), liveKey(r.Name, r.Resource)
	r.FinishedAt = time.Time{}
	return c.turn(ctx, &Failure{Step: r.Step, Message: r.Cancelled, Cancel: true})
}

// stopped says that a step failed because this process has no business with
// the flow any more.
func (c *carrier) stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && !wasCancelled(ctx) || errors.Is(err, ErrLost)
}

// abandon leaves the flow to the next owner.
func (c *carrier) abandon(ctx context.Context) bool {
	if !c.e.dead() && !errors.Is(context.Cause(ctx), ErrLost) {
		c.e.release(ctx, c.rec)
	}
	return false
}

// watched runs a step: safe from panics, measured, between its failpoints.
func (c *carrier) watched(ctx context.Context, step, verb string, fn func(context.Context) error) error {
	r := c.rec
	point := r.Name + "." + step + "." + verb
	c.failpoint(point + "before")
	begin := time.Now()
	c.recorded = nil
	mine := run{id: r.ID, fence: r.Fence, attempt: r.Attempts}
	switch r.Phase {
	case Doing:
		mine.done = c.inStep(step, begin, func(next *record) { c.forward(next, c.def.index(step)) })
	case Failing:
		mine.done = c.inStep(step, begin, func(next *record) { c.close(next, Failed) })
	case Ending:
		mine.done = c.inStep(step, begin, func(next *record) { c.close(next, Succeeded) })
	}
	err := safely(context.WithValue(ctx, runKey{}, mine), fn)
	entry := Entry{At: c.e.clock.Now(), Phase: r.Phase, Step: step, Took: time.Since(begin)}
	if err != nil {
		entry.Error = err.Error()
	}
	c.failpoint(point + "after")
	r.log(entry)
	slog.DebugContext(ctx, "flow step", "flow", r.Name, "resource", r.Resource, "phase", r.Phase, "step", step,
		"took", entry.Took, "error", entry.Error)
	if c.e.observe != nil {
		c.e.observe(r.Name, entry)
	}
	return err
}

func (c *carrier) failpoint(point string) {
	if c.e.fail != nil {
		c.e.fail(point)
	}
}

func safely(ctx context.Context, fn func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(ctx, "flow step panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn(ctx)
}
