package service_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/signature"
)

// A kind of token: the grant that it needs, how it is had, and what it hangs
// on besides the user, the user's password and domain. An identity provider
// vouches for the user of some.
type tokenKind struct {
	name  string
	grant func(s *scene) []keystone.Assignment
	issue func(ctx context.Context, s *scene) (string, error)
	hangs []string

	federated bool
}

func onProject(ctx context.Context, s *scene) (string, error) {
	return s.login(ctx, keystone.Scope{Project: &keystone.Ref{ID: s.project.ID}})
}

func rescoped(ctx context.Context, s *scene) (string, error) {
	unscoped, err := s.login(ctx, keystone.Scope{Unscoped: true})
	if err != nil {
		return "", err
	}
	tok, err := s.svc.Authenticate(ctx, withToken(unscoped, ""), keystone.Scope{Project: &keystone.Ref{ID: s.project.ID}})
	return tok.ID, err
}

func trusted(ctx context.Context, s *scene) (string, error) {
	acting, err := s.acting(ctx)
	if err != nil {
		return "", err
	}
	t, err := s.svc.CreateTrust(acting, keystone.Attributes{"trustor_user_id": s.user.ID, "trustee_user_id": s.friend.ID, "project_id": s.project.ID,
		"impersonation": true, "roles": []any{map[string]any{"id": s.role.ID}}})
	if err != nil {
		return "", err
	}
	s.trust = t.ID
	tok, err := s.svc.Authenticate(ctx, keystone.WithPassword(keystone.Ref{ID: s.friend.ID}, "pw"), keystone.Scope{TrustID: t.ID})
	return tok.ID, err
}

func applied(ctx context.Context, s *scene) (string, error) {
	acting, err := s.acting(ctx)
	if err != nil {
		return "", err
	}
	ac, secret, err := s.svc.CreateApplicationCredential(acting, s.user.ID, keystone.Attributes{"name": "a"})
	if err != nil {
		return "", err
	}
	s.appCred = ac.ID
	tok, err := s.svc.Authenticate(ctx, keystone.Credentials{Methods: []string{keystone.MethodApplicationCredential}, Proofs: map[string]any{
		keystone.MethodApplicationCredential: keystone.ApplicationCredentialProof{ID: ac.ID, Secret: secret}}}, keystone.Scope{})
	return tok.ID, err
}

// signed is the Authorization header of a consumer's request.
func signed(path, consumer, consumerSecret, tokenSecret string, more ...string) (keystone.OAuthProof, error) {
	params := map[string]string{"oauth_consumer_key": consumer, "oauth_nonce": "0123456789abcdef0123", "oauth_timestamp": fmt.Sprint(time.Now().Unix()),
		"oauth_version": "1.0", "oauth_signature_method": "HMAC-SHA1"}
	for i := 0; i < len(more); i += 2 {
		params[more[i]] = more[i+1]
	}
	at := &url.URL{Scheme: "http", Host: "cloud", Path: path}
	sig, err := signature.OAuth1{Method: "POST", URL: at, Params: params}.Sign(consumerSecret, tokenSecret)
	fields := []string{`oauth_signature="` + url.QueryEscape(sig) + `"`}
	for k, v := range params {
		fields = append(fields, fmt.Sprintf(`%s="%s"`, k, url.QueryEscape(v)))
	}
	return keystone.OAuthProof{Authorization: "OAuth " + strings.Join(fields, ", "), URL: at}, err
}

// granted has a consumer get a token by the user's access token.
func granted(ctx context.Context, s *scene) (string, error) {
	acting, err := s.acting(ctx)
	if err != nil {
		return "", err
	}
	c, err := s.svc.CreateConsumer(ctx, nil)
	if err != nil {
		return "", err
	}
	ask, err := signed("/request", c.ID, c.Secret, "", "oauth_callback", "oob")
	if err != nil {
		return "", err
	}
	ask.ProjectID = s.project.ID
	request, err := s.svc.CreateRequestToken(ctx, ask)
	if err != nil {
		return "", err
	}
	verifier, err := s.svc.AuthorizeRequestToken(acting, request.ID, []any{map[string]any{"id": s.role.ID}})
	if err != nil {
		return "", err
	}
	if ask, err = signed("/access", c.ID, c.Secret, request.Secret, "oauth_token", request.ID, "oauth_verifier", verifier); err != nil {
		return "", err
	}
	access, err := s.svc.CreateAccessToken(ctx, ask)
	if err != nil {
		return "", err
	}
	s.consumer, s.accessToken = c.ID, access.ID
	proof, err := signed("/tokens", c.ID, c.Secret, access.Secret, "oauth_token", access.ID)
	if err != nil {
		return "", err
	}
	tok, err := s.svc.Authenticate(ctx, keystone.Credentials{Methods: []string{keystone.MethodOAuth1}, Proofs: map[string]any{keystone.MethodOAuth1: proof}}, keystone.Scope{})
	return tok.ID, err
}

