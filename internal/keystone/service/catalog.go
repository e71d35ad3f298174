package service

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

var (
	regionAttributes   = []string{"id", "description", "parent_region_id", "links"}
	serviceAttributes  = []string{"id", "type", "enabled", "links"}
	endpointAttributes = []string{"id", "service_id", "interface", "region_id", "region", "url", "enabled", "links"}
)

// Region is a region, or 404.
func (s *Service) Region(ctx context.Context, id string) (keystone.Region, error) {
	return regionIn(ctx, s.store, id)
}

func regionIn(ctx context.Context, q rows, id string) (keystone.Region, error) {
	v, err := q.Region(ctx, id)
	return v, missing(err, "region", id)
}

// Regions lists regions.
func (s *Service) Regions(ctx context.Context, fs keystone.Filters) ([]keystone.Region, error) {
	return s.store.Regions(ctx, fs)
}

// CreateRegion makes a region, with the client's ID if it names one.
func (s *Service) CreateRegion(ctx context.Context, a keystone.Attributes) (keystone.Region, error) {
	a = a.Normalized()
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Region, error) {
		r := keystone.Region{ID: cmp.Or(a.Text("id"), uuid.Hex())}
		applyRegion(&r, a)
		if err := noRing(ctx, tx, r); err != nil {
			return r, err
		}
		s.notify(ctx, tx, "region", created, r.ID)
		return r, duplicate(tx.InsertRegion(ctx, r), "region", "Duplicate ID, %s.", r.ID)
	})
}

func applyRegion(r *keystone.Region, a keystone.Attributes) {
	a.SetText("description", &r.Description)
	a.SetText("parent_region_id", &r.ParentID)
	a.MergeExtra(&r.Extra, regionAttributes...)
}

// noRing refuses an unknown parent, and one that lies below r.
func noRing(ctx context.Context, q rows, r keystone.Region) error {
	for up := r.ParentID; up != ""; {
		if up == r.ID {
			return fault.BadRequest("The specified parent region %s would create a circular region hierarchy.", r.ParentID)
		}
		parent, err := regionIn(ctx, q, up)
		if err != nil {
			return err
		}
		up = parent.ParentID
	}
	return nil
}

// UpdateRegion changes a region.
func (s *Service) UpdateRegion(ctx context.Context, id string, a keystone.Attributes) (keystone.Region, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Region, error) {
		r, err := regionIn(ctx, tx, id)
		if err != nil {
			return r, err
		}
		if err := sameID(a, id); err != nil {
			return r, err
		}
		applyRegion(&r, a)
		if err := noRing(ctx, tx, r); err != nil {
			return r, err
		}
		s.notify(ctx, tx, "region", updated, id)
		return r, tx.UpdateRegion(ctx, r)
	})
}

// DeleteRegion removes a region with those below it, if none has endpoints.
func (s *Service) DeleteRegion(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := regionIn(ctx, tx, id); err != nil {
			return err
		}
		ids, err := regionTree(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, r := range ids {
			used, err := tx.Endpoints(ctx, keystone.Filters{{Name: "region_id", Value: r}})
			if err != nil {
				return err
			}
			if len(used) > 0 {
				return fault.Forbidden("Unable to delete region %s because it or its child regions have associated endpoints.", id)
			}
			s.notify(ctx, tx, "region", deleted, r)
			if err := tx.DeleteRegion(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// regionTree lists the IDs of a region and of all below it.
func regionTree(ctx context.Context, tx *store.Tx, id string) ([]string, error) {
	ids := []string{id}
	for i := 0; i < len(ids); i++ {
		below, err := tx.Regions(ctx, keystone.Filters{{Name: "parent_region_id", Value: ids[i]}})
		if err != nil {
			return nil, err
		}
		for _, r := range below {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

// Service is a service of the catalogue, or 404.
func (s *Service) Service(ctx context.Context, id string) (keystone.Service, error) {
	return serviceIn(ctx, s.store, id)
}

func serviceIn(ctx context.Context, q rows, id string) (keystone.Service, error) {
	v, err := q.Service(ctx, id)
	return v, missing(err, "service", id)
}

// Services lists services.
func (s *Service) Services(ctx context.Context, fs keystone.Filters) ([]keystone.Service, error) {
	return s.store.Services(ctx, fs)
}

// CreateService makes a service.
func (s *Service) CreateService(ctx context.Context, a keystone.Attributes) (keystone.Service, error) {
	a = a.Normalized()
	v := keystone.Service{ID: uuid.Hex(), Enabled: true, Extra: map[string]any{"name": ""}}
	applyService(&v, a)
	return v, s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "service", created, v.ID)
		return tx.InsertService(ctx, v)
	})
}

func applyService(v *keystone.Service, a keystone.Attributes) {
	a.SetText("type", &v.Type)
	a.SetFlag("enabled", &v.Enabled)
	a.MergeExtra(&v.Extra, serviceAttributes...)
}

// UpdateService changes a service.
func (s *Service) UpdateService(ctx context.Context, id string, a keystone.Attributes) (keystone.Service, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Service, error) {
		v, err := serviceIn(ctx, tx, id)
		if err != nil {
			return v, err
		}
		if err := sameID(a, id); err != nil {
			return v, err
		}
		applyService(&v, a)
		s.notify(ctx, tx, "service", updated, id)
		return v, tx.UpdateService(ctx, v)
	})
}

// DeleteService removes a service with its endpoints.
func (s *Service) DeleteService(ctx context.Context, id string) error {
	return s.remove(ctx, "service", "service", id, (*store.Tx).DeleteService)
}

// Endpoint is an endpoint, or 404.
func (s *Service) Endpoint(ctx context.Context, id string) (keystone.Endpoint, error) {
	return endpointIn(ctx, s.store, id)
}

func endpointIn(ctx context.Context, q rows, id string) (keystone.Endpoint, error) {
	v, err := q.Endpoint(ctx, id)
	return v, missing(err, "endpoint", id)
}

// Endpoints lists endpoints.
func (s *Service) Endpoints(ctx context.Context, fs keystone.Filters) ([]keystone.Endpoint, error) {
	return s.store.Endpoints(ctx, fs)
}

// CreateEndpoint makes an endpoint. A "region" that does not exist is made.
func (s *Service) CreateEndpoint(ctx context.Context, a keystone.Attributes) (keystone.Endpoint, error) {
	if _, ok := expand(a.Text("url"), anyValue); !ok {
		return keystone.Endpoint{}, fault.BadRequest("Cannot create an endpoint with an invalid URL: %s.", a.Text("url"))
	}
	a = a.Normalized()
	e := keystone.Endpoint{ID: uuid.Hex(), Enabled: true}
	applyEndpoint(&e, a)
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.placeEndpoint(ctx, tx, e, a); err != nil {
			return err
		}
		s.notify(ctx, tx, "endpoint", created, e.ID)
		return tx.InsertEndpoint(ctx, e)
	})
	return e, err
}

