package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// TestDerivedAreWhole makes an application credential and an identity provider
// anew with other roles and other names, under readers.
func TestDerivedAreWhole(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d), t.Context()
		of := func(n int) (keystone.ApplicationCredential, keystone.IdentityProvider) {
			round := fmt.Sprint(n)
			return keystone.ApplicationCredential{ID: "a", UserID: "u", Name: "a", Description: &round, RoleIDs: []string{round}},
				keystone.IdentityProvider{ID: "i", Description: &round, RemoteIDs: []string{round}}
		}
		renew := func(n int, begin bool) error {
			a, p := of(n)
			return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
				if begin {
					return errors.Join(tx.InsertApplicationCredential(ctx, a), tx.InsertIdentityProvider(ctx, p))
				}
				return errors.Join(tx.DeleteApplicationCredential(ctx, a.ID), tx.InsertApplicationCredential(ctx, a), tx.UpdateIdentityProvider(ctx, p))
			})
		}
		if err := renew(0, true); err != nil {
			t.Fatal(err)
		}
		dbtest.Beside(t, 30, func(n int) error { return renew(n+1, false) }, func() error {
			a, err := s.ApplicationCredential(ctx, "a")
			as, lerr := s.ApplicationCredentials(ctx, "u", nil)
			p, perr := s.IdentityProvider(ctx, "i")
			if err = errors.Join(err, lerr, perr); err != nil {
				return err
			}
			for _, a := range append(as, a) {
				if len(a.RoleIDs) != 1 || a.RoleIDs[0] != *a.Description {
					return fmt.Errorf("application credential of round %s has roles %v", *a.Description, a.RoleIDs)
				}
			}
			if len(p.RemoteIDs) != 1 || p.RemoteIDs[0] != *p.Description {
				return fmt.Errorf("identity provider of round %s has names %v", *p.Description, p.RemoteIDs)
			}
			return nil
		})
	})
}
