package service_test

import (
	"encoding/base32"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// rfcSecret is that of the test vectors in RFC 6238, in base32.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

// device gives the user a secret for passcodes.
func (w *world) device(t *testing.T, secret string) {
	t.Helper()
	tok, err := w.login(t.Context(), "pw")
	w.must(t, err)
	ctx := auth.WithCaller(t.Context(), auth.Identity{UserID: w.user.ID, Token: tok.ID})
	_, err = w.CreateCredential(ctx, keystone.Attributes{"user_id": w.user.ID, "type": keystone.CredentialTOTP, "blob": secret})
	w.must(t, err)
}

// withPasscode are the credentials of one who gives a passcode, and a receipt or "".
func withPasscode(user keystone.Ref, passcode, receipt string) keystone.Credentials {
	return keystone.Credentials{Methods: []string{keystone.MethodTOTP}, Receipt: receipt,
		Proofs: map[string]any{keystone.MethodTOTP: keystone.TOTPProof{User: user, Passcode: passcode}}}
}

// TestPasscodes are the vectors of RFC 6238, Appendix B, to six digits.
func TestPasscodes(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	w.device(t, rfcSecret)
	for _, v := range []struct {
		at       int64
		passcode string
	}{{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}} {
		w.clock.now = time.Unix(v.at, 0).UTC()
		tok, err := w.Authenticate(t.Context(), withPasscode(keystone.Ref{ID: w.user.ID}, v.passcode, ""), keystone.Scope{Unscoped: true})
		if err != nil || !cmp.Equal(tok.Methods, []string{"totp"}) {
			t.Errorf("%d: %s: %v %v", v.at, v.passcode, tok.Methods, err)
		}
	}
}

// TestPasscodeRefused: a passcode is good for its user, in its half minute and
// the next, once, and so are none but the newer ones.
func TestPasscodeRefused(t *testing.T) {
	const first, second = "081804", "050471" // of half minutes next to each other
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.device(t, "not base 32")
		w.device(t, base32.StdEncoding.EncodeToString([]byte("short"))) // too short, as for the original
		w.device(t, rfcSecret)
		for _, step := range []struct {
			what, passcode string
			at             int64
			by             *service.Service
			ok             bool
		}{
			{"too early", second, 1111111109, w.Service, false},
			{"short", "81804", 1111111109, w.Service, false},
			{"none", "", 1111111109, w.Service, false},
			{"good", first, 1111111109, w.Service, true},
			{"again", first, 1111111109, w.Service, false},
			{"again, at another replica", first, 1111111111, w.other, false},
			{"the next", second, 1111111111 + 30, w.other, true},
			{"the one before", first, 1111111111, w.Service, false},
			{"too late", second, 1111111111 + 60, w.Service, false},
		} {
			w.clock.now = time.Unix(step.at, 0).UTC()
			_, err := step.by.Authenticate(t.Context(), withPasscode(keystone.Ref{ID: w.user.ID}, step.passcode, ""), keystone.Scope{Unscoped: true})
			if (err == nil) != step.ok || err != nil && !fault.Is(err, 401) {
				t.Errorf("%s: %v", step.what, err)
			}
		}
		w.clock.now = time.Unix(1234567890, 0).UTC()
		for name, user := range map[string]keystone.Ref{"unknown": {ID: "nobody"}, "another": {Name: "admin", Domain: &keystone.Ref{ID: "default"}}} {
			if _, err := w.Authenticate(t.Context(), withPasscode(user, "005924", ""), keystone.Scope{}); !fault.Is(err, 401) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := w.UpdateUser(t.Context(), w.user.ID, keystone.Attributes{"enabled": false})
		w.must(t, err)
		if _, err := w.Authenticate(t.Context(), withPasscode(keystone.Ref{ID: w.user.ID}, "005924", ""), keystone.Scope{}); !fault.Is(err, 401) {
			t.Errorf("disabled: %v", err)
		}
	})
}

// TestPasscodeRace: of many who give the same passcode at once one gets in.
func TestPasscodeRace(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.device(t, rfcSecret)
		w.clock.now = time.Unix(1234567890, 0).UTC()
		var in atomic.Int64
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				s := []*service.Service{w.Service, w.other}[i%2]
				_, err := s.Authenticate(t.Context(), withPasscode(keystone.Ref{ID: w.user.ID}, "005924", ""), keystone.Scope{Unscoped: true})
				if err == nil {
					in.Add(1)
				} else if !fault.Is(err, 401) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d got in", in.Load())
		}
	})
}

// TestPasswordThenPasscode is how a client logs in whose user needs both.
func TestPasswordThenPasscode(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t, store.Migrations))
	w.device(t, rfcSecret)
	w.demand(t, []any{"password", "totp"})
	w.clock.now = time.Unix(2000000000, 0).UTC()
	user := keystone.Ref{ID: w.user.ID}
	_, err := w.Authenticate(t.Context(), withPasscode(user, "353130", ""), keystone.Scope{})
	if !fault.Is(err, 401) {
		t.Fatal(err)
	}
	r := w.receipt(t)
	tok, err := w.other.Authenticate(t.Context(), withPasscode(user, "279037", r.ID), keystone.Scope{Project: &keystone.Ref{ID: w.project.ID}})
	w.must(t, err)
	if d := cmp.Diff([]string{"totp", "password"}, tok.Methods); d != "" {
		t.Error(d)
	}
	got, err := w.Token(t.Context(), tok.ID)
	w.must(t, err)
	if d := cmp.Diff([]string{"totp", "password"}, got.Methods); d != "" {
		t.Error(d)
	}
	w.clock.now = time.Unix(20000000000, 0).UTC()
	_, err = w.Authenticate(t.Context(), withPasscode(user, "353130", r.ID), keystone.Scope{})
	if f, ok := fault.Of(err); !ok || f.Message != "Could not find auth receipt: "+r.ID+"." {
		t.Errorf("with an old receipt: %v", err)
	}
	if _, more := errors.AsType[*keystone.MoreMethods](err); more {
		t.Error("an old receipt was taken for none")
	}
}
