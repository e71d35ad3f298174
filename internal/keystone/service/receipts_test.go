package service_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// both are the credentials of one who shows a receipt besides a token.
func withToken(tok, receipt string) keystone.Credentials {
	return keystone.Credentials{Methods: []string{keystone.MethodToken}, Receipt: receipt,
		Proofs: map[string]any{keystone.MethodToken: keystone.TokenProof{ID: tok}}}
}

// demand sets the user's multi-factor rules.
func (w *world) demand(t *testing.T, rules ...any) {
	t.Helper()
	_, err := w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": map[string]any{"multi_factor_auth_rules": rules}})
	w.must(t, err)
}

// receipt authenticates by the password alone, which must not be enough.
func (w *world) receipt(t *testing.T) keystone.Receipt {
	t.Helper()
	_, err := w.login(t.Context(), "pw")
	more, ok := errors.AsType[*keystone.MoreMethods](err)
	if !ok {
		t.Fatalf("one of two methods gave %v", err)
	}
	return more.Receipt
}

// TestReceipt: what one request proved and what the next proves make one token, on any replica.
func TestReceipt(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	ctx := t.Context()
	tok, err := w.login(ctx, "pw")
	w.must(t, err)
	w.demand(t, []any{"password", "token"}, []any{"mapped"})
	r := w.receipt(t)
	if d := cmp.Diff([][]string{{"password", "token"}}, r.Required); d != "" || r.User.ID != w.user.ID {
		t.Errorf("%+v %s", r, d)
	}
	if got := r.ExpiresAt.Sub(w.clock.now.Truncate(time.Second)); got != 5*time.Minute {
		t.Errorf("a receipt lives for %v", got)
	}
	got, err := w.other.Authenticate(ctx, withToken(tok.ID, r.ID), keystone.Scope{Unscoped: true})
	w.must(t, err)
	if d := cmp.Diff([]string{"password", "token"}, got.Methods); d != "" {
		t.Error(d)
	}
}

// TestReceiptRefused: a receipt counts for its user, for five minutes, and as
// long as what it says was proved still holds.
func TestReceiptRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(ctx context.Context, w *world, r *keystone.Receipt, spare string) error
		user     string
		password string
	}{
		"expired": {func(_ context.Context, w *world, _ *keystone.Receipt, _ string) error {
			w.clock.now = w.clock.now.Add(5 * time.Minute)
			return nil
		}, "u", "pw"},
		"forged": {func(_ context.Context, _ *world, r *keystone.Receipt, _ string) error {
			r.ID = "gAAAAA" + r.ID
			return nil
		}, "u", "pw"},
		"a token": {func(_ context.Context, _ *world, r *keystone.Receipt, spare string) error {
			r.ID = spare
			return nil
		}, "u", "pw"},
		"password changed": {func(ctx context.Context, w *world, _ *keystone.Receipt, _ string) error {
			_, err := w.UpdateUser(ctx, w.user.ID, keystone.Attributes{"password": "new"})
			return err
		}, "u", "new"},
		"another's": {func(context.Context, *world, *keystone.Receipt, string) error { return nil }, "admin", "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t, store.Migrations))
			ctx := t.Context()
			spare, err := w.login(ctx, "pw")
			w.must(t, err)
			w.demand(t, []any{"password", "token"})
			r := w.receipt(t)
			w.must(t, tc.change(ctx, w, &r, spare.ID))
			user := keystone.Ref{ID: w.user.ID}
			if tc.user != "u" {
				user = keystone.Ref{Name: tc.user, Domain: &keystone.Ref{ID: keystone.DefaultDomainID}}
			}
			w.demand(t) // so that a token can be had
			tok, err := w.Authenticate(ctx, keystone.WithPassword(user, tc.password), keystone.Scope{})
			w.must(t, err)
			w.demand(t, []any{"password", "token"})
			_, err = w.Authenticate(ctx, withToken(tok.ID, r.ID), keystone.Scope{})
			if f, ok := fault.Of(err); !ok || f.Status != 401 || f.Message != "Could not find auth receipt: "+r.ID+"." {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRules: of the user's rules one must be met whole, by what is offered.
func TestRules(t *testing.T) {
	for name, tc := range map[string]struct {
		options map[string]any
		enough  bool
	}{
		"none":              {map[string]any{}, true},
		"met":               {map[string]any{"multi_factor_auth_rules": []any{[]any{"token"}, []any{"password"}}}, true},
		"half met":          {map[string]any{"multi_factor_auth_rules": []any{[]any{"password", "token"}}}, false},
		"not offered":       {map[string]any{"multi_factor_auth_rules": []any{[]any{"password", "retina"}}}, true},
		"other not offered": {map[string]any{"multi_factor_auth_rules": []any{[]any{"retina"}, []any{"token"}}}, false},
		"nothing offered":   {map[string]any{"multi_factor_auth_rules": []any{[]any{"retina"}}}, true},
		"empty beside":      {map[string]any{"multi_factor_auth_rules": []any{[]any{}, []any{"token"}}}, false},
		"switched off": {map[string]any{"multi_factor_auth_enabled": false,
			"multi_factor_auth_rules": []any{[]any{"password", "token"}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t, store.Migrations))
			_, err := w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"options": tc.options})
			w.must(t, err)
			_, err = w.login(t.Context(), "pw")
			more, refused := errors.AsType[*keystone.MoreMethods](err)
			if tc.enough == refused || err != nil && !refused {
				t.Errorf("%v %v", err, more)
			}
		})
	}
}
