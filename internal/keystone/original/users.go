package original

import (
	"context"
	"strconv"
	"time"

	"nacre/internal/keystone"
)

type userRow struct {
	ID       string     `bun:"id"`
	Extra    *string    `bun:"extra"`
	Enabled  bool       `bun:"enabled"`
	Project  *string    `bun:"default_project_id"`
	Created  *time.Time `bun:"created_at"`
	Active   *time.Time `bun:"last_active_at"`
	DomainID string     `bun:"domain_id"`
	Name     *string    `bun:"name"` // of a user of this database; NULL of others'
	Failures *int       `bun:"failed_auth_count"`
	FailedAt *time.Time `bun:"failed_auth_at"`
	Shown    *string    `bun:"display_name"` // of a federated user
}

// users reads those who have a name here, and federated ones. A user of a
// directory is one only by its ID, which is the same here.
func (r *reader) users(ctx context.Context) error {
	found, err := rows[userRow](ctx, r, "user", `SELECT u.id, u.extra, COALESCE(u.enabled, FALSE) AS enabled, u.default_project_id, u.created_at, u.last_active_at,
		u.domain_id, l.name, l.failed_auth_count, l.failed_auth_at, (SELECT MIN(COALESCE(f.display_name, f.unique_id)) FROM federated_user f WHERE f.user_id = u.id) AS display_name
		FROM "user" u LEFT JOIN local_user l ON l.user_id = u.id ORDER BY u.id`)
	if err != nil {
		return err
	}
	options, err := r.optionsOf(ctx, "user")
	if err != nil {
		return err
	}
	directory := 0
	for _, u := range found {
		if u.Name == nil && u.Shown == nil {
			directory++
			continue
		}
		if err := r.user(u, orEmpty(options[u.ID])); err != nil {
			return err
		}
	}
	r.left(directory, "users of a directory (LDAP), who stay there: give their domain its configuration; their IDs, roles, credentials and trusts are taken")
	return nil
}

func (r *reader) user(u userRow, options map[string]any) error {
	more, err := extra("user", u.ID, u.Extra)
	if err != nil {
		return err
	}
	to := keystone.User{ID: u.ID, Name: text(u.Name), DomainID: u.DomainID, Enabled: u.Enabled, DefaultProjectID: text(u.Project), Options: options,
		Extra: more, CreatedAt: r.now}
	if u.Created != nil {
		to.CreatedAt = *u.Created
	}
	if u.Name == nil {
		to.Name, to.DisplayName = text(u.Shown), text(u.Shown)
	}
	r.out.Users = append(r.out.Users, to)
	login := keystone.Login{UserID: u.ID, FailedAt: u.FailedAt, ActiveAt: u.Active}
	if u.Failures != nil {
		login.Failures = *u.Failures
	}
	if login.Failures > 0 || login.ActiveAt != nil {
		r.out.Logins = append(r.out.Logins, login)
	}
	return nil
}

// passwords reads those that users have and had. The newest is the one that counts.
func (r *reader) passwords(ctx context.Context) error {
	type row struct {
		ID        int64      `bun:"id"`
		UserID    string     `bun:"user_id"`
		Hash      *string    `bun:"password_hash"`
		Own       bool       `bun:"self_service"`
		Created   *time.Time `bun:"created_at"`
		CreatedN  int64      `bun:"created_at_int"`
		Expires   *time.Time `bun:"expires_at"`
		ExpiresAt *int64     `bun:"expires_at_int"`
	}
	found, err := rows[row](ctx, r, "password", `SELECT p.id, l.user_id, p.password_hash, p.self_service, p.created_at, p.created_at_int, p.expires_at, p.expires_at_int
		FROM password p JOIN local_user l ON l.id = p.local_user_id ORDER BY p.created_at_int, p.created_at, p.id`)
	if err != nil {
		return err
	}
	at := map[string]*keystone.User{}
	for i := range r.out.Users {
		at[r.out.Users[i].ID] = &r.out.Users[i]
	}
	for _, p := range found {
		u := at[p.UserID]
		if u == nil {
			continue
		}
		created := &p.CreatedN
		if p.CreatedN == 0 && p.Created != nil {
			created = nil
		}
		to := keystone.Password{ID: strconv.FormatInt(p.ID, 10), UserID: p.UserID, Hash: text(p.Hash), SelfService: p.Own,
			CreatedAt: *micros(created, p.Created), ExpiresAt: micros(p.ExpiresAt, p.Expires)}
		r.out.Passwords = append(r.out.Passwords, to)
		u.PasswordHash, u.PasswordExpires = to.Hash, to.ExpiresAt
	}
	return nil
}
