package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// Aggregates lists all host aggregates.
func (s *Service) Aggregates(ctx context.Context) ([]nova.Aggregate, error) {
	return s.store.Aggregates(ctx)
}

// Aggregate returns one host aggregate.
func (s *Service) Aggregate(ctx context.Context, id int64) (nova.Aggregate, error) {
	a, err := s.store.Aggregate(ctx, id)
	return a, noAggregate(id, err)
}

func noAggregate(id int64, err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return fault.NotFound("Aggregate %d could not be found.", id)
	}
	return err
}

// CreateAggregate makes an aggregate without hosts; zone "" gives it no availability zone.
func (s *Service) CreateAggregate(ctx context.Context, name, zone string) (nova.Aggregate, error) {
	a := nova.Aggregate{UUID: uuid.New(), Name: name, Hosts: []string{}, Metadata: map[string]string{}}
	if zone != "" {
		a.Metadata[nova.ZoneKey] = zone
	}
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertAggregate(ctx, &a) })
	return a, aggregateTaken(name, err)
}

func aggregateTaken(name string, err error) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflict("Aggregate %s already exists.", name)
	}
	return err
}

// aggregateChange is what one call does to an aggregate, seeing all of them.
type aggregateChange func(ctx context.Context, a *nova.Aggregate, all []nova.Aggregate) error

// changeAggregate applies change to the aggregate as it is now.
func (s *Service) changeAggregate(ctx context.Context, id int64, change aggregateChange) (a nova.Aggregate, err error) {
	err = s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.LockAggregates(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(a nova.Aggregate) bool { return a.ID == id })
		if i < 0 {
			return db.ErrNoRow
		}
		a = all[i]
		if err := change(ctx, &a, all); err != nil {
			return err
		}
		return tx.UpdateAggregate(ctx, a)
	})
	return a, aggregateTaken(a.Name, noAggregate(id, err))
}

// UpdateAggregate changes name and zone; nil leaves as it is.
func (s *Service) UpdateAggregate(ctx context.Context, id int64, name, zone *string) (nova.Aggregate, error) {
	return s.changeAggregate(ctx, id, func(ctx context.Context, a *nova.Aggregate, all []nova.Aggregate) error {
		s.touch(a)
		if name != nil {
			a.Name = *name
		}
		if zone == nil {
			return nil
		}
		if err := s.checkZone(ctx, *a, all, *zone, "update aggregate"); err != nil {
			return err
		}
		a.Metadata[nova.ZoneKey] = *zone
		return nil
	})
}

// SetAggregateMetadata sets the items of an aggregate's metadata; nil removes one.
func (s *Service) SetAggregateMetadata(ctx context.Context, id int64, items map[string]*string) (nova.Aggregate, error) {
	return s.changeAggregate(ctx, id, func(ctx context.Context, a *nova.Aggregate, all []nova.Aggregate) error {
		if zone, ok := items[nova.ZoneKey]; ok {
			if err := s.checkZone(ctx, *a, all, value(zone), "update metadata of aggregate"); err != nil {
				return err
			}
		}
		s.touch(a)
		for key, item := range items {
			if item == nil {
				delete(a.Metadata, key)
			} else {
				a.Metadata[key] = *item
			}
		}
		return nil
	})
}

