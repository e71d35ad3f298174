package store

import (
	"context"
	"errors"

	"nacre/internal/nova"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/uuid"
)

var (
	instanceActions = db.Table[nova.InstanceAction]("instance_actions")
	instanceEvents  = db.Table[nova.InstanceEvent]("instance_action_events")
)

// BeginAction records, under the caller and request of ctx, that something was asked of a server.
func (tx *Tx) BeginAction(ctx context.Context, serverID, action string) error {
	caller, now := auth.Caller(ctx), tx.clock.Now()
	return instanceActions.Insert(ctx, tx, nova.InstanceAction{ID: uuid.New(), InstanceUUID: serverID, Action: action,
		RequestID: auth.RequestID(ctx), UserID: caller.UserID, ProjectID: caller.ProjectID, StartTime: now, UpdatedAt: &now})
}

// BeginEvent records a step of the newest action of ctx's request on a server
// and returns the step's ID, "" when there is no such action. A step that is
// under way already, because it runs again, goes on under its ID.
func (s *Store) BeginEvent(ctx context.Context, serverID, event, host string) (id string, err error) {
	err = s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
		id, err = tx.BeginEvent(ctx, serverID, event, host)
		return err
	})
	return id, err
}

// BeginEvent is Store.BeginEvent inside a transaction.
func (tx *Tx) BeginEvent(ctx context.Context, serverID, event, host string) (string, error) {
	action, err := db.One(ctx, tx, instanceActions.Select("instance_uuid = ? AND request_id = ?", serverID, auth.RequestID(ctx)).OrderBy("start_time DESC"))
	if errors.Is(err, db.ErrNoRow) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	open, err := db.One(ctx, tx, instanceEvents.Select("action_id = ? AND event = ? AND finish_time IS NULL", action.ID, event))
	if err == nil {
		return open.ID, nil
	} else if !errors.Is(err, db.ErrNoRow) {
		return "", err
	}
	row := nova.InstanceEvent{ID: uuid.New(), ActionID: action.ID, Event: event, StartTime: tx.clock.Now(), Host: &host}
	return row.ID, instanceEvents.Insert(ctx, tx, row)
}

// EventResult is how a step ended: Failure is nil, or what the tenant may know
// and what administrators see.
type EventResult struct {
	Failed  bool
	Details string
	Trace   string
}

// EndEvent records how the step ended; a failed one makes its action's message "Error".
func (tx *Tx) EndEvent(ctx context.Context, eventID string, r EventResult) error {
	if eventID == "" {
		return nil
	}
	now, result := tx.clock.Now(), "Success"
	var details, trace, message any
	if r.Failed {
		result, details, trace, message = "Error", r.Details, r.Trace, "Error"
	}
	_, err := db.Exec(ctx, tx, `UPDATE instance_action_events SET finish_time = ?, result = ?, details = ?, traceback = ? WHERE id = ?`,
		now, result, details, trace, eventID)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, tx, `UPDATE instance_actions SET updated_at = ?, message = COALESCE(?, message)
		WHERE id = (SELECT action_id FROM instance_action_events WHERE id = ?)`, now, message, eventID)
	return err
}

// FailAction makes the message of the request's action on a server "Error".
func (tx *Tx) FailAction(ctx context.Context, serverID string) error {
	_, err := db.Exec(ctx, tx, `UPDATE instance_actions SET updated_at = ?, message = 'Error' WHERE instance_uuid = ? AND request_id = ?`,
		tx.clock.Now(), serverID, auth.RequestID(ctx))
	return err
}
