package service

import (
	"cmp"
	"context"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
)

// derivedDefaults fills in what is about credentials and delegation.
func (c *Config) derivedDefaults() {
	c.CredentialAuthTTL = cmp.Or(c.CredentialAuthTTL, 15*time.Minute)
	c.MaxRedelegationCount = cmp.Or(c.MaxRedelegationCount, 3)
	c.RequestTokenDuration = cmp.Or(c.RequestTokenDuration, 8*time.Hour)
	c.AccessTokenDuration = cmp.Or(c.AccessTokenDuration, 24*time.Hour)
}

// issueFor issues the token of a proof that needs no other methods.
func (s *Service) issueFor(ctx context.Context, p proof) (keystone.Token, error) {
	payload, err := s.payloadFor(ctx, p)
	if err != nil {
		return keystone.Token{}, err
	}
	return s.tokenFor(ctx, p, payload)
}

// CallerToken is the token that the call was made with.
func (s *Service) CallerToken(ctx context.Context) (keystone.Token, error) {
	return s.Token(ctx, auth.Caller(ctx).Token)
}

// withinDelegation keeps a delegated token on the one project it was given
// for: what belongs to another project, or to none, is out of its reach.
func withinDelegation(t keystone.Token, projectID, what string) error {
	if t.Delegated() && projectID != t.ProjectID() {
		return forbiddenAction(what + " project does not match the project scope of the delegated token")
	}
	return nil
}

// reaches is withinDelegation for credentials, where an administrator's token
// may reach further, if the operator wants that.
func (s *Service) reaches(ctx context.Context, t keystone.Token, projectID string) error {
	if s.cfg.Compliance.InsecureAdminCredentials && auth.Caller(ctx).Admin {
		return nil
	}
	return withinDelegation(t, projectID, "Credential")
}

// unrestricted refuses a restricted application credential to manage what.
func unrestricted(t keystone.Token, what string) error {
	if t.AppCred != nil && t.AppCred.Restricted() {
		return forbiddenAction("Using method 'application_credential' is not allowed for managing additional " + what)
	}
	return nil
}

// mayManageAppCredentials refuses a trust or an access token: an application
// credential made with it would outlive it.
func (s *Service) mayManageAppCredentials(ctx context.Context) (keystone.Token, error) {
	t, err := s.CallerToken(ctx)
	if err == nil && (t.Trust != nil || t.AccessToken != nil) {
		err = fault.Forbidden("Cannot manage application credentials with a token issued via delegation.")
	}
	return t, err
}

// mayManageAccessTokens refuses every delegated token.
func (s *Service) mayManageAccessTokens(ctx context.Context) error {
	t, err := s.CallerToken(ctx)
	if err == nil && t.Delegated() {
		err = fault.Forbidden("Cannot manage OAuth access tokens with a token issued via delegation.")
	}
	return err
}

// mayManageTrusts refuses application credentials, restricted or not, unless
// the operator wants otherwise.
func (s *Service) mayManageTrusts(ctx context.Context) (keystone.Token, error) {
	t, err := s.CallerToken(ctx)
	if err == nil && t.AppCred != nil && !s.cfg.Compliance.InsecureAppCredTrusts {
		err = forbiddenAction("Using method 'application_credential' is not allowed for managing trusts.")
	}
	return t, err
}
