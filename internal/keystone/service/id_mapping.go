package service

import (
	"context"
	"errors"
	"log/slog"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
)

// What is kept elsewhere has a public ID here, which says where it is kept and
// which ID it has there. It is recorded when somebody first sees the user or
// the group; the same is always made of the same, also by the original.

// The lengths that IDs may have.
const (
	maxLocalID  = 255
	maxPublicID = 64
)

// publicIDs gives the public IDs of local ones. Those that are too long have none.
func (i *identities) publicIDs(ctx context.Context, b *backend, kind string, local []string) (map[string]string, error) {
	out := map[string]string{}
	if b.public {
		for _, id := range local {
			if len(id) <= maxPublicID {
				out[id] = id
			}
		}
		return out, nil
	}
	f := keystone.IDMappingFilter{DomainID: b.domain, EntityType: kind}
	if len(local) == 1 {
		f.LocalID = local[0]
	}
	known, err := i.s.store.IDMappings(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, m := range known {
		out[m.LocalID] = m.PublicID
	}
	var more []keystone.IDMapping
	for _, id := range local {
		switch {
		case out[id] != "":
		case len(id) > maxLocalID:
			slog.WarnContext(ctx, "an ID is too long to be used", "domain", b.domain, "id", id)
		default:
			m := keystone.IDMapping{PublicID: keystone.PublicID(b.domain, kind, id), DomainID: b.domain, LocalID: id, EntityType: kind}
			out[id], more = m.PublicID, append(more, m)
		}
	}
	return out, i.s.store.AddIDMappings(ctx, more)
}

// theirUsers makes users as they are elsewhere users as they are known here.
func (i *identities) theirUsers(ctx context.Context, b *backend, rows []keystone.User, err error) ([]keystone.User, error) {
	if err != nil {
		return nil, b.failed(err)
	}
	ids, err := i.publicIDs(ctx, b, keystone.ActorUser, column(rows, func(u keystone.User) string { return u.ID }))
	if err != nil {
		return nil, err
	}
	out := make([]keystone.User, 0, len(rows))
	for _, u := range rows {
		if u.ID = ids[u.ID]; u.ID != "" {
			u.DomainID, u.Nonlocal = b.domain, true
			out = append(out, u)
		}
	}
	return out, nil
}

// theirGroups makes groups as they are elsewhere groups as they are known here.
func (i *identities) theirGroups(ctx context.Context, b *backend, rows []keystone.Group, err error) ([]keystone.Group, error) {
	if err != nil {
		return nil, b.failed(err)
	}
	ids, err := i.publicIDs(ctx, b, keystone.ActorGroup, column(rows, func(g keystone.Group) string { return g.ID }))
	if err != nil {
		return nil, err
	}
	out := make([]keystone.Group, 0, len(rows))
	for _, g := range rows {
		if g.ID = ids[g.ID]; g.ID != "" {
			g.DomainID, g.Nonlocal = b.domain, true
			out = append(out, g)
		}
	}
	return out, nil
}

// failed is what a backend's error is to us.
func (b *backend) failed(err error) error {
	if errors.Is(err, db.ErrNoRow) {
		return db.ErrNoRow
	}
	return b.trouble(err)
}

// PurgeMappings forgets public IDs; it says how many. Those of users and groups
// that are still there are made again.
func (s *Service) PurgeMappings(ctx context.Context, domainName string, f keystone.IDMappingFilter) (n int64, err error) {
	if domainName != "" {
		d, err := s.store.ProjectByName(ctx, "", domainName)
		if err != nil {
			return 0, missing(err, "domain", domainName)
		}
		f.DomainID = d.ID
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (int64, error) { return tx.PurgeIDMappings(ctx, f) })
}

// PopulateMappings records the public IDs of all users of a domain; it says
// how many users there are.
func (s *Service) PopulateMappings(ctx context.Context, domainName string) (int, error) {
	d, err := s.store.ProjectByName(ctx, "", domainName)
	if err != nil {
		return 0, missing(err, "domain", domainName)
	}
	users, err := s.identities.Users(ctx, keystone.Filters{{Name: "domain_id", Value: d.ID}})
	return len(users), err
}