func applyEndpoint(e *keystone.Endpoint, a keystone.Attributes) {
	a.SetText("service_id", &e.ServiceID)
	a.SetText("interface", &e.Interface)
	a.SetText("url", &e.URL)
	a.SetFlag("enabled", &e.Enabled)
	if a["region_id"] == nil && a["region"] != nil {
		e.RegionID = a.Text("region")
	} else {
		a.SetText("region_id", &e.RegionID)
	}
	a.MergeExtra(&e.Extra, endpointAttributes...)
}

// placeEndpoint refuses a service or region that does not exist; a region
// named in the old way is made.
func (s *Service) placeEndpoint(ctx context.Context, tx *store.Tx, e keystone.Endpoint, a keystone.Attributes) error {
	if e.RegionID != "" {
		_, err := tx.Region(ctx, e.RegionID)
		switch {
		case errors.Is(err, db.ErrNoRow) && a["region_id"] == nil && a["region"] != nil:
			s.notify(ctx, tx, "region", created, e.RegionID)
			if err := tx.InsertRegion(ctx, keystone.Region{ID: e.RegionID, Extra: map[string]any{}}); err != nil {
				return err
			}
		case errors.Is(err, db.ErrNoRow):
			return expecting("endpoint region_id", "region table")
		case err != nil:
			return err
		}
	}
	_, err := tx.Service(ctx, e.ServiceID)
	if errors.Is(err, db.ErrNoRow) {
		return expecting("endpoint service_id", "service table")
	}
	return err
}

// expecting is the original's sentence for what should be somewhere and is not.
func expecting(what, where string) *fault.Fault {
	return fault.BadRequest("Expecting to find %s in %s. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.", what, where)
}

// UpdateEndpoint changes an endpoint.
func (s *Service) UpdateEndpoint(ctx context.Context, id string, a keystone.Attributes) (keystone.Endpoint, error) {
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.Endpoint, error) {
		e, err := endpointIn(ctx, tx, id)
		if err != nil {
			return e, err
		}
		if err := sameID(a, id); err != nil {
			return e, err
		}
		applyEndpoint(&e, a)
		if err := s.placeEndpoint(ctx, tx, e, a); err != nil {
			return e, err
		}
		s.notify(ctx, tx, "endpoint", updated, id)
		return e, tx.UpdateEndpoint(ctx, e)
	})
}

// DeleteEndpoint removes an endpoint.
func (s *Service) DeleteEndpoint(ctx context.Context, id string) error {
	return s.remove(ctx, "endpoint", "endpoint", id, (*store.Tx).DeleteEndpoint)
}

// CatalogEntry is a service with the addresses that one caller may use.
type CatalogEntry struct {
	keystone.Service
	Endpoints []keystone.Endpoint
}

