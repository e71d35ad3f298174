package service

import (
	"context"
	"errors"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// What events call these resources.
const (
	endpointGroupResource        = "OS-EP-FILTER:endpoint_group"
	projectEndpointGroupResource = "OS-EP-FILTER:project_endpoint_group"
	projectEndpointResource      = "OS-EP-FILTER:project_endpoint"
)

// EndpointGroup is an endpoint group, or 404.
func (s *Service) EndpointGroup(ctx context.Context, id string) (keystone.EndpointGroup, error) {
	return endpointGroupIn(ctx, s.store, id)
}

func endpointGroupIn(ctx context.Context, q rows, id string) (keystone.EndpointGroup, error) {
	g, err := q.EndpointGroup(ctx, id)
	return g, missing(err, "Endpoint Group", id)
}

// EndpointGroups lists endpoint groups.
func (s *Service) EndpointGroups(ctx context.Context, fs keystone.Filters) ([]keystone.EndpointGroup, error) {
	return s.store.EndpointGroups(ctx, fs)
}

// CreateEndpointGroup makes an endpoint group with at least one filter.
func (s *Service) CreateEndpointGroup(ctx context.Context, a keystone.Attributes) (keystone.EndpointGroup, error) {
	if given, _ := a["filters"].(map[string]any); len(given) == 0 {
		return keystone.EndpointGroup{}, fault.BadRequest("filters field is required and cannot be empty")
	}
	g := keystone.EndpointGroup{ID: uuid.Hex()}
	if err := applyEndpointGroup(&g, a); err != nil {
		return g, err
	}
	return g, s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, endpointGroupResource, created, g.ID)
		return tx.InsertEndpointGroup(ctx, g)
	})
}

func applyEndpointGroup(g *keystone.EndpointGroup, a keystone.Attributes) error {
	a.SetText("name", &g.Name)
	a.SetTextOrNull("description", &g.Description)
	if filters, ok := a["filters"].(map[string]any); ok {
		for name := range filters {
			if !slices.Contains(keystone.EndpointFilters, name) {
				return expecting(strings.Join(keystone.EndpointFilters, " or "), "endpoint_group")
			}
		}
		g.Filters = filters
	}
	return nil
}

// UpdateEndpointGroup changes an endpoint group.
func (s *Service) UpdateEndpointGroup(ctx context.Context, id string, a keystone.Attributes) (keystone.EndpointGroup, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.EndpointGroup, error) {
		g, err := endpointGroupIn(ctx, tx, id)
		if err := firstError(err, sameID(a, id), applyEndpointGroup(&g, a)); err != nil {
			return g, err
		}
		s.notify(ctx, tx, endpointGroupResource, updated, id)
		return g, tx.UpdateEndpointGroup(ctx, g)
	})
}

// DeleteEndpointGroup removes an endpoint group.
func (s *Service) DeleteEndpointGroup(ctx context.Context, id string) error {
	return s.remove(ctx, endpointGroupResource, "Endpoint Group", id, (*store.Tx).DeleteEndpointGroup)
}

// EndpointsOfGroup lists the endpoints that are in a group.
func (s *Service) EndpointsOfGroup(ctx context.Context, id string) ([]keystone.Endpoint, error) {
	g, err := s.EndpointGroup(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := s.store.Endpoints(ctx, nil)
	return slices.DeleteFunc(all, func(e keystone.Endpoint) bool { return !g.Holds(e) }), err
}

// EndpointGroupsOfProject lists the endpoint groups that a project may see.
func (s *Service) EndpointGroupsOfProject(ctx context.Context, projectID string) ([]keystone.EndpointGroup, error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return nil, err
	}
	rows, err := s.store.ProjectEndpointGroups(ctx, projectID, "")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	all, err := s.store.EndpointGroups(ctx, nil)
	return slices.DeleteFunc(all, func(g keystone.EndpointGroup) bool {
		return !slices.Contains(rows, keystone.ProjectEndpointGroup{ProjectID: projectID, GroupID: g.ID})
	}), err
}

// ProjectsOfEndpointGroup lists the projects that may see an endpoint group.
func (s *Service) ProjectsOfEndpointGroup(ctx context.Context, id string) ([]keystone.Project, error) {
	rows, err := s.store.ProjectEndpointGroups(ctx, "", id)
	if err != nil {
		return nil, err
	}
	return s.store.ProjectsByID(ctx, column(rows, func(r keystone.ProjectEndpointGroup) string { return r.ProjectID }))
}

