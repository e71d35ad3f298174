package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var (
	quotas       = db.Table[nova.Quota]("quotas")
	quotaClasses = db.Table[nova.QuotaClass]("quota_classes")
)

// Limits is what a project (and, if userID is not "", that user in it) may have of each resource: what was set for the
// user, else for the project, else for the default class, else nova.DefaultLimits.
func (s *Store) Limits(ctx context.Context, projectID, userID string) (nova.Limits, error) {
	return limitsOf(ctx, s.db, projectID, userID)
}

// Limits is Store.Limits inside a transaction.
func (tx *Tx) Limits(ctx context.Context, projectID, userID string) (nova.Limits, error) {
	return limitsOf(ctx, tx, projectID, userID)
}

func limitsOf(ctx context.Context, q db.Q, projectID, userID string) (nova.Limits, error) {
	limits, err := classLimits(ctx, q, "default")
	if err != nil {
		return nil, err
	}
	// "" sorts before every user, so what was set for the user is written last.
	rows, err := db.All(ctx, q, quotas.Select("project_id = ? AND user_id IN ('', ?)", projectID, userID).OrderBy("user_id"))
	for _, row := range rows {
		limits[row.Resource] = row.Limit
	}
	return limits, err
}

// ClassLimits is what was set for a class, else nova.DefaultLimits.
func (s *Store) ClassLimits(ctx context.Context, class string) (nova.Limits, error) {
	return classLimits(ctx, s.db, class)
}

func classLimits(ctx context.Context, q db.Q, class string) (nova.Limits, error) {
	limits := nova.DefaultLimits()
	rows, err := db.All(ctx, q, quotaClasses.Select("class_name = ?", class))
	for _, row := range rows {
		limits[row.Resource] = row.Limit
	}
	return limits, err
}

// UserLimits lists what was set for single users of a project.
func (tx *Tx) UserLimits(ctx context.Context, projectID string) ([]nova.Quota, error) {
	return db.All(ctx, tx, quotas.Select("project_id = ? AND user_id <> ''", projectID))
}

// SetLimits sets some limits of a project, or of a user in it.
func (tx *Tx) SetLimits(ctx context.Context, projectID, userID string, limits nova.Limits) error {
	for resource, limit := range limits {
		row := nova.Quota{ProjectID: projectID, UserID: userID, Resource: resource, Limit: limit}
		if err := quotas.Upsert(ctx, tx, row, []string{"project_id", "user_id", "resource"}); err != nil {
			return err
		}
	}
	return nil
}

// SetClassLimits sets some limits of a class.
func (tx *Tx) SetClassLimits(ctx context.Context, class string, limits nova.Limits) error {
	for resource, limit := range limits {
		row := nova.QuotaClass{Class: class, Resource: resource, Limit: limit}
		if err := quotaClasses.Upsert(ctx, tx, row, []string{"class_name", "resource"}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteLimits forgets what was set for a project and all its users, or for one user if userID is not "".
func (s *Store) DeleteLimits(ctx context.Context, projectID, userID string) error {
	if userID != "" {
		_, err := db.Exec(ctx, s.db, "DELETE FROM quotas WHERE project_id = ? AND user_id = ?", projectID, userID)
		return err
	}
	_, err := db.Exec(ctx, s.db, "DELETE FROM quotas WHERE project_id = ?", projectID)
	return err
}

// LockQuota makes transactions that count against a project's limits run one after another.
func (tx *Tx) LockQuota(ctx context.Context, projectID string) error {
	return db.Lock(ctx, tx.Tx, "quota "+projectID)
}

// Usage counts what a project (or, if userID is not "", that user in it) has.
func (s *Store) Usage(ctx context.Context, projectID, userID string) (nova.Usage, error) {
	return usageOf(ctx, s.db, projectID, userID)
}

// Usage is Store.Usage inside a transaction.
func (tx *Tx) Usage(ctx context.Context, projectID, userID string) (nova.Usage, error) {
	return usageOf(ctx, tx, projectID, userID)
}

func usageOf(ctx context.Context, q db.Q, projectID, userID string) (nova.Usage, error) {
	query, args := `SELECT COUNT(*) AS instances, COALESCE(SUM(vcpus), 0) AS cores, COALESCE(SUM(memory_mb), 0) AS ram
		FROM servers WHERE deleted_at IS NULL AND project_id = ?`, []any{projectID}
	if userID != "" {
		query, args = query+" AND user_id = ?", append(args, userID)
	}
	rows, err := db.Scan[nova.Usage](ctx, q, query, args...)
	if err != nil || len(rows) == 0 {
		return nova.Usage{}, err
	}
	return rows[0], nil
}
