package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
	"nacre/internal/oslo/db"
)

// IdentityConfig says where users and groups are kept that are not kept here.
type IdentityConfig struct {
	Drivers map[string]identity.New          // by name, all but sql
	Driver  string                           // [identity] driver, of the default domain; "" is sql
	Options keystone.DomainConfig            // of drivers, for domains that give theirs none
	Domains map[string]keystone.DomainConfig // of files, by the names of domains; they go before the database

	SpecificDrivers bool          // [identity] domain_specific_drivers_enabled
	IgnoreDatabase  bool          // not [identity] domain_configurations_from_database
	MapDefault      bool          // not [identity_mapping] backward_compatible_ids
	CacheTime       time.Duration // [identity] cache_time, of tokens; 0 asks for each call whether the user is still there
}

// Check reports what is wrong with the configuration of a domain, which comes
// from a place.
func (c IdentityConfig) Check(place string, config keystone.DomainConfig) error {
	var errs []error
	name, _ := config["identity"]["driver"].(string)
	connect, known := c.Drivers[name]
	if !known && name != "" && name != sqlDriver {
		return fmt.Errorf("%s: there is no identity driver %q", place, name)
	}
	for group, options := range config {
		for option := range options {
			if group != name && (group != "identity" || !keystone.DomainOptionKnown(group, option)) {
				errs = append(errs, fmt.Errorf("%s: option %s of group %s means nothing for a domain with the driver %q", place, option, group, name))
			}
		}
	}
	if name == "" || name == sqlDriver {
		return errors.Join(errs...)
	}
	options := config[name]
	if len(options) == 0 {
		options = c.Options[name]
	}
	if d, err := connect(options); err != nil {
		errs = append(errs, fmt.Errorf("%s: driver %s: %w", place, name, err))
	} else {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

// identities finds users and groups wherever they are kept: in our tables, or
// where the configuration of their domain says. What holds for both is asked
// of it and not of the store. It must not be asked inside a transaction, for
// others take their time to answer.
type identities struct {
	sqlIdentity
	cfg IdentityConfig

	mu       sync.Mutex
	revision int64
	backends map[string]*backend // by the domain's ID
	limits   map[string]int      // list_limit, by the domain's ID
}

// User implements identity.Driver.
func (i *identities) User(ctx context.Context, id string) (keystone.User, error) {
	u, err := i.sqlIdentity.User(ctx, id)
	if !errors.Is(err, db.ErrNoRow) {
		return u, err
	}
	b, local, err := i.elsewhere(ctx, keystone.ActorUser, id)
	if err != nil {
		return u, err
	}
	u, err = b.User(ctx, local)
	return firstOf(i.theirUsers(ctx, b, []keystone.User{u}, err))
}

// Group implements identity.Driver.
func (i *identities) Group(ctx context.Context, id string) (keystone.Group, error) {
	g, err := i.sqlIdentity.Group(ctx, id)
	if !errors.Is(err, db.ErrNoRow) {
		return g, err
	}
	b, local, err := i.elsewhere(ctx, keystone.ActorGroup, id)
	if err != nil {
		return g, err
	}
	g, err = b.Group(ctx, local)
	return firstOf(i.theirGroups(ctx, b, []keystone.Group{g}, err))
}

func firstOf[T any](rows []T, err error) (first T, _ error) {
	if err == nil && len(rows) == 0 {
		err = db.ErrNoRow
	}
	if err != nil {
		return first, err
	}
	return rows[0], nil
}

// UserByName implements identity.Driver. Who is not there is at least known to
// be nobody of that domain.
func (i *identities) UserByName(ctx context.Context, domainID, name string) (keystone.User, error) {
	b, err := i.of(ctx, domainID)
	if err != nil {
		return keystone.User{}, err
	}
	if b == nil {
		return i.sqlIdentity.UserByName(ctx, domainID, name)
	}
	u, err := b.UserByName(ctx, domainID, name)
	u, err = firstOf(i.theirUsers(ctx, b, []keystone.User{u}, err))
	if errors.Is(err, db.ErrNoRow) {
		u = keystone.User{DomainID: domainID, Nonlocal: true}
	}
	return u, err
}

// Authenticate implements identity.Driver. It takes as long for nobody as for
// somebody of the same domain.
func (i *identities) Authenticate(ctx context.Context, u keystone.User, password string) error {
	if !u.Nonlocal {
		return i.sqlIdentity.Authenticate(ctx, u, password)
	}
	b, err := i.of(ctx, u.DomainID)
	if err == nil && u.ID != "" {
		b, u.ID, err = i.elsewhere(ctx, keystone.ActorUser, u.ID)
	}
	if err != nil {
		return err
	}
	if b == nil {
		return identity.ErrRefused
	}
	if err := b.Authenticate(ctx, u, password); errors.Is(err, identity.ErrRefused) {
		return err
	} else if err != nil {
		return b.trouble(err)
	}
	return nil
}

// Users implements identity.Driver. Those of a domain are asked for where they
// are kept, those of no certain domain in our tables. Whom identity providers
// vouch for is in our tables, whatever the domain.
func (i *identities) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	domainID, _ := fs.Equal("domain_id")
	b, err := i.of(ctx, cmp.Or(domainID, i.anyDomain()))
	has := func(names ...string) bool {
		return slices.ContainsFunc(fs, func(f keystone.Filter) bool { return slices.Contains(names, f.Name) })
	}
	if err != nil || b == nil || has("idp_id", "protocol_id", "unique_id") {
		return i.orOurUsers(ctx, fs, err)
	}
	var rows []keystone.User
	if has("name") {
		ours, err := i.sqlIdentity.Users(ctx, fs)
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(ours, func(u keystone.User) bool { return u.DisplayName == "" })
	}
	theirs, err := b.Users(ctx, fs)
	theirs, err = i.theirUsers(ctx, b, theirs, err)
	return append(rows, matching(theirs, fs)...), err
}

func (i *identities) orOurUsers(ctx context.Context, fs keystone.Filters, err error) ([]keystone.User, error) {
	if err != nil {
		return nil, err
	}
	return i.sqlIdentity.Users(ctx, fs)
}

// anyDomain is whose users a list shows that names no domain: those of our
// tables, or of the default driver.
func (i *identities) anyDomain() string {
	if i.cfg.Driver != "" && i.cfg.Driver != sqlDriver {
		return keystone.DefaultDomainID
	}
	return ""
}

// Groups implements identity.Driver, as Users does.
func (i *identities) Groups(ctx context.Context, fs keystone.Filters) ([]keystone.Group, error) {
	domainID, _ := fs.Equal("domain_id")
	b, err := i.of(ctx, cmp.Or(domainID, i.anyDomain()))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return i.sqlIdentity.Groups(ctx, fs)
	}
	theirs, err := b.Groups(ctx, fs)
	theirs, err = i.theirGroups(ctx, b, theirs, err)
	return matching(theirs, fs), err
}

