package service

import (
	"context"
	"errors"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// ResourceClasses lists all classes.
func (s *Service) ResourceClasses(ctx context.Context) ([]placement.ResourceClass, error) {
	return s.store.Classes(ctx)
}

// ResourceClass finds a class.
func (s *Service) ResourceClass(ctx context.Context, name string) (placement.ResourceClass, error) {
	c, err := s.store.Class(ctx, name)
	if errors.Is(err, db.ErrNoRow) {
		return c, noClass(name)
	}
	return c, err
}

// CreateResourceClass adds a class of a user's own; created is false when it was there.
func (s *Service) CreateResourceClass(ctx context.Context, name string) (created bool, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertClass(ctx, name) })
	if errors.Is(err, db.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// RenameResourceClass gives a class of a user's own another name; before 1.7.
func (s *Service) RenameResourceClass(ctx context.Context, from, to string) error {
	if _, err := s.ResourceClass(ctx, from); err != nil {
		return err
	}
	if !placement.Custom(from) {
		return fault.BadRequest("Cannot update standard resource class %s", from)
	}
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		found, err := tx.RenameClass(ctx, from, to)
		if err == nil && !found {
			return noClass(from)
		}
		return err
	})
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflict("Resource class already exists: %s", to)
	}
	return err
}

// DeleteResourceClass removes a class of a user's own that no inventory has.
func (s *Service) DeleteResourceClass(ctx context.Context, name string) error {
	if _, err := s.ResourceClass(ctx, name); err != nil {
		return err
	}
	if !placement.Custom(name) {
		return fault.BadRequest("Error in delete resource class: Cannot delete standard resource class %s.", name)
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if used, err := tx.ClassInUse(ctx, name); err != nil {
			return err
		} else if used {
			return fault.Conflict("Error in delete resource class: Cannot delete resource class %s. Class is in use in inventory.", name)
		}
		_, err := tx.DeleteClass(ctx, name)
		return err
	})
}
