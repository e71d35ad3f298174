package token

import (
	"encoding/json"
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

// TestOriginal reads tokens that Keystone's own formatter made.
func TestOriginal(t *testing.T) {
	text, err := os.ReadFile("testdata/original.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Keys   []string
		Tokens []struct {
			Token     string
			UserID    string `json:"user_id"`
			Methods   []string
			AuditIDs  []string `json:"audit_ids"`
			System    string
			DomainID  string    `json:"domain_id"`
			ProjectID string    `json:"project_id"`
			IssuedAt  time.Time `json:"issued_at"`
			ExpiresAt time.Time `json:"expires_at"`
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var keys []Key
	for _, s := range doc.Keys {
		k, err := ParseKey(s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	r := repository(t, keys...)
	for _, want := range doc.Tokens {
		got, err := r.Read(want.Token)
		if err != nil {
			t.Fatalf("%s: %v", want.Token, err)
		}
		p := Payload{UserID: want.UserID, Methods: want.Methods, ProjectID: want.ProjectID, DomainID: want.DomainID,
			System: want.System == "all", ExpiresAt: want.ExpiresAt, AuditIDs: want.AuditIDs, IssuedAt: want.IssuedAt}
		if d := cmp.Diff(p, got); d != "" {
			t.Errorf("payload (-want +got):\n%s", d)
		}
		again, err := r.Issue(got)
		if err != nil || len(again) != len(want.Token) {
			t.Errorf("reissued: %d characters (%v), want %d", len(again), err, len(want.Token))
		}
	}
}

// TestRoundTrip holds for every payload, and for a second implementation of Fernet.
func TestRoundTrip(t *testing.T) {
	r := repository(t)
	keys, _ := r.Keys()
	other := fernet.Key(keys[0])
	id := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{32}`), rapid.StringMatching(`[0-9A-Za-z_-]{1,64}`))
	rapid.Check(t, func(t *rapid.T) {
		p := Payload{UserID: id.Draw(t, "user"), Methods: namesOf(rapid.IntRange(0, 63).Draw(t, "methods")),
			ExpiresAt: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "expires")).UTC(),
			IssuedAt:  time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "issued"), 0).UTC(),
			AuditIDs:  []string{NewAuditID(), NewAuditID()}[:rapid.IntRange(1, 2).Draw(t, "audits")]}
		switch rapid.IntRange(0, 3).Draw(t, "scope") {
		case 1:
			p.ProjectID = id.Draw(t, "project")
		case 2:
			p.DomainID = rapid.StringMatching(`[0-9a-f]{32}|default`).Draw(t, "domain")
		case 3:
			p.System = true
		}
		tok, err := r.Issue(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Read(tok)
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

func TestTamperedTokenIsInvalid(t *testing.T) {
	r := repository(t)
	tok, err := r.Issue(Payload{UserID: "u", IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(tok) - 1 { // the last character has unused bits
		b := []byte(tok)
		b[i] ^= 1
		if _, err := r.Read(string(b)); !errors.Is(err, ErrInvalid) {
			t.Fatalf("character %d changed: %v", i, err)
		}
	}
	for _, bad := range []string{"", "x", "gAAAA", tok[:40], tok + tok} {
		if _, err := r.Read(bad); !errors.Is(err, ErrInvalid) {
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
	tok, err := r.Issue(Payload{UserID: "u", IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for n, alive := range []bool{true, true, false, false} {
		for _, repo := range []*Repository{r, other} {
			if _, err := repo.Read(tok); (err == nil) != alive {
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

func FuzzRead(f *testing.F) {
	r := repository(f)
	keys, _ := r.Keys()
	for _, p := range []Payload{{UserID: "u"}, {UserID: "f798945381344b149db1e5ee872b0540", System: true, AuditIDs: []string{NewAuditID()}}, {UserID: "u", ProjectID: "p"}, {UserID: "u", DomainID: "default"}} {
		msg, err := p.pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add("gAAAA", msg)
	}
	f.Fuzz(func(t *testing.T, tok string, msg []byte) {
		if _, err := r.Read(tok); err == nil {
			t.Fatal("a token was forged")
		}
		sealed, err := seal(msg, time.Unix(1e9, 0), keys[0])
		if err != nil {
			t.Fatal(err)
		}
		if p, err := r.Read(sealed); err == nil {
			if p.UserID == "" {
				t.Fatal("a token of nobody")
			}
			if _, err := r.Issue(p); err != nil {
				t.Fatalf("read but not issued: %v", err)
			}
		} else if len(sealed) <= maxToken && !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	r := repository(b)
	p := Payload{UserID: "f798945381344b149db1e5ee872b0540", ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7", Methods: []string{"password"}, AuditIDs: []string{NewAuditID()}, IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)}
	for b.Loop() {
		if _, err := r.Issue(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	r := repository(b)
	tok, err := r.Issue(Payload{UserID: "f798945381344b149db1e5ee872b0540", ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7", Methods: []string{"password"}, AuditIDs: []string{NewAuditID()}, IssuedAt: time.Unix(1e9, 0), ExpiresAt: time.Unix(2e9, 0)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Read(tok); err != nil {
			b.Fatal(err)
		}
	}
}
