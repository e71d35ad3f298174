package token

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fernet/fernet-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func repository(t testing.TB, keys ...Key) *Repository {
	t.Helper()
	dir := t.TempDir()
	for i, k := range keys {
		name := filepath.Join(dir, string(rune('0'+len(keys)-i-1)))
		if err := os.WriteFile(name, []byte(k.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenRepository(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRoundTrip holds for every payload, and for a second implementation of Fernet.
func TestRoundTrip(t *testing.T) {
	r := repository(t)
	keys, _ := r.Keys()
	other := fernet.Key(keys[0])
	id := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{32}`), rapid.StringMatching(`[0-9A-Za-z_-]{1,64}`))
	rapid.Check(t, func(t *rapid.T) {
		p := Payload{UserID: id.Draw(t, "user"), Methods: DefaultMethods.names(rapid.IntRange(0, 63).Draw(t, "methods")),
			ExpiresAt: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "expires")).UTC(),
			IssuedAt:  time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "issued"), 0).UTC(),
			AuditIDs:  []string{NewAuditID(), NewAuditID()}[:rapid.IntRange(1, 2).Draw(t, "audits")]}
		drawKind(t, id, &p)
		tok, err := NewFernet(r, nil).Issue(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewFernet(r, nil).Read(t.Context(), tok)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p, got); d != "" {
			t.Fatal(d)
		}
		for len(tok)%4 != 0 {
			tok += "="
		}
		if fernet.VerifyAndDecrypt([]byte(tok), 0, []*fernet.Key{&other}) == nil {
			t.Fatal("fernet-go does not open it")
		}
	})
}

// drawKind makes p any of the kinds of tokens.
func drawKind(t *rapid.T, id *rapid.Generator[string], p *Payload) {
	hexID := rapid.StringMatching(`[0-9a-f]{32}`)
	version := rapid.IntRange(0, len(layouts)-1).Draw(t, "version")
	switch version {
	case projectScoped, trustScoped, federatedProject, oauthScoped, appCredScoped, oauth2Scoped:
		p.ProjectID = id.Draw(t, "project")
	case domainScoped, federatedDomain:
		p.DomainID = rapid.StringMatching(`[0-9a-f]{32}|default`).Draw(t, "domain")
	case systemScoped:
		p.System = true
	}
	switch version {
	case trustScoped:
		p.TrustID = hexID.Draw(t, "trust")
	case federatedUnscoped, federatedProject, federatedDomain:
		p.IdentityProvider, p.Protocol = id.Draw(t, "provider"), id.Draw(t, "protocol")
		p.GroupIDs = rapid.SliceOfN(id, 0, 5).Draw(t, "groups")
	case oauthScoped:
		p.AccessTokenID = id.Draw(t, "access token")
	case appCredScoped:
		p.AppCredID = id.Draw(t, "application credential")
	case oauth2Scoped:
		p.Thumbprint = rapid.StringMatching(`[A-Za-z0-9_-]{43}|[0-9a-f]{32}`).Draw(t, "thumbprint")
	}
}

func TestTamperedTokenIsInvalid(t *testing.T) {
	r := repository(t)
	tok, err := NewFernet(r, nil).Issue(t.Context(), Payload{UserID: "u", IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(tok) - 1 { // the last character has unused bits
		b := []byte(tok)
		b[i] ^= 1
		if _, err := NewFernet(r, nil).Read(t.Context(), string(b)); !errors.Is(err, ErrInvalid) {
			t.Fatalf("character %d changed: %v", i, err)
		}
	}
	for _, bad := range []string{"", "x", "gAAAA", tok[:40], tok + tok} {
		if _, err := NewFernet(r, nil).Read(t.Context(), bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestRotate: a token outlives as many rotations as there are spare keys.
func TestRotate(t *testing.T) {
	r := repository(t)
	other, err := OpenRepository(r.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := NewFernet(r, nil).Issue(t.Context(), Payload{UserID: "u", IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for n, alive := range []bool{true, true, false, false} {
		for _, repo := range []*Repository{r, other} {
			if _, err := NewFernet(repo, nil).Read(t.Context(), tok); (err == nil) != alive {
				t.Fatalf("after %d rotations: %v, alive should be %v", n, err, alive)
			}
		}
		if err := r.Rotate(); err != nil {
			t.Fatal(err)
		}
		if files, _ := r.numbers(); len(files) > DefaultActiveKeys || files[len(files)-1] != 0 {
			t.Fatalf("key files %v", files)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	r := repository(b)
	p := Payload{UserID: "f798945381344b149db1e5ee872b0540", ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7", Methods: []string{"password"}, AuditIDs: []string{NewAuditID()}, IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)}
	for b.Loop() {
		if _, err := NewFernet(r, nil).Issue(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	r := repository(b)
	tok, err := NewFernet(r, nil).Issue(b.Context(), Payload{UserID: "f798945381344b149db1e5ee872b0540", ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7", Methods: []string{"password"}, AuditIDs: []string{NewAuditID()}, IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := NewFernet(r, nil).Read(b.Context(), tok); err != nil {
			b.Fatal(err)
		}
	}
}
