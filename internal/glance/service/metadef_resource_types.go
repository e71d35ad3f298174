package service

import (
	"context"

	"nacre/internal/glance"
)

var associationKind = metadefKind{
	event:     "metadef_resource_type",
	exists:    "The metadata definition resource-type association of resource-type=%s to namespace=%s already exists.",
	missing:   "Failed to find resource type %s to delete",
	gone:      "Failed to find resource type %s to delete",
	protected: "Metadata definition resource-type-association %s is protected and cannot be deleted.",
}

// MetadefResourceTypes lists all resource types.
func (s *Service) MetadefResourceTypes(ctx context.Context) ([]glance.MetadefResourceType, error) {
	return s.store.MetadefResourceTypes(ctx)
}

// MetadefAssociations lists the associations of namespaces, by namespace.
func (s *Service) MetadefAssociations(ctx context.Context, ns ...glance.MetadefNamespace) (map[int64][]glance.MetadefAssociation, error) {
	ids := make([]int64, len(ns))
	for i, n := range ns {
		ids[i] = n.ID
	}
	found, err := s.store.MetadefAssociationsIn(ctx, ids...)
	of := map[int64][]glance.MetadefAssociation{}
	for _, a := range found {
		of[a.NamespaceID] = append(of[a.NamespaceID], a)
	}
	return of, err
}

// CreateMetadefAssociation associates a namespace with a resource type, which
// need not be there yet.
func (s *Service) CreateMetadefAssociation(ctx context.Context, n glance.MetadefNamespace, a glance.MetadefAssociation) (glance.MetadefAssociation, error) {
	now := s.clock.Now()
	a.NamespaceID, a.CreatedAt, a.UpdatedAt = n.ID, now, &now
	if err := checkContent(glance.MetadefContent{Associations: []glance.MetadefAssociation{a}}); err != nil {
		return a, err
	}
	if err := associationKind.fault(s.store.InsertMetadefAssociation(ctx, a), n, a.Name, associationKind.exists); err != nil {
		return a, err
	}
	s.notify(ctx, "metadef_resource_type.create", metadefEvent(n, a.Name, a.Name, map[string]any{"prefix": a.Prefix,
		"properties_target": a.PropertiesTarget, "created_at": isoTime(now), "updated_at": isoTime(now)}))
	return a, nil
}

// DeleteMetadefAssociation ends an association of a namespace that is not protected.
func (s *Service) DeleteMetadefAssociation(ctx context.Context, n glance.MetadefNamespace, name string) error {
	if _, err := s.store.MetadefAssociations().Named(ctx, n.ID, name); err != nil {
		return associationKind.absent(err, name)
	}
	return s.remove(ctx, associationKind, n, name, s.store.MetadefAssociations().Delete)
}
