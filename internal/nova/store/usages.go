package store

import (
	"context"
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// ServersBetween returns one page of the servers, gone ones too, that ran at some time between begin and end, by project
// and id; projectID "" is all projects. db.ErrNoMarker.
func (s *Store) ServersBetween(ctx context.Context, begin, end time.Time, projectID string, p db.Page) ([]nova.Server, error) {
	return db.All(ctx, s.db, servers.Select("launched_at < ?", end).
		Where("terminated_at IS NULL OR terminated_at > ?", begin).
		WhereIf(projectID != "", "project_id = ?", projectID).
		MarkBy("id").Page(p, "project_id", "id"))
}
