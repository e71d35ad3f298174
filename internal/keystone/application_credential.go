package keystone

import "time"

// ApplicationCredential lets a program act as a user on one project with some
// of the user's roles, without the user's password.
type ApplicationCredential struct {
	ID           string     `bun:"id,pk"`
	Name         string     `bun:"name"` // unique among the user's
	UserID       string     `bun:"user_id"`
	ProjectID    string     `bun:"project_id"`
	Description  *string    `bun:"description"`
	SecretHash   string     `bun:"secret_hash"` // bcrypt
	ExpiresAt    *time.Time `bun:"expires_at"`
	Unrestricted *bool      `bun:"unrestricted"` // may make other credentials; nil is no

	RoleIDs     []string     `bun:"-"` // in the order of the request
	AccessRules []AccessRule `bun:"-"` // empty allows every request
}

// Restricted reports whether it may not manage credentials.
func (a ApplicationCredential) Restricted() bool { return a.Unrestricted == nil || !*a.Unrestricted }

// Expired reports whether it is good no more.
func (a ApplicationCredential) Expired(now time.Time) bool {
	return a.ExpiresAt != nil && !now.Before(*a.ExpiresAt)
}

// ApplicationCredentialRole says that an application credential carries a role.
type ApplicationCredentialRole struct {
	ApplicationCredentialID string `bun:"application_credential_id,pk"`
	RoleID                  string `bun:"role_id,pk"`
	Place                   int    `bun:"place"` // keeps the order of the request
}

// AccessRule allows requests of one method and path to a type of service. A
// user's application credentials share it.
type AccessRule struct {
	ID      string `bun:"id,pk"`
	UserID  string `bun:"user_id"`
	Service string `bun:"service"`
	Path    string `bun:"path"` // * is one segment, ** any number, {name} as *
	Method  string `bun:"method"`
}

// ApplicationCredentialAccessRule says that an application credential is bound to an access rule.
type ApplicationCredentialAccessRule struct {
	ApplicationCredentialID string `bun:"application_credential_id,pk"`
	AccessRuleID            string `bun:"access_rule_id,pk"`
	Place                   int    `bun:"place"`
}

// Attribute is what a list can be filtered by.
func (a ApplicationCredential) Attribute(name string) any {
	switch name {
	case "name":
		return a.Name
	case "user_id":
		return a.UserID
	}
	return nil
}

// Attribute is what a list can be filtered by.
func (r AccessRule) Attribute(name string) any {
	switch name {
	case "user_id":
		return r.UserID
	case "service":
		return r.Service
	case "path":
		return r.Path
	case "method":
		return r.Method
	}
	return nil
}
