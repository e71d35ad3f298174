package store

import (
	"context"
	"fmt"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

// TestServersAreWhole changes a server's name, metadata and tags together, under readers.
func TestServersAreWhole(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s, ctx := New(d, testClock), t.Context()
		addServer(t, s, "a", "p", 0)
		rename := func(n int) error {
			round := fmt.Sprint(n)
			return s.Tx(ctx, func(ctx context.Context, tx *Tx) error {
				if err := tx.UpdateServer(ctx, nova.Server{ID: "a", Number: 1, Name: round}, "display_name"); err != nil {
					return err
				}
				if _, err := tx.SetMetadata(ctx, "a", map[string]string{"k": round}, true, func(int) error { return nil }); err != nil {
					return err
				}
				return tx.ReplaceTags(ctx, "a", []string{round})
			})
		}
		if err := rename(0); err != nil {
			t.Fatal(err)
		}
		dbtest.Beside(t, 30, func(n int) error { return rename(n + 1) }, func() error {
			list, err := s.Servers(ctx, nova.ServerFilter{}, db.Page{})
			if err != nil {
				return err
			}
			one, err := s.Server(ctx, "a")
			if err != nil {
				return err
			}
			for _, srv := range append(list, one) {
				if len(srv.Tags) != 1 || srv.Tags[0] != srv.Name || srv.Metadata["k"] != srv.Name {
					return fmt.Errorf("server of round %s has metadata %v and tags %v", srv.Name, srv.Metadata, srv.Tags)
				}
			}
			return nil
		})
	})
}
