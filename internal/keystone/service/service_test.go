package service_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// tick is a clock that tests move.
type tick struct{ now time.Time }

func (t *tick) Now() time.Time { return t.now }

// world is two replicas of the service on one database and one key repository.
type world struct {
	*service.Service
	other   *service.Service
	clock   *tick
	project keystone.Project
	domain  keystone.Project
	user    keystone.User
	group   keystone.Group
	role    keystone.Role
}

// offered are the methods of authentication of a world.
var offered = append(slices.Clone(token.DefaultMethods), keystone.MethodTOTP)

func newWorld(t testing.TB, d *db.DB, options ...func(*service.Config)) *world {
	t.Helper()
	dir, receiptDir := t.TempDir(), t.TempDir()
	w := &world{clock: &tick{time.Date(2026, 1, 2, 3, 4, 5, 600000, time.UTC)}}
	config := service.Config{PasswordHashRounds: 4, Methods: offered}
	for _, set := range options {
		set(&config)
	}
	for _, s := range []**service.Service{&w.Service, &w.other} {
		keys, err := token.OpenRepository(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		credentialKeys, err := token.OpenRepository(filepath.Join(dir, "credentials"), 0)
		if err != nil {
			t.Fatal(err)
		}
		receiptKeys, err := token.OpenRepository(receiptDir, 0)
		if err != nil {
			t.Fatal(err)
		}
		*s = service.New(service.Deps{Store: store.New(d), Tokens: token.NewFernet(keys, offered),
			Receipts: token.NewReceipts(receiptKeys, offered), CredentialKeys: credentialKeys, Clock: w.clock, Config: config})
	}
	w.must(t, w.Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "secret"}))
	ctx := t.Context()
	var err error
	w.domain, err = w.CreateDomain(ctx, keystone.Attributes{"name": "d"})
	w.must(t, err)
	w.project, err = w.CreateProject(ctx, keystone.Attributes{"name": "p", "domain_id": w.domain.ID})
	w.must(t, err)
	w.user, err = w.CreateUser(ctx, keystone.Attributes{"name": "u", "password": "pw", "domain_id": w.domain.ID})
	w.must(t, err)
	w.group, err = w.CreateGroup(ctx, keystone.Attributes{"name": "g", "domain_id": w.domain.ID})
	w.must(t, err)
	w.role, err = w.CreateRole(ctx, keystone.Attributes{"name": "r"})
	w.must(t, err)
	w.must(t, w.Grant(ctx, w.grant()))
	return w
}

func (w *world) must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// grant is the user's role on the project.
func (w *world) grant() keystone.Assignment {
	return keystone.Assignment{ActorKind: keystone.ActorUser, ActorID: w.user.ID, TargetKind: keystone.TargetProject, TargetID: w.project.ID, RoleID: w.role.ID}
}

func (w *world) login(ctx context.Context, password string) (keystone.Token, error) {
	return w.Authenticate(ctx, keystone.WithPassword(keystone.Ref{ID: w.user.ID}, password),
		keystone.Scope{Project: &keystone.Ref{ID: w.project.ID}})
}

