package service_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/signature"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// replica is one of the services on a database and a key repository.
func replica(t *testing.T, url, keyDir string) *service.Service {
	t.Helper()
	d, err := db.Open(t.Context(), url, store.Migrations, db.Unsynced())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	keys, err := token.OpenRepository(keyDir, 0)
	if err != nil {
		t.Fatal(err)
	}
	return service.New(service.Deps{Store: store.New(d), Tokens: token.NewFernet(keys, nil), Config: service.Config{PasswordHashRounds: 4}})
}

// scene is who and what one case of the table is about, all of its own.
type scene struct {
	svc                     *service.Service
	userDomain, scopeDomain keystone.Project
	parent, project         keystone.Project // in scopeDomain
	user                    keystone.User    // in userDomain
	friend                  keystone.User    // whom the user trusts
	group                   keystone.Group   // in userDomain, user is in it
	role, other             keystone.Role

	trust, appCred, accessToken, consumer, idp string // IDs, of the kinds of tokens that have them
}

func newScene(ctx context.Context, svc *service.Service, name string) (s *scene, err error) {
	s = &scene{svc: svc}
	steps := []func() error{
		func() error {
			s.userDomain, err = svc.CreateDomain(ctx, keystone.Attributes{"name": "u " + name})
			return err
		},
		func() error {
			s.scopeDomain, err = svc.CreateDomain(ctx, keystone.Attributes{"name": "s " + name})
			return err
		},
		func() error {
			s.parent, err = svc.CreateProject(ctx, keystone.Attributes{"name": "parent", "domain_id": s.scopeDomain.ID})
			return err
		},
		func() error {
			s.project, err = svc.CreateProject(ctx, keystone.Attributes{"name": "p", "domain_id": s.scopeDomain.ID, "parent_id": s.parent.ID})
			return err
		},
		func() error {
			s.user, err = svc.CreateUser(ctx, keystone.Attributes{"name": "u", "password": "pw", "domain_id": s.userDomain.ID})
			return err
		},
		func() error {
			s.friend, err = svc.CreateUser(ctx, keystone.Attributes{"name": "friend " + name, "password": "pw", "domain_id": keystone.DefaultDomainID})
			return err
		},
		func() error {
			s.group, err = svc.CreateGroup(ctx, keystone.Attributes{"name": "g", "domain_id": s.userDomain.ID})
			return err
		},
		func() error { s.role, err = svc.CreateRole(ctx, keystone.Attributes{"name": "r " + name}); return err },
		func() error { s.other, err = svc.CreateRole(ctx, keystone.Attributes{"name": "o " + name}); return err },
		func() error { return svc.AddMember(ctx, s.member()) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *scene) member() keystone.Membership {
	return keystone.Membership{UserID: s.user.ID, GroupID: s.group.ID}
}

// to is the grant of the scene's role to the user or the group on a target.
func (s *scene) to(actor, kind, target string, inherited bool) keystone.Assignment {
	id := s.user.ID
	if actor == keystone.ActorGroup {
		id = s.group.ID
	}
	return keystone.Assignment{ActorKind: actor, ActorID: id, TargetKind: kind, TargetID: target, RoleID: s.role.ID, Inherited: inherited}
}

func (s *scene) login(ctx context.Context, scope keystone.Scope) (string, error) {
	tok, err := s.svc.Authenticate(ctx, keystone.WithPassword(keystone.Ref{ID: s.user.ID}, "pw"), scope)
	return tok.ID, err
}

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

// acting is the context of a call that the user makes.
func (s *scene) acting(ctx context.Context) (context.Context, error) {
	tok, err := onProject(ctx, s)
	return auth.WithCaller(ctx, auth.Identity{UserID: s.user.ID, ProjectID: s.project.ID, Token: tok}), err
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

// federate makes an identity provider for the user's domain, and has the
// scene be about a user for whom it vouches, with a password as well.
func (s *scene) federate(ctx context.Context, name string) error {
	s.idp = "idp " + name
	rules := []any{map[string]any{"remote": []any{map[string]any{"type": "name"}, map[string]any{"type": "teams"}},
		"local": []any{map[string]any{"user": map[string]any{"name": "{0}"}, "groups": "{1}", "domain": map[string]any{"id": s.userDomain.ID}}}}}
	if _, err := s.svc.CreateMapping(ctx, s.idp, keystone.Attributes{"rules": rules}); err != nil {
		return err
	}
	if _, err := s.svc.CreateIdentityProvider(ctx, s.idp, keystone.Attributes{"domain_id": s.userDomain.ID, "enabled": true}); err != nil {
		return err
	}
	if _, err := s.svc.CreateProtocol(ctx, s.idp, keystone.MethodMapped, keystone.Attributes{"mapping_id": s.idp}); err != nil {
		return err
	}
	tok, err := s.vouched(ctx, s.group.Name)
	if err != nil {
		return err
	}
	s.user = tok.User
	_, err = s.svc.UpdateUser(ctx, s.user.ID, keystone.Attributes{"password": "pw"})
	return errors.Join(err, s.svc.AddMember(ctx, s.member()))
}

// vouched is the unscoped token of the user whom the identity provider has in these groups.
func (s *scene) vouched(ctx context.Context, groups ...string) (keystone.Token, error) {
	proof := keystone.MappedProof{IdentityProvider: s.idp, Protocol: keystone.MethodMapped, Assertion: map[string][]string{"name": {"tim"}, "teams": groups}}
	return s.svc.Authenticate(ctx, keystone.Credentials{Methods: []string{keystone.MethodMapped}, Proofs: map[string]any{keystone.MethodMapped: proof}}, keystone.Scope{})
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

func (s *scene) onProject() keystone.Scope {
	return keystone.Scope{Project: &keystone.Ref{ID: s.project.ID}}
}
func (s *scene) onDomain() keystone.Scope {
	return keystone.Scope{Domain: &keystone.Ref{ID: s.scopeDomain.ID}}
}

func granting(actor, kind string, target func(s *scene) string, inherited bool) func(s *scene) []keystone.Assignment {
	return func(s *scene) []keystone.Assignment {
		return []keystone.Assignment{s.to(actor, kind, target(s), inherited)}
	}
}

func (s *scene) projectID() string { return s.project.ID }
func (s *scene) parentID() string  { return s.parent.ID }
func (s *scene) domainID() string  { return s.scopeDomain.ID }
func (s *scene) systemID() string  { return keystone.SystemID }

const (
	user, group, project, domain, system = keystone.ActorUser, keystone.ActorGroup, keystone.TargetProject, keystone.TargetDomain, keystone.TargetSystem
)

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

// A change, and what tokens must not hang on to outlive it; "user" ends all.
type change struct {
	name string
	hits []string
	do   func(ctx context.Context, s *scene, granted []keystone.Assignment) error
}

var off = keystone.Attributes{"enabled": false}

var changes = []change{
	{"delete user", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteUser(ctx, s.user.ID)
	}},
	{"disable user", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateUser(ctx, s.user.ID, off)
		return err
	}},
	{"disable and enable user", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateUser(ctx, s.user.ID, off)
		if err == nil {
			_, err = s.svc.UpdateUser(ctx, s.user.ID, keystone.Attributes{"enabled": true})
		}
		return err
	}},
	{"set password", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateUser(ctx, s.user.ID, keystone.Attributes{"password": "new"})
		return err
	}},
	{"change password", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.ChangePassword(ctx, s.user.ID, "pw", "new")
	}},
	{"rename user", nil, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateUser(ctx, s.user.ID, keystone.Attributes{"name": "v"})
		return err
	}},
	{"disable user's domain", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateDomain(ctx, s.userDomain.ID, off)
		return err
	}},
	{"delete user's domain", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return deleteDomain(ctx, s.svc, s.userDomain.ID)
	}},
	{"disable scope's domain", []string{"scope domain"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateDomain(ctx, s.scopeDomain.ID, off)
		return err
	}},
	{"delete scope's domain", []string{"scope domain"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return deleteDomain(ctx, s.svc, s.scopeDomain.ID)
	}},
	{"disable project", []string{"project"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateProject(ctx, s.project.ID, off)
		return err
	}},
	{"delete project", []string{"project"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteProject(ctx, s.project.ID)
	}},
	{"delete role", []string{"role"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteRole(ctx, s.role.ID)
	}},
	{"delete another role", nil, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteRole(ctx, s.other.ID)
	}},
	{"demote", []string{"user grant", "group grant"}, func(ctx context.Context, s *scene, granted []keystone.Assignment) error {
		for _, a := range granted {
			if err := s.svc.Revoke(ctx, a); err != nil {
				return err
			}
		}
		return nil
	}},
	{"delete group", []string{"group"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteGroup(ctx, s.group.ID)
	}},
	{"remove from group", []string{"user"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.RemoveMember(ctx, s.member())
	}},
	{"delete trust", []string{"trust"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		acting, err := s.acting(ctx)
		return errors.Join(err, s.svc.DeleteTrust(acting, s.trust))
	}},
	{"delete trustee", []string{"trust"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteUser(ctx, s.friend.ID)
	}},
	{"disable trustee", []string{"trust"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateUser(ctx, s.friend.ID, off)
		return err
	}},
	{"set trustee's password", []string{"trust"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		_, err := s.svc.UpdateUser(ctx, s.friend.ID, keystone.Attributes{"password": "new"})
		return err
	}},
	{"delete application credential", []string{"application credential"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		acting, err := s.acting(ctx)
		return errors.Join(err, s.svc.DeleteApplicationCredential(acting, s.appCred))
	}},
	{"delete access token", []string{"access token"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		acting, err := s.acting(ctx)
		return errors.Join(err, s.svc.DeleteAccessToken(acting, s.user.ID, s.accessToken))
	}},
	{"delete consumer", []string{"access token"}, func(ctx context.Context, s *scene, _ []keystone.Assignment) error {
		return s.svc.DeleteConsumer(ctx, s.consumer)
	}},
	{"delete identity provider", []string{"identity provider"}, ofProvider(func(ctx context.Context, s *scene) error {
		return s.svc.DeleteIdentityProvider(ctx, s.idp)
	})},
	{"disable identity provider", nil, ofProvider(func(ctx context.Context, s *scene) error { // nobody new comes, as in the original
		_, err := s.svc.UpdateIdentityProvider(ctx, s.idp, off)
		return err
	})},
	{"delete protocol", []string{"identity provider"}, ofProvider(func(ctx context.Context, s *scene) error {
		return s.svc.DeleteProtocol(ctx, s.idp, keystone.MethodMapped)
	})},
	{"delete mapping", nil, ofProvider(func(ctx context.Context, s *scene) error { return s.svc.DeleteMapping(ctx, s.idp) })},
	{"change mapping", nil, ofProvider(func(ctx context.Context, s *scene) error { // it counts at the next login, as in the original
		nobody := []any{map[string]any{"remote": []any{map[string]any{"type": "nothing"}}, "local": []any{map[string]any{"user": map[string]any{"name": "{0}"}}}}}
		_, err := s.svc.UpdateMapping(ctx, s.idp, keystone.Attributes{"rules": nobody})
		return err
	})},
	{"log in again, in the same group", nil, ofProvider(func(ctx context.Context, s *scene) error {
		_, err := s.vouched(ctx, s.group.Name)
		return err
	})},
	{"log in again, in no group of ours", []string{"assertion"}, ofProvider(func(ctx context.Context, s *scene) error {
		_, err := s.vouched(ctx, "another")
		return err
	})},
}

