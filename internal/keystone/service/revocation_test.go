package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

const (
	user, group, project, domain, system = keystone.ActorUser, keystone.ActorGroup, keystone.TargetProject, keystone.TargetDomain, keystone.TargetSystem
)

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
