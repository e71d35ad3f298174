package service

import (
	"context"
	"errors"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var roleAttributes = []string{"id", "name", "domain_id", "description", "options", "links"}

// Role is a role, or 404.
func (s *Service) Role(ctx context.Context, id string) (keystone.Role, error) {
	return roleIn(ctx, s.store, id)
}

func roleIn(ctx context.Context, q rows, id string) (keystone.Role, error) {
	r, err := q.Role(ctx, id)
	return r, missing(err, "role", id)
}

// Roles lists roles: the global ones unless the filters name a domain.
func (s *Service) Roles(ctx context.Context, fs keystone.Filters) ([]keystone.Role, error) {
	if _, ok := fs.Equal("domain_id"); !ok {
		fs = append(fs, keystone.Filter{Name: "domain_id"})
	}
	return s.store.Roles(ctx, fs)
}

// CreateRole makes a role, of a domain if domain_id is given.
func (s *Service) CreateRole(ctx context.Context, a keystone.Attributes) (keystone.Role, error) {
	a = a.Normalized()
	r := keystone.Role{ID: uuid.Hex(), DomainID: a.Text("domain_id")}
	applyRole(&r, a)
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "role", created, r.ID)
		return tx.InsertRole(ctx, r)
	})
	return r, roleConflict(err, r)
}

func roleConflict(err error, r keystone.Role) error {
	if r.DomainID != "" {
		return duplicate(err, "role", "Duplicate entry found with name %s at domain ID %s", r.Name, r.DomainID)
	}
	return duplicate(err, "role", "Duplicate entry found with name %s", r.Name)
}

func applyRole(r *keystone.Role, a keystone.Attributes) {
	a.SetText("name", &r.Name)
	if a.Has("description") {
		r.Description = nil
		if text, ok := a["description"].(string); ok {
			r.Description = &text
		}
	}
	a.MergeOptions(&r.Options)
	a.MergeExtra(&r.Extra, roleAttributes...)
}

// UpdateRole changes a role.
func (s *Service) UpdateRole(ctx context.Context, id string, a keystone.Attributes) (keystone.Role, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Role, error) {
		r, err := roleIn(ctx, tx, id)
		if err != nil {
			return r, err
		}
		if err := firstError(sameID(a, id), updatable(a, r.Options, "role", id)); err != nil {
			return r, err
		}
		if a.Has("domain_id") && a.Text("domain_id") != r.DomainID {
			return r, fault.BadRequest("Update of `domain_id` is not allowed.")
		}
		applyRole(&r, a)
		s.notify(ctx, tx, "role", updated, id)
		return r, roleConflict(tx.UpdateRole(ctx, r), r)
	})
}

// DeleteRole removes a role with its grants.
func (s *Service) DeleteRole(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := roleIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := deletable(r.Options, "role", id); err != nil {
			return err
		}
		s.notify(ctx, tx, "role", deleted, id)
		return tx.DeleteRole(ctx, id)
	})
}

// Implied reads all implications.
func (s *Service) Implied(ctx context.Context) (keystone.Implied, error) { return s.store.Implied(ctx) }

// RolesByID reads several roles, by ID; unknown ones are left out.
func (s *Service) RolesByID(ctx context.Context, ids []string) (map[string]keystone.Role, error) {
	rows, err := s.store.RolesByID(ctx, ids)
	out := make(map[string]keystone.Role, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, err
}

// Imply makes one role imply another. The admin role is implied by none.
func (s *Service) Imply(ctx context.Context, prior, implied keystone.Role) error {
	switch {
	case slices.Contains(s.cfg.ProhibitedImplied, implied.Name):
		return fault.Forbidden("%s cannot be an implied roles.", implied.ID)
	case prior.DomainID == "" && implied.DomainID != "":
		return fault.Forbidden("%s cannot be an implied roles.", implied.ID)
	}
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "implied_role", created, prior.ID+"/"+implied.ID)
		return tx.AddImplication(ctx, keystone.Implication{PriorID: prior.ID, ImpliedID: implied.ID})
	})
}

// Unimply undoes Imply, or is 404.
func (s *Service) Unimply(ctx context.Context, i keystone.Implication) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "implied_role", deleted, i.PriorID+"/"+i.ImpliedID)
		return tx.RemoveImplication(ctx, i)
	})
	if errors.Is(err, db.ErrNoRow) {
		return notImplied(i)
	}
	return err
}

// CheckImplied is 404 unless the one role implies the other directly.
func (s *Service) CheckImplied(ctx context.Context, i keystone.Implication) error {
	all, err := s.store.Implied(ctx)
	if err != nil {
		return err
	}
	for _, id := range all[i.PriorID] {
		if id == i.ImpliedID {
			return nil
		}
	}
	return notImplied(i)
}

func notImplied(i keystone.Implication) error {
	return fault.NotFound("%s does not imply %s.", i.PriorID, i.ImpliedID)
}
