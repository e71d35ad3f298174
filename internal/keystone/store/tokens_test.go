package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"nacre/internal/keystone/token"
	"nacre/internal/keystone/token/tokentest"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
)

func TestStoredTokens(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s := New(d)
		before, err := s.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tokentest.Run(t, token.NewStored(s.Tokens(), time.Hour))
		if after, err := s.Revision(t.Context()); err != nil || after != before {
			t.Errorf("tokens moved the revision from %d to %d (%v): everything known is read again", before, after, err)
		}
	})
}

// TestFlushTokens: what is of no use is forgotten, in several batches, and nothing else.
func TestFlushTokens(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		s := New(d)
		ctx, now := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			rows := make([]storedToken, 0, 2*flushBatch+1)
			for i := range cap(rows) {
				rows = append(rows, storedToken{fmt.Sprint(i), "{}", now.Add(-time.Second)})
			}
			return tokens.Insert(ctx, tx, append(rows, storedToken{"good", "{}", now})...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.FlushTokens(ctx, now); err != nil || n != 2*flushBatch+1 {
			t.Errorf("flushed %d (%v)", n, err)
		}
		if _, err := s.Tokens().Get(ctx, "good"); err != nil {
			t.Error(err)
		}
		if _, err := s.Tokens().Get(ctx, "1"); !errors.Is(err, token.ErrAbsent) {
			t.Error(err)
		}
		if n, err := s.FlushTokens(ctx, now); err != nil || n != 0 {
			t.Errorf("again %d (%v)", n, err)
		}
	})
}
