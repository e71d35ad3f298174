package service

import (
	"slices"
	"strings"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// TestFailuresAreAlike: whoever fails learns nothing of who there is, by any
// method: there is one answer, and it costs one comparison of hashes of the same
// strength, or as many of passcodes, and one write where passwords are counted.
func TestFailuresAreAlike(t *testing.T) {
	keys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	methods := append(slices.Clone(token.DefaultMethods), keystone.MethodTOTP)
	d := dbtest.SQLite(t, store.Migrations)
	s := New(Deps{Store: store.New(d), Tokens: token.NewFernet(keys, methods), CredentialKeys: keys,
		Config: Config{PasswordHashRounds: 4, MaxPasswordLength: 100, Methods: methods,
			Compliance: Compliance{LockoutFailureAttempts: 2, DisableUserDaysInactive: 90, PasswordExpiresDays: 30, ChangePasswordFirst: true}}})
	if err := s.Bootstrap(t.Context(), BootstrapConfig{AdminPassword: "secret"}); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	closed, err := s.CreateDomain(t.Context(), keystone.Attributes{"name": "closed"})
	must(err)
	ids := map[string]string{}
	old := map[string]any{"ignore_change_password_upon_first_use": true}
	for name, a := range map[string]keystone.Attributes{"mia": {}, "ann": {}, "locked": {}, "expired": {"options": map[string]any{}}, "off": {"enabled": false},
		"silent": {"password": nil}, "closed": {"domain_id": closed.ID}, "failed": {"enabled": false}, "failed elsewhere": {"domain_id": closed.ID}} {
		for key, value := range (keystone.Attributes{"name": name, "password": "right", "domain_id": "default", "options": old}) {
			if !a.Has(key) {
				a[key] = value
			}
		}
		u, err := s.CreateUser(t.Context(), a)
		must(err)
		ids[name] = u.ID
	}
	_, err = s.UpdateDomain(t.Context(), closed.ID, keystone.Attributes{"enabled": false})
	must(err)

	for range 2 {
		if _, err := s.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: ids["locked"]}, "wrong"), keystone.Scope{}); !fault.Is(err, 401) {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"failed", "failed elsewhere"} {
		if _, err := s.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: ids[name]}, "wrong"), keystone.Scope{}); !fault.Is(err, 401) {
			t.Fatal(err)
		}
	}
	ann, err := s.Authenticate(t.Context(), keystone.WithPassword(keystone.Ref{ID: ids["ann"]}, "right"), keystone.Scope{})
	must(err)
	acting := auth.WithCaller(t.Context(), auth.Identity{UserID: ids["ann"], Token: ann.ID})
	_, err = s.CreateCredential(acting, keystone.Attributes{"user_id": ids["ann"], "type": keystone.CredentialTOTP, "blob": nobodysSecret})
	must(err)

	passcodes := 0
	same := s.samePasscode
	s.samePasscode = func(a, b []byte) int {
		passcodes++
		return same(a, b)
	}
	var compared []string
	compare := s.hasher.compare
	s.hasher.compare = func(hash, password []byte) error {
		compared = append(compared, string(hash))
		return compare(hash, password)
	}
	inDefault := func(name string) keystone.Ref {
		return keystone.Ref{Name: name, Domain: &keystone.Ref{ID: keystone.DefaultDomainID}}
	}
	for name, tc := range map[string]struct {
		user     keystone.Ref
		password string
	}{
		"wrong password":     {inDefault("mia"), "wrong"},
		"wrong, by ID":       {keystone.Ref{ID: ids["mia"]}, "wrong"},
		"no password":        {inDefault("mia"), ""},
		"too long a one":     {inDefault("mia"), strings.Repeat("x", 101)},
		"unknown name":       {inDefault("nobody"), "right"},
		"unknown ID":         {keystone.Ref{ID: "0123456789abcdef0123456789abcdef"}, "right"},
		"no ID":              {keystone.Ref{}, "right"},
		"unknown domain":     {keystone.Ref{Name: "mia", Domain: &keystone.Ref{ID: "nowhere"}}, "right"},
		"unknown its name":   {keystone.Ref{Name: "mia", Domain: &keystone.Ref{Name: "nowhere"}}, "right"},
		"no domain":          {keystone.Ref{Name: "mia"}, "right"},
		"disabled":           {inDefault("off"), "right"},
		"disabled and wrong": {inDefault("off"), "wrong"},
		"domain disabled":    {keystone.Ref{ID: ids["closed"]}, "right"},
		"disabled, failed":   {keystone.Ref{ID: ids["failed"]}, "right"},
		"elsewhere, failed":  {keystone.Ref{ID: ids["failed elsewhere"]}, "right"},
		"cannot log in":      {inDefault("silent"), "right"},
		"locked":             {inDefault("locked"), "right"},
		"locked and wrong":   {inDefault("locked"), "wrong"},
		"expired and wrong":  {inDefault("expired"), "wrong"},
	} {
		for method, proof := range map[string]any{
			keystone.MethodPassword:              keystone.PasswordProof{User: tc.user, Password: tc.password},
			keystone.MethodApplicationCredential: keystone.ApplicationCredentialProof{User: tc.user, Name: "a", Secret: tc.password},
			keystone.MethodTOTP:                  keystone.TOTPProof{User: tc.user, Passcode: "abcdef"},
		} {
			compared, passcodes = nil, 0
			writes, _ := d.Writes()
			_, err := s.Authenticate(t.Context(), keystone.Credentials{Methods: []string{method}, Proofs: map[string]any{method: proof}}, keystone.Scope{})
			f, ok := fault.Of(err)
			if !ok || f.Status != 401 || f.Message != "The request you have made requires authentication." || f.Body != nil || len(f.Header) > 0 {
				t.Errorf("%s, %s: %+v", method, name, err)
			}
			if method == keystone.MethodTOTP {
				if passcodes != s.cfg.PasscodeWindows || len(compared) > 0 {
					t.Errorf("%s, %s: compared %d passcodes, %q", method, name, passcodes, compared)
				}
			} else if len(compared) != 1 || !strings.HasPrefix(compared[0], "$2b$04$") {
				t.Errorf("%s, %s: compared %q", method, name, compared)
			}
			if n, ok := d.Writes(); method == keystone.MethodPassword && (!ok || n != writes+1) {
				t.Errorf("%s, %s: %d writes", method, name, n-writes)
			}
		}
	}
	passcodes = 0
	_, err = s.Authenticate(t.Context(), keystone.Credentials{Methods: []string{keystone.MethodTOTP},
		Proofs: map[string]any{keystone.MethodTOTP: keystone.TOTPProof{User: inDefault("ann"), Passcode: "abcdef"}}}, keystone.Scope{})
	if !fault.Is(err, 401) || passcodes != s.cfg.PasscodeWindows {
		t.Errorf("a user with a device: compared %d passcodes: %v", passcodes, err)
	}
	compared = nil
	_, err = s.Authenticate(t.Context(), keystone.WithPassword(inDefault("ann"), "right"), keystone.Scope{})
	must(err)
	if len(compared) != 1 {
		t.Errorf("success compared %q", compared)
	}
}
