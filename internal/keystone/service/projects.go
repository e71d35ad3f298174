package service

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var projectAttributes = []string{"id", "name", "domain_id", "parent_id", "is_domain", "enabled", "description", "tags", "options", "links", "extra"}

// Project is a project or a domain as a project, or 404.
func (s *Service) Project(ctx context.Context, id string) (keystone.Project, error) {
	return projectIn(ctx, s.store, id)
}

func projectIn(ctx context.Context, q rows, id string) (keystone.Project, error) {
	p, err := q.Project(ctx, id)
	return p, missing(err, "project", id)
}

// Projects lists projects, or domains as projects, that carry the tags.
func (s *Service) Projects(ctx context.Context, fs keystone.Filters, tags keystone.TagFilter) ([]keystone.Project, error) {
	rows, err := s.store.Projects(ctx, fs)
	return slices.DeleteFunc(rows, func(p keystone.Project) bool { return !tags.Match(p.Tags) }), err
}

// CreateProject makes a project, or a domain if is_domain says so.
func (s *Service) CreateProject(ctx context.Context, a keystone.Attributes) (keystone.Project, error) {
	a = a.Normalized()
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Project, error) {
		p := keystone.Project{ID: uuid.Hex(), Enabled: true}
		a.SetFlag("is_domain", &p.IsDomain)
		if p.IsDomain && (a.Text("parent_id") != "" || a.Text("domain_id") != "") {
			return p, fault.BadRequest("only root projects are allowed to act as domains.")
		}
		if !p.IsDomain {
			p.DomainID = domainFor(ctx, a)
			p.ParentID = cmp.Or(a.Text("parent_id"), p.DomainID)
			if err := s.placeProject(ctx, tx, p); err != nil {
				return p, err
			}
		}
		applyProject(&p, a)
		s.notify(ctx, tx, projectKind(p), created, p.ID)
		return p, projectConflict(tx.InsertProject(ctx, p), p)
	})
}

// placeProject refuses a place in the tree where p cannot be.
func (s *Service) placeProject(ctx context.Context, q rows, p keystone.Project) error {
	if _, err := domainIn(ctx, q, p.DomainID); err != nil {
		return asBadRequest(err)
	}
	parent, err := projectIn(ctx, q, p.ParentID)
	if err != nil {
		return asBadRequest(err)
	}
	switch {
	case parent.IsDomain && parent.ID != p.DomainID:
		return fault.BadRequest("Cannot create project, the parent (%s) is acting as a domain, but this project's domain id (%s) does not match the parent's id.", parent.ID, p.DomainID)
	case !parent.IsDomain && parent.DomainID != p.DomainID:
		return fault.BadRequest("Cannot create project, since it specifies its domain_id %s, but specifies a parent in a different domain (%s).", p.DomainID, parent.DomainID)
	}
	above, err := q.Parents(ctx, p)
	if err != nil {
		return err
	}
	for _, up := range above {
		if !up.Enabled {
			return fault.BadRequest("cannot create a project in a branch containing a disabled project: %s", up.ID)
		}
	}
	if len(above)+1 > s.maxDepth() {
		return fault.Forbidden("Max hierarchy depth reached for %s branch.", p.ParentID)
	}
	return nil
}

// maxDepth is how many projects may lie above one another, the domain included.
func (s *Service) maxDepth() int {
	depth := s.cfg.MaxProjectTreeDepth
	if s.limitModel.MaxDepth > 0 {
		depth = min(depth, s.limitModel.MaxDepth)
	}
	return depth + 1
}

// asBadRequest answers what a body refers to in vain with 400.
func asBadRequest(err error) error {
	if f, ok := fault.Of(err); ok && f.Status == 404 {
		return fault.BadRequest("%s", f.Message)
	}
	return err
}

func projectConflict(err error, p keystone.Project) error {
	if p.IsDomain {
		return duplicate(err, "project", "it is not permitted to have two projects acting as domains with the same name: %s", p.Name)
	}
	return duplicate(err, "project", "it is not permitted to have two projects with either the same name or same id in the same domain: name is %s, project id %s", p.Name, p.ID)
}

func applyProject(p *keystone.Project, a keystone.Attributes) {
	a.SetName("name", &p.Name)
	a.SetFlag("enabled", &p.Enabled)
	a.SetText("description", &p.Description)
	if a.Has("tags") || p.Tags == nil {
		p.Tags = tagsOf(a.Strings("tags"))
	}
	a.MergeOptions(&p.Options)
	a.MergeExtra(&p.Extra, projectAttributes...)
}

// tagsOf cuts blanks off tags; never nil.
func tagsOf(tags []string) []string {
	out := []string{}
	for _, t := range tags {
		if t = strings.TrimSpace(t); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// UpdateProject changes a project or a domain. Disabling revokes the tokens on it.
func (s *Service) UpdateProject(ctx context.Context, id string, a keystone.Attributes) (keystone.Project, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Project, error) {
		p, err := projectIn(ctx, tx, id)
		if err != nil {
			return p, err
		}
		return s.updateProject(ctx, tx, p, a)
	})
}

func (s *Service) updateProject(ctx context.Context, tx *store.Tx, p keystone.Project, a keystone.Attributes) (keystone.Project, error) {
	if err := firstError(sameID(a, p.ID), sameDomain(a, p.DomainID), updatable(a, p.Options, projectKind(p), p.ID), sameShape(a, p)); err != nil {
		return p, err
	}
	was := p.Enabled
	applyProject(&p, a)
	if err := mayToggle(ctx, tx, p, was); err != nil {
		return p, err
	}
	if was && !p.Enabled {
		if err := s.revoke(ctx, tx, revocationOf(p)); err != nil {
			return p, err
		}
	}
	s.notifyProject(ctx, tx, updated, p)
	return p, projectConflict(tx.UpdateProject(ctx, p), p)
}

