package store

import (
	"context"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
)

var users = db.Table[keystone.User]("users")

// User is the user with that ID, or ErrNoRow.
func (r reads) User(ctx context.Context, id string) (keystone.User, error) {
	return db.One(ctx, r.q, users.Select("id = ?", id))
}

// UserByName is the user of that name in a domain, or ErrNoRow.
func (r reads) UserByName(ctx context.Context, domainID, name string) (keystone.User, error) {
	return db.One(ctx, r.q, users.Select("domain_id = ? AND name = ?", domainID, name))
}

// Users lists the users that pass the filters.
func (r reads) Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error) {
	return list(ctx, r.q, users, fs, "domain_id", "name")
}

// UsersByID reads several users; unknown ones are left out.
func (r reads) UsersByID(ctx context.Context, ids []string) ([]keystone.User, error) {
	return byIDs(ctx, r.q, users, ids)
}

// InsertUser writes a new user; ErrDuplicate if the domain has one of that name.
func (tx *Tx) InsertUser(ctx context.Context, u keystone.User) error {
	return users.Insert(ctx, tx.tx, u)
}

// UpdateUser writes all of a user; ErrDuplicate if the name is taken.
func (tx *Tx) UpdateUser(ctx context.Context, u keystone.User) error {
	return update(ctx, tx, users, u)
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
		"DELETE FROM assignments WHERE actor_kind = 'user' AND actor_id = ?",
	); err != nil {
		return err
	}
	return tx.remove(ctx, "users", id)
}