// CheckEndpointGroup is 404 unless a project may see an endpoint group.
func (s *Service) CheckEndpointGroup(ctx context.Context, p keystone.ProjectEndpointGroup) error {
	if err := groupForProject(ctx, s.store, p); err != nil {
		return err
	}
	rows, err := s.store.ProjectEndpointGroups(ctx, p.ProjectID, p.GroupID)
	if err == nil && len(rows) == 0 {
		return fault.NotFound("Endpoint Group Project Association not found")
	}
	return err
}

// groupForProject is 404 for a project or an endpoint group that is not there.
func groupForProject(ctx context.Context, q rows, p keystone.ProjectEndpointGroup) error {
	if _, err := projectIn(ctx, q, p.ProjectID); err != nil {
		return err
	}
	_, err := endpointGroupIn(ctx, q, p.GroupID)
	return err
}

// AddEndpointGroup lets a project see an endpoint group.
func (s *Service) AddEndpointGroup(ctx context.Context, p keystone.ProjectEndpointGroup) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := groupForProject(ctx, tx, p); err != nil {
			return err
		}
		s.notify(ctx, tx, projectEndpointGroupResource, created, p.ProjectID+"/"+p.GroupID)
		return duplicate(tx.AddProjectEndpointGroup(ctx, p), "project_endpoint_group", "Duplicate entry")
	})
}

// RemoveEndpointGroup undoes AddEndpointGroup, or is 404.
func (s *Service) RemoveEndpointGroup(ctx context.Context, p keystone.ProjectEndpointGroup) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := groupForProject(ctx, tx, p); err != nil {
			return err
		}
		s.notify(ctx, tx, projectEndpointGroupResource, deleted, p.ProjectID+"/"+p.GroupID)
		return tx.RemoveProjectEndpointGroup(ctx, p)
	})
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Endpoint Group Project Association not found")
	}
	return err
}

// EndpointsOfProject lists the endpoints that a project is allowed to see, in
// person or by a group; none means that it sees all.
func (s *Service) EndpointsOfProject(ctx context.Context, projectID string) ([]keystone.Endpoint, error) {
	if _, err := s.Project(ctx, projectID); err != nil {
		return nil, err
	}
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.catalogAt(ctx, revision)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all.all), func(e keystone.Endpoint) bool { return !all.shows(projectID, e) }), nil
}

// ProjectsOfEndpoint lists the projects that are allowed in person to see an endpoint.
func (s *Service) ProjectsOfEndpoint(ctx context.Context, endpointID string) ([]keystone.Project, error) {
	if _, err := s.Endpoint(ctx, endpointID); err != nil {
		return nil, err
	}
	rows, err := s.store.ProjectEndpoints(ctx, "", endpointID)
	if err != nil {
		return nil, err
	}
	return s.store.ProjectsByID(ctx, column(rows, func(r keystone.ProjectEndpoint) string { return r.ProjectID }))
}

// CheckProjectEndpoint is 404 unless a project is allowed in person to see an endpoint.
func (s *Service) CheckProjectEndpoint(ctx context.Context, p keystone.ProjectEndpoint) error {
	if err := endpointForProject(ctx, s.store, p); err != nil {
		return err
	}
	rows, err := s.store.ProjectEndpoints(ctx, p.ProjectID, p.EndpointID)
	if err == nil && len(rows) == 0 {
		return notShown(p)
	}
	return err
}

// endpointForProject is 404 for an endpoint or a project that is not there.
func endpointForProject(ctx context.Context, q rows, p keystone.ProjectEndpoint) error {
	if _, err := endpointIn(ctx, q, p.EndpointID); err != nil {
		return err
	}
	_, err := projectIn(ctx, q, p.ProjectID)
	return err
}

func notShown(p keystone.ProjectEndpoint) error {
	return fault.NotFound("Endpoint %s not found in project %s", p.EndpointID, p.ProjectID)
}

// AddProjectEndpoint lets a project see an endpoint.
func (s *Service) AddProjectEndpoint(ctx context.Context, p keystone.ProjectEndpoint) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := endpointForProject(ctx, tx, p); err != nil {
			return err
		}
		s.notify(ctx, tx, projectEndpointResource, created, p.ProjectID+"/"+p.EndpointID)
		return duplicate(tx.AddProjectEndpoint(ctx, p), "project_endpoint", "Duplicate entry")
	})
}

// RemoveProjectEndpoint undoes AddProjectEndpoint, or is 404.
func (s *Service) RemoveProjectEndpoint(ctx context.Context, p keystone.ProjectEndpoint) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, projectEndpointResource, deleted, p.ProjectID+"/"+p.EndpointID)
		return tx.RemoveProjectEndpoint(ctx, p)
	})
	if errors.Is(err, db.ErrNoRow) {
		return notShown(p)
	}
	return err
}
