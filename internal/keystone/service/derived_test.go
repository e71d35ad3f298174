package service_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// as is a context of a call that the world's user makes on its project.
func (w *world) as(t *testing.T) context.Context {
	t.Helper()
	tok, err := w.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: w.user.ID}, "pw"), keystone.Scope{Project: &keystone.Ref{ID: w.project.ID}})
	w.must(t, err)
	return auth.WithCaller(t.Context(), auth.Identity{UserID: w.user.ID, ProjectID: w.project.ID, Token: tok.ID})
}

// TestCredentialKeys shows that blobs are sealed at rest, and that keys are
// rotated only when nothing needs the one that goes.
func TestCredentialKeys(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := w.as(t)
		made, err := w.CreateCredential(ctx, keystone.Attributes{"user_id": w.user.ID, "type": "totp", "blob": "very secret"})
		w.must(t, err)
		kept, err := store.New(d).Credential(ctx, made.ID)
		w.must(t, err)
		if kept.Sealed == "" || strings.Contains(kept.Sealed, "secret") || kept.KeyHash == "" || kept.Blob != "" {
			t.Errorf("%+v", kept)
		}
		for round := range 5 { // more than keys are kept
			w.must(t, w.RotateCredentialKeys(ctx))
			if err := w.RotateCredentialKeys(ctx); err == nil {
				t.Fatalf("round %d: rotated away from the key of a credential", round)
			}
			if n, err := w.MigrateCredentials(ctx); n != 1 || err != nil {
				t.Fatalf("round %d: %d %v", round, n, err)
			}
			got, err := w.other.Credential(ctx, made.ID)
			w.must(t, err)
			if got.Blob != "very secret" {
				t.Fatalf("round %d: %q", round, got.Blob)
			}
		}
		if n, err := w.MigrateCredentials(ctx); n != 0 || err != nil {
			t.Errorf("%d %v", n, err)
		}
	})
}

func TestFlushTrusts(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		admin, err := w.Users(t.Context(), keystone.Filters{{Name: "name", Value: "admin"}})
		w.must(t, err)
		trust := func(expires time.Duration) keystone.Trust {
			t.Helper()
			made, err := w.CreateTrust(w.as(t), keystone.Attributes{"trustor_user_id": w.user.ID, "trustee_user_id": admin[0].ID, "project_id": w.project.ID,
				"impersonation": true, "roles": []any{map[string]any{"id": w.role.ID}}, "expires_at": w.clock.now.Add(expires).Format("2006-01-02T15:04:05.000000Z")})
			w.must(t, err)
			return made
		}
		short, long, deleted := trust(time.Minute), trust(time.Hour), trust(2*time.Hour)
		w.must(t, w.DeleteTrust(w.as(t), deleted.ID))
		flush := func(f keystone.TrustFlush, want int64) {
			t.Helper()
			if n, err := w.FlushTrusts(t.Context(), f); n != want || err != nil {
				t.Errorf("%+v: %d %v, want %d", f, n, err, want)
			}
		}
		flush(keystone.TrustFlush{ProjectID: "other"}, 0)
		flush(keystone.TrustFlush{TrustorUserID: w.user.ID, TrusteeUserID: admin[0].ID, ProjectID: w.project.ID}, 1)
		w.clock.now = w.clock.now.Add(10 * time.Minute)
		if _, err := w.Trust(t.Context(), short.ID); err == nil {
			t.Error("an expired trust is there")
		}
		flush(keystone.TrustFlush{Before: w.clock.now.Add(-10 * time.Minute)}, 0)
		flush(keystone.TrustFlush{}, 1)
		_, err = w.Trust(t.Context(), long.ID)
		w.must(t, err)
	})
}

// TestDelegationExpires shows that a token ends with what it hangs on.
func TestDelegationExpires(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	ends := w.clock.now.Add(10 * time.Minute)
	made, secret, err := w.CreateApplicationCredential(w.as(t), w.user.ID, keystone.Attributes{"name": "a", "expires_at": ends.Format("2006-01-02T15:04:05")})
	w.must(t, err)
	login := func() (keystone.Token, error) {
		return w.Authenticate(t.Context(), keystone.Credentials{Methods: []string{keystone.MethodApplicationCredential},
			Proofs: map[string]any{keystone.MethodApplicationCredential: keystone.ApplicationCredentialProof{ID: made.ID, Secret: secret}}}, keystone.Scope{})
	}
	tok, err := login()
	w.must(t, err)
	if tok.ExpiresAt.After(ends) {
		t.Errorf("the token ends at %s, what it hangs on at %s", tok.ExpiresAt, ends)
	}
	w.clock.now = ends.Add(time.Second)
	if _, err := w.Token(t.Context(), tok.ID); err == nil {
		t.Error("the token outlives its application credential")
	}
	if _, err := login(); err == nil {
		t.Error("an expired application credential gives tokens")
	}
}

// TestDerivedRowsEnd shows that nothing is left of what a deleted user, project or domain had.
func TestDerivedRowsEnd(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		for name, remove := range map[string]func(w *world) error{
			"user":    func(w *world) error { return w.DeleteUser(t.Context(), w.user.ID) },
			"project": func(w *world) error { return w.DeleteProject(t.Context(), w.project.ID) },
			"domain": func(w *world) error {
				_, err := w.UpdateDomain(t.Context(), w.domain.ID, keystone.Attributes{"enabled": false})
				w.must(t, err)
				return w.DeleteDomain(t.Context(), w.domain.ID)
			},
		} {
			for _, table := range derivedTables {
				_, err := db.Exec(t.Context(), d, "DELETE FROM "+table)
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, table := range []string{"users", "projects", "user_groups", "roles", "memberships", "assignments"} {
				if _, err := db.Exec(t.Context(), d, "DELETE FROM "+table); err != nil {
					t.Fatal(err)
				}
			}
			w := newWorld(t, d)
			ctx := w.as(t)
			admin, err := w.Users(t.Context(), keystone.Filters{{Name: "name", Value: "admin"}})
			w.must(t, err)
			_, _, err = w.CreateApplicationCredential(ctx, w.user.ID, keystone.Attributes{"name": "a", "access_rules": []any{map[string]any{"service": "s", "path": "/", "method": "GET"}}})
			w.must(t, err)
			_, err = w.CreateCredential(ctx, keystone.Attributes{"user_id": w.user.ID, "project_id": w.project.ID, "type": "cert", "blob": "b"})
			w.must(t, err)
			_, err = w.CreateTrust(ctx, keystone.Attributes{"trustor_user_id": w.user.ID, "trustee_user_id": admin[0].ID, "project_id": w.project.ID, "impersonation": true, "roles": []any{map[string]any{"id": w.role.ID}}})
			w.must(t, err)
			w.must(t, store.New(d).Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertAccessToken(ctx, keystone.AccessToken{ID: "a", AuthorizingUserID: w.user.ID, ProjectID: w.project.ID, RoleIDs: []string{w.role.ID}, ConsumerID: "c"})
			}))
			w.must(t, remove(w))
			for _, table := range derivedTables {
				if table == "access_rules" && name == "project" {
					continue // they are the user's
				}
				if n, err := db.Scan[int](ctx, d, "SELECT COUNT(*) FROM "+table); err != nil || n[0] != 0 {
					t.Errorf("after the %s is gone, %s has %v rows, %v", name, table, n, err)
				}
			}
		}
	})
}

var derivedTables = []string{"credentials", "application_credentials", "application_credential_roles", "application_credential_access_rules", "access_rules",
	"trusts", "trust_roles", "request_tokens", "access_tokens"}