// ofProvider is a change to the identity provider that vouches for the user.
func ofProvider(do func(ctx context.Context, s *scene) error) func(context.Context, *scene, []keystone.Assignment) error {
	return func(ctx context.Context, s *scene, _ []keystone.Assignment) error { return do(ctx, s) }
}

// about is what a kind of token must hang on for these changes to mean something.
var about = map[string]string{"delete trust": "trust", "delete application credential": "application credential", "delete access token": "access token",
	"delete consumer": "access token", "delete identity provider": "identity provider", "disable identity provider": "identity provider",
	"delete protocol": "identity provider", "delete mapping": "identity provider", "change mapping": "identity provider",
	"log in again, in the same group": "identity provider", "log in again, in no group of ours": "identity provider"}

func deleteDomain(ctx context.Context, svc *service.Service, id string) error {
	if _, err := svc.UpdateDomain(ctx, id, off); err != nil {
		return err
	}
	return svc.DeleteDomain(ctx, id)
}

// TestChangesEndTokens makes every change under every kind of token on one of
// two services that share a PostgreSQL. Both, and one that has just started,
// must refuse the token at the next call if it hangs on what was changed, and
// take it if not.
func TestChangesEndTokens(t *testing.T) {
	url, keyDir := dbtest.Postgres(t), t.TempDir()
	here, there := replica(t, url, keyDir), replica(t, url, keyDir)
	if err := here.Bootstrap(t.Context(), service.BootstrapConfig{}); err != nil {
		t.Fatal(err)
	}
	ended := map[string]bool{} // by token
	for i, c := range changes {
		for j, k := range tokenKinds {
			if on := about[c.name]; on != "" && !slices.Contains(k.hangs, on) {
				continue
			}
			t.Run(c.name+"/"+k.name, func(t *testing.T) {
				tok := issueAndChange(t, here, there, c, k, fmt.Sprintf("%d %d", i, j))
				ends := slices.ContainsFunc(append([]string{"user"}, k.hangs...), func(on string) bool { return slices.Contains(c.hits, on) })
				ended[tok] = ends
				for name, s := range map[string]*service.Service{"there": there, "here": here} {
					wantEnded(t, name, s, tok, ends)
				}
			})
		}
	}
	restarted := replica(t, url, keyDir)
	for tok, ends := range ended {
		wantEnded(t, "restarted", restarted, tok, ends)
	}
}

