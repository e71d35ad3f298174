package store

import (
	"context"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func TestLimits(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		err := s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
			if err := tx.LockQuota(ctx, "p"); err != nil {
				return err
			}
			for _, set := range []struct{ project, user string }{{"p", ""}, {"p", "u"}, {"q", ""}, {"p", ""}} {
				limits := nova.Limits{nova.QuotaCores: 3}
				if set.user != "" {
					limits[nova.QuotaCores] = 1
				}
				if err := tx.SetLimits(ctx, set.project, set.user, limits); err != nil {
					return err
				}
			}
			return tx.SetClassLimits(ctx, "default", nova.Limits{nova.QuotaRAM: 7})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			project, user, resource string
			want                    int
		}{
			{"p", "", "cores", 3}, {"p", "u", "cores", 1}, {"p", "v", "cores", 3}, {"r", "u", "cores", 20},
			{"p", "u", "ram", 7}, {"p", "u", "instances", 10},
		} {
			if got, err := s.Limits(ctx, tc.project, tc.user); err != nil || got[tc.resource] != tc.want {
				t.Errorf("%v: %d %v", tc, got[tc.resource], err)
			}
		}
		if err := s.DeleteLimits(ctx, "p", ""); err != nil {
			t.Error(err)
		}
		if got, _ := s.Limits(ctx, "p", "u"); got["cores"] != 20 {
			t.Error(got)
		}
		if u, err := s.Usage(ctx, "p", "u"); err != nil || u != (nova.Usage{}) {
			t.Error(u, err)
		}
	})
}
