package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

var (
	flavors        = db.Table[nova.Flavor]("flavors")
	flavorProjects = db.Table[nova.FlavorAccess]("flavor_projects")
)

// accessible is the condition on a flavor that a project may use it.
const accessible = "is_public OR flavor_id IN (SELECT flavor_id FROM flavor_projects WHERE project_id = ?)"

// Flavors returns one page of the flavors that match f, by id unless p says otherwise. db.ErrNoMarker.
func (s *Store) Flavors(ctx context.Context, f nova.FlavorFilter, p db.Page) ([]nova.Flavor, error) {
	q := flavors.Select("").
		WhereIf(f.MinDisk > 0, "root_gb >= ?", f.MinDisk).
		WhereIf(f.MinRAM > 0, "memory_mb >= ?", f.MinRAM)
	if f.Disabled != nil {
		q.Where("disabled = ?", *f.Disabled)
	}
	if f.IsPublic != nil {
		public := *f.IsPublic
		switch {
		case public && f.ProjectID != "":
			q.Scope(accessible, f.ProjectID)
		default:
			q.Where("is_public = ?", public)
		}
	}
	return db.All(ctx, s.db, q.Page(p, "flavor_id"))
}

// Flavor returns the flavor with that id, whoever may use it. db.ErrNoRow.
func (s *Store) Flavor(ctx context.Context, id string) (nova.Flavor, error) {
	return db.One(ctx, s.db, flavors.Select("flavor_id = ?", id))
}

// FlavorFor is Flavor for one project: a private flavor it has no access to is db.ErrNoRow.
func (s *Store) FlavorFor(ctx context.Context, id, projectID string) (nova.Flavor, error) {
	return db.One(ctx, s.db, flavors.Select("flavor_id = ?", id).Where(accessible, projectID))
}

// FlavorsByID returns those of the flavors that exist.
func (s *Store) FlavorsByID(ctx context.Context, ids []string) ([]nova.Flavor, error) {
	return db.All(ctx, s.db, flavors.Select("").In("flavor_id", ids))
}

// InsertFlavor gives f its number and writes it. db.ErrDuplicate when the id or the name is taken.
func (tx *Tx) InsertFlavor(ctx context.Context, f *nova.Flavor) error {
	number, err := tx.nextNumber(ctx, "flavors")
	if err != nil {
		return err
	}
	f.Number, f.CreatedAt = number, tx.clock.Now()
	return flavors.Insert(ctx, tx, *f)
}

// ChangeFlavor applies change to the flavor as it is now. db.ErrNoRow.
func (tx *Tx) ChangeFlavor(ctx context.Context, id string, change func(f *nova.Flavor) error) (nova.Flavor, error) {
	if err := db.Lock(ctx, tx.Tx, "flavors"); err != nil {
		return nova.Flavor{}, err
	}
	f, err := db.One(ctx, tx, flavors.Select("flavor_id = ?", id))
	if err != nil {
		return f, err
	}
	if err := change(&f); err != nil {
		return f, err
	}
	now := tx.clock.Now()
	f.UpdatedAt = &now
	_, err = flavors.Update(ctx, tx, f, "description", "extra_specs", "updated_at")
	return f, err
}

// DeleteFlavor removes a flavor and who has access to it. db.ErrNoRow.
func (tx *Tx) DeleteFlavor(ctx context.Context, id string) error {
	n, err := db.Exec(ctx, tx, "DELETE FROM flavors WHERE flavor_id = ?", id)
	if err == nil && n == 0 {
		return db.ErrNoRow
	}
	if err == nil {
		_, err = db.Exec(ctx, tx, "DELETE FROM flavor_projects WHERE flavor_id = ?", id)
	}
	return err
}

// FlavorAccess lists the projects that may use a private flavor.
func (s *Store) FlavorAccess(ctx context.Context, id string) ([]nova.FlavorAccess, error) {
	return db.All(ctx, s.db, flavorProjects.Select("flavor_id = ?", id).OrderBy("project_id"))
}

// AddFlavorAccess lets a project use a private flavor. db.ErrDuplicate when it may already.
func (s *Store) AddFlavorAccess(ctx context.Context, id, projectID string) error {
	return flavorProjects.Insert(ctx, s.db, nova.FlavorAccess{FlavorID: id, ProjectID: projectID})
}

// RemoveFlavorAccess takes that back. db.ErrNoRow when the project had no access.
func (s *Store) RemoveFlavorAccess(ctx context.Context, id, projectID string) error {
	n, err := db.Exec(ctx, s.db, "DELETE FROM flavor_projects WHERE flavor_id = ? AND project_id = ?", id, projectID)
	if err == nil && n == 0 {
		err = db.ErrNoRow
	}
	return err
}
