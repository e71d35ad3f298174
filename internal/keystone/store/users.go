package store

import (
	"context"
	"slices"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var users = db.Table[keystone.User]("users")

// User is the user with that ID, or ErrNoRow.
func (r reads) User(ctx context.Context, id string) (keystone.User, error) {
	u, err := db.One(ctx, r.q, users.Select("id = ?", id))
	return shown(u), err
}

// shown gives a federated user the name it is shown by. In the table its name
// is its ID, so that nobody elsewhere can take a name here.
func shown(u keystone.User) keystone.User {
	if u.DisplayName != "" {
		u.Name = u.DisplayName
	}
	return u
}

// kept is what shown was made of.
func kept(u keystone.User) keystone.User {
	if u.DisplayName != "" {
		u.DisplayName, u.Name = u.Name, u.ID
	}
	return u
}

func allShown(us []keystone.User, err error) ([]keystone.User, error) {
	for i := range us {
		us[i] = shown(us[i])
	}
	return us, err
}

// UserByName is the user of that name in a domain, or ErrNoRow. Federated
// users have no such name.
func (r reads) UserByName(ctx context.Context, domainID, name string) (keystone.User, error) {
	return db.One(ctx, r.q, users.Select("domain_id = ? AND name = ?", domainID, name))
}

// Users lists the users that pass the filters.
func (r reads) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	names, rest := split(fs, "name")
	links, rest := split(rest, "idp_id", "protocol_id", "unique_id")
	all, err := allShown(list(ctx, r.q, users, rest, "domain_id"))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	if len(links) > 0 {
		if known, err = r.federatedUserIDs(ctx, links); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(u keystone.User) bool {
		return !names.Match(u.Attribute) || len(links) > 0 && !known[u.ID]
	}), nil
}

// split takes the filters on some attributes out of the rest: the name of a
// user is known when it is shown, as whom providers know it is in another table.
func split(fs keystone.Filters, names ...string) (these, rest keystone.Filters) {
	for _, f := range fs {
		if slices.Contains(names, f.Name) {
			these = append(these, f)
		} else {
			rest = append(rest, f)
		}
	}
	return these, rest
}

// UsersByID reads several users; unknown ones are left out.
func (r reads) UsersByID(ctx context.Context, ids []string) ([]keystone.User, error) {
	return allShown(byIDs(ctx, r.q, users, ids))
}

// InsertUser writes a new user; ErrDuplicate if the domain has one of that name.
func (tx *Tx) InsertUser(ctx context.Context, u keystone.User) error {
	return users.Insert(ctx, tx.tx, kept(u))
}

// UpdateUser writes all of a user; ErrDuplicate if the name is taken.
func (tx *Tx) UpdateUser(ctx context.Context, u keystone.User) error {
	return update(ctx, tx, users, kept(u))
}

// DeleteUser removes a user with its memberships, its grants and all it derived from them.
func (tx *Tx) DeleteUser(ctx context.Context, id string) error {
	if err := tx.deleteDerivedOfUsers(ctx, "?", id); err != nil {
		return err
	}
	if err := tx.exec(ctx, []any{id},
		"DELETE FROM memberships WHERE user_id = ?",
		"DELETE FROM passwords WHERE user_id = ?",
		"DELETE FROM logins WHERE user_id = ?",
		"DELETE FROM expiring_memberships WHERE user_id = ?",
		"DELETE FROM federated_users WHERE user_id = ?",
		"DELETE FROM assignments WHERE actor_kind = 'user' AND actor_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "users", id)
}
