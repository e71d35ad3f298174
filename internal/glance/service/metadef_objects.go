package service

import (
	"context"

	"nacre/internal/glance"
)

var objectKind = metadefKind{
	event:     "metadef_object",
	exists:    "A metadata definition object with name=%s already exists in namespace=%s.",
	renamed:   "Invalid update. It would result in a duplicate metadata definition object with the same name=%s in namespace=%s.",
	missing:   "Could not find metadata object %s",
	gone:      "The specified metadata object %s could not be found",
	protected: "Metadata definition object %s is protected and cannot be deleted.",
}

// MetadefObjects lists the objects of a namespace.
func (s *Service) MetadefObjects(ctx context.Context, n glance.MetadefNamespace) ([]glance.MetadefObject, error) {
	return s.store.MetadefObjects().In(ctx, n.ID)
}

// MetadefObject is an object of a namespace.
func (s *Service) MetadefObject(ctx context.Context, n glance.MetadefNamespace, name string) (glance.MetadefObject, error) {
	o, err := s.store.MetadefObjects().Named(ctx, n.ID, name)
	return o, objectKind.absent(err, name)
}

// CreateMetadefObject records an object of a namespace.
func (s *Service) CreateMetadefObject(ctx context.Context, n glance.MetadefNamespace, o glance.MetadefObject) (glance.MetadefObject, error) {
	now := s.clock.Now()
	o.NamespaceID, o.CreatedAt, o.UpdatedAt = n.ID, now, &now
	if err := checkContent(glance.MetadefContent{Objects: []glance.MetadefObject{o}}); err != nil {
		return o, err
	}
	if err := objectKind.fault(s.store.MetadefObjects().Insert(ctx, n.ID, o), n, o.Name, objectKind.exists); err != nil {
		return o, err
	}
	s.notify(ctx, "metadef_object.create", metadefEvent(n, o.Name, o.Name, objectEvent(o)))
	return o, nil
}

// UpdateMetadefObject writes what a request says of an object.
func (s *Service) UpdateMetadefObject(ctx context.Context, n glance.MetadefNamespace, was, o glance.MetadefObject) (glance.MetadefObject, error) {
	now := s.clock.Now()
	o.ID, o.NamespaceID, o.CreatedAt, o.UpdatedAt = was.ID, was.NamespaceID, was.CreatedAt, &now
	if err := checkName("object", o.Name); err != nil {
		return o, err
	}
	if err := objectKind.fault(s.store.MetadefObjects().Update(ctx, o), n, o.Name, objectKind.renamed); err != nil {
		return o, err
	}
	s.notify(ctx, "metadef_object.update", metadefEvent(n, o.Name, was.Name, objectEvent(o)))
	return o, nil
}

// DeleteMetadefObject deletes an object of a namespace that is not protected.
func (s *Service) DeleteMetadefObject(ctx context.Context, n glance.MetadefNamespace, name string) error {
	if _, err := s.MetadefObject(ctx, n, name); err != nil {
		return err
	}
	return s.remove(ctx, objectKind, n, name, s.store.MetadefObjects().Delete)
}

func objectEvent(o glance.MetadefObject) map[string]any {
	return map[string]any{"description": o.Description, "required": o.Required, "properties": o.Properties,
		"created_at": isoTime(o.CreatedAt), "updated_at": maybeTime(o.UpdatedAt)}
}