func federated(ctx context.Context, s *scene) (string, error) {
	tok, err := s.vouched(ctx, s.group.Name)
	return tok.ID, err
}

func federatedOn(scope func(s *scene) keystone.Scope) func(ctx context.Context, s *scene) (string, error) {
	return func(ctx context.Context, s *scene) (string, error) {
		unscoped, err := federated(ctx, s)
		if err != nil {
			return "", err
		}
		tok, err := s.svc.Authenticate(ctx, withToken(unscoped, ""), scope(s))
		return tok.ID, err
	}
}

func granting(actor, kind string, target func(s *scene) string, inherited bool) func(s *scene) []keystone.Assignment {
	return func(s *scene) []keystone.Assignment {
		return []keystone.Assignment{s.to(actor, kind, target(s), inherited)}
	}
}

var tokenKinds = []tokenKind{
	{"unscoped", nil, func(ctx context.Context, s *scene) (string, error) {
		return s.login(ctx, keystone.Scope{Unscoped: true})
	}, nil, false},
	{"project", granting(user, project, (*scene).projectID, false), onProject, []string{"project", "scope domain", "role", "user grant"}, false},
	{"project, by a group", granting(group, project, (*scene).projectID, false), onProject, []string{"project", "scope domain", "role", "group", "group grant"}, false},
	{"project, from its parent", granting(user, project, (*scene).parentID, true), onProject, []string{"project", "scope domain", "role", "user grant"}, false},
	{"project, from its domain", granting(group, domain, (*scene).domainID, true), onProject, []string{"project", "scope domain", "role", "group", "group grant"}, false},
	{"project, rescoped", granting(user, project, (*scene).projectID, false), rescoped, []string{"project", "scope domain", "role", "user grant"}, false},
	{"domain", granting(user, domain, (*scene).domainID, false), func(ctx context.Context, s *scene) (string, error) {
		return s.login(ctx, keystone.Scope{Domain: &keystone.Ref{ID: s.scopeDomain.ID}})
	}, []string{"scope domain", "role", "user grant"}, false},
	{"system", granting(user, system, (*scene).systemID, false), func(ctx context.Context, s *scene) (string, error) {
		return s.login(ctx, keystone.Scope{System: true})
	}, []string{"role", "user grant"}, false},
	{"system, by a group", granting(group, system, (*scene).systemID, false), func(ctx context.Context, s *scene) (string, error) {
		return s.login(ctx, keystone.Scope{System: true})
	}, []string{"role", "group", "group grant"}, false},
	{"trust", granting(user, project, (*scene).projectID, false), trusted, []string{"project", "scope domain", "role", "user grant", "trust"}, false},
	{"trust, by a group", granting(group, project, (*scene).projectID, false), trusted, []string{"project", "scope domain", "role", "group", "group grant", "trust"}, false},
	{"application credential", granting(user, project, (*scene).projectID, false), applied, []string{"project", "scope domain", "role", "user grant", "application credential"}, false},
	{"application credential, by a group", granting(group, project, (*scene).projectID, false), applied, []string{"project", "scope domain", "role", "group", "group grant", "application credential"}, false},
	{"OAuth access token", granting(user, project, (*scene).projectID, false), granted, []string{"project", "scope domain", "role", "user grant", "access token"}, false},
	{"OAuth access token, by a group", granting(group, project, (*scene).projectID, false), granted, []string{"project", "scope domain", "role", "group", "group grant", "access token"}, false},
	{"federated", nil, federated, []string{"identity provider", "assertion"}, true},
	{"federated, project", granting(user, project, (*scene).projectID, false), federatedOn((*scene).onProject), []string{"project", "scope domain", "role", "user grant", "identity provider", "assertion"}, true},
	{"federated, project, by a group", granting(group, project, (*scene).projectID, false), federatedOn((*scene).onProject), []string{"project", "scope domain", "role", "group", "group grant", "identity provider", "assertion"}, true},
	{"federated, domain, by a group", granting(group, domain, (*scene).domainID, false), federatedOn((*scene).onDomain), []string{"scope domain", "role", "group", "group grant", "identity provider", "assertion"}, true},
}
