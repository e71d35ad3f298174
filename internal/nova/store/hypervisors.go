package store

import (
	"context"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
)

// Hypervisors returns one page of the compute nodes, oldest first; markers are values of markBy: id or number. db.ErrNoMarker.
func (s *Store) Hypervisors(ctx context.Context, p db.Page, markBy string) ([]nova.Hypervisor, error) {
	return db.All(ctx, s.db, computeNodes.Select("deleted_at IS NULL").MarkBy(markBy).Page(p, "number"))
}

// HypervisorsNamed returns the compute nodes that have part in their hostname.
func (s *Store) HypervisorsNamed(ctx context.Context, part string) ([]nova.Hypervisor, error) {
	return db.All(ctx, s.db, computeNodes.Select("deleted_at IS NULL").
		Where("hypervisor_hostname LIKE ?", "%"+part+"%").OrderBy("number"))
}

// Hypervisor returns a compute node by its UUID. db.ErrNoRow.
func (s *Store) Hypervisor(ctx context.Context, id string) (nova.Hypervisor, error) {
	return db.One(ctx, s.db, computeNodes.Select("deleted_at IS NULL AND id = ?", id))
}

// HypervisorNumbered returns a compute node by its number. db.ErrNoRow.
func (s *Store) HypervisorNumbered(ctx context.Context, number int64) (nova.Hypervisor, error) {
	return db.One(ctx, s.db, computeNodes.Select("deleted_at IS NULL AND number = ?", number))
}
