package service_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// TestImport: what another service knew replaces all that is here, or nothing
// is changed.
func TestImport(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := t.Context()
		made, err := w.login(ctx, "pw")
		w.must(t, err)
		token := made.ID
		c := keystone.Contents{
			Projects: []keystone.Project{{ID: "default", Name: "Default", IsDomain: true, Enabled: true}, {ID: "p1", Name: "p", DomainID: "default", ParentID: "default", Enabled: true}},
			Users: []keystone.User{{ID: "u1", Name: "mia", DomainID: "default", Enabled: true, CreatedAt: w.clock.now,
				PasswordHash: "$pbkdf2-sha512$100$htCac04phTCGsPZ.j7EWAg$/EiTPalKao0R396KCeFyTu0rIyexntPPFbd3ritFbVl3rYSguN7WMVJTGAQjnMBewa0/nEBq9TnVn0cqE4Ippw"},
				{ID: "u2", Name: "old", DomainID: "default", Enabled: true, CreatedAt: w.clock.now, PasswordHash: "$1$abcdefgh$irnA.TFKbPbHsBOFVNCSl1"},
				{ID: "u3", Name: "Fed", DisplayName: "Fed", DomainID: "default", Enabled: true, CreatedAt: w.clock.now}},
			FederatedUsers: []keystone.FederatedUser{{IDPID: "i", ProtocolID: "p", UniqueID: "x", UserID: "u3"}},
			Roles:          []keystone.Role{{ID: "r1", Name: "reader"}},
			Assignments:    []keystone.Assignment{{ActorKind: "user", ActorID: "u1", TargetKind: "project", TargetID: "p1", RoleID: "r1"}},
			AppCredentials: []keystone.ApplicationCredential{{ID: "a1", Name: "a", UserID: "u1", ProjectID: "p1", SecretHash: "?", RoleIDs: []string{"r1"}}},
			Trusts:         []keystone.Trust{{ID: "t1", TrustorUserID: "u1", TrusteeUserID: "u2", ProjectID: "p1", RoleIDs: []string{"r1"}}},
			Revocations:    []keystone.Revocation{{ID: "1", UserID: "u1", IssuedBefore: w.clock.now.Add(-time.Hour), RevokedAt: w.clock.now}},
		}
		if _, err := w.Import(ctx, c, false); err == nil || !strings.Contains(err.Error(), "knows users and projects already") {
			t.Fatalf("into a service that knows something: %v", err)
		}
		broken := c
		broken.Trusts = append(broken.Trusts, broken.Trusts[0])
		if _, err := w.Import(ctx, broken, true); !errors.Is(err, db.ErrDuplicate) {
			t.Fatalf("the same trust twice: %v", err)
		}
		if _, err := w.Import(ctx, keystone.Contents{}, true); err == nil {
			t.Fatal("nothing was imported")
		}
		if _, err := w.other.Validate(ctx, token); err != nil {
			t.Fatalf("a refused import has changed something: %v", err)
		}

		warnings, err := w.Import(ctx, c, true)
		w.must(t, err)
		if len(warnings) != 2 || !strings.Contains(warnings[0], "1 users have a password") || !strings.Contains(warnings[1], "1 application credentials have a secret") {
			t.Errorf("warnings: %q", warnings)
		}
		if _, err := w.other.Validate(ctx, token); err == nil {
			t.Error("a user who was replaced is still known")
		}
		inDefault := func(name string) keystone.Ref { return keystone.Ref{Name: name, Domain: &keystone.Ref{ID: "default"}} }
		got, err := w.other.Authenticate(ctx, keystone.WithPassword(inDefault("mia"), "wähle gut 1"), keystone.Scope{Project: &keystone.Ref{ID: "p1"}})
		if err != nil || got.User.ID != "u1" || len(got.Roles) != 1 {
			t.Errorf("mia: %+v %v", got, err)
		}
		for _, name := range []string{"old", "Fed"} {
			if _, err := w.other.Authenticate(ctx, keystone.WithPassword(inDefault(name), "plain"), keystone.Scope{}); err == nil {
				t.Errorf("%s has logged in", name)
			}
		}
		if fed, err := w.User(ctx, "u3"); err != nil || fed.Name != "Fed" {
			t.Errorf("the federated user: %+v %v", fed, err)
		}
		if trust, err := w.Trust(ctx, "t1"); err != nil || len(trust.RoleIDs) != 1 {
			t.Errorf("the trust: %+v %v", trust, err)
		}
	})
}