// TestRevokedAtNextCall: whatever is changed behind a token, both replicas
// refuse it at the next call, and new tokens are good where they should be.
func TestRevokedAtNextCall(t *testing.T) {
	off := keystone.Attributes{"enabled": false}
	for name, tc := range map[string]struct {
		change func(ctx context.Context, w *world, tok string) error
		again  string // the password with which a new token can be had at once; "" for none
	}{
		"token revoked": {func(ctx context.Context, w *world, tok string) error { return w.RevokeToken(ctx, tok) }, "pw"},
		"user disabled": {func(ctx context.Context, w *world, _ string) error {
			_, err := w.UpdateUser(ctx, w.user.ID, off)
			return err
		}, ""},
		"user deleted": {func(ctx context.Context, w *world, _ string) error { return w.DeleteUser(ctx, w.user.ID) }, ""},
		"password set": {func(ctx context.Context, w *world, _ string) error {
			_, err := w.UpdateUser(ctx, w.user.ID, keystone.Attributes{"password": "new"})
			return err
		}, "new"},
		"password changed": {func(ctx context.Context, w *world, _ string) error {
			return w.ChangePassword(ctx, w.user.ID, "pw", "new")
		}, "new"},
		"project disabled": {func(ctx context.Context, w *world, _ string) error {
			_, err := w.UpdateProject(ctx, w.project.ID, off)
			return err
		}, ""},
		"project deleted": {func(ctx context.Context, w *world, _ string) error { return w.DeleteProject(ctx, w.project.ID) }, ""},
		"domain disabled": {func(ctx context.Context, w *world, _ string) error {
			_, err := w.UpdateDomain(ctx, w.domain.ID, off)
			return err
		}, ""},
		"role taken away": {func(ctx context.Context, w *world, _ string) error { return w.Revoke(ctx, w.grant()) }, ""},
		"role deleted":    {func(ctx context.Context, w *world, _ string) error { return w.DeleteRole(ctx, w.role.ID) }, ""},
		"expired": {func(ctx context.Context, w *world, _ string) error {
			w.clock.now = w.clock.now.Add(time.Hour)
			return nil
		}, "pw"},
		"disabled and enabled": {func(ctx context.Context, w *world, _ string) error {
			_, err := w.UpdateUser(ctx, w.user.ID, off)
			if err == nil {
				_, err = w.UpdateUser(ctx, w.user.ID, keystone.Attributes{"enabled": true})
			}
			return err
		}, "pw"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t, store.Migrations))
			ctx := t.Context()
			tok, err := w.login(ctx, "pw")
			w.must(t, err)
			for range 2 { // the second time from the cache
				for _, s := range []*service.Service{w.Service, w.other} {
					id, err := s.Validate(ctx, tok.ID)
					w.must(t, err)
					if id.UserID != w.user.ID || id.ProjectID != w.project.ID || !id.HasRole("r") {
						t.Fatalf("identity %+v", id)
					}
				}
			}
			w.must(t, tc.change(ctx, w, tok.ID))
			for _, s := range []*service.Service{w.other, w.Service} {
				if _, err := s.Validate(ctx, tok.ID); !errors.Is(err, auth.ErrInvalid) {
					t.Fatalf("validated: %v", err)
				}
			}
			fresh, err := w.login(ctx, tc.again)
			if tc.again == "" {
				if !fault.Is(err, 401) {
					t.Fatalf("login: %v", err)
				}
				return
			}
			w.must(t, err)
			_, err = w.other.Validate(ctx, fresh.ID)
			w.must(t, err)
		})
	}
}

