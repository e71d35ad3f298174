package service

import (
	"context"
	"errors"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// Traits lists traits by prefix, by name, and by whether a provider has them.
func (s *Service) Traits(ctx context.Context, prefix string, names []string, associated *bool) ([]placement.Trait, error) {
	return s.store.Traits(ctx, prefix, names, associated)
}

// Trait finds a trait.
func (s *Service) Trait(ctx context.Context, name string) (placement.Trait, error) {
	found, err := s.store.Traits(ctx, "", []string{name}, nil)
	if err != nil {
		return placement.Trait{}, err
	}
	if len(found) == 0 {
		return placement.Trait{}, fault.NotFound("No such trait(s): %s.", name)
	}
	return found[0], nil
}

// CreateTrait adds a trait of a user's own; created is false when it was there.
func (s *Service) CreateTrait(ctx context.Context, name string) (created bool, err error) {
	if !placement.ValidCustom(name) {
		return false, fault.BadRequest(`The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"`)
	}
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertTrait(ctx, name) })
	if errors.Is(err, db.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}

// DeleteTrait removes a trait of a user's own that no provider has.
func (s *Service) DeleteTrait(ctx context.Context, name string) error {
	if _, err := s.Trait(ctx, name); err != nil {
		return err
	}
	if !placement.Custom(name) {
		return fault.BadRequest("Cannot delete standard trait %s.", name)
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if used, err := tx.TraitInUse(ctx, name); err != nil {
			return err
		} else if used {
			return fault.Conflict("The trait %s is in use by a resource provider.", name)
		}
		_, err := tx.DeleteTrait(ctx, name)
		return err
	})
}
