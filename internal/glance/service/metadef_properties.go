package service

import (
	"context"
	"errors"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

var propertyKind = metadefKind{
	event:     "metadef_property",
	exists:    "A metadata definition property with name=%s already exists in namespace=%s.",
	renamed:   "Invalid update. It would result in a duplicate metadata definition property with the same name=%s in namespace=%s.",
	missing:   "Could not find property %s",
	gone:      "The specified property %s could not be found",
	protected: "Metadata definition property %s is protected and cannot be deleted.",
}

// MetadefProperties lists the properties of a namespace.
func (s *Service) MetadefProperties(ctx context.Context, n glance.MetadefNamespace) ([]glance.MetadefProperty, error) {
	return s.store.MetadefProperties().In(ctx, n.ID)
}

// MetadefProperty is a property of a namespace.
func (s *Service) MetadefProperty(ctx context.Context, n glance.MetadefNamespace, name string) (glance.MetadefProperty, error) {
	p, err := s.store.MetadefProperties().Named(ctx, n.ID, name)
	return p, propertyKind.absent(err, name)
}

// PrefixedMetadefProperty is the property that resources of a type have under
// that name, the association's prefix before the property's own.
func (s *Service) PrefixedMetadefProperty(ctx context.Context, n glance.MetadefNamespace, name, resourceType string) (glance.MetadefProperty, error) {
	a, err := s.store.MetadefAssociations().Named(ctx, n.ID, resourceType)
	if errors.Is(err, db.ErrNoRow) {
		if _, err := s.store.MetadefResourceType(ctx, resourceType); errors.Is(err, db.ErrNoRow) {
			return glance.MetadefProperty{}, fault.NotFound("The metadata definition resource-type with name=%s, was not found.", resourceType)
		}
		return glance.MetadefProperty{}, fault.NotFound("The metadata definition resource-type association of resource-type=%s to namespace=%s, was not found.", resourceType, n.Name)
	} else if err != nil {
		return glance.MetadefProperty{}, err
	}
	prefix := "None"
	if a.Prefix != nil {
		prefix = *a.Prefix
	}
	own, ok := strings.CutPrefix(name, prefix)
	if !ok || a.Prefix == nil || prefix == "" {
		return glance.MetadefProperty{}, fault.NotFound("Property %s does not start with the expected resource type association prefix of '%s'.", name, prefix)
	}
	return s.MetadefProperty(ctx, n, own)
}

// CreateMetadefProperty records a property of a namespace.
func (s *Service) CreateMetadefProperty(ctx context.Context, n glance.MetadefNamespace, p glance.MetadefProperty) (glance.MetadefProperty, error) {
	p.NamespaceID = n.ID
	if err := checkName("property", p.Name); err != nil {
		return p, err
	}
	if err := propertyKind.fault(s.store.MetadefProperties().Insert(ctx, n.ID, p), n, p.Name, propertyKind.exists); err != nil {
		return p, err
	}
	s.notify(ctx, "metadef_property.create", metadefEvent(n, p.Name, p.Name, map[string]any{"type": p.Type.Type, "title": p.Type.Title}))
	return p, nil
}

// UpdateMetadefProperty writes what a request says of a property.
func (s *Service) UpdateMetadefProperty(ctx context.Context, n glance.MetadefNamespace, was, p glance.MetadefProperty) (glance.MetadefProperty, error) {
	p.ID, p.NamespaceID = was.ID, was.NamespaceID
	if err := checkName("property", p.Name); err != nil {
		return p, err
	}
	if err := propertyKind.fault(s.store.MetadefProperties().Update(ctx, p), n, p.Name, propertyKind.renamed); err != nil {
		return p, err
	}
	s.notify(ctx, "metadef_property.update", metadefEvent(n, p.Name, was.Name, map[string]any{"type": p.Type.Type, "title": p.Type.Title}))
	return p, nil
}

// DeleteMetadefProperty deletes a property of a namespace that is not protected.
func (s *Service) DeleteMetadefProperty(ctx context.Context, n glance.MetadefNamespace, name string) error {
	if _, err := s.MetadefProperty(ctx, n, name); err != nil {
		return err
	}
	return s.remove(ctx, propertyKind, n, name, s.store.MetadefProperties().Delete)
}
