package flow

import (
	"context"
	"encoding/json"
	"fmt"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/uuid"
)

// Starter begins flows of one kind.
type Starter[S any] struct {
	e    *Engine
	name string
}

// Register makes a flow known to an engine, before Run.
func Register[S any](e *Engine, f Flow[S]) Starter[S] {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.flows[f.Name] != nil {
		panic("flow " + f.Name + " is registered twice")
	}
	e.flows[f.Name] = define(f)
	return Starter[S]{e, f.Name}
}

// Start records a flow in tx and has it run once tx is committed, under the
// caller and the request of ctx. key is the ID of the resource; a second live
// flow of this name for it is db.ErrDuplicate.
func (s Starter[S]) Start(ctx context.Context, tx *db.Tx, key string, state S) error {
	rec, err := s.record(ctx, key, state)
	if err != nil {
		return fmt.Errorf("start flow %s of %s: %w", s.name, key, err)
	}
	if err := records.Insert(ctx, tx, rec); err != nil {
		return fmt.Errorf("start flow %s of %s: %w", s.name, key, err)
	}
	tx.AfterCommit(func() { s.e.started(rec) })
	return nil
}

func (s Starter[S]) record(ctx context.Context, key string, state S) (record, error) {
	e := s.e
	encoded, err := json.Marshal(state)
	if err != nil {
		return record{}, err
	}
	caller, err := json.Marshal(auth.Caller(ctx))
	if err != nil {
		return record{}, err
	}
	now := e.clock.Now()
	rec := record{ID: uuid.New(), Name: s.name, Resource: key, Live: liveKey(s.name, key), Phase: Doing,
		State: string(encoded), Caller: string(caller), RequestID: auth.RequestID(ctx),
		DueAt: now, CreatedAt: now, UpdatedAt: now, Journal: []Entry{}}
	e.mu.Lock()
	defer e.mu.Unlock()
	if steps := e.flows[s.name].steps; len(steps) > 0 {
		rec.Step = steps[0]
	}
	if e.alive && len(e.running)+len(e.queue) < e.workers {
		rec.Owner, rec.Fence, rec.LeaseUntil = e.owner, 1, now.Add(e.lease)
	}
	return rec, nil
}

// Cancel asks the live flow of key, if there is one, to undo what it did: its
// running step's context ends, and Failed is told ErrCancelled. A flow whose
// steps are all done, or that is being undone already, is left alone.
func (s Starter[S]) Cancel(ctx context.Context, tx *db.Tx, key, reason string) error {
	now := s.e.clock.Now()
	if reason == "" {
		reason = ErrCancelled.Error()
	}
	n, err := db.Exec(ctx, tx, `UPDATE nacre_flows SET cancelled = ?, due_at = ?
		WHERE live = ? AND phase = ? AND cancelled = ''`, reason, now, liveKey(s.name, key), Doing)
	if err == nil && n > 0 {
		tx.AfterCommit(func() { s.e.cancelled(liveKey(s.name, key)) })
	}
	return err
}

// Live reports whether a flow of this kind is under way for key.
func (s Starter[S]) Live(ctx context.Context, q db.Q, key string) (bool, error) {
	n, err := db.Count(ctx, q, records.Select("live = ?", liveKey(s.name, key)))
	return n > 0, err
}

func liveKey(name, key string) string { return name + "/" + key }
