package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Flavors returns one page of flavors.
func (s *Service) Flavors(ctx context.Context, f nova.FlavorFilter, p db.Page) ([]nova.Flavor, error) {
	found, err := s.store.Flavors(ctx, f, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.BadRequest("marker [%s] not found", p.Marker)
	}
	return found, err
}

// Flavor returns a flavor that the caller may use; administrators may use all.
func (s *Service) Flavor(ctx context.Context, id string) (nova.Flavor, error) {
	find := s.store.Flavor
	if caller := auth.Caller(ctx); !caller.Admin {
		find = func(ctx context.Context, id string) (nova.Flavor, error) {
			return s.store.FlavorFor(ctx, id, caller.ProjectID)
		}
	}
	f, err := find(ctx, id)
	return f, noFlavor(id, err)
}

func noFlavor(id string, err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Flavor %s could not be found.", id)
	}
	return err
}

// CreateFlavor writes a new flavor; without an id it gets a UUID.
func (s *Service) CreateFlavor(ctx context.Context, f nova.Flavor) (nova.Flavor, error) {
	f.Name = strings.TrimSpace(f.Name)
	if f.FlavorID == "" {
		f.FlavorID = uuid.New()
	}
	if f.RXTXFactor <= 0 || f.RXTXFactor > math.MaxFloat32 {
		return f, fault.BadRequest("Invalid input received: 'rxtx_factor' argument must be a float between 0 and 3.40282e+38")
	}
	f.ExtraSpecs = map[string]string{}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertFlavor(ctx, &f) })
	if errors.Is(err, db.ErrDuplicate) {
		return f, s.flavorTaken(ctx, f)
	}
	return f, err
}

// flavorTaken says whether it was the id or the name.
func (s *Service) flavorTaken(ctx context.Context, f nova.Flavor) error {
	if _, err := s.store.Flavor(ctx, f.FlavorID); err == nil {
		return fault.Conflict("Flavor with ID %s already exists.", f.FlavorID)
	}
	return fault.Conflict("Flavor with name %s already exists.", f.Name)
}

// DescribeFlavor changes a flavor's description; nil is none.
func (s *Service) DescribeFlavor(ctx context.Context, id string, description *string) (nova.Flavor, error) {
	return s.changeFlavor(ctx, id, func(f *nova.Flavor) error {
		f.Description = description
		return nil
	})
}

func (s *Service) changeFlavor(ctx context.Context, id string, change func(*nova.Flavor) error) (f nova.Flavor, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		f, err = tx.ChangeFlavor(ctx, id, change)
		return err
	})
	return f, noFlavor(id, err)
}

// DeleteFlavor removes a flavor; servers keep the copy they were built with.
func (s *Service) DeleteFlavor(ctx context.Context, id string) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteFlavor(ctx, id) })
	return noFlavor(id, err)
}

// SetExtraSpecs adds specs to a flavor's, or replaces those of the same key.
func (s *Service) SetExtraSpecs(ctx context.Context, id string, specs map[string]string) error {
	_, err := s.changeFlavor(ctx, id, func(f *nova.Flavor) error {
		if f.ExtraSpecs == nil {
			f.ExtraSpecs = map[string]string{}
		}
		maps.Copy(f.ExtraSpecs, specs)
		return nil
	})
	return err
}

// DeleteExtraSpec takes one extra spec off a flavor.
func (s *Service) DeleteExtraSpec(ctx context.Context, id, key string) error {
	_, err := s.changeFlavor(ctx, id, func(f *nova.Flavor) error {
		if _, ok := f.ExtraSpecs[key]; !ok {
			return NoExtraSpec(id, key)
		}
		delete(f.ExtraSpecs, key)
		return nil
	})
	return err
}

// NoExtraSpec is the 404 for a key that a flavor does not have.
func NoExtraSpec(id, key string) error {
	return fault.NotFound("Flavor %s has no extra specs with key %s.", id, key)
}

// FlavorAccess lists the projects that may use a private flavor.
func (s *Service) FlavorAccess(ctx context.Context, id string) ([]nova.FlavorAccess, error) {
	f, err := s.Flavor(ctx, id)
	if err != nil {
		return nil, err
	}
	if f.IsPublic {
		return nil, fault.NotFound("Access list not available for public flavors.")
	}
	return s.store.FlavorAccess(ctx, id)
}

// AddFlavorAccess lets a project use a flavor and returns who may now; a public flavor is refused if refusePublic is set.
func (s *Service) AddFlavorAccess(ctx context.Context, id, projectID string, refusePublic bool) ([]nova.FlavorAccess, error) {
	if err := s.checkProject(ctx, projectID); err != nil {
		return nil, err
	}
	f, err := s.Flavor(ctx, id)
	if err != nil {
		return nil, err
	}
	if f.IsPublic && refusePublic {
		return nil, fault.Conflict("Can not add access to a public flavor.")
	}
	err = s.store.AddFlavorAccess(ctx, id, projectID)
	if errors.Is(err, db.ErrDuplicate) {
		return nil, fault.Conflict("Flavor access already exists for flavor %s and project %s combination.", id, projectID)
	}
	if err != nil {
		return nil, err
	}
	return s.store.FlavorAccess(ctx, id)
}

// RemoveFlavorAccess takes that back and returns who is left; the project need not exist any more.
func (s *Service) RemoveFlavorAccess(ctx context.Context, id, projectID string) ([]nova.FlavorAccess, error) {
	if _, err := s.Flavor(ctx, id); err != nil {
		return nil, err
	}
	err := s.store.RemoveFlavorAccess(ctx, id, projectID)
	if errors.Is(err, db.ErrNoRow) {
		return nil, fault.NotFound("Flavor access not found for %s / %s combination.", id, projectID)
	}
	if err != nil {
		return nil, err
	}
	return s.store.FlavorAccess(ctx, id)
}

// EnsureDefaults gives a cloud without any flavor the default ones.
func (s *Service) EnsureDefaults(ctx context.Context) error {
	have, err := s.store.Flavors(ctx, nova.FlavorFilter{}, db.Page{Limit: 1})
	if err != nil || len(have) > 0 {
		return err
	}
	for _, f := range nova.DefaultFlavors() {
		if _, err := s.CreateFlavor(ctx, f); err != nil && !fault.Is(err, 409) {
			return fmt.Errorf("default flavor %s: %w", f.Name, err)
		}
	}
	return nil
}
