package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func TestIDMappings(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		s := New(d)
		var ms []keystone.IDMapping
		for i := range 201 {
			local := fmt.Sprint("u", i)
			ms = append(ms, keystone.IDMapping{PublicID: keystone.PublicID("d", "user", local), DomainID: "d", LocalID: local, EntityType: "user"})
		}
		long := strings.Repeat("é", 127)
		ms = append(ms, keystone.IDMapping{PublicID: "g", DomainID: "d", LocalID: "u1", EntityType: "group"},
			keystone.IDMapping{PublicID: "G", DomainID: "e", LocalID: "U1", EntityType: "user"}, keystone.IDMapping{PublicID: "l", DomainID: "e", LocalID: long, EntityType: "user"})
		before, err := s.Revision(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // those that are there stay
			if err := s.AddIDMappings(ctx, append(ms, keystone.IDMapping{PublicID: "other", DomainID: "d", LocalID: "u1", EntityType: "user"})); err != nil {
				t.Fatal(err)
			}
		}
		if after, err := s.Revision(ctx); err != nil || after != before {
			t.Errorf("the revision moves from %d to %d: %v", before, after, err)
		}
		if m, err := s.IDMapping(ctx, "l"); err != nil || m.LocalID != long {
			t.Errorf("%+v %v", m, err)
		}
		if m, err := s.IDMapping(ctx, "other"); !errors.Is(err, db.ErrNoRow) {
			t.Errorf("%+v %v", m, err)
		}
		for _, tc := range []struct {
			f    keystone.IDMappingFilter
			want int
		}{
			{keystone.IDMappingFilter{}, 204}, {keystone.IDMappingFilter{DomainID: "d", EntityType: "user"}, 201}, {keystone.IDMappingFilter{LocalID: "u1"}, 2},
			{keystone.IDMappingFilter{PublicID: "g"}, 1}, {keystone.IDMappingFilter{PublicID: "g", DomainID: "e"}, 0},
		} {
			if got, err := s.IDMappings(ctx, tc.f); err != nil || len(got) != tc.want {
				t.Errorf("%+v finds %d, want %d: %v", tc.f, len(got), tc.want, err)
			}
		}
		for _, tc := range []struct {
			f    keystone.IDMappingFilter
			want int64
		}{
			{keystone.IDMappingFilter{DomainID: "d", LocalID: "u1", EntityType: "group"}, 1}, {keystone.IDMappingFilter{PublicID: "G"}, 1},
			{keystone.IDMappingFilter{DomainID: "e"}, 1}, {keystone.IDMappingFilter{}, 201},
		} {
			err := s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
				n, err := tx.PurgeIDMappings(ctx, tc.f)
				if err == nil && n != tc.want {
					t.Errorf("%+v purges %d, want %d", tc.f, n, tc.want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
