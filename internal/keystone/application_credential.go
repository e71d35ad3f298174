package keystone

import "time"

// ApplicationCredential lets a program act for a user on one project, with
// some of the user's roles and a secret of its own.
type ApplicationCredential struct {
	ID           string
	Name         string
	UserID       string
	ProjectID    string
	Unrestricted bool         // may manage application credentials and trusts
	AccessRules  []AccessRule // the only calls allowed; nil is all, empty none
	ExpiresAt    *time.Time
}

// AccessRule allows calls of one method on a path of one service.
type AccessRule struct {
	ID      string
	Service string // type
	Path    string
	Method  string
}
