// Package flow runs long operations that survive the process: recorded steps,
// each with its undo.
//
// A flow's row is written in the same transaction as the resource it works on,
// so neither exists without the other. Whoever owns the row's lease runs its
// steps and records each one after it is done; an owner that dies is followed
// by the next, which begins with the step that was not recorded. Therefore a
// step may run twice and ensures rather than creates. When a step fails, it and
// all before it are undone, last first, each until that succeeds; then Failed
// is told.
//
// A lease carries a fencing number that grows with every owner and is checked
// at each write here; Fence and Guard let steps check it at theirs. A step that
// ends with a transaction in the flow's database can be recorded by that very
// transaction, with Done: one commit instead of two.
package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// Flow is a long operation on a state S, which is kept as JSON: small, its
// fields only ever added to, its steps never renamed.
type Flow[S any] struct {
	Name   string
	Steps  []Step[S]
	Failed func(ctx context.Context, s *S, err error) error // after all undos; err is a *Failure; retried until nil
	Done   func(ctx context.Context, s *S) error            // after all steps; retried until nil; may be nil
}

// Step is a part of a flow. No Undo means nothing outside was changed.
type Step[S any] struct {
	Name     string
	Do, Undo func(ctx context.Context, s *S) error
	Timeout  time.Duration // of one Do; 0: none
	// Light leaves it to the next step's record to tell that this one is done:
	// after a crash it runs again. For steps whose repetition costs nothing.
	Light bool
}

// Points lists the failpoints of the flow in running order: those of its steps,
// then those of their undos, last first, and of its end.
func (f Flow[S]) Points() (out []string) {
	add := func(step string) { out = append(out, f.Name+"."+step+".before", f.Name+"."+step+".after") }
	for _, s := range f.Steps {
		add(s.Name)
	}
	if f.Done != nil {
		add("done")
	}
	for _, s := range slices.Backward(f.Steps) {
		if s.Undo != nil {
			add(s.Name + ".undo")
		}
	}
	return append(out, f.Name+".failed.before", f.Name+".failed.after")
}

// Failure is why a flow was undone. It unwraps to the fault, if it was one,
// even when another process than the one that failed reads it.
type Failure struct {
	Step    string       `json:"step"`
	Message string       `json:"message"`
	Fault   *fault.Fault `json:"fault,omitempty"`
	Cancel  bool         `json:"cancel,omitempty"`
}

func (f *Failure) Error() string { return f.Step + ": " + f.Message }

// Unwrap gives the fault, or ErrCancelled, or nil.
func (f *Failure) Unwrap() error {
	switch {
	case f.Cancel:
		return ErrCancelled
	case f.Fault != nil:
		return f.Fault
	}
	return nil
}

var (
	// ErrCancelled is what a flow fails with after Starter.Cancel.
	ErrCancelled = errors.New("the flow was cancelled")
	// ErrLost says that another owner has the flow's lease: touch nothing more.
	ErrLost = errors.New("the flow's lease is lost")
)

type retryError struct {
	error
	after time.Duration
}

func (r retryError) Unwrap() error { return r.error }

// Retry returned from Do runs the step again after a pause, without keeping a
// worker meanwhile; Attempt counts.
func Retry(err error, after time.Duration) error { return retryError{err, after} }

type permanentError struct{ error }

func (p permanentError) Unwrap() error { return p.error }

// Permanent returned from Do undoes the flow at once, also where err itself
// asks for a Retry.
func Permanent(err error) error { return permanentError{err} }

// RetryOf says whether and when err wants its step to run again.
func RetryOf(err error) (after time.Duration, ok bool) {
	var p permanentError
	var r retryError
	if errors.As(err, &p) || !errors.As(err, &r) {
		return 0, false
	}
	return r.after, true
}

type runKey struct{}

// run is what a step's context knows of its flow.
type run struct {
	id      string
	fence   int64
	attempt int64
	done    func(ctx context.Context, tx *db.Tx) error // nil while a step is undone
}

