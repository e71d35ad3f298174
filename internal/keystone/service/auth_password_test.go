package service

import (
	"strings"
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

// TestFailuresAreAlike: whoever fails learns nothing of who there is: there is
// one answer, and it costs one comparison of hashes of the same strength.
func TestFailuresAreAlike(t *testing.T) {
	keys, err := token.OpenRepository(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Tokens: token.NewFernet(keys, nil), Config: Config{PasswordHashRounds: 4, MaxPasswordLength: 100}})
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
	for name, a := range map[string]keystone.Attributes{"mia": {}, "off": {"enabled": false}, "silent": {"password": nil}, "closed": {"domain_id": closed.ID}} {
		for key, value := range (keystone.Attributes{"name": name, "password": "right", "domain_id": "default"}) {
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
		"cannot log in":      {inDefault("silent"), "right"},
	} {
		compared = nil
		_, err := s.Authenticate(t.Context(), keystone.WithPassword(tc.user, tc.password), keystone.Scope{})
		f, ok := fault.Of(err)
		if !ok || f.Status != 401 || f.Message != "The request you have made requires authentication." || f.Body != nil || len(f.Header) > 0 {
			t.Errorf("%s: %+v", name, err)
		}
		if len(compared) != 1 || !strings.HasPrefix(compared[0], "$2b$04$") {
			t.Errorf("%s: compared %q", name, compared)
		}
	}
	compared = nil
	_, err = s.Authenticate(t.Context(), keystone.WithPassword(inDefault("mia"), "right"), keystone.Scope{})
	must(err)
	if len(compared) != 1 {
		t.Errorf("success compared %q", compared)
	}
}