// GroupsOf implements identity.Driver. Who is not there is in no group.
func (i *identities) GroupsOf(ctx context.Context, userID string) ([]keystone.Group, error) {
	ms, err := i.s.store.Memberships(ctx, userID, "")
	if err != nil {
		return nil, err
	}
	ours, err := i.GroupsByID(ctx, column(ms, func(m keystone.Membership) string { return m.GroupID }))
	if err != nil {
		return nil, err
	}
	b, local, err := i.elsewhere(ctx, keystone.ActorUser, userID)
	if errors.Is(err, db.ErrNoRow) {
		return ours, nil
	} else if err != nil {
		return nil, err
	}
	theirs, err := b.GroupsOf(ctx, local)
	theirs, err = i.theirGroups(ctx, b, theirs, err)
	return append(ours, theirs...), unlessNoRow(err)
}

// UsersOf implements identity.Driver. A group that is not there has no members.
func (i *identities) UsersOf(ctx context.Context, groupID string) ([]keystone.User, error) {
	ms, err := i.s.store.Memberships(ctx, "", groupID)
	if err != nil {
		return nil, err
	}
	ours, err := i.UsersByID(ctx, column(ms, func(m keystone.Membership) string { return m.UserID }))
	if err != nil {
		return nil, err
	}
	b, local, err := i.elsewhere(ctx, keystone.ActorGroup, groupID)
	if errors.Is(err, db.ErrNoRow) {
		return ours, nil
	} else if err != nil {
		return nil, err
	}
	theirs, err := b.UsersOf(ctx, local)
	theirs, err = i.theirUsers(ctx, b, theirs, err)
	return append(ours, theirs...), unlessNoRow(err)
}

func unlessNoRow(err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return nil
	}
	return err
}

