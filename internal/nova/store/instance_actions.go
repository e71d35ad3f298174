package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// InstanceActions returns one page of a server's actions, newest first; the page's marker is a request ID. db.ErrNoMarker.
func (s *Store) InstanceActions(ctx context.Context, f nova.InstanceActionFilter, p db.Page) ([]nova.InstanceAction, error) {
	return db.All(ctx, s.db, instanceActions.Select("instance_uuid = ?", f.InstanceUUID).
		WhereIf(!f.ChangesSince.IsZero(), "updated_at >= ?", f.ChangesSince).
		WhereIf(!f.ChangesBefore.IsZero(), "updated_at <= ?", f.ChangesBefore).
		MarkBy("request_id").Page(p, "start_time DESC"))
}

// InstanceAction returns what one request did to a server, with its events in their order. db.ErrNoRow.
func (s *Store) InstanceAction(ctx context.Context, serverID, requestID string) (a nova.InstanceAction, events []nova.InstanceEvent, err error) {
	a, err = db.Read(ctx, s.db, func(ctx context.Context, on db.Q) (nova.InstanceAction, error) {
		events = nil
		a, err := db.One(ctx, on, instanceActions.Select("instance_uuid = ? AND request_id = ?", serverID, requestID).OrderBy("start_time DESC"))
		if err == nil {
			events, err = db.All(ctx, on, instanceEvents.Select("action_id = ?", a.ID).OrderBy("start_time DESC", "id"))
		}
		return a, err
	})
	return a, events, err
}
