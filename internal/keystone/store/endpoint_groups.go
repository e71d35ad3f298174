package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var (
	endpointGroups        = db.Table[keystone.EndpointGroup]("endpoint_groups")
	projectEndpoints      = db.Table[keystone.ProjectEndpoint]("project_endpoints")
	projectEndpointGroups = db.Table[keystone.ProjectEndpointGroup]("project_endpoint_groups")
)

// EndpointGroup is the endpoint group with that ID, or ErrNoRow.
func (r reads) EndpointGroup(ctx context.Context, id string) (keystone.EndpointGroup, error) {
	return db.One(ctx, r.q, endpointGroups.Select("id = ?", id))
}

// EndpointGroups lists the endpoint groups that pass the filters.
func (r reads) EndpointGroups(ctx context.Context, fs keystone.Filters) ([]keystone.EndpointGroup, error) {
	return list(ctx, r.q, endpointGroups, fs, "name")
}

// ProjectEndpoints lists which project may see which endpoint; "" is any.
func (r reads) ProjectEndpoints(ctx context.Context, projectID, endpointID string) ([]keystone.ProjectEndpoint, error) {
	return db.All(ctx, r.q, projectEndpoints.Select("").WhereIf(projectID != "", "project_id = ?", projectID).
		WhereIf(endpointID != "", "endpoint_id = ?", endpointID).OrderBy("project_id", "endpoint_id"))
}

// ProjectEndpointGroups lists which project may see which endpoint group; "" is any.
func (r reads) ProjectEndpointGroups(ctx context.Context, projectID, groupID string) ([]keystone.ProjectEndpointGroup, error) {
	return db.All(ctx, r.q, projectEndpointGroups.Select("").WhereIf(projectID != "", "project_id = ?", projectID).
		WhereIf(groupID != "", "endpoint_group_id = ?", groupID).OrderBy("project_id", "endpoint_group_id"))
}

// InsertEndpointGroup writes a new endpoint group.
func (tx *Tx) InsertEndpointGroup(ctx context.Context, g keystone.EndpointGroup) error {
	return endpointGroups.Insert(ctx, tx.tx, g)
}

// UpdateEndpointGroup writes all of an endpoint group.
func (tx *Tx) UpdateEndpointGroup(ctx context.Context, g keystone.EndpointGroup) error {
	return update(ctx, tx, endpointGroups, g)
}

// DeleteEndpointGroup removes an endpoint group from all projects.
func (tx *Tx) DeleteEndpointGroup(ctx context.Context, id string) error {
	if err := tx.exec(ctx, []any{id}, "DELETE FROM project_endpoint_groups WHERE endpoint_group_id = ?"); err != nil {
		return err
	}
	return tx.remove(ctx, "endpoint_groups", id)
}

// AddProjectEndpoint is ErrDuplicate if it is there.
func (tx *Tx) AddProjectEndpoint(ctx context.Context, p keystone.ProjectEndpoint) error {
	return projectEndpoints.Insert(ctx, tx.tx, p)
}

// RemoveProjectEndpoint is ErrNoRow if there is none.
func (tx *Tx) RemoveProjectEndpoint(ctx context.Context, p keystone.ProjectEndpoint) error {
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM project_endpoints WHERE project_id = ? AND endpoint_id = ?", p.ProjectID, p.EndpointID)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}

// AddProjectEndpointGroup is ErrDuplicate if it is there.
func (tx *Tx) AddProjectEndpointGroup(ctx context.Context, p keystone.ProjectEndpointGroup) error {
	return projectEndpointGroups.Insert(ctx, tx.tx, p)
}

// RemoveProjectEndpointGroup is ErrNoRow if there is none.
func (tx *Tx) RemoveProjectEndpointGroup(ctx context.Context, p keystone.ProjectEndpointGroup) error {
	n, err := db.Exec(ctx, tx.tx, "DELETE FROM project_endpoint_groups WHERE project_id = ? AND endpoint_group_id = ?", p.ProjectID, p.GroupID)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
