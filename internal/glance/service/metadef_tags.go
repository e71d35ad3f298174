package service

import (
	"context"
	"errors"

	"nacre/internal/glance"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

const tagExists = "A metadata tag with name=%s already exists in namespace=%s. (Please note that metadata tag names are case insensitive)."

var tagKind = metadefKind{
	event:     "metadef_tag",
	exists:    tagExists,
	renamed:   tagExists,
	missing:   "Could not find metadata tag %s",
	gone:      "The specified metadata tag %s could not be found",
	protected: "Metadata definition tag %s is protected and cannot be deleted.",
}

// MetadefTags is a page of the tags of a namespace. Its marker is a name.
func (s *Service) MetadefTags(ctx context.Context, n glance.MetadefNamespace, p db.Page) ([]glance.MetadefTag, error) {
	found, err := s.store.MetadefTagPage(ctx, n.ID, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, fault.NotFound(tagKind.missing, p.Marker)
	}
	return found, err
}

// MetadefTag is a tag of a namespace.
func (s *Service) MetadefTag(ctx context.Context, n glance.MetadefNamespace, name string) (glance.MetadefTag, error) {
	t, err := s.store.MetadefTags().Named(ctx, n.ID, name)
	return t, tagKind.absent(err, name)
}

// CreateMetadefTags records tags of a namespace, in place of those it has if
// replace.
func (s *Service) CreateMetadefTags(ctx context.Context, n glance.MetadefNamespace, replace bool, names ...string) ([]glance.MetadefTag, error) {
	now := s.clock.Now()
	tags := make([]glance.MetadefTag, len(names))
	seen := map[string]bool{}
	for i, name := range names {
		if err := checkName("tag", name); err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fault.Conflict(tagKind.exists, name, n.Name)
		}
		seen[name] = true
		tags[i] = glance.MetadefTag{NamespaceID: n.ID, Name: name, CreatedAt: now, UpdatedAt: &now}
	}
	if len(tags) == 0 {
		return tags, nil
	}
	err := s.store.InsertMetadefTags(ctx, n.ID, replace, tags...)
	if err := tagKind.fault(err, n, s.taken(ctx, err, n, tags), tagKind.exists); err != nil {
		return nil, err
	}
	for _, t := range tags {
		s.notify(ctx, "metadef_tag.create", metadefEvent(n, t.Name, t.Name, tagEvent(t)))
	}
	return tags, nil
}

// taken is the first of tags whose name kept them from being written.
func (s *Service) taken(ctx context.Context, err error, n glance.MetadefNamespace, tags []glance.MetadefTag) string {
	if errors.Is(err, db.ErrDuplicate) {
		for _, t := range tags {
			if _, err := s.store.MetadefTags().Named(ctx, n.ID, t.Name); err == nil {
				return t.Name
			}
		}
	}
	return tags[0].Name
}

// RenameMetadefTag gives a tag another name.
func (s *Service) RenameMetadefTag(ctx context.Context, n glance.MetadefNamespace, t glance.MetadefTag, name string) (glance.MetadefTag, error) {
	old, now := t.Name, s.clock.Now()
	t.Name, t.UpdatedAt = name, &now
	if err := checkName("tag", name); err != nil {
		return t, err
	}
	if err := tagKind.fault(s.store.MetadefTags().Update(ctx, t), n, name, tagKind.renamed); err != nil {
		return t, err
	}
	s.notify(ctx, "metadef_tag.update", metadefEvent(n, name, old, tagEvent(t)))
	return t, nil
}

// DeleteMetadefTag deletes a tag of a namespace that is not protected.
func (s *Service) DeleteMetadefTag(ctx context.Context, n glance.MetadefNamespace, name string) error {
	if _, err := s.MetadefTag(ctx, n, name); err != nil {
		return err
	}
	return s.remove(ctx, tagKind, n, name, s.store.MetadefTags().Delete)
}

func tagEvent(t glance.MetadefTag) map[string]any {
	return map[string]any{"created_at": isoTime(t.CreatedAt), "updated_at": maybeTime(t.UpdatedAt)}
}