func projectKind(p keystone.Project) string {
	if p.IsDomain {
		return "domain"
	}
	return "project"
}

// updatable refuses to change an immutable resource, but for making it mutable.
func updatable(a keystone.Attributes, options map[string]any, kind, id string) error {
	if !keystone.Immutable(options) {
		return nil
	}
	given, _ := a["options"].(map[string]any)
	if v, ok := given["immutable"]; ok && len(a) == 1 && (v == nil || v == false) {
		return nil
	}
	return fault.Forbidden("Unable to update immutable %s resource: `%s. Set resource option \"immutable\" to false first.", kind, id)
}

// deletable refuses to delete an immutable resource.
func deletable(options map[string]any, kind, id string) error {
	if !keystone.Immutable(options) {
		return nil
	}
	return fault.Forbidden("Unable to delete immutable %s resource: `%s. Set resource option \"immutable\" to false first.", kind, id)
}

// sameShape refuses to move a project or to make it a domain.
func sameShape(a keystone.Attributes, p keystone.Project) error {
	if a.Has("parent_id") && a.Text("parent_id") != p.ParentID {
		return fault.Forbidden("Update of `parent_id` is not allowed.")
	}
	if d, ok := a["is_domain"].(bool); ok && d != p.IsDomain {
		return fault.BadRequest("Update of `is_domain` is not allowed.")
	}
	return nil
}

// mayToggle refuses to enable below what is disabled, and to disable above what is enabled.
func mayToggle(ctx context.Context, q rows, p keystone.Project, was bool) error {
	if p.IsDomain || was == p.Enabled {
		return nil
	}
	if p.Enabled {
		above, err := q.Parents(ctx, p)
		if slices.ContainsFunc(above, func(up keystone.Project) bool { return !up.Enabled }) {
			return fault.Forbidden("Cannot enable project %s since it has disabled parents", p.ID)
		}
		return err
	}
	below, err := q.Subtree(ctx, p.ID)
	if slices.ContainsFunc(below, func(down keystone.Project) bool { return down.Enabled }) {
		return fault.Forbidden("Cannot disable project %s since its subtree contains enabled projects.", p.ID)
	}
	return err
}

func revocationOf(p keystone.Project) keystone.Revocation {
	if p.IsDomain {
		return keystone.Revocation{DomainID: p.ID}
	}
	return keystone.Revocation{ProjectID: p.ID}
}

// DeleteProject removes a project without children, or a disabled domain.
func (s *Service) DeleteProject(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := projectIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.IsDomain {
			return s.deleteDomain(ctx, tx, p)
		}
		if err := deletable(p.Options, "project", id); err != nil {
			return err
		}
		below, err := tx.Subtree(ctx, id)
		if err != nil {
			return err
		}
		if len(below) > 0 {
			return fault.Forbidden("Cannot delete the project %s since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree.", id)
		}
		if err := s.revoke(ctx, tx, keystone.Revocation{ProjectID: id}); err != nil {
			return err
		}
		s.notify(ctx, tx, "project", deleted, id)
		return tx.DeleteProject(ctx, id)
	})
}

// Parents lists what lies above a project, nearest first.
func (s *Service) Parents(ctx context.Context, p keystone.Project) ([]keystone.Project, error) {
	return s.store.Parents(ctx, p)
}

// Subtree lists what lies below a project.
func (s *Service) Subtree(ctx context.Context, id string) ([]keystone.Project, error) {
	return s.store.Subtree(ctx, id)
}

// SetTags replaces a project's tags.
func (s *Service) SetTags(ctx context.Context, id string, tags []string) ([]string, error) {
	return s.changeTags(ctx, id, "update", "", func([]string) ([]string, error) { return tags, nil })
}

// AddTag adds a tag to a project.
func (s *Service) AddTag(ctx context.Context, id, tag string) error {
	_, err := s.changeTags(ctx, id, "create", tag, func(have []string) ([]string, error) { return append(have, tag), nil })
	return err
}

// RemoveTag takes a tag away, or is 404.
func (s *Service) RemoveTag(ctx context.Context, id, tag string) error {
	_, err := s.changeTags(ctx, id, "delete", tag, func(have []string) ([]string, error) {
		if !slices.Contains(have, tag) {
			return nil, fault.NotFound("Could not find project tag: %s.", tag)
		}
		return slices.DeleteFunc(have, func(t string) bool { return t == tag }), nil
	})
	return err
}

// changeTags changes the tags of a project; tag is the one that it is about, "" if all.
func (s *Service) changeTags(ctx context.Context, id, verb, tag string, change func(have []string) ([]string, error)) (tags []string, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Project(ctx, id)
		if err != nil {
			return err
		}
		if keystone.Immutable(p.Options) {
			return fault.Forbidden("Cannot %s project tags for %s, project is immutable. Set \"immutable\" option to false before creating project tags.", verb, id)
		}
		if tags, err = change(p.Tags); err != nil {
			return err
		}
		p.Tags = tagsOf(tags)
		tags = p.Tags
		s.notifyProject(ctx, tx, updated, p)
		if tag != "" {
			s.notify(ctx, tx, "project tag", verb+"d", strings.TrimSpace(tag))
		}
		return tx.UpdateProject(ctx, p)
	})
	return tags, missing(err, "project", id)
}
