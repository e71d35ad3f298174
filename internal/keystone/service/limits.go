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

// LimitModel says how limits relate to the tree of projects.
func (s *Service) LimitModel() keystone.LimitModel { return s.limitModel }

// RegisteredLimit is a registered limit, or 404.
func (s *Service) RegisteredLimit(ctx context.Context, id string) (keystone.RegisteredLimit, error) {
	l, err := s.store.RegisteredLimit(ctx, id)
	return l, noLimit(err, "registered limit", id)
}

// noLimit is the original's 404, which is worded as no other.
func noLimit(err error, what, id string) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Could not find %s for %s.", what, id)
	}
	return err
}

// RegisteredLimits lists registered limits.
func (s *Service) RegisteredLimits(ctx context.Context, fs keystone.Filters) ([]keystone.RegisteredLimit, error) {
	return s.store.RegisteredLimits(ctx, fs)
}

// CreateRegisteredLimits makes all of them, or none.
func (s *Service) CreateRegisteredLimits(ctx context.Context, list []keystone.Attributes) ([]keystone.RegisteredLimit, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) ([]keystone.RegisteredLimit, error) {
		made := make([]keystone.RegisteredLimit, 0, len(list))
		for _, a := range list {
			l := keystone.RegisteredLimit{ID: uuid.Hex()}
			applyRegisteredLimit(&l, a)
			if err := limited(ctx, tx, a, "registered_limit"); err != nil {
				return nil, err
			}
			s.notify(ctx, tx, "registered_limit", created, l.ID)
			if err := duplicate(tx.InsertRegisteredLimit(ctx, l), "registered_limit", "Duplicate entry"); err != nil {
				return nil, err
			}
			made = append(made, l)
		}
		return made, nil
	})
}

func applyRegisteredLimit(l *keystone.RegisteredLimit, a keystone.Attributes) {
	a.SetText("service_id", &l.ServiceID)
	a.SetText("region_id", &l.RegionID)
	a.SetText("resource_name", &l.ResourceName)
	a.SetNumber("default_limit", &l.DefaultLimit)
	a.SetTextOrNull("description", &l.Description)
}

// limited refuses a limit on a service or in a region that does not exist.
func limited(ctx context.Context, q rows, a keystone.Attributes, target string) error {
	if id := a.Text("service_id"); id != "" {
		if _, err := q.Service(ctx, id); errors.Is(err, db.ErrNoRow) {
			return expecting("service_id", target)
		} else if err != nil {
			return err
		}
	}
	if id := a.Text("region_id"); id != "" {
		if _, err := q.Region(ctx, id); errors.Is(err, db.ErrNoRow) {
			return expecting("region_id", target)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// UpdateRegisteredLimit changes a registered limit that no limit refers to.
func (s *Service) UpdateRegisteredLimit(ctx context.Context, id string, a keystone.Attributes) (keystone.RegisteredLimit, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.RegisteredLimit, error) {
		if err := limited(ctx, tx, a, "registered_limit"); err != nil {
			return keystone.RegisteredLimit{}, err
		}
		l, err := unusedLimit(ctx, tx, id)
		if err != nil {
			return l, err
		}
		applyRegisteredLimit(&l, a)
		s.notify(ctx, tx, "registered_limit", updated, id)
		return l, duplicate(tx.UpdateRegisteredLimit(ctx, l), "registered_limit", "Duplicate entry")
	})
}

// unusedLimit is a registered limit, or 403 while a limit refers to it.
func unusedLimit(ctx context.Context, tx *store.Tx, id string) (keystone.RegisteredLimit, error) {
	l, err := tx.RegisteredLimit(ctx, id)
	if err != nil {
		return l, noLimit(err, "registered limit", id)
	}
	used, err := tx.LimitsOn(ctx, id)
	if err == nil && len(used) > 0 {
		err = fault.Forbidden("Unable to update or delete registered limit %s because there are project limits associated with it.", id)
	}
	return l, err
}

// DeleteRegisteredLimit removes a registered limit that no limit refers to.
func (s *Service) DeleteRegisteredLimit(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := unusedLimit(ctx, tx, id); err != nil {
			return err
		}
		s.notify(ctx, tx, "registered_limit", deleted, id)
		return tx.DeleteRegisteredLimit(ctx, id)
	})
}

