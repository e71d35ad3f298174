package store

import (
	"context"
	"errors"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func TestKeypairs(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		full := errors.New("full")
		add := func(user, name string) error {
			k := nova.Keypair{UserID: user, Name: name, Type: nova.KeypairSSH}
			return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
				return tx.AddKeypair(ctx, &k, func(have int) error {
					if have >= 2 {
						return full
					}
					return nil
				})
			})
		}
		for _, tc := range []struct {
			user, name string
			want       error
		}{{"u", "b", nil}, {"u", "b", db.ErrDuplicate}, {"v", "b", nil}, {"u", "a", nil}, {"u", "c", full}} {
			if err := add(tc.user, tc.name); !errors.Is(err, tc.want) {
				t.Errorf("%v: %v", tc, err)
			}
		}
		page, err := s.Keypairs(ctx, "u", db.Page{Limit: 1})
		if err != nil || len(page) != 1 || page[0].Name != "a" || page[0].ID == 0 {
			t.Errorf("%+v %v", page, err)
		}
		page, err = s.Keypairs(ctx, "u", db.Page{Marker: "a"})
		if err != nil || len(page) != 1 || page[0].Name != "b" {
			t.Errorf("%+v %v", page, err)
		}
		if _, err = s.Keypairs(ctx, "v", db.Page{Marker: "a"}); !errors.Is(err, db.ErrNoMarker) {
			t.Error(err)
		}
		if err := s.DeleteKeypair(ctx, "u", "a"); err != nil {
			t.Error(err)
		}
		if err := s.DeleteKeypair(ctx, "u", "a"); !errors.Is(err, db.ErrNoRow) {
			t.Error(err)
		}
		if n, err := s.KeypairCount(ctx, "u"); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}
