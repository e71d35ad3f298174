package service_test

import (
	"errors"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// TestExpiredToken: what has expired is no token, but work that began with it
// may go on for two days, unless it was revoked.
func TestExpiredToken(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	ctx := t.Context()
	tok, err := w.login(ctx, "pw")
	w.must(t, err)
	spare, err := w.login(ctx, "pw")
	w.must(t, err)
	w.must(t, w.RevokeToken(ctx, spare.ID))

	gone := func(what string, _ keystone.Token, err error) {
		t.Helper()
		if f, ok := fault.Of(err); !ok || f.Status != 404 || f.Message != "Failed to validate token" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, s := range []*service.Service{w.Service, w.other} { // cached and not
		w.clock.now = tok.ExpiresAt.Add(service.DefaultAllowExpired - time.Second)
		for tok, good := range map[string]bool{tok.ID: true, spare.ID: false} {
			if id, err := s.ValidateExpired(ctx, tok); (err == nil) != good || good && id.UserID != w.user.ID || !good && !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("expired, good %t: %+v %v", good, id, err)
			}
			if _, err := s.Validate(ctx, tok); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("expired: %v", err)
			}
		}
		_, err := s.ExpiredToken(ctx, tok.ID)
		w.must(t, err)
		got, err := s.Token(ctx, tok.ID)
		gone("expired", got, err)
		got, err = s.ExpiredToken(ctx, spare.ID)
		gone("expired and revoked", got, err)
		w.clock.now = w.clock.now.Add(time.Second)
		got, err = s.ExpiredToken(ctx, tok.ID)
		gone("long expired", got, err)
		if _, err := s.ValidateExpired(ctx, tok.ID); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("long expired: %v", err)
		}
	}
	// one that forgets old events must not forget this one yet
	w.clock.now = tok.ExpiresAt.Add(service.DefaultAllowExpired - time.Second)
	again, err := w.login(ctx, "pw")
	w.must(t, err)
	w.must(t, w.RevokeToken(ctx, again.ID))
	got, err := w.other.ExpiredToken(ctx, spare.ID)
	gone("revoked before others", got, err)
}

// TestAllowExpiredWindow: an operator says for how long that is.
func TestAllowExpiredWindow(t *testing.T) {
	for set, window := range map[time.Duration]time.Duration{time.Hour: time.Hour, service.NoExpired: 0} {
		w := newWorld(t, dbtest.SQLite(t, store.Migrations), func(c *service.Config) { c.AllowExpired = set })
		tok, err := w.login(t.Context(), "pw")
		w.must(t, err)
		w.clock.now = tok.ExpiresAt.Add(window - time.Second)
		_, err = w.ExpiredToken(t.Context(), tok.ID)
		w.must(t, err)
		w.clock.now = w.clock.now.Add(time.Second)
		if _, err := w.ExpiredToken(t.Context(), tok.ID); !fault.Is(err, 404) {
			t.Errorf("%s after it expired: %v", window, err)
		}
	}
}
