package service_test

import (
	"context"
	"errors"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
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

// acting is the context of a call that the user makes.
func (s *scene) acting(ctx context.Context) (context.Context, error) {
	tok, err := onProject(ctx, s)
	return auth.WithCaller(ctx, auth.Identity{UserID: s.user.ID, ProjectID: s.project.ID, Token: tok}), err
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

func (s *scene) onProject() keystone.Scope {
	return keystone.Scope{Project: &keystone.Ref{ID: s.project.ID}}
}

func (s *scene) onDomain() keystone.Scope {
	return keystone.Scope{Domain: &keystone.Ref{ID: s.scopeDomain.ID}}
}

func (s *scene) projectID() string { return s.project.ID }
func (s *scene) parentID() string  { return s.parent.ID }
func (s *scene) domainID() string  { return s.scopeDomain.ID }
func (s *scene) systemID() string  { return keystone.SystemID }

func deleteDomain(ctx context.Context, svc *service.Service, id string) error {
	if _, err := svc.UpdateDomain(ctx, id, off); err != nil {
		return err
	}
	return svc.DeleteDomain(ctx, id)
}
