package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/keystone/store"
)

// Symptom is something wrong with what the database says, and what to do about it.
type Symptom struct{ What, Remedy string }

// Doctor looks for what would keep people from using the cloud.
func (s *Service) Doctor(ctx context.Context) ([]Symptom, error) {
	var found []Symptom
	var errs []error // such as who the members of a group are, of a directory that does not answer
	for _, look := range []func(context.Context) ([]Symptom, error){s.doctorBackends, s.doctorDomainFiles, s.doctorAdmins, s.doctorCatalog, s.doctorRules} {
		more, err := look(ctx)
		found, errs = append(found, more...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil && len(found) > 0 {
		found = append(found, Symptom{fmt.Sprintf("not all could be looked at: %v", err), "look again when what is above is mended"})
	} else if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	return found, nil
}

// doctorAdmins looks for somebody who may administer the cloud: on the system
// or, which the default rules take for as much, on a project.
func (s *Service) doctorAdmins(ctx context.Context) ([]Symptom, error) {
	revision, err1 := s.store.Revision(ctx)
	grants, err2 := s.store.Assignments(ctx, store.Actors{}, "", nil)
	book, err3 := s.roleBook(ctx, revision)
	if err := firstError(err1, err2, err3); err != nil {
		return nil, err
	}
	makesAdmin := func(roleID string) bool {
		for _, r := range book.roles {
			if r.Name == "admin" && r.DomainID == "" && book.implied.Reaches(roleID, r.ID) {
				return true
			}
		}
		return false
	}
	var unknown []error
	for _, a := range slices.Backward(grants) { // users before groups, whose members a directory may have to tell
		if a.TargetKind == keystone.TargetDomain && !a.Inherited || !makesAdmin(a.RoleID) {
			continue
		}
		users, err := s.whoHas(ctx, a)
		if slices.ContainsFunc(users, func(u keystone.User) bool { return u.Enabled }) {
			return nil, nil
		}
		unknown = append(unknown, err)
	}
	if err := errors.Join(unknown...); err != nil {
		return nil, err
	}
	return []Symptom{{"no enabled user has the role admin on the system or on a project: nobody can administer the cloud",
		"nacre admin keystone bootstrap"}}, nil
}

// whoHas are the users to whom a grant was given.
func (s *Service) whoHas(ctx context.Context, a keystone.Assignment) ([]keystone.User, error) {
	if a.ActorKind == keystone.ActorUser {
		return s.identities.UsersByID(ctx, []string{a.ActorID})
	}
	return s.identities.UsersOf(ctx, a.ActorID)
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
		if prober, ok := b.Driver.(identity.Prober); ok && unlessNoRow(err) == nil {
			if err := prober.Probe(ctx); err != nil {
				found = append(found, Symptom{fmt.Sprintf("the options of driver %s, domain %s, miss something: %v", b.name, domainID, err), whereOptionsAre(b.name, domainID)})
			}
		}
		if unlessNoRow(err) != nil {
			found = append(found, Symptom{fmt.Sprintf("the users of domain %s cannot be looked up: %v", domainID, err),
				whereOptionsAre(b.name, domainID)})
		}
	}
	return found, err
}

func whereOptionsAre(driver, domainID string) string {
	return "look at the options of the driver " + driver + ": the API has them at /v3/domains/" + domainID + "/config, files are in domain_config_dir"
}

// doctorDomainFiles looks for files of domains that are called otherwise.
func (s *Service) doctorDomainFiles(ctx context.Context) (found []Symptom, err error) {
	for _, name := range slices.Sorted(maps.Keys(s.identities.cfg.Domains)) {
		_, err := s.store.ProjectByName(ctx, "", name)
		if unlessNoRow(err) != nil {
			return found, err
		}
		if err != nil {
			found = append(found, Symptom{fmt.Sprintf("keystone.%s.conf is read, but there is no domain %s", name, name),
				"rename the file, or openstack domain create " + name})
		}
	}
	return found, nil
}
