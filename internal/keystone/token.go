package keystone

import "time"

// RoleRef is a role as a token names it.
type RoleRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Token is a token with everything that it stands for. At most one of
// Project, Domain and System is set; none is an unscoped token.
type Token struct {
	ID         string // the token itself
	User       User
	UserDomain Project

	Project       *Project
	ProjectDomain Project
	Domain        *Project
	System        bool

	Roles     []RoleRef
	Methods   []string
	AuditIDs  []string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Scoped reports whether the token allows to act on anything.
func (t Token) Scoped() bool { return t.Project != nil || t.Domain != nil || t.System }

// ProjectID is the ID of the project the token is scoped to, or "".
func (t Token) ProjectID() string {
	if t.Project == nil {
		return ""
	}
	return t.Project.ID
}

// Scope is what a client wants to act on, as it named it. None set is the
// user's default project, if that can be had, else unscoped.
type Scope struct {
	Project  *Ref
	Domain   *Ref
	System   bool
	Unscoped bool
}

// Ref names a resource by its ID, or by its name in a domain.
type Ref struct {
	ID     string
	Name   string
	Domain *Ref
}

// Methods of authentication.
const (
	MethodPassword = "password"
	MethodToken    = "token"
)

// SupportedMethods is what the original tells a client that asked for another.
var SupportedMethods = []string{MethodPassword, MethodToken}

// Credentials are what a client proves its identity with.
type Credentials struct {
	Methods  []string // in the order asked
	User     Ref      // of the password
	Password string
	Token    string
}