// Limit is a limit, or 404.
func (s *Service) Limit(ctx context.Context, id string) (keystone.Limit, error) {
	l, err := s.store.Limit(ctx, id)
	return l, noLimit(err, "limit", id)
}

// Limits lists limits.
func (s *Service) Limits(ctx context.Context, fs keystone.Filters) ([]keystone.Limit, error) {
	return s.store.Limits(ctx, fs)
}

// LimitsInDomain lists those limits of a domain and of its projects that pass the filters.
func (s *Service) LimitsInDomain(ctx context.Context, domainID string, fs keystone.Filters) ([]keystone.Limit, error) {
	rows, err := s.store.LimitsInDomain(ctx, domainID)
	return matching(rows, fs), err
}

// CreateLimits makes all of them, or none.
func (s *Service) CreateLimits(ctx context.Context, list []keystone.Attributes) ([]keystone.Limit, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) ([]keystone.Limit, error) {
		made := make([]keystone.Limit, 0, len(list))
		for _, a := range list {
			l, err := limitOf(ctx, tx, a)
			if err != nil {
				return nil, err
			}
			made = append(made, l)
		}
		if err := s.fitLimits(ctx, tx, made); err != nil {
			return nil, err
		}
		for i := range made {
			s.notify(ctx, tx, "limit", created, made[i].ID)
			if err := insertLimit(ctx, tx, &made[i]); err != nil {
				return nil, err
			}
		}
		return made, nil
	})
}

// limitOf is the limit that a asks for, of an owner that exists. A domain named
// as a project is taken for a domain.
func limitOf(ctx context.Context, q rows, a keystone.Attributes) (keystone.Limit, error) {
	l := keystone.Limit{ID: uuid.Hex(), ProjectID: a.Text("project_id"), DomainID: a.Text("domain_id"),
		ServiceID: a.Text("service_id"), RegionID: a.Text("region_id"), ResourceName: a.Text("resource_name")}
	a.SetNumber("resource_limit", &l.ResourceLimit)
	a.SetTextOrNull("description", &l.Description)
	if err := limited(ctx, q, a, "limit"); err != nil {
		return l, err
	}
	if l.ProjectID != "" {
		p, err := q.Project(ctx, l.ProjectID)
		if errors.Is(err, db.ErrNoRow) {
			return l, expecting("project_id", "limit")
		} else if err != nil {
			return l, err
		}
		if p.IsDomain {
			l.ProjectID, l.DomainID = "", p.ID
		}
	}
	if l.DomainID != "" {
		d, err := q.Project(ctx, l.DomainID)
		if errors.Is(err, db.ErrNoRow) || err == nil && !d.IsDomain {
			return l, expecting("domain_id", "limit")
		} else if err != nil {
			return l, err
		}
	}
	return l, nil
}

func insertLimit(ctx context.Context, tx *store.Tx, l *keystone.Limit) error {
	registered, err := tx.RegisteredLimitOf(ctx, l.ServiceID, l.RegionID, l.ResourceName)
	if errors.Is(err, db.ErrNoRow) {
		return fault.Forbidden("Unable to create a limit that has no corresponding registered limit.")
	} else if err != nil {
		return err
	}
	l.RegisteredID = registered.ID
	return duplicate(tx.InsertLimit(ctx, *l), "limit", "Duplicate entry")
}

// UpdateLimit changes how much a limit allows.
func (s *Service) UpdateLimit(ctx context.Context, id string, a keystone.Attributes) (keystone.Limit, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Limit, error) {
		l, err := tx.Limit(ctx, id)
		if err != nil {
			return l, noLimit(err, "limit", id)
		}
		a.SetNumber("resource_limit", &l.ResourceLimit)
		a.SetTextOrNull("description", &l.Description)
		if err := s.fitLimits(ctx, tx, []keystone.Limit{l}); err != nil {
			return l, err
		}
		s.notify(ctx, tx, "limit", updated, id)
		return l, tx.UpdateLimit(ctx, l)
	})
}

