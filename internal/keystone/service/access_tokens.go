package service

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/signature"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/uuid"
)

// oauthParams gives the parameters of the Authorization header; those that must be there are.
func oauthParams(r keystone.OAuthProof, must ...string) (map[string]string, error) {
	params, err := signature.ParseOAuth1(r.Authorization)
	if err != nil {
		params = map[string]string{}
	}
	for _, name := range must {
		if params[name] == "" {
			return nil, expecting(name, "request")
		}
	}
	return params, nil
}

var (
	oauthKey      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	oauthNonce    = regexp.MustCompile(`^[0-9a-f]*$`)
	oauthVerifier = regexp.MustCompile(`^[` + verifierLetters + `]{8}$`)
)

// oauthWindow is how far a consumer's clock may be off.
const oauthWindow = 600 * time.Second

func invalidOAuth(format string, a ...any) error {
	return fault.BadRequest("Validation failed with errors: invalid_request, detail message is: %s.", fmt.Sprintf(format, a...))
}

// checkOAuth refuses a request that is not well-formed or too old.
func (s *Service) checkOAuth(params map[string]string) error {
	for _, name := range []string{"oauth_signature", "oauth_consumer_key", "oauth_nonce", "oauth_timestamp", "oauth_signature_method"} {
		if params[name] == "" {
			return invalidOAuth("Missing mandatory OAuth parameters.")
		}
	}
	if v, ok := params["oauth_version"]; ok && v != "1.0" {
		return invalidOAuth("Invalid OAuth version.")
	}
	if len(params["oauth_timestamp"]) != 10 {
		return invalidOAuth("Invalid timestamp size")
	}
	seconds, err := strconv.ParseInt(params["oauth_timestamp"], 10, 64)
	if err != nil {
		return invalidOAuth("Timestamp must be an integer.")
	}
	if s.clock.Now().Sub(time.Unix(seconds, 0)).Abs() > oauthWindow {
		return invalidOAuth("Timestamp given is invalid, differ from allowed by over %d seconds.", int(oauthWindow.Seconds()))
	}
	if !oauthKey.MatchString(params["oauth_consumer_key"]) {
		return invalidOAuth("Invalid client key format.")
	}
	if !oauthNonce.MatchString(params["oauth_nonce"]) {
		return invalidOAuth("Invalid nonce format.")
	}
	return nil
}

// signedBy refuses a request that was not signed with the secrets.
func signedBy(r keystone.OAuthProof, params map[string]string, consumerSecret, tokenSecret string) error {
	want, err := signature.OAuth1{Method: "POST", URL: r.URL, Params: params}.Sign(consumerSecret, tokenSecret)
	if err != nil {
		return fault.BadRequest("Validation failed with errors: invalid_signature_method, detail message is: Invalid signature, %s is not known.", params["oauth_signature_method"])
	}
	if !signature.Equal(want, params["oauth_signature"]) {
		return unauthorized("the signature is not that of consumer %s", params["oauth_consumer_key"])
	}
	return nil
}

// CreateRequestToken notes a consumer's wish for access to a project.
func (s *Service) CreateRequestToken(ctx context.Context, r keystone.OAuthProof) (keystone.RequestToken, error) {
	t := keystone.RequestToken{ID: uuid.Hex(), Secret: uuid.Hex(), RequestedProjectID: r.ProjectID, RoleIDs: []string{}, ExpiresAt: s.after(s.cfg.RequestTokenDuration)}
	params, err := oauthParams(r, "oauth_consumer_key")
	if err != nil {
		return t, err
	}
	if r.ProjectID == "" {
		return t, expecting("Requested-Project-Id", "request")
	}
	if _, err := s.Project(ctx, r.ProjectID); err != nil {
		return t, err
	}
	c, err := s.Consumer(ctx, params["oauth_consumer_key"])
	if err != nil {
		return t, err
	}
	if err := s.checkOAuth(params); err != nil {
		return t, err
	}
	if params["oauth_callback"] == "" {
		return t, invalidOAuth("Missing callback URI.")
	}
	if err := signedBy(r, params, c.Secret, ""); err != nil {
		return t, err
	}
	t.ConsumerID = c.ID
	return t, s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "OS-OAUTH1:request_token", created, t.ID)
		return tx.InsertRequestToken(ctx, t)
	})
}

