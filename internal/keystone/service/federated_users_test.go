package service_test

import (
	"sync"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

const shadowRules = `[{"local": [{"user": {"name": "{0}", "email": "{0}@x"}, "projects": [{"name": "of {0}", "roles": [{"name": "r"}]}]}], "remote": [{"type": "name"}]},
	{"local": [{"groups": "{0}", "domain": {"name": "d"}}], "remote": [{"type": "groups"}]}]`

// shadows is a world with an identity provider.
func shadows(t *testing.T, d *db.DB) (*world, func(name string, groups ...string) (keystone.Token, error)) {
	w := newWorld(t, d)
	var rules keystone.Attributes
	w.must(t, rules.UnmarshalJSON([]byte(`{"rules": `+shadowRules+`}`)))
	_, err := w.CreateMapping(t.Context(), "m", rules)
	w.must(t, err)
	_, err = w.CreateIdentityProvider(t.Context(), "idp", keystone.Attributes{"domain_id": w.domain.ID, "enabled": true})
	w.must(t, err)
	_, err = w.CreateProtocol(t.Context(), "idp", "mapped", keystone.Attributes{"mapping_id": "m"})
	w.must(t, err)
	return w, func(name string, groups ...string) (keystone.Token, error) {
		proof := keystone.MappedProof{IdentityProvider: "idp", Protocol: "mapped", Assertion: map[string][]string{"name": {name}, "groups": groups}}
		return w.Authenticate(t.Context(), keystone.Credentials{Methods: []string{"mapped"}, Proofs: map[string]any{"mapped": proof}}, keystone.Scope{})
	}
}

// TestFirstLogins has one user come for the first time, several times at once.
func TestFirstLogins(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w, login := shadows(t, d)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if tok, err := login("tim", "g"); err != nil || tok.User.Extra["email"] != "tim@x" {
					t.Errorf("%v: %v", tok.User, err)
				}
			})
		}
		wg.Wait()
		tok, err := login("tim", "g")
		w.must(t, err)
		projects, err := w.ProjectsOfUser(t.Context(), tok.User.ID)
		w.must(t, err)
		if len(projects) != 1 || projects[0].Name != "of tim" || len(tok.Federation.GroupIDs) != 1 {
			t.Errorf("%v %v", projects, tok.Federation)
		}
		w.must(t, w.DeleteIdentityProvider(t.Context(), "idp"))
		if _, err := w.User(t.Context(), tok.User.ID); !fault.Is(err, 404) {
			t.Errorf("a user without an identity provider: %v", err)
		}
		if _, err := w.other.Token(t.Context(), tok.ID); !fault.Is(err, 404) {
			t.Errorf("a token without one, on the other replica: %v", err)
		}
	})
}

// TestQuietLogin has a login that brings nothing new leave all tokens and what
// was worked out of them alone.
func TestQuietLogin(t *testing.T) {
	d := dbtest.SQLite(t, store.Migrations)
	w, login := shadows(t, d)
	revision := func() int64 {
		n, err := store.New(d).Revision(t.Context())
		w.must(t, err)
		return n
	}
	first, err := login("tim", "g")
	w.must(t, err)
	before := revision()
	if _, err := login("tim", "g"); err != nil || revision() != before {
		t.Errorf("it wrote: %v", err)
	}
	if _, err := login("tim"); err != nil || revision() == before {
		t.Errorf("a group less was not written: %v", err)
	}
	if _, err := w.Token(t.Context(), first.ID); !fault.Is(err, 404) {
		t.Errorf("a token of a group that was lost: %v", err)
	}
}

func TestAssertionIsUsedOnce(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		a := sso.Assertion{ID: "idp _1", Ends: w.clock.now.Add(time.Minute)}
		w.must(t, w.UseAssertion(t.Context(), a))
		if err := w.other.UseAssertion(t.Context(), a); !fault.Is(err, 401) {
			t.Errorf("again, on the other replica: %v", err)
		}
		w.must(t, w.UseAssertion(t.Context(), sso.Assertion{ID: "other _1", Ends: a.Ends}))
		w.clock.now = w.clock.now.Add(2 * time.Minute)
		w.must(t, w.UseAssertion(t.Context(), sso.Assertion{ID: "idp _2", Ends: w.clock.now.Add(time.Minute)}))
		rows, err := db.Scan[int64](t.Context(), d, "SELECT COUNT(*) FROM used_assertions")
		w.must(t, err)
		if rows[0] != 1 {
			t.Errorf("%d are remembered, one can still come", rows[0])
		}
	})
}
