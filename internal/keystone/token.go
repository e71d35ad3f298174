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
	User       User   // who acts; by an impersonating trust the trustor
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

	// What the token hangs on besides its user and scope, at most one of them.
	Trust       *Trust
	AppCred     *ApplicationCredential
	AccessToken *AccessToken
	Thumbprint  string // of the client's certificate, OAuth 2.0 with mutual TLS
	Federation  *Federation
}

// Federation is how a federated user came in.
type Federation struct {
	IdentityProvider string
	Protocol         string
	GroupIDs         []string // that the assertion was mapped to
}

// Scoped reports whether the token allows to act on anything.
func (t Token) Scoped() bool { return t.Project != nil || t.Domain != nil || t.System }

// Users are all on whom the token depends.
func (t Token) Users() []string {
	if t.Trust == nil {
		return []string{t.User.ID}
	}
	return []string{t.Trust.TrustorUserID, t.Trust.TrusteeUserID}
}

// ProjectID is the ID of the project the token is scoped to, or "".
func (t Token) ProjectID() string {
	if t.Project == nil {
		return ""
	}
	return t.Project.ID
}

// DomainID is the ID of the domain the token is scoped to, or "".
func (t Token) DomainID() string {
	if t.Domain == nil {
		return ""
	}
	return t.Domain.ID
}

// Scope is what a client wants to act on, as it named it. None set is the
// user's default project, if that can be had, else unscoped.
type Scope struct {
	Project  *Ref
	Domain   *Ref
	System   bool
	TrustID  string
	Unscoped bool
}

// Ref names a resource by its ID, or by its name in a domain.
type Ref struct {
	ID     string
	Name   string
	Domain *Ref
}