// AuthorizeRequestToken grants a consumer's wish with some of the caller's
// roles on the project, and gives the verifier that the consumer must show.
func (s *Service) AuthorizeRequestToken(ctx context.Context, id string, roles any) (verifier string, err error) {
	by, err := s.CallerToken(ctx)
	if err != nil {
		return "", err
	}
	if by.Delegated() {
		return "", fault.Forbidden("Cannot authorize a request token with a token issued via delegation.")
	}
	t, err := s.store.RequestToken(ctx, id)
	if err := firstError(noRow(err, "Request token"), s.alive(t.ExpiresAt, "request token")); err != nil {
		return "", err
	}
	ids, err := s.roleIDs(ctx, roles)
	if err != nil {
		return "", err
	}
	p, err := s.Project(ctx, t.RequestedProjectID)
	if err != nil {
		return "", err
	}
	held, err := s.effectiveRoles(ctx, by.User.ID, p)
	if err != nil {
		return "", err
	}
	for _, role := range ids {
		if !slices.Contains(held, role) {
			return "", unauthorized("user %s does not have role %s", by.User.ID, role)
		}
	}
	t.AuthorizingUserID, t.Verifier, t.RoleIDs = by.User.ID, newVerifier(), append([]string{}, ids...)
	return t.Verifier, noRow(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "OS-OAUTH1:request_token", updated, id)
		return tx.UpdateRequestToken(ctx, t)
	}), "Request token")
}

// alive is 401 for what has expired.
func (s *Service) alive(expires *time.Time, what string) error {
	if expires != nil && s.clock.Now().After(*expires) {
		return unauthorized("the %s has expired", what)
	}
	return nil
}

// CreateAccessToken trades a granted request token for an access token, once.
func (s *Service) CreateAccessToken(ctx context.Context, r keystone.OAuthProof) (keystone.AccessToken, error) {
	params, err := oauthParams(r, "oauth_consumer_key", "oauth_token", "oauth_verifier")
	if err != nil {
		return keystone.AccessToken{}, err
	}
	return change(ctx, s, func(ctx context.Context, tx *store.Tx) (keystone.AccessToken, error) {
		t, err := tx.RequestToken(ctx, params["oauth_token"])
		if err := firstError(noRow(err, "Request token"), s.alive(t.ExpiresAt, "request token"), s.checkOAuth(params)); err != nil {
			return keystone.AccessToken{}, err
		}
		if !oauthVerifier.MatchString(params["oauth_verifier"]) {
			return keystone.AccessToken{}, invalidOAuth("Invalid verifier format.")
		}
		if t.ConsumerID != params["oauth_consumer_key"] || !signature.Equal(t.Verifier, params["oauth_verifier"]) || t.AuthorizingUserID == "" {
			return keystone.AccessToken{}, unauthorized("request token %s is not of that consumer and verifier", t.ID)
		}
		c, err := tx.Consumer(ctx, t.ConsumerID)
		if err := firstError(noRow(err, "Consumer"), signedBy(r, params, c.Secret, t.Secret)); err != nil {
			return keystone.AccessToken{}, err
		}
		a := keystone.AccessToken{ID: uuid.Hex(), Secret: uuid.Hex(), AuthorizingUserID: t.AuthorizingUserID, ProjectID: t.RequestedProjectID,
			RoleIDs: t.RoleIDs, ConsumerID: t.ConsumerID, ExpiresAt: s.after(s.cfg.AccessTokenDuration)}
		s.notify(ctx, tx, "OS-OAUTH1:access_token", created, a.ID)
		return a, firstError(tx.DeleteRequestToken(ctx, t.ID), tx.InsertAccessToken(ctx, a))
	})
}

// accessToken is a user's access token, or 404.
func (s *Service) accessToken(ctx context.Context, userID, id string) (keystone.AccessToken, error) {
	t, err := s.store.AccessToken(ctx, id)
	if err == nil && t.AuthorizingUserID != userID {
		err = fault.NotFound("Access token not found")
	}
	return t, noRow(err, "Access token")
}

// AccessToken is accessToken for a token that may look at them.
func (s *Service) AccessToken(ctx context.Context, userID, id string) (keystone.AccessToken, error) {
	if err := s.mayManageAccessTokens(ctx); err != nil {
		return keystone.AccessToken{}, err
	}
	return s.accessToken(ctx, userID, id)
}

// AccessTokens lists those that a user has granted.
func (s *Service) AccessTokens(ctx context.Context, userID string) ([]keystone.AccessToken, error) {
	if err := s.mayManageAccessTokens(ctx); err != nil {
		return nil, err
	}
	return s.store.AccessTokens(ctx, userID)
}

// DeleteAccessToken takes back what a user has granted. Tokens made with it end.
func (s *Service) DeleteAccessToken(ctx context.Context, userID, id string) error {
	if _, err := s.AccessToken(ctx, userID, id); err != nil {
		return err
	}
	return noRow(s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		s.notify(ctx, tx, "OS-OAUTH1:access_token", deleted, id)
		return tx.DeleteAccessToken(ctx, id)
	}), "Access token")
}