// DeleteLimit removes a limit.
func (s *Service) DeleteLimit(ctx context.Context, id string) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "limit", deleted, id)
		return tx.DeleteLimit(ctx, id)
	})
	return noLimit(err, "limit", id)
}

// fitLimits refuses limits that do not fit into the tree of projects: in the
// model of two levels a project has at most what its domain has.
func (s *Service) fitLimits(ctx context.Context, tx *store.Tx, list []keystone.Limit) error {
	if s.limitModel.Name != keystone.StrictTwoLevelLimits.Name {
		return nil
	}
	for _, l := range list {
		fits, err := fitsTree(ctx, tx, l, list)
		if err != nil {
			return err
		}
		if !fits {
			level, id := "domain_id", l.DomainID
			if l.ProjectID != "" {
				level, id = "project_id", l.ProjectID
			}
			return fault.Forbidden("Invalid resource limit: The resource limit (%s: %s, resource_name: %s, resource_limit: %d, service_id: %s, region_id: %s) doesn't satisfy current hierarchy model..",
				level, id, l.ResourceName, l.ResourceLimit, l.ServiceID, orNone(l.RegionID))
		}
	}
	return nil
}

// orNone is an absent ID as the original prints it.
func orNone(id string) string {
	if id == "" {
		return "None"
	}
	return id
}

func fitsTree(ctx context.Context, tx *store.Tx, l keystone.Limit, asked []keystone.Limit) (bool, error) {
	if l.ProjectID == "" {
		return aboveProjects(ctx, tx, l)
	}
	p, err := projectIn(ctx, tx, l.ProjectID)
	if err != nil {
		return false, err
	}
	parent := l
	parent.ProjectID, parent.DomainID = "", p.ParentID
	if i := slices.IndexFunc(asked, func(o keystone.Limit) bool { return sameLimit(o, parent) }); i >= 0 {
		return within(l.ResourceLimit, asked[i].ResourceLimit), nil
	}
	limit, err := limitNow(ctx, tx, parent)
	return limit == nil || within(l.ResourceLimit, *limit), err
}

// unlimited is the limit of what has none.
const unlimited = -1

// within reports whether a part is no more than the whole.
func within(part, whole int) bool {
	return whole == unlimited || part != unlimited && part <= whole
}

// aboveProjects reports whether a domain's limit is no smaller than those of its projects.
func aboveProjects(ctx context.Context, tx *store.Tx, l keystone.Limit) (bool, error) {
	rows, err := tx.LimitsInDomain(ctx, l.DomainID)
	return !slices.ContainsFunc(rows, func(o keystone.Limit) bool {
		return o.ProjectID != "" && o.ServiceID == l.ServiceID && o.RegionID == l.RegionID && o.ResourceName == l.ResourceName &&
			!within(o.ResourceLimit, l.ResourceLimit)
	}), err
}

func sameLimit(a, b keystone.Limit) bool {
	return a.ProjectID == b.ProjectID && a.DomainID == b.DomainID && a.ServiceID == b.ServiceID && a.RegionID == b.RegionID && a.ResourceName == b.ResourceName
}

// limitNow is what a domain has: its limit, else the registered one, else nil.
func limitNow(ctx context.Context, tx *store.Tx, l keystone.Limit) (*int, error) {
	rows, err := tx.Limits(ctx, keystone.Filters{{Name: "domain_id", Value: l.DomainID}, {Name: "service_id", Value: l.ServiceID},
		{Name: "region_id", Value: l.RegionID}, {Name: "resource_name", Value: l.ResourceName}})
	if err != nil || len(rows) > 0 {
		if err == nil {
			return &rows[0].ResourceLimit, nil
		}
		return nil, err
	}
	registered, err := tx.RegisteredLimitOf(ctx, l.ServiceID, l.RegionID, l.ResourceName)
	if errors.Is(err, db.ErrNoRow) {
		return nil, nil
	}
	return &registered.DefaultLimit, err
}
