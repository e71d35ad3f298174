package service

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/keystone/identity"
)

// sqlDriver is the name of the identity driver that reads our tables.
const sqlDriver = "sql"

// sqlIdentity is the identity driver of domains whose users and groups are kept
// in our tables. Unlike others it knows all domains.
type sqlIdentity struct{ s *Service }

var _ identity.Driver = sqlIdentity{}

// Authenticate compares hashes, once for anybody, and counts failures.
func (q sqlIdentity) Authenticate(ctx context.Context, u keystone.User, password string) error {
	ok, err := q.s.hasher.Matches(ctx, u.PasswordHash, password)
	if err != nil {
		return err
	}
	if err := q.s.countLogin(ctx, u, ok); err != nil {
		return err
	}
	if !ok {
		return identity.ErrRefused
	}
	return nil
}

// User implements identity.Driver. Who was away too long is disabled.
func (q sqlIdentity) User(ctx context.Context, id string) (keystone.User, error) {
	u, err := q.s.store.User(ctx, id)
	return q.active(ctx, u, err)
}

// UserByName implements identity.Driver.
func (q sqlIdentity) UserByName(ctx context.Context, domainID, name string) (keystone.User, error) {
	u, err := q.s.store.UserByName(ctx, domainID, name)
	return q.active(ctx, u, err)
}

func (q sqlIdentity) active(ctx context.Context, u keystone.User, err error) (keystone.User, error) {
	if err != nil {
		return u, err
	}
	rows, err := q.s.withActivity(ctx, []keystone.User{u})
	if err != nil {
		return u, err
	}
	return rows[0], nil
}

// Users implements identity.Driver.
func (q sqlIdentity) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	if q.s.cfg.Compliance.DisableUserDaysInactive == 0 {
		return q.s.store.Users(ctx, fs)
	}
	enabled := func(f keystone.Filter) bool { return f.Name == "enabled" } // only after it is known who is active
	rows, err := q.s.store.Users(ctx, slices.DeleteFunc(slices.Clone(fs), enabled))
	if err != nil {
		return nil, err
	}
	rows, err = q.s.withActivity(ctx, rows)
	kept := keystone.Filters(slices.DeleteFunc(slices.Clone(fs), func(f keystone.Filter) bool { return !enabled(f) }))
	return matching(rows, kept), err
}

func (q sqlIdentity) usersByID(ctx context.Context, ids []string) ([]keystone.User, error) {
	rows, err := q.s.store.UsersByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	return q.s.withActivity(ctx, rows)
}

// Group implements identity.Driver.
func (q sqlIdentity) Group(ctx context.Context, id string) (keystone.Group, error) {
	return q.s.store.Group(ctx, id)
}

// Groups implements identity.Driver.
func (q sqlIdentity) Groups(ctx context.Context, fs keystone.Filters) ([]keystone.Group, error) {
	return q.s.store.Groups(ctx, fs)
}

// GroupsOf implements identity.Driver.
func (q sqlIdentity) GroupsOf(ctx context.Context, userID string) ([]keystone.Group, error) {
	ms, err := q.s.store.Memberships(ctx, userID, "")
	if err != nil {
		return nil, err
	}
	return q.s.store.GroupsByID(ctx, column(ms, func(m keystone.Membership) string { return m.GroupID }))
}

// UsersOf implements identity.Driver.
func (q sqlIdentity) UsersOf(ctx context.Context, groupID string) ([]keystone.User, error) {
	ms, err := q.s.store.Memberships(ctx, "", groupID)
	if err != nil {
		return nil, err
	}
	return q.usersByID(ctx, column(ms, func(m keystone.Membership) string { return m.UserID }))
}

// Close implements identity.Driver.
func (sqlIdentity) Close() error { return nil }
