package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// Services returns the services that match f, oldest first.
func (s *Store) Services(ctx context.Context, f nova.ServiceFilter) ([]nova.Service, error) {
	return db.All(ctx, s.db, services.Select("").
		WhereIf(f.Host != "", "host = ?", f.Host).
		WhereIf(f.Binary != "", "binary_name = ?", f.Binary).
		OrderBy("number"))
}

// ServiceByID returns a service by its UUID. db.ErrNoRow.
func (s *Store) ServiceByID(ctx context.Context, id string) (nova.Service, error) {
	return db.One(ctx, s.db, services.Select("id = ?", id))
}

// UpdateService writes what an operator may change: disabled and its reason, forced_down. db.ErrNoRow.
func (s *Store) UpdateService(ctx context.Context, svc nova.Service) error {
	n, err := services.Update(ctx, s.db, svc, "disabled", "disabled_reason", "forced_down", "updated_at")
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
