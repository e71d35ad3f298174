package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var tasks = db.Table[glance.Task]("tasks")

// liveTask is the condition that a task is not over.
const liveTask = "status IN ('pending', 'processing')"

// shown are the tasks that who may see and that have not expired.
func shown(who glance.Visible, now time.Time) *db.Query[glance.Task] {
	q := tasks.Select("deleted_at IS NULL").Where("expires_at IS NULL OR expires_at > ?", now)
	if !who.All {
		q.Scope("owner = ?", who.Project)
	}
	return q
}

// Tasks is a page of the tasks that who may see, without input and result;
// db.ErrNoMarker if it begins after one that is not there.
func (s *Store) Tasks(ctx context.Context, who glance.Visible, f glance.TaskFilter, p db.Page, now time.Time) ([]glance.Task, error) {
	q := shown(who, now).Page(p)
	for _, column := range slices.Sorted(maps.Keys(f)) {
		q.Where(column+" = ?", f[column])
	}
	return db.All(ctx, s.db, q)
}

// ImageTasks lists the tasks of an image, the newest first.
func (s *Store) ImageTasks(ctx context.Context, imageID string, now time.Time) ([]glance.Task, error) {
	q := shown(glance.Visible{All: true}, now).Where("image_id = ?", imageID)
	return db.All(ctx, s.db, q.OrderBy("created_at DESC", "id DESC"))
}

// Task is one task that who may see, or db.ErrNoRow.
func (s *Store) Task(ctx context.Context, who glance.Visible, id string, now time.Time) (glance.Task, error) {
	return db.One(ctx, s.db, shown(who, now).Where("id = ?", id))
}

// InsertTask writes a new task together with what fn writes.
func (s *Store) InsertTask(ctx context.Context, t glance.Task, fn func(ctx context.Context, tx *db.Tx) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := tasks.Insert(ctx, tx, t); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// EndTask ends a task that is not over.
func (s *Store) EndTask(ctx context.Context, id string, status glance.TaskStatus, message string, now, expires time.Time) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		return endTask(ctx, tx, id, status, "", message, now, expires)
	})
}

// Report writes how far a task is; glance.ErrTaskOver if it is over.
func (s *Store) Report(ctx context.Context, id, message string, now time.Time) error {
	n, err := db.Exec(ctx, s.db, "UPDATE tasks SET status = 'processing', message = ?, updated_at = ? WHERE id = ? AND "+liveTask, message, now, id)
	if err == nil && n == 0 {
		return glance.ErrTaskOver
	}
	return err
}

// endTask ends a task that is not over. What failed after all may have succeeded
// before.
func endTask(ctx context.Context, tx *db.Tx, id string, status glance.TaskStatus, result, message string, now, expires time.Time) error {
	set := "UPDATE tasks SET status = ?, result = ?, updated_at = ?, expires_at = ?"
	args := []any{status, result, now.Truncate(time.Second), expires.Truncate(time.Second)}
	if message != "" {
		set, args = set+", message = ?", append(args, message)
	}
	where := liveTask
	if status == glance.TaskFailure {
		where = "status <> 'failure'"
	}
	_, err := db.Exec(ctx, tx, set+" WHERE id = ? AND "+where, append(args, id)...)
	return err
}

// ExpireTasks marks those tasks deleted that have expired.
func (s *Store) ExpireTasks(ctx context.Context, now time.Time) (int64, error) {
	n, err := db.Exec(ctx, s.db, "UPDATE tasks SET deleted_at = ? WHERE deleted_at IS NULL AND expires_at <= ?", now, now)
	if err != nil {
		return 0, fmt.Errorf("expire tasks: %w", err)
	}
	return n, nil
}
