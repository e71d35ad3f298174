package keystone

import "time"

// DefaultDomainID is the domain of what names none.
const DefaultDomainID = "default"

// User is somebody who can authenticate.
type User struct {
	ID               string         `bun:"id,pk"`
	Name             string         `bun:"name"` // unique in the domain
	DomainID         string         `bun:"domain_id"`
	Enabled          bool           `bun:"enabled"`
	DefaultProjectID string         `bun:"default_project_id"` // "" for none
	PasswordHash     string         `bun:"password_hash"`      // bcrypt; "" cannot log in with a password
	PasswordExpires  *time.Time     `bun:"password_expires_at"`
	Options          map[string]any `bun:"options"`
	Extra            map[string]any `bun:"extra"` // attributes of the client's own, description among them
	CreatedAt        time.Time      `bun:"created_at"`
	DisplayName      string         `bun:"display_name"` // of a federated user; it need not be unique
	Nonlocal         bool           `bun:"-"`            // kept elsewhere, where it changes without our knowing
}

// Group is a set of users that roles can be granted to.
type Group struct {
	ID          string         `bun:"id,pk"`
	Name        string         `bun:"name"` // unique in the domain
	DomainID    string         `bun:"domain_id"`
	Description string         `bun:"description"`
	Extra       map[string]any `bun:"extra"`
	Nonlocal    bool           `bun:"-"` // kept elsewhere
}

// Membership says that a user belongs to a group.
type Membership struct {
	UserID  string `bun:"user_id,pk"`
	GroupID string `bun:"group_id,pk"`
}

// Attribute is what a list can be filtered by.
func (u User) Attribute(name string) any {
	switch name {
	case "name":
		return u.Name
	case "domain_id":
		return u.DomainID
	case "enabled":
		return u.Enabled
	case "password_expires_at":
		return u.PasswordExpires
	}
	return nil
}

// Attribute is what a list can be filtered by.
func (g Group) Attribute(name string) any {
	switch name {
	case "name":
		return g.Name
	case "domain_id":
		return g.DomainID
	}
	return nil
}
