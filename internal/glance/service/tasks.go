package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// taskTime is now; times of tasks have no fractions of a second.
func (s *Service) taskTime() time.Time { return s.clock.Now().Truncate(time.Second) }

// taskExpiry is when a task that is over now is forgotten.
func (s *Service) taskExpiry() time.Time {
	return s.taskTime().Add(time.Duration(s.config.TaskTimeToLive) * time.Hour)
}

// newTask is a task of the caller as it begins.
func (s *Service) newTask(ctx context.Context, id string, typ glance.TaskType, input any) (glance.Task, error) {
	text, err := json.Marshal(input)
	if err != nil {
		return glance.Task{}, fmt.Errorf("input of task: %w", err)
	}
	caller := auth.Caller(ctx)
	now := s.taskTime()
	return glance.Task{ID: id, Type: typ, Status: glance.TaskPending, Owner: caller.ProjectID, UserID: caller.UserID,
		RequestID: auth.RequestID(ctx), Input: string(text), CreatedAt: now, UpdatedAt: now}, nil
}

// Tasks is a page of the tasks that the caller may see.
func (s *Service) Tasks(ctx context.Context, f glance.TaskFilter, p db.Page) ([]glance.Task, error) {
	found, err := s.store.Tasks(ctx, seenBy(ctx), f, p, s.clock.Now())
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("Task with the given id %s was not found", p.Marker)
	}
	return found, err
}

// Task is a task that the caller may see.
func (s *Service) Task(ctx context.Context, id string) (glance.Task, error) {
	t, err := s.store.Task(ctx, seenBy(ctx), id, s.clock.Now())
	if errors.Is(err, db.ErrNoRow) {
		return t, fault.NotFound("Task with the given id %s was not found", id)
	}
	return t, err
}

// ImageTasks lists the tasks of an image, the newest first.
func (s *Service) ImageTasks(ctx context.Context, img glance.Image) ([]glance.Task, error) {
	return s.store.ImageTasks(ctx, img.ID, s.clock.Now())
}

// TaskRequest is a task that a client asks for.
type TaskRequest struct {
	Type    glance.TaskType
	Input   json.RawMessage
	ImageID string // that the input names
	URI     string // what to import
	Image   glance.Image
	Refusal string // why the task cannot be done: it fails with this
}

// CreateTask records a task together with the flow that does it.
func (s *Service) CreateTask(ctx context.Context, req TaskRequest) (glance.Task, error) {
	t, err := s.newTask(ctx, uuid.New(), req.Type, req.Input)
	if err != nil {
		return t, err
	}
	t.ImageID = req.ImageID
	if req.Image.ID == "" {
		req.Image.ID = uuid.New()
	}
	st := imageImport{ImageID: req.Image.ID, TaskID: t.ID, Method: string(glance.LegacyImport), URI: req.URI, Stores: []string{s.backends[0].ID},
		AllMustSucceed: true, New: &req.Image, Refusal: req.Refusal, Plugins: s.plugins(), Was: formats{req.Image.DiskFormat, req.Image.ContainerFormat}}
	if st.Refusal == "" {
		st.Certificate, st.Refusal = s.vouch(ctx, st.ImageID, req.Image.Properties)
	}
	return t, s.store.InsertTask(ctx, t, func(ctx context.Context, tx *db.Tx) error { return s.imports.Start(ctx, tx, st.ImageID, st) })
}

// AllowsURI reports whether the filters of imports let a URL through.
func (s *Service) AllowsURI(uri string) bool { return s.config.ImportFiltering.Passes(uri) }

// expireTasks forgets tasks that were over long ago.
func (s *Service) expireTasks(ctx context.Context) error {
	_, err := s.store.ExpireTasks(ctx, s.clock.Now())
	return err
}
