// Package tokentest is what every provider of tokens must do.
package tokentest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nacre/internal/keystone/token"
)

// payloads has one of each kind of token.
func payloads() map[string]token.Payload {
	const id, other = "f798945381344b149db1e5ee872b0540", "ed2b2413948c439eb37ea7e6dec8e4a7"
	return map[string]token.Payload{
		"unscoped":               {UserID: id},
		"no hexadecimal ID":      {UserID: "64_character_ldap_user_id", ProjectID: "not-a-uuid"},
		"project":                {UserID: id, ProjectID: other},
		"domain":                 {UserID: id, DomainID: "default"},
		"system":                 {UserID: id, System: true},
		"trust":                  {UserID: id, ProjectID: other, TrustID: other},
		"access token":           {UserID: id, ProjectID: other, AccessTokenID: other},
		"application credential": {UserID: id, ProjectID: other, AppCredID: other},
		"certificate":            {UserID: id, ProjectID: other, Thumbprint: "dGh1bWI"},
		"federated, no group":    {UserID: id, IdentityProvider: "idp", Protocol: "saml2", GroupIDs: []string{}},
		"federated, project":     {UserID: id, ProjectID: other, IdentityProvider: "idp", Protocol: "saml2", GroupIDs: []string{other, "g"}},
		"federated, domain":      {UserID: id, DomainID: other, IdentityProvider: "idp", Protocol: "openid", GroupIDs: []string{other}},
	}
}

// Run demands of p what package token says of providers.
func Run(t *testing.T, p token.Provider) {
	now := time.Now().UTC().Truncate(time.Second)
	dated := func(pl token.Payload, expires time.Duration) token.Payload {
		pl.Methods = []string{"token", "password"}
		pl.AuditIDs = []string{token.NewAuditID(), token.NewAuditID()}
		pl.IssuedAt, pl.ExpiresAt = now, now.Add(expires)
		return pl
	}
	seen := map[string]bool{}
	for name, want := range payloads() {
		t.Run(name, func(t *testing.T) {
			for _, expires := range []time.Duration{time.Hour, -time.Minute} {
				want := dated(want, expires)
				tok, err := p.Issue(t.Context(), want)
				if err != nil || seen[tok] {
					t.Fatalf("%q %v", tok, err)
				}
				seen[tok] = true
				got, err := p.Read(t.Context(), tok)
				if err != nil {
					t.Fatal(err)
				}
				slices.Sort(got.Methods) // kept as a set
				slices.Sort(want.Methods)
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
	t.Run("not ours", func(t *testing.T) {
		tok, err := p.Issue(t.Context(), dated(token.Payload{UserID: "u"}, time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "x", tok[1:], tok[:len(tok)-1], "x" + tok, tok + tok} {
			if got, err := p.Read(t.Context(), bad); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%q: %+v %v", bad, got, err)
			}
		}
		if p.Refusal("x") == "" {
			t.Error("no sentence for a token that is none")
		}
	})
	t.Run("unspeakable", func(t *testing.T) {
		pl := dated(token.Payload{UserID: "u", IdentityProvider: "idp", System: true}, time.Hour)
		if tok, err := p.Issue(t.Context(), pl); err == nil {
			t.Errorf("%s says what no token of the original can", tok)
		}
	})
}
