// Package auth says who is calling: the identity behind a token, carried in
// the context from the door of a request into every flow it starts.
package auth

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrInvalid is a token that is malformed, unknown, expired or revoked.
var ErrInvalid = errors.New("the token is not valid")

// Validator turns a token into the identity it stands for, or ErrInvalid.
type Validator interface {
	Validate(ctx context.Context, token string) (Identity, error)
}

// Identity is a validated token. Exactly one of ProjectID, DomainID and System is set, or none (unscoped).
type Identity struct {
	UserID            string    `json:"user_id,omitempty"`
	UserName          string    `json:"user_name,omitempty"`
	UserDomainID      string    `json:"user_domain_id,omitempty"`
	UserDomainName    string    `json:"user_domain_name,omitempty"`
	ProjectID         string    `json:"project_id,omitempty"`
	ProjectName       string    `json:"project_name,omitempty"`
	ProjectDomainID   string    `json:"project_domain_id,omitempty"`
	ProjectDomainName string    `json:"project_domain_name,omitempty"`
	DomainID          string    `json:"domain_id,omitempty"`
	DomainName        string    `json:"domain_name,omitempty"`
	System            bool      `json:"system,omitempty"` // system scope "all"
	Roles             []string  `json:"roles,omitempty"`  // names
	RoleIDs           []string  `json:"role_ids,omitempty"`
	Admin             bool      `json:"admin,omitempty"` // passes the service's context_is_admin rule
	AuditIDs          []string  `json:"audit_ids,omitempty"`
	Methods           []string  `json:"methods,omitempty"`
	IssuedAt          time.Time `json:"issued_at,omitzero"`
	ExpiresAt         time.Time `json:"expires_at,omitzero"`
	RequestID         string    `json:"request_id,omitempty"`
	ServiceRoles      []string  `json:"service_roles,omitempty"` // of the token in X-Service-Token
	IsService         bool      `json:"is_service,omitempty"`    // a service token came along

	IdentityProvider string   `json:"identity_provider,omitempty"` // of a federated user
	Protocol         string   `json:"protocol,omitempty"`
	GroupIDs         []string `json:"group_ids,omitempty"` // that the identity provider put the user into

	// By whose leave the caller acts, if not in person: a trust, an OAuth
	// access token or an application credential.
	TrustID       string       `json:"trust_id,omitempty"`
	TrustorID     string       `json:"trustor_id,omitempty"`
	TrusteeID     string       `json:"trustee_id,omitempty"`
	AccessTokenID string       `json:"access_token_id,omitempty"`
	ConsumerID    string       `json:"consumer_id,omitempty"`
	AppCredID     string       `json:"application_credential_id,omitempty"`
	Restricted    bool         `json:"restricted,omitempty"`  // may not manage application credentials and trusts
	AccessRules   []AccessRule `json:"access_rules,omitzero"` // the only calls allowed; nil is all, empty none

	Thumbprint string `json:"thumbprint,omitempty"` // of the certificate that the token is bound to

	Token string `json:"-"` // never stored or logged
}

// AccessRule allows calls of one method on a path of one type of service.
type AccessRule struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

// HasRole reports whether the identity carries the role of that name.
func (id Identity) HasRole(name string) bool { return slices.Contains(id.Roles, name) }

type callerKey struct{}
type requestKey struct{}

// WithCaller returns a context that carries id.
func WithCaller(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, callerKey{}, id)
}

// Caller is the identity in ctx, or the zero Identity.
func Caller(ctx context.Context) Identity {
	id, _ := ctx.Value(callerKey{}).(Identity)
	return id
}

// Request is what is known of the request that is being answered: for events
// and logs, never to decide by.
type Request struct {
	ID       string // "req-…"
	GlobalID string // of the request that it is a part of, as the client says
	Address  string // of the client; "" for one in this process
	Agent    string // what the client calls itself
}

// WithRequest returns a context that carries r.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, &r)
}

// WithRequestID is WithRequest where only the request ID is known.
func WithRequestID(ctx context.Context, id string) context.Context {
	return WithRequest(ctx, Request{ID: id})
}

// RequestOf is the request in ctx, or the zero Request.
func RequestOf(ctx context.Context) Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return *r
	}
	return Request{}
}

// RequestID is the request ID in ctx, or "".
func RequestID(ctx context.Context) string { return RequestOf(ctx).ID }

// System is the identity of the cloud itself: work that nobody asked for by an API call.
func System(service string) Identity {
	return Identity{UserName: service, Roles: []string{"admin", "service"}, Admin: true}
}
