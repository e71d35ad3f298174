package service

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"nacre/internal/keystone"
)

// Symptom is something wrong with what the database says, and what to do about it.
type Symptom struct{ What, Remedy string }

// Doctor looks for what would keep people from using the cloud.
func (s *Service) Doctor(ctx context.Context) ([]Symptom, error) {
	var found []Symptom
	for _, look := range []func(context.Context) ([]Symptom, error){s.doctorAdmins, s.doctorCatalog, s.doctorRules, s.doctorBackends} {
		more, err := look(ctx)
		if err != nil {
			return found, fmt.Errorf("doctor: %w", err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// doctorAdmins looks for somebody who may administer the cloud.
func (s *Service) doctorAdmins(ctx context.Context) ([]Symptom, error) {
	admins, err := s.Effective(ctx, keystone.AssignmentFilter{System: keystone.SystemID})
	if err != nil {
		return nil, err
	}
	roles, err := s.RolesByID(ctx, column(admins, func(e keystone.Effective) string { return e.RoleID }))
	if err != nil {
		return nil, err
	}
	for _, e := range admins {
		u, err := s.identities.User(ctx, e.ActorID)
		if err == nil && u.Enabled && roles[e.RoleID].Name == "admin" {
			return nil, nil
		}
	}
	return []Symptom{{"no enabled user has the role admin on the system: nobody can administer the cloud",
		"nacre admin keystone bootstrap"}}, nil
}

// column is one value of each row.
func column[T any](rows []T, of func(T) string) []string {
	values := make([]string, len(rows))
	for i, row := range rows {
		values[i] = of(row)
	}
	return values
}

// doctorCatalog looks for services that clients do not find.
func (s *Service) doctorCatalog(ctx context.Context) (found []Symptom, err error) {
	services, err := s.store.Services(ctx, nil)
	if err != nil {
		return nil, err
	}
	endpoints, err := s.store.Endpoints(ctx, nil)
	if err != nil {
		return nil, err
	}
	identity := false
	for _, svc := range services {
		if !svc.Enabled {
			continue
		}
		identity = identity || svc.Type == "identity"
		public := func(e keystone.Endpoint) bool {
			return e.ServiceID == svc.ID && e.Enabled && e.Interface == "public"
		}
		if !slices.ContainsFunc(endpoints, public) {
			found = append(found, Symptom{fmt.Sprintf("service %s (%s) has no public endpoint: clients do not find it", svc.ID, svc.Type),
				"openstack endpoint create " + svc.ID + " public URL"})
		}
	}
	if !identity {
		found = append(found, Symptom{"the catalogue has no identity service", "nacre admin keystone bootstrap --bootstrap-public-url URL"})
	}
	for _, e := range endpoints {
		if u, err := url.Parse(strings.NewReplacer("$(", "", "%(", "", ")s", "").Replace(e.URL)); err != nil || u.Host == "" {
			found = append(found, Symptom{fmt.Sprintf("endpoint %s has the address %q, which leads nowhere", e.ID, e.URL),
				"openstack endpoint set --url URL " + e.ID})
		}
	}
	return found, nil
}

// doctorRules looks for rules of several methods that protect nobody.
func (s *Service) doctorRules(ctx context.Context) (found []Symptom, err error) {
	users, err := s.store.Users(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		rules, _ := u.Options["multi_factor_auth_rules"].([]any)
		if on, ok := u.Options["multi_factor_auth_enabled"].(bool); len(rules) == 0 || ok && !on {
			continue
		}
		if len(s.mfaRules(u)) == 0 {
			found = append(found, Symptom{fmt.Sprintf("user %s (%s) must pass several methods, but none of them is offered: one is enough", u.Name, u.ID),
				"add the methods to auth_methods"})
		}
	}
	return found, nil
}

// doctorBackends asks where users are kept elsewhere for one who is not there.
func (s *Service) doctorBackends(ctx context.Context) (found []Symptom, err error) {
	all, err := s.identities.all(ctx)
	for _, domainID := range slices.Sorted(maps.Keys(all)) {
		b := all[domainID]
		err := b.usable()
		if err == nil {
			_, err = b.UserByName(ctx, domainID, "nobody-of-that-name")
		}
		if unlessNoRow(err) != nil {
			found = append(found, Symptom{fmt.Sprintf("the users of domain %s cannot be looked up: %v", domainID, err),
				"look at the options of the driver " + b.name + ": the API has them at /v3/domains/" + domainID + "/config, files are in domain_config_dir"})
		}
	}
	return found, err
}
