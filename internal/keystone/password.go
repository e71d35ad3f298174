package keystone

import "time"

// Password is one that a user has or had. The current one is also in the
// user's row, which tells when another version of this program has changed it.
type Password struct {
	ID          string     `bun:"id,pk"`
	UserID      string     `bun:"user_id"`
	Hash        string     `bun:"hash"` // bcrypt; "" cannot log in with a password
	CreatedAt   time.Time  `bun:"created_at"`
	ExpiresAt   *time.Time `bun:"expires_at"`
	SelfService bool       `bun:"self_service"` // the user's own choice
}

// Login is how a user's logins have gone.
type Login struct {
	UserID   string     `bun:"user_id,pk"`
	Failures int        `bun:"failures"` // since the last success
	FailedAt *time.Time `bun:"failed_at"`
	ActiveAt *time.Time `bun:"active_at"` // the last success, or when an administrator enabled the user
}

// Option reports whether a user's option of that name is on.
func (u User) Option(name string) bool {
	on, _ := u.Options[name].(bool)
	return on
}
