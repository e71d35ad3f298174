package service

import (
	"context"
	"maps"
	"slices"

	"nacre/internal/glance"
	"nacre/internal/glance/protection"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/policy"
)

// ProtectBy gives the rules of the service's policy that protect properties. A
// file that names others is a mistake.
func (s *Service) ProtectBy(e *policy.Enforcer) error { return s.protected.By(e) }

// Readable tells which properties the caller may read; nil where all may be read.
func (s *Service) Readable(ctx context.Context) func(property string) bool {
	return s.protected.Reader(auth.Caller(ctx))
}

// may refuses what the caller may not do to a property.
func (s *Service) may(ctx context.Context, op protection.Operation, property string) error {
	if s.protected.May(auth.Caller(ctx), op, property) {
		return nil
	}
	return fault.Forbidden("Attribute '%s' is reserved.", property)
}

// mayCreate refuses a new image with properties that the caller may not create.
func (s *Service) mayCreate(ctx context.Context, img glance.Image) error {
	if s.protected == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(img.Properties)) {
		if err := s.may(ctx, protection.Create, name); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether an image has a property as far as the caller may know.
func (s *Service) has(ctx context.Context, img *glance.Image, property string) bool {
	_, there := img.Properties[property]
	return there && s.protected.May(auth.Caller(ctx), protection.Read, property)
}

// mayWrite refuses a change of a property, or a new one. What the caller may
// not read is new to him.
func (s *Service) mayWrite(ctx context.Context, img *glance.Image, property string) error {
	if s.has(ctx, img, property) {
		return s.may(ctx, protection.Update, property)
	}
	return s.may(ctx, protection.Create, property)
}