// touch notes that an aggregate's description changed; its hosts do not count.
func (s *Service) touch(a *nova.Aggregate) {
	now := s.clock.Now()
	a.UpdatedAt = &now
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// checkZone refuses a new zone for an aggregate whose hosts are in another one or run servers.
func (s *Service) checkZone(ctx context.Context, a nova.Aggregate, all []nova.Aggregate, zone, doing string) error {
	refuse := func(why string) error {
		return fault.BadRequest("Cannot %s %d. Reason: %s.", doing, a.ID, why)
	}
	if zone == "" {
		return refuse(fmt.Sprintf("Aggregate %s does not support empty named availability zone", a.Name))
	}
	if taken := otherZones(a, all, a.Hosts, zone); len(taken) > 0 {
		return refuse("One or more hosts already in availability zone(s) " + quotedList(taken))
	}
	if zone == a.Zone() {
		return nil
	}
	for _, host := range a.Hosts {
		if n, err := s.serversOn(ctx, host); err != nil {
			return err
		} else if n > 0 {
			return refuse("One or more hosts contain instances in this zone")
		}
	}
	return nil
}

// otherZones are the zones, other than zone, that other aggregates put some of the hosts into.
func otherZones(a nova.Aggregate, all []nova.Aggregate, hosts []string, zone string) (out []string) {
	for _, other := range all {
		shares := slices.ContainsFunc(other.Hosts, func(h string) bool { return slices.Contains(hosts, h) })
		if other.ID != a.ID && shares && other.Zone() != "" && other.Zone() != zone {
			out = append(out, other.Zone())
		}
	}
	return out
}

func quotedList(words []string) string { return "['" + strings.Join(words, "', '") + "']" }

func (s *Service) serversOn(ctx context.Context, host string) (int, error) {
	found, err := s.store.BareServers(ctx, nova.ServerFilter{Host: host}, db.Page{})
	return len(found), err
}

// DeleteAggregate removes an aggregate that has no hosts.
func (s *Service) DeleteAggregate(ctx context.Context, id int64) error {
	err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.LockAggregates(ctx)
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.ID == id && len(a.Hosts) > 0 {
				return fault.BadRequest("Cannot remove host from aggregate %d. Reason: Host aggregate is not empty.", id)
			}
		}
		return tx.DeleteAggregate(ctx, id)
	})
	return noAggregate(id, err)
}

// AddAggregateHost puts a host into an aggregate. Servers never change their zone by it.
func (s *Service) AddAggregateHost(ctx context.Context, id int64, host string) (nova.Aggregate, error) {
	if _, err := s.store.ComputeService(ctx, host); errors.Is(err, db.ErrNoRow) {
		return nova.Aggregate{}, fault.NotFound("Compute host %s could not be found.", host)
	} else if err != nil {
		return nova.Aggregate{}, err
	}
	return s.changeAggregate(ctx, id, func(ctx context.Context, a *nova.Aggregate, all []nova.Aggregate) error {
		if slices.Contains(a.Hosts, host) {
			return fault.Conflict("Aggregate %d already has host %s.", id, host)
		}
		if zone := a.Zone(); zone != "" {
			if err := s.checkMove(ctx, *a, all, host, zone); err != nil {
				return err
			}
		}
		a.Hosts = append(a.Hosts, host)
		return nil
	})
}

// checkMove refuses to put a host into a zone when it is in another one or runs servers.
func (s *Service) checkMove(ctx context.Context, a nova.Aggregate, all []nova.Aggregate, host, zone string) error {
	refuse := func(format string, args ...any) error {
		return fault.Conflict("Cannot add host to aggregate %d. Reason: %s.", a.ID, fmt.Sprintf(format, args...))
	}
	if taken := otherZones(a, all, []string{host}, zone); len(taken) > 0 {
		return refuse("One or more hosts already in availability zone(s) %s", quotedList(taken))
	}
	now := s.zoneOf(host, all)
	n, err := s.serversOn(ctx, host)
	if err == nil && n > 0 && now != zone {
		err = refuse("The host cannot be added to the aggregate as the availability zone of the host would change from '%s' to '%s' "+
			"but the host already has %d instance(s). Changing the AZ of an existing instance is not supported by this action. "+
			"Move the instances away from this host then try again. If you need to move the instances between AZs then you can use "+
			"shelve_offload and unshelve to achieve this", now, zone, n)
	}
	return err
}

// RemoveAggregateHost takes a host out of an aggregate. Servers never change their zone by it.
func (s *Service) RemoveAggregateHost(ctx context.Context, id int64, host string) (nova.Aggregate, error) {
	a, err := s.changeAggregate(ctx, id, func(ctx context.Context, a *nova.Aggregate, _ []nova.Aggregate) error {
		if !slices.Contains(a.Hosts, host) {
			return db.ErrNoRow
		}
		if n, err := s.serversOn(ctx, host); err != nil {
			return err
		} else if n > 0 && a.Zone() != "" {
			return fault.Conflict("Cannot remove host from aggregate %d. Reason: The host cannot be removed from the aggregate as the "+
				"availability zone of the host would change from '%s' to another one but the host already has %d instance(s).", id, a.Zone(), n)
		}
		a.Hosts = slices.DeleteFunc(a.Hosts, func(h string) bool { return h == host })
		return nil
	})
	if fault.Is(err, 404) {
		err = fault.NotFound("Cannot remove host %s in aggregate %d", host, id)
	}
	return a, err
}
