package jws

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what a token says, in the original's words.
type Claims struct {
	Subject string `json:"sub"` // user ID
	Issued  int64  `json:"iat"` // seconds since 1970
	Expires int64  `json:"exp"`

	Methods  []string `json:"openstack_methods"`
	AuditIDs []string `json:"openstack_audit_ids"`

	System    string `json:"openstack_system,omitempty"` // "all"
	DomainID  string `json:"openstack_domain_id,omitempty"`
	ProjectID string `json:"openstack_project_id,omitempty"`

	TrustID          string  `json:"openstack_trust_id,omitempty"`
	Groups           []Group `json:"openstack_group_ids,omitzero"` // of a federated user, who may be in none
	IdentityProvider string  `json:"openstack_idp_id,omitempty"`
	Protocol         string  `json:"openstack_protocol_id,omitempty"`
	AccessTokenID    string  `json:"openstack_access_token_id,omitempty"`
	AppCredID        string  `json:"openstack_app_cred_id,omitempty"`
	Thumbprint       string  `json:"openstack_thumbprint,omitempty"`
}

// Group is a group as claims name it.
type Group struct {
	ID string `json:"id"`
}

var _ jwt.Claims = Claims{}

// GetExpirationTime gives nothing: who reads a token decides about its expiry,
// for services may go on with one that has expired meanwhile.
func (Claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }

// GetIssuedAt is for package jwt.
func (c Claims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.Issued, 0)), nil
}

// GetNotBefore is for package jwt.
func (Claims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }

// GetIssuer is for package jwt.
func (Claims) GetIssuer() (string, error) { return "", nil }

// GetSubject is for package jwt.
func (c Claims) GetSubject() (string, error) { return c.Subject, nil }

// GetAudience is for package jwt.
func (Claims) GetAudience() (jwt.ClaimStrings, error) { return nil, nil }

// Validate refuses claims that say nothing or cannot be dated.
func (c Claims) Validate() error {
	if c.Subject == "" || c.Expires <= 0 || c.Expires > maxTime || c.Issued < 0 || c.Issued > maxTime {
		return errors.New("claims of nobody or of no time")
	}
	return nil
}

// maxTime keeps dates within four digits of year.
const maxTime = 253402300799

// ExpiresAt is when the token expires.
func (c Claims) ExpiresAt() time.Time { return time.Unix(c.Expires, 0).UTC() }

// IssuedAt is when the token was made.
func (c Claims) IssuedAt() time.Time { return time.Unix(c.Issued, 0).UTC() }