// UsersByID looks several users up; unknown ones are left out.
func (i *identities) UsersByID(ctx context.Context, ids []string) ([]keystone.User, error) {
	rows, err := i.sqlIdentity.usersByID(ctx, ids)
	return rest(ctx, i, rows, err, ids, func(u keystone.User) string { return u.ID }, i.User)
}

// GroupsByID looks several groups up; unknown ones are left out.
func (i *identities) GroupsByID(ctx context.Context, ids []string) ([]keystone.Group, error) {
	rows, err := i.s.store.GroupsByID(ctx, ids)
	return rest(ctx, i, rows, err, ids, func(g keystone.Group) string { return g.ID }, i.Group)
}

// rest adds those that are not among rows, one by one, if there is any backend.
func rest[T any](ctx context.Context, i *identities, rows []T, err error, ids []string, id func(T) string, get func(context.Context, string) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	if all, err := i.all(ctx); err != nil || len(all) == 0 {
		return rows, err
	}
	had := index(rows, id)
	for _, one := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if _, ok := had[one]; ok {
			continue
		}
		row, err := get(ctx, one)
		if err == nil {
			rows = append(rows, row)
		} else if !errors.Is(err, db.ErrNoRow) {
			return nil, err
		}
	}
	return rows, nil
}

// groupIDs are the groups that a user belongs to.
func (i *identities) groupIDs(ctx context.Context, userID string) ([]string, error) {
	ms, err := i.s.store.Memberships(ctx, userID, "")
	if err != nil {
		return nil, err
	}
	ids := column(ms, func(m keystone.Membership) string { return m.GroupID })
	b, local, err := i.elsewhere(ctx, keystone.ActorUser, userID)
	if err != nil {
		return ids, unlessNoRow(err)
	}
	theirs, err := b.GroupsOf(ctx, local)
	theirs, err = i.theirGroups(ctx, b, theirs, err)
	for _, g := range theirs {
		ids = append(ids, g.ID)
	}
	return ids, unlessNoRow(err)
}

// membershipsOf lists those of several groups.
func (i *identities) membershipsOf(ctx context.Context, groupIDs []string) ([]keystone.Membership, error) {
	ms, err := i.s.store.MembershipsOf(ctx, groupIDs)
	if err != nil {
		return nil, err
	}
	for _, g := range slices.Sorted(slices.Values(groupIDs)) {
		b, local, err := i.elsewhere(ctx, keystone.ActorGroup, g)
		if errors.Is(err, db.ErrNoRow) {
			continue
		} else if err != nil {
			return nil, err
		}
		theirs, err := b.UsersOf(ctx, local)
		if theirs, err = i.theirUsers(ctx, b, theirs, err); unlessNoRow(err) != nil {
			return nil, err
		}
		for _, u := range theirs {
			ms = append(ms, keystone.Membership{UserID: u.ID, GroupID: g})
		}
	}
	return ms, nil
}

// grantedRoles gives the IDs of the roles that a user has on a target, by
// grants to the user or a group. Implied roles are not added.
func (s *Service) grantedRoles(ctx context.Context, userID, kind, targetID string, ancestors []string) ([]string, error) {
	groups, err := s.identities.groupIDs(ctx, userID)
	if err != nil {
		return nil, err
	}
	return s.store.RolesGranted(ctx, userID, groups, kind, targetID, ancestors)
}

// IdentityListLimit is how many users or groups of a domain a list may hold;
// 0 is any number. "" is of no certain domain.
func (s *Service) IdentityListLimit(ctx context.Context, domainID string) (int, error) {
	if _, err := s.identities.all(ctx); err != nil {
		return 0, err
	}
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	if n, ok := s.identities.limits[domainID]; ok {
		return n, nil
	}
	return s.ListLimit("identity"), nil
}

// ListsOneDomain reports whether lists of users and groups are of one domain,
// the caller's if they name none.
func (s *Service) ListsOneDomain() bool { return s.identities.cfg.SpecificDrivers }

// has reports whether a user or group is kept elsewhere, and there.
func (i *identities) has(ctx context.Context, kind, id string) (bool, error) {
	b, local, err := i.elsewhere(ctx, kind, id)
	if err != nil {
		return false, unlessNoRow(err)
	}
	if kind == keystone.ActorUser {
		_, err = b.User(ctx, local)
	} else {
		_, err = b.Group(ctx, local)
	}
	if errors.Is(err, db.ErrNoRow) {
		return false, nil
	} else if err != nil {
		return false, b.trouble(err)
	}
	return true, nil
}