// catalog is all enabled services with their enabled endpoints, URLs as they
// are kept, and what projects see of them.
type catalog struct {
	entries []CatalogEntry
	all     []keystone.Endpoint                 // disabled ones too
	alone   map[string]map[string]bool          // endpoints that a project is allowed to see, by ID
	groups  map[string][]keystone.EndpointGroup // those that a project is allowed to see
}

// filters reports whether a project sees only what it is allowed to: when that
// is anything at all.
func (c *catalog) filters(projectID string) bool {
	return len(c.alone[projectID]) > 0 || len(c.groups[projectID]) > 0 &&
		slices.ContainsFunc(c.all, func(e keystone.Endpoint) bool { return c.shows(projectID, e) })
}

// shows reports whether a project is allowed to see an endpoint.
func (c *catalog) shows(projectID string, e keystone.Endpoint) bool {
	return c.alone[projectID][e.ID] || slices.ContainsFunc(c.groups[projectID], func(g keystone.EndpointGroup) bool { return g.Holds(e) })
}

func (s *Service) catalogAt(ctx context.Context, revision int64) (*catalog, error) {
	return memo(&s.cache, revision, &s.cache.catalog, func() (*catalog, error) { return s.readCatalog(ctx) })
}

// Catalog lists the enabled services with addresses filled in for a user and
// a project; "" leaves out the addresses that need one. A project that is
// allowed to see some endpoints sees those only, and no service without one.
func (s *Service) Catalog(ctx context.Context, userID, projectID string) ([]CatalogEntry, error) {
	revision, err := s.store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.catalogAt(ctx, revision)
	if err != nil {
		return nil, err
	}
	filtered := projectID != "" && all.filters(projectID)
	if !filtered && s.cfg.EmptyCatalogUnfiltered {
		return []CatalogEntry{}, nil
	}
	values := map[string]string{"user_id": userID, "project_id": projectID, "tenant_id": projectID}
	out := make([]CatalogEntry, 0, len(all.entries))
	for _, entry := range all.entries {
		kept := CatalogEntry{Service: entry.Service, Endpoints: make([]keystone.Endpoint, 0, len(entry.Endpoints))}
		for _, e := range entry.Endpoints {
			var ok bool
			e.URL, ok = expand(e.URL, func(name string) string { return values[name] })
			if ok && (!filtered || all.shows(projectID, e)) {
				kept.Endpoints = append(kept.Endpoints, e)
			}
		}
		if !filtered || len(kept.Endpoints) > 0 {
			out = append(out, kept)
		}
	}
	return out, nil
}

func (s *Service) readCatalog(ctx context.Context) (*catalog, error) {
	services, err1 := s.store.Services(ctx, nil)
	endpoints, err2 := s.store.Endpoints(ctx, nil)
	out := &catalog{all: endpoints, alone: map[string]map[string]bool{}, groups: map[string][]keystone.EndpointGroup{}}
	if err := firstError(err1, err2, s.readFilters(ctx, out)); err != nil {
		return nil, err
	}
	of := map[string][]keystone.Endpoint{}
	for _, e := range endpoints {
		if e.Enabled {
			of[e.ServiceID] = append(of[e.ServiceID], e)
		}
	}
	listed := map[string]bool{} // a template has a service once for each region
	for _, v := range services {
		if v.Enabled && !listed[v.ID] {
			listed[v.ID] = true
			out.entries = append(out.entries, CatalogEntry{v, of[v.ID]})
		}
	}
	return out, nil
}

// readFilters reads what projects are allowed to see.
func (s *Service) readFilters(ctx context.Context, out *catalog) error {
	alone, err1 := s.store.ProjectEndpoints(ctx, "", "")
	in, err2 := s.store.ProjectEndpointGroups(ctx, "", "")
	groups, err3 := s.store.EndpointGroups(ctx, nil)
	for _, p := range alone {
		if out.alone[p.ProjectID] == nil {
			out.alone[p.ProjectID] = map[string]bool{}
		}
		out.alone[p.ProjectID][p.EndpointID] = true
	}
	byID := index(groups, func(g keystone.EndpointGroup) string { return g.ID })
	for _, p := range in {
		if g, ok := byID[p.GroupID]; ok {
			out.groups[p.ProjectID] = append(out.groups[p.ProjectID], g)
		}
	}
	return firstError(err1, err2, err3)
}

// field is a part of a URL to be filled in, in either spelling, or a stray percent sign.
var field = regexp.MustCompile(`[%$]\((\w+)\)s|%%|%`)

// anyValue fills in the fields that a URL may have.
func anyValue(name string) string {
	switch name {
	case "tenant_id", "project_id", "user_id":
		return "x"
	}
	return ""
}

// expand fills in the fields of a URL; false if one has no value.
func expand(url string, value func(name string) string) (string, bool) {
	if !strings.ContainsAny(url, "%$") {
		return url, true
	}
	ok := true
	out := field.ReplaceAllStringFunc(url, func(m string) string {
		if m == "%%" {
			return "%"
		}
		v := value(field.FindStringSubmatch(m)[1])
		ok = ok && v != ""
		return v
	})
	return out, ok
}