// issueAndChange gives a token that was good on both services before the change.
func issueAndChange(t *testing.T, here, there *service.Service, c change, k tokenKind, name string) string {
	t.Helper()
	ctx := t.Context()
	s, err := newScene(ctx, here, name)
	if err != nil {
		t.Fatal(err)
	}
	if k.federated {
		if err := s.federate(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	var granted []keystone.Assignment
	if k.grant != nil {
		granted = k.grant(s)
	}
	for _, a := range granted {
		if err := here.Grant(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := k.issue(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, svc := range []*service.Service{there, here} {
		wantEnded(t, "before", svc, tok, false)
	}
	if err := c.do(ctx, s, granted); err != nil {
		t.Fatal(err)
	}
	return tok
}

func wantEnded(t *testing.T, where string, s *service.Service, tok string, ended bool) {
	t.Helper()
	if _, err := s.Validate(t.Context(), tok); errors.Is(err, auth.ErrInvalid) != ended || err != nil && !ended {
		t.Errorf("%s: %v, the token should have ended: %v", where, err, ended)
	}
}

// TestRevokedTwiceInASecond: a token that was issued right after its user's
// tokens were revoked bears the next second's date, and is revoked all the same
// by what happens before that second.
func TestRevokedTwiceInASecond(t *testing.T) {
	password := func(ctx context.Context, w *world, tok string) error {
		_, err := w.UpdateUser(ctx, w.user.ID, keystone.Attributes{"password": "pw"})
		return err
	}
	toggle := func(update func(ctx context.Context, w *world, a keystone.Attributes) error) func(context.Context, *world, string) error {
		return func(ctx context.Context, w *world, tok string) error {
			return errors.Join(update(ctx, w, off), update(ctx, w, keystone.Attributes{"enabled": true}))
		}
	}
	ends := map[string]func(ctx context.Context, w *world, tok string) error{
		"token":    func(ctx context.Context, w *world, tok string) error { return w.RevokeToken(ctx, tok) },
		"password": password,
		"user": toggle(func(ctx context.Context, w *world, a keystone.Attributes) error {
			_, err := w.UpdateUser(ctx, w.user.ID, a)
			return err
		}),
		"project": toggle(func(ctx context.Context, w *world, a keystone.Attributes) error {
			_, err := w.UpdateProject(ctx, w.project.ID, a)
			return err
		}),
		"domain": toggle(func(ctx context.Context, w *world, a keystone.Attributes) error {
			_, err := w.UpdateDomain(ctx, w.domain.ID, a)
			return err
		}),
	}
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for first, begin := range ends {
			for second, end := range ends {
				ctx := t.Context()
				w.clock.now = w.clock.now.Add(time.Hour)
				for range 3 {
					tok, err := w.login(ctx, "pw")
					w.must(t, err)
					w.must(t, begin(ctx, w, tok.ID))
				}
				tok, err := w.login(ctx, "pw")
				w.must(t, err)
				w.must(t, end(ctx, w, tok.ID))
				for _, s := range []*service.Service{w.Service, w.other} {
					wantEnded(t, first+", then "+second, s, tok.ID, true)
				}
				again, err := w.login(ctx, "pw")
				w.must(t, err)
				wantEnded(t, "after "+first+", then "+second, w.other, again.ID, false)
				if ahead := again.IssuedAt.Sub(w.clock.now); ahead > 6*time.Second {
					t.Errorf("%s, %s: the token is dated %v ahead", first, second, ahead)
				}
			}
		}
	})
}

// TestDatesStayNear: what ends other tokens does not move the date of a new one.
func TestDatesStayNear(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	ctx := t.Context()
	for i := range 20 {
		p, err := w.CreateProject(ctx, keystone.Attributes{"name": fmt.Sprint(i), "domain_id": w.domain.ID})
		w.must(t, err)
		u, err := w.CreateUser(ctx, keystone.Attributes{"name": fmt.Sprint(i), "password": "pw", "domain_id": w.domain.ID})
		w.must(t, err)
		_, err = w.UpdateUser(ctx, u.ID, off)
		w.must(t, err)
		w.must(t, w.DeleteProject(ctx, p.ID))
		w.must(t, w.DeleteUser(ctx, u.ID))
	}
	tok, err := w.login(ctx, "pw")
	w.must(t, err)
	w.must(t, w.RevokeToken(ctx, tok.ID))
	wantEnded(t, "revoked", w.other, tok.ID, true)
	if tok, err = w.login(ctx, "pw"); err != nil || tok.IssuedAt.After(w.clock.now) {
		t.Errorf("dated %v at %v (%v)", tok.IssuedAt, w.clock.now, err)
	}
}

// TestDemotedAtNextCall: a token whose user keeps some role loses the others.
func TestDemotedAtNextCall(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	ctx := t.Context()
	more, err := w.CreateRole(ctx, keystone.Attributes{"name": "more"})
	w.must(t, err)
	second := w.grant()
	second.RoleID = more.ID
	w.must(t, w.Grant(ctx, second))
	tok, err := w.login(ctx, "pw")
	w.must(t, err)
	for _, tc := range []struct {
		change func() error
		want   []string
	}{
		{func() error { return nil }, []string{"more", "r"}},
		{func() error { return w.Revoke(ctx, second) }, []string{"r"}},
		{func() error { return w.Grant(ctx, second) }, []string{"more", "r"}},
		{func() error {
			_, err := w.UpdateRole(ctx, more.ID, keystone.Attributes{"name": "less"})
			return err
		}, []string{"less", "r"}},
		{func() error { return w.DeleteRole(ctx, more.ID) }, []string{"r"}},
	} {
		w.must(t, tc.change())
		for _, s := range []*service.Service{w.Service, w.other} {
			id, err := s.Validate(ctx, tok.ID)
			w.must(t, err)
			if got := fmt.Sprint(id.Roles); got != fmt.Sprint(tc.want) {
				t.Errorf("roles %s, want %v", got, tc.want)
			}
		}
	}
}