// Fence is the fencing number of the lease that a step runs under: it grows
// with every owner. 0 outside of a flow.
func Fence(ctx context.Context) int64 {
	r, _ := ctx.Value(runKey{}).(run)
	return r.fence
}

// Attempt counts the earlier tries of this step that ended with Retry.
func Attempt(ctx context.Context) int {
	r, _ := ctx.Value(runKey{}).(run)
	return int(r.attempt)
}

// Guard makes a step's own transaction in the flow's database fail with
// ErrLost unless the step still owns its lease.
func Guard(ctx context.Context, tx *db.Tx) error {
	r, ok := ctx.Value(runKey{}).(run)
	if !ok {
		return nil
	}
	n, err := db.Exec(ctx, tx, "UPDATE nacre_flows SET fence = fence WHERE id = ? AND fence = ?", r.id, r.fence)
	if err == nil && n == 0 {
		err = ErrLost
	}
	return err
}

// Done records in a step's own transaction, at its end, that the step is done
// with the state as it is now. It is Guard too. A step that fails after all is
// undone all the same. After the last step, if the flow has no Done, and in Done
// and Failed it ends the flow.
func Done(ctx context.Context, tx *db.Tx) error {
	r, ok := ctx.Value(runKey{}).(run)
	if !ok || r.done == nil {
		return Guard(ctx, tx)
	}
	return r.done(ctx, tx)
}

// definition is a Flow without its type parameter.
type definition struct {
	name  string
	steps []string
	light []bool
	load  func(state []byte) (session, error)
}

// index finds a step by name, or -1.
func (d *definition) index(step string) int {
	for i, s := range d.steps {
		if s == step {
			return i
		}
	}
	return -1
}

// session is one flow's state, decoded, and what can be done to it.
type session interface {
	do(ctx context.Context, step int) error
	undo(ctx context.Context, step int) error
	hasUndo(step int) bool
	failed(ctx context.Context, err error) error
	done(ctx context.Context) error
	hasDone() bool
	save() ([]byte, error)
}

type typedSession[S any] struct {
	flow  *Flow[S]
	state S
}

func define[S any](f Flow[S]) *definition {
	d := &definition{name: f.Name}
	for _, s := range f.Steps {
		if d.index(s.Name) >= 0 || s.Name == "" || s.Do == nil {
			panic(fmt.Sprintf("flow %s: step %q has no name, no Do or is there twice", f.Name, s.Name))
		}
		d.steps, d.light = append(d.steps, s.Name), append(d.light, s.Light)
	}
	d.load = func(state []byte) (session, error) {
		s := &typedSession[S]{flow: &f}
		if err := json.Unmarshal(state, &s.state); err != nil {
			return nil, fmt.Errorf("state of flow %s: %w", f.Name, err)
		}
		return s, nil
	}
	return d
}

func (s *typedSession[S]) do(ctx context.Context, i int) error {
	step := s.flow.Steps[i]
	if step.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, step.Timeout)
		defer cancel()
	}
	return step.Do(ctx, &s.state)
}

func (s *typedSession[S]) undo(ctx context.Context, i int) error {
	return s.flow.Steps[i].Undo(ctx, &s.state)
}

func (s *typedSession[S]) hasUndo(i int) bool { return s.flow.Steps[i].Undo != nil }

func (s *typedSession[S]) failed(ctx context.Context, err error) error {
	if s.flow.Failed == nil {
		return nil
	}
	return s.flow.Failed(ctx, &s.state, err)
}

func (s *typedSession[S]) hasDone() bool { return s.flow.Done != nil }

func (s *typedSession[S]) done(ctx context.Context) error {
	if s.flow.Done == nil { // it had one when it came to its end
		return nil
	}
	return s.flow.Done(ctx, &s.state)
}

func (s *typedSession[S]) save() ([]byte, error) { return json.Marshal(&s.state) }
