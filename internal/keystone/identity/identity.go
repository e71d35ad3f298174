// Package identity says how the users and groups of a domain are looked up and
// proved, wherever they are kept. The tables of this service are one such
// place; packages ldap and pam are others, which are only read.
package identity

import (
	"context"
	"errors"

	"nacre/internal/keystone"
)

// Driver is a place where users and groups are kept. IDs are those they have
// there; what is not there is db.ErrNoRow. Any method may be called at any
// time, also after an error: a server that was away may be back.
type Driver interface {
	// Authenticate is ErrRefused unless the user has the password. An empty
	// password is never anybody's.
	Authenticate(ctx context.Context, u keystone.User, password string) error

	User(ctx context.Context, id string) (keystone.User, error)
	UserByName(ctx context.Context, domainID, name string) (keystone.User, error)
	Group(ctx context.Context, id string) (keystone.Group, error)

	// Users and Groups list at least all that pass the filters.
	Users(ctx context.Context, fs keystone.Filters) ([]keystone.User, error)
	Groups(ctx context.Context, fs keystone.Filters) ([]keystone.Group, error)

	GroupsOf(ctx context.Context, userID string) ([]keystone.Group, error)
	UsersOf(ctx context.Context, groupID string) ([]keystone.User, error)

	// Close ends connections that are not in use, the others after their use.
	Close() error
}

// Prober is a driver that can tell of options which make nobody be found, or
// somebody else ask, though no call fails.
type Prober interface {
	Probe(ctx context.Context) error
}

// New makes a driver with the options that a domain gives it. It asks nobody.
type New func(options map[string]any) (Driver, error)

var (
	// ErrRefused is the answer to who is not the user or may not log in.
	ErrRefused = errors.New("invalid user or password")
	// ErrSizeLimit says that a server tells only of so many entries at once.
	ErrSizeLimit = errors.New("the server's size limit is exceeded: set page_size")
	// ErrOurPassword says that a server does not accept the service's own user and password.
	ErrOurPassword = errors.New("the server refuses the configured user and password")
)
