package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"nacre/internal/glance"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
)

// ErrHidden says that the caller may not see a namespace that is there.
var ErrHidden = errors.New("the namespace is another project's")

// MetadefNamespace is a namespace by its name; ErrHidden or db.ErrNoRow if the
// caller has none.
func (s *Service) MetadefNamespace(ctx context.Context, name string) (glance.MetadefNamespace, error) {
	n, err := s.store.MetadefNamespace(ctx, name)
	who := seenBy(ctx)
	if err == nil && !who.All && n.Visibility != glance.Public && n.Owner != who.Project {
		return glance.MetadefNamespace{}, ErrHidden
	}
	return n, err
}

// NoNamespace words that there is no namespace of that name.
func NoNamespace(name string) error {
	return fault.NotFound("Metadata definition namespace=%s was not found.", name)
}

// MetadefNamespaces is a page of the namespaces that the caller may see and
// that pass f. Its marker is a name.
func (s *Service) MetadefNamespaces(ctx context.Context, f glance.MetadefFilter, p db.Page) ([]glance.MetadefNamespace, error) {
	if p.Marker != "" {
		switch _, err := s.MetadefNamespace(ctx, p.Marker); {
		case errors.Is(err, db.ErrNoRow):
			return nil, NoNamespace(p.Marker)
		case errors.Is(err, ErrHidden):
			return nil, fault.Forbidden("Forbidding request, metadata definition namespace=%s is not visible.", p.Marker)
		case err != nil:
			return nil, fmt.Errorf("list namespaces: %w", err)
		}
	}
	found, err := s.store.MetadefNamespaces(ctx, seenBy(ctx), f, p)
	if errors.Is(err, db.ErrNoMarker) {
		return nil, NoNamespace(p.Marker)
	}
	return found, err
}

// MetadefContent is all that is in a namespace.
func (s *Service) MetadefContent(ctx context.Context, n glance.MetadefNamespace) (glance.MetadefContent, error) {
	return s.store.MetadefContent(ctx, n.ID)
}

// CreateMetadefNamespace records a namespace and what is in it. It sets whose
// it is where n does not say.
func (s *Service) CreateMetadefNamespace(ctx context.Context, n glance.MetadefNamespace, c glance.MetadefContent) (glance.MetadefNamespace, error) {
	now := s.clock.Now()
	n.CreatedAt, n.UpdatedAt = now, &now
	complete(ctx, &n)
	if err := errors.Join(checkName("namespace", n.Name), checkContent(c)); err != nil {
		return n, err
	}
	err := s.store.InsertMetadefNamespace(ctx, &n, stamped(c, now, &now))
	if errors.Is(err, db.ErrDuplicate) {
		return n, fault.Conflict("The metadata definition namespace=%s already exists.", n.Name)
	} else if err != nil {
		return n, fmt.Errorf("create namespace %s: %w", n.Name, err)
	}
	slog.InfoContext(ctx, "metadef namespace created", "namespace", n.Name)
	s.notify(ctx, "metadef_namespace.create", namespaceEvent(n, n.Name))
	return n, nil
}

// complete fills in what a request may leave out.
func complete(ctx context.Context, n *glance.MetadefNamespace) {
	if n.Owner == "" {
		n.Owner = auth.Caller(ctx).ProjectID
	}
	if n.Visibility == "" {
		n.Visibility = glance.Private
	}
}

// longestName is how many characters the name of a definition has at most.
const longestName = 80

func checkName(kind, name string) error {
	if name == "" || len([]rune(name)) > longestName {
		return fault.BadRequest("The name of a metadata definition %s has 1 to %d characters: %q", kind, longestName, name)
	}
	return nil
}

// checkContent checks the names of things that come all at once: the sentences
// are those of things that come one after another.
func checkContent(c glance.MetadefContent) error {
	kinds := map[string][]string{}
	for _, o := range c.Objects {
		kinds["object"] = append(kinds["object"], o.Name)
	}
	for _, p := range c.Properties {
		kinds["property"] = append(kinds["property"], p.Name)
	}
	for _, t := range c.Tags {
		kinds["tag"] = append(kinds["tag"], t.Name)
	}
	for _, a := range c.Associations {
		kinds["resource-type"] = append(kinds["resource-type"], a.Name)
	}
	for kind, names := range kinds {
		seen := map[string]bool{}
		for _, name := range names {
			if err := checkName(kind, name); err != nil {
				return err
			}
			if seen[name] {
				return fault.Conflict("More than one metadata definition %s has the name %s.", kind, name)
			}
			seen[name] = true
		}
	}
	for _, a := range c.Associations {
		for _, text := range []*string{a.Prefix, a.PropertiesTarget} {
			if text != nil && len([]rune(*text)) > longestName {
				return fault.BadRequest("Prefix and properties_target of resource type %s have at most %d characters.", a.Name, longestName)
			}
		}
	}
	return nil
}

// stamped sets the times of everything in c.
func stamped(c glance.MetadefContent, created time.Time, updated *time.Time) glance.MetadefContent {
	for i := range c.Objects {
		c.Objects[i].CreatedAt, c.Objects[i].UpdatedAt = created, updated
	}
	for i := range c.Tags {
		c.Tags[i].CreatedAt, c.Tags[i].UpdatedAt = created, updated
	}
	for i := range c.Associations {
		c.Associations[i].CreatedAt, c.Associations[i].UpdatedAt = created, updated
	}
	return c
}