// TestRoles: grants to groups, inherited and implied ones reach the token.
func TestRoles(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := t.Context()
		child, err := w.CreateProject(ctx, keystone.Attributes{"name": "child", "domain_id": w.domain.ID, "parent_id": w.project.ID})
		w.must(t, err)
		admin, err := w.Roles(ctx, keystone.Filters{{Name: "name", Value: "admin"}})
		w.must(t, err)
		rolesOn := func(scope keystone.Scope) []string {
			tok, err := w.Authenticate(ctx, keystone.WithPassword(keystone.Ref{Name: "u", Domain: &keystone.Ref{Name: "d"}}, "pw"), scope)
			if fault.Is(err, 401) {
				return nil
			}
			w.must(t, err)
			id, err := w.Validate(ctx, tok.ID)
			w.must(t, err)
			return id.Roles
		}
		onProject := keystone.Scope{Project: &keystone.Ref{Name: "p", Domain: &keystone.Ref{ID: w.domain.ID}}}
		onChild := keystone.Scope{Project: &keystone.Ref{ID: child.ID}}
		onDomain := keystone.Scope{Domain: &keystone.Ref{ID: w.domain.ID}}
		onSystem := keystone.Scope{System: true}
		same := func(scope keystone.Scope, want ...string) {
			t.Helper()
			if got := rolesOn(scope); len(got) != len(want) || len(want) > 0 && !equal(got, want) {
				t.Errorf("roles %v, want %v", got, want)
			}
		}
		same(onProject, "r")
		same(onChild)
		same(onDomain)
		same(onSystem)

		inherited := w.grant()
		inherited.Inherited = true
		w.must(t, w.Grant(ctx, inherited))
		same(onChild, "r")
		w.must(t, w.AddMember(ctx, keystone.Membership{UserID: w.user.ID, GroupID: w.group.ID}))
		for _, g := range []keystone.Assignment{
			{TargetKind: keystone.TargetDomain, TargetID: w.domain.ID, Inherited: true},
			{TargetKind: keystone.TargetSystem, TargetID: keystone.SystemID},
		} {
			g.ActorKind, g.ActorID, g.RoleID = keystone.ActorGroup, w.group.ID, admin[0].ID
			w.must(t, w.Grant(ctx, g))
		}
		all := []string{"admin", "manager", "member", "r", "reader"}
		same(onProject, all...)
		same(onChild, all...)
		same(onDomain)
		same(onSystem, "admin", "manager", "member", "reader")

		effective, err := w.Effective(ctx, keystone.AssignmentFilter{UserID: w.user.ID, ProjectID: child.ID})
		w.must(t, err)
		if len(effective) != 5 {
			t.Errorf("%d effective assignments on the child: %+v", len(effective), effective)
		}
		own, err := w.ProjectsOfUser(ctx, w.user.ID)
		w.must(t, err)
		if len(own) != 2 {
			t.Errorf("%d projects: %+v", len(own), own)
		}
		w.must(t, w.RemoveMember(ctx, keystone.Membership{UserID: w.user.ID, GroupID: w.group.ID}))
		same(onChild, "r")

		_, err = w.UpdateDomain(ctx, w.domain.ID, keystone.Attributes{"enabled": false})
		w.must(t, err)
		w.must(t, w.DeleteDomain(ctx, w.domain.ID))
		if users, err := w.Users(ctx, keystone.Filters{{Name: "domain_id", Value: w.domain.ID}}); err != nil || len(users) != 0 {
			t.Errorf("users of a deleted domain: %v %v", users, err)
		}
	})
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func keysOf(t testing.TB) *token.Repository {
	keys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func BenchmarkValidate(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b, store.Migrations))
	tok, err := w.login(b.Context(), "pw")
	w.must(b, err)
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.Validate(b.Context(), tok.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			tok, err := w.login(b.Context(), "pw")
			w.must(b, err)
			b.StartTimer()
			if _, err := w.other.Validate(b.Context(), tok.ID); err != nil { // a replica that has not seen it
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b, store.Migrations))
	for b.Loop() {
		if _, _, err := w.IssueFor(b.Context(), "admin", "admin"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestConcurrentChanges: while roles come and go, a validated token never
// carries a role after its removal has returned.
func TestConcurrentChanges(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	ctx := t.Context()
	tok, err := w.login(ctx, "pw")
	w.must(t, err)
	extra, err := w.CreateRole(ctx, keystone.Attributes{"name": "extra"})
	w.must(t, err)
	grant := w.grant()
	grant.RoleID = extra.ID
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := w.Validate(ctx, tok.ID); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 50 {
		w.must(t, w.other.Grant(ctx, grant))
		if id, err := w.Validate(ctx, tok.ID); err != nil || !id.HasRole("extra") {
			t.Fatalf("granted: %v %v", id.Roles, err)
		}
		w.must(t, w.other.Revoke(ctx, grant))
		if id, err := w.Validate(ctx, tok.ID); err != nil || id.HasRole("extra") {
			t.Fatalf("revoked: %v %v", id.Roles, err)
		}
	}
	close(stop)
	wg.Wait()
}

// TestBootstrapAgain: a second run adds nothing and leaves passwords, unless
// told to reset; addresses follow the configuration.
// TestMutableRoles: the default roles can be deleted where whoever made them said so.
func TestMutableRoles(t *testing.T) {
	for _, mutable := range []bool{true, false} {
		keys, err := token.OpenRepository(t.TempDir(), 0)
		if err != nil {
			t.Fatal(err)
		}
		s := service.New(service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Tokens: token.NewFernet(keys, nil)})
		if err := s.Bootstrap(t.Context(), service.BootstrapConfig{MutableRoles: mutable}); err != nil {
			t.Fatal(err)
		}
		roles, err := s.Roles(t.Context(), nil)
		if err != nil || len(roles) != 5 {
			t.Fatalf("%v %v", roles, err)
		}
		for _, r := range roles {
			if err := s.DeleteRole(t.Context(), r.ID); (err == nil) != mutable || err != nil && !fault.Is(err, 403) {
				t.Errorf("mutable %v, delete %s: %v", mutable, r.Name, err)
			}
		}
	}
}

func TestBootstrapAgain(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := t.Context()
		c := service.BootstrapConfig{AdminPassword: "first", Region: "R",
			Services: []service.BootstrapService{{Name: "nova", Type: "compute", Public: "http://a", Internal: "http://b"}},
			Users:    []service.BootstrapUser{{Name: "nova", Password: "n"}, {Name: "silent"}}}
		login := func(user, password string) error {
			_, err := w.Authenticate(ctx, keystone.WithPassword(keystone.Ref{Name: user, Domain: &keystone.Ref{ID: "default"}}, password), keystone.Scope{})
			return err
		}
		count := func() (n [6]int) {
			users, _ := w.Users(ctx, nil)
			roles, _ := w.Roles(ctx, nil)
			projects, _ := w.Projects(ctx, nil, keystone.TagFilter{})
			services, _ := w.Services(ctx, nil)
			endpoints, _ := w.Endpoints(ctx, nil)
			grants, _ := w.Assignments(ctx, keystone.AssignmentFilter{})
			return [6]int{len(users), len(roles), len(projects), len(services), len(endpoints), len(grants)}
		}
		w.must(t, w.Bootstrap(ctx, c))
		before := count()
		w.must(t, login("admin", "secret")) // of newWorld
		w.must(t, login("nova", "n"))
		if err := login("silent", ""); !fault.Is(err, 401) {
			t.Errorf("login without a password: %v", err)
		}
		c.Services[0].Public = "http://c"
		w.must(t, w.other.Bootstrap(ctx, c))
		if after := count(); after != before {
			t.Errorf("%v became %v", before, after)
		}
		public, err := w.Endpoints(ctx, keystone.Filters{{Name: "interface", Value: "public"}})
		w.must(t, err)
		if len(public) != 1 || public[0].URL != "http://c" {
			t.Errorf("endpoints %+v", public)
		}
		c.Reset = true
		w.must(t, w.Bootstrap(ctx, c))
		w.must(t, login("admin", "first"))
		tok, _, err := w.IssueFor(ctx, "silent", "service")
		w.must(t, err)
		id, err := w.Validate(ctx, tok)
		w.must(t, err)
		if !id.HasRole("service") || !id.HasRole("reader") {
			t.Errorf("roles %v", id.Roles)
		}
	})
}

// TestConcurrentUpdates: changes of one user at the same time do not undo each other.
func TestConcurrentUpdates(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				s := []*service.Service{w.Service, w.other}[i%2]
				if _, err := s.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{fmt.Sprint("k", i): "v"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		u, err := w.User(t.Context(), w.user.ID)
		w.must(t, err)
		if len(u.Extra) != 8 {
			t.Errorf("of 8 changes %v are left", u.Extra)
		}
	})
}
