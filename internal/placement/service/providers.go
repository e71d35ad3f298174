package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
	"nacre/internal/placement"
	"nacre/internal/placement/store"
)

// ProviderFilter limits a list of providers.
type ProviderFilter struct {
	UUID, Name string
	Resources  map[string]int64
	placement.Filter
}

// ResourceProviders lists the providers that meet a filter.
func (s *Service) ResourceProviders(ctx context.Context, f ProviderFilter) (out []placement.ResourceProvider, err error) {
	err = s.read(ctx, func(snap *placement.Snapshot) error {
		for _, p := range snap.InOrder() {
			if (f.UUID == "" || p.UUID == f.UUID) && (f.Name == "" || p.Name == f.Name) && f.Matches(snap, p, f.Resources) {
				out = append(out, p.ResourceProvider)
			}
		}
		return nil
	})
	return out, err
}

// CreateResourceProvider adds a provider; parent is "" for a root.
func (s *Service) CreateResourceProvider(ctx context.Context, id, name, parent string) (p placement.ResourceProvider, err error) {
	if id == "" {
		id = uuid.New()
	}
	cannot := func(why string) error {
		return fault.BadRequest("Unable to create resource provider \"%s\", %s: Object action create failed because: %s", name, id, why)
	}
	if name == "" {
		return p, cannot("name is required")
	}
	if parent == id {
		return p, cannot("parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent.")
	}
	err = s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		p = placement.ResourceProvider{UUID: id, Name: name, RootUUID: id}
		if parent != "" {
			up, err := tx.Provider(ctx, parent)
			if errors.Is(err, db.ErrNoRow) {
				return cannot("parent provider UUID does not exist.")
			} else if err != nil {
				return err
			}
			p.ParentUUID, p.RootUUID = &parent, up.RootUUID
		}
		p, err = tx.InsertProvider(ctx, p)
		return err
	})
	if errors.Is(err, db.ErrDuplicate) {
		return p, s.duplicate(ctx, id, name)
	}
	return p, err
}

// duplicate says which of UUID and name is taken.
func (s *Service) duplicate(ctx context.Context, id, name string) error {
	if _, err := s.store.Provider(ctx, id); err == nil {
		return fault.Conflict("Conflicting resource provider uuid: %s already exists.", id).As(CodeDuplicateName)
	}
	return fault.Conflict("Conflicting resource provider name: %s already exists.", name).As(CodeDuplicateName)
}

// UpdateResourceProvider renames a provider and, when reparent, moves it below
// parent ("" makes it a root). Before 1.37 a provider that has a parent stays.
func (s *Service) UpdateResourceProvider(ctx context.Context, id, name string, reparent bool, parent string, mayMove bool) (p placement.ResourceProvider, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if p, err = tx.Provider(ctx, id); err != nil {
			return err
		}
		p.Name = name
		moved := ""
		if reparent {
			if moved, err = s.move(ctx, tx, &p, parent, mayMove); err != nil {
				return err
			}
		}
		return tx.UpdateProvider(ctx, p, moved)
	})
	switch {
	case errors.Is(err, db.ErrDuplicate):
		return p, fault.Conflict("Conflicting resource provider %s already exists.", name).As(CodeDuplicateName)
	case errors.Is(err, db.ErrNoRow):
		return p, noProvider(id)
	case err != nil:
		return p, err
	}
	return s.store.Provider(ctx, id)
}

// move changes p's parent and returns its new root, or "" when nothing moves.
func (s *Service) move(ctx context.Context, tx *store.Tx, p *placement.ResourceProvider, parent string, mayMove bool) (string, error) {
	cannot := func(action, why string) error {
		return fault.BadRequest("Unable to save resource provider %s: Object action %s failed because: %s", p.UUID, action, why)
	}
	had := ""
	if p.ParentUUID != nil {
		had = *p.ParentUUID
	}
	if parent == had {
		return "", nil
	}
	if parent == "" {
		if !mayMove {
			return "", cannot("update", "un-parenting a provider is not currently allowed.")
		}
		p.ParentUUID = nil
		return p.UUID, nil
	}
	up, err := tx.Provider(ctx, parent)
	if errors.Is(err, db.ErrNoRow) {
		return "", cannot("create", "parent provider UUID does not exist.")
	} else if err != nil {
		return "", err
	}
	if had != "" && !mayMove {
		return "", cannot("update", "re-parenting a provider is not currently allowed.")
	}
	below, err := tx.Descendants(ctx, p.UUID)
	if err != nil {
		return "", err
	}
	if below[parent] {
		return "", cannot("update", "creating loop in the provider tree is not allowed.")
	}
	p.ParentUUID = &parent
	return up.RootUUID, nil
}

// DeleteResourceProvider removes a provider that has neither children nor allocations.
func (s *Service) DeleteResourceProvider(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Provider(ctx, id); errors.Is(err, db.ErrNoRow) {
			return fault.NotFound("No resource provider with uuid %s found for delete", id)
		} else if err != nil {
			return err
		}
		children, err := tx.Children(ctx, id)
		if err != nil {
			return err
		}
		if children > 0 {
			return fault.Conflict("Unable to delete parent resource provider %s: It has child resource providers.", id).As(CodeParent)
		}
		used, err := tx.UsedClasses(ctx, id)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return fault.Conflict("Unable to delete resource provider %s: Resource provider has allocations.", id).As(CodeProviderInUse)
		}
		return tx.DeleteProvider(ctx, id)
	})
}

// SetTraits replaces a provider's traits. generation is what the caller believes it to be.
func (s *Service) SetTraits(ctx context.Context, id string, generation int64, names []string) error {
	return s.setTraits(ctx, id, &generation, names)
}

// DeleteTraits takes all traits from a provider.
func (s *Service) DeleteTraits(ctx context.Context, id string) error {
	return s.setTraits(ctx, id, nil, nil)
}

// errSame ends a change that would change nothing.
var errSame = errors.New("nothing changes")

func (s *Service) setTraits(ctx context.Context, id string, generation *int64, names []string) error {
	err := s.changeProvider(ctx, id, generation, errChanged, func(ctx context.Context, tx *store.Tx) error {
		have, err := tx.HaveTraits(ctx, names)
		if err != nil {
			return err
		}
		if missing := absent(have, names); len(missing) > 0 {
			return fault.BadRequest("No such trait %s", strings.Join(missing, ", "))
		}
		had, err := tx.TraitsOf(ctx, id)
		if err != nil {
			return err
		}
		if maps.Equal(had, have) {
			return errSame
		}
		return tx.SetTraits(ctx, id, names)
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// absent lists the names that are not there, each once.
func absent(have map[string]bool, names []string) (out []string) {
	for _, n := range names {
		if !have[n] && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// SetAggregates replaces a provider's aggregates; generation is nil before 1.19, where it is not raised.
func (s *Service) SetAggregates(ctx context.Context, id string, generation *int64, uuids []string) error {
	if generation != nil {
		return s.changeProvider(ctx, id, generation, errChanged, func(ctx context.Context, tx *store.Tx) error {
			return tx.SetAggregates(ctx, id, uuids)
		})
	}
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Touch(ctx, id); err != nil {
			return err
		}
		return tx.SetAggregates(ctx, id, uuids)
	})
}