// UpdateMetadefNamespace writes what a request says of a namespace. What it
// leaves out is again as in a new one.
func (s *Service) UpdateMetadefNamespace(ctx context.Context, was, now glance.MetadefNamespace) (glance.MetadefNamespace, error) {
	at := s.clock.Now()
	now.ID, now.CreatedAt, now.UpdatedAt = was.ID, was.CreatedAt, &at
	complete(ctx, &now)
	if err := checkName("namespace", now.Name); err != nil {
		return now, err
	}
	err := s.store.UpdateMetadefNamespace(ctx, now)
	switch {
	case errors.Is(err, db.ErrDuplicate):
		return now, fault.Conflict("Invalid update. It would result in a duplicate metadata definition namespace with the same name of %s", now.Name)
	case errors.Is(err, db.ErrNoRow):
		return now, NoNamespace(was.Name)
	case err != nil:
		return now, fmt.Errorf("update namespace %s: %w", was.Name, err)
	}
	s.notify(ctx, "metadef_namespace.update", namespaceEvent(now, was.Name))
	return now, nil
}

// DeleteMetadefNamespace deletes a namespace that is not protected, and all
// that is in it.
func (s *Service) DeleteMetadefNamespace(ctx context.Context, n glance.MetadefNamespace) error {
	return s.emptyNamespace(ctx, n, "delete", s.store.DeleteMetadefNamespace)
}

// ClearMetadefObjects deletes the objects of a namespace that is not protected.
func (s *Service) ClearMetadefObjects(ctx context.Context, n glance.MetadefNamespace) error {
	return s.emptyNamespace(ctx, n, "delete_objects", s.store.MetadefObjects().Clear)
}

// ClearMetadefProperties deletes the properties of a namespace that is not protected.
func (s *Service) ClearMetadefProperties(ctx context.Context, n glance.MetadefNamespace) error {
	return s.emptyNamespace(ctx, n, "delete_properties", s.store.MetadefProperties().Clear)
}

// ClearMetadefTags deletes the tags of a namespace that is not protected.
func (s *Service) ClearMetadefTags(ctx context.Context, n glance.MetadefNamespace) error {
	return s.emptyNamespace(ctx, n, "delete_tags", s.store.MetadefTags().Clear)
}

func (s *Service) emptyNamespace(ctx context.Context, n glance.MetadefNamespace, event string, do func(context.Context, int64) error) error {
	if n.Protected {
		return fault.Forbidden("Metadata definition namespace %s is protected and cannot be deleted.", n.Name)
	}
	err := do(ctx, n.ID)
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("The specified namespace %s could not be found", n.Name)
	} else if err != nil {
		return fmt.Errorf("%s of namespace %s: %w", event, n.Name, err)
	}
	e := namespaceEvent(n, n.Name)
	e["deleted"], e["deleted_at"] = true, isoTime(s.clock.Now())
	s.notify(ctx, "metadef_namespace."+event, e)
	return nil
}

func namespaceEvent(n glance.MetadefNamespace, old string) map[string]any {
	return map[string]any{"namespace": n.Name, "namespace_old": old, "display_name": n.DisplayName, "description": n.Description,
		"visibility": n.Visibility, "protected": n.Protected, "owner": n.Owner, "created_at": isoTime(n.CreatedAt),
		"updated_at": maybeTime(n.UpdatedAt), "deleted": false, "deleted_at": nil}
}

// maybeTime is nil for a time that is not known.
func maybeTime(t *time.Time) any {
	if t == nil {
		return nil
	}
	return isoTime(*t)
}

// metadefEvent is what an event tells of a thing in a namespace.
func metadefEvent(n glance.MetadefNamespace, name, old string, more map[string]any) map[string]any {
	e := map[string]any{"namespace": n.Name, "name": name, "name_old": old, "deleted": false, "deleted_at": nil}
	for k, v := range more {
		e[k] = v
	}
	return e
}

// metadefKind has the words for one kind of thing in a namespace.
type metadefKind struct {
	event     string // of messages: metadef_object
	exists    string // of name and namespace
	renamed   string // of name and namespace, when an update would make a second one
	missing   string // of name
	gone      string // of name, when it went while it was being changed
	protected string // of name
}

// fault words an error of a write.
func (k metadefKind) fault(err error, n glance.MetadefNamespace, name, duplicate string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, db.ErrDuplicate):
		return fault.Conflict(duplicate, name, n.Name)
	case errors.Is(err, db.ErrNoRow):
		return fault.NotFound(k.gone, name)
	}
	return fmt.Errorf("%s %s of namespace %s: %w", k.event, name, n.Name, err)
}

// absent words that there is no thing of that name.
func (k metadefKind) absent(err error, name string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound(k.missing, name)
	}
	return err
}

// remove deletes a thing of a namespace that is not protected.
func (s *Service) remove(ctx context.Context, k metadefKind, n glance.MetadefNamespace, name string, do func(context.Context, int64, string) error) error {
	if n.Protected {
		return fault.Forbidden(k.protected, name)
	}
	if err := k.fault(do(ctx, n.ID, name), n, name, ""); err != nil {
		return err
	}
	s.notify(ctx, k.event+".delete", metadefEvent(n, name, name, map[string]any{"deleted": true, "deleted_at": isoTime(s.clock.Now())}))
	return nil
}
