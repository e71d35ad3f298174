package jws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

var someone = Claims{Subject: "f798945381344b149db1e5ee872b0540", Issued: 1e9, Expires: 2e9, Methods: []string{"password"},
	AuditIDs: []string{"_Qznl5rtQzyj9Ex1-LHzxw"}, ProjectID: "ed2b2413948c439eb37ea7e6dec8e4a7"}

func open(t testing.TB, dir string) *Keys {
	t.Helper()
	k, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, k *Keys, c Claims) string {
	t.Helper()
	tok, err := k.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestVerify: who has nothing but the public keys reads what was signed.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	tok := sign(t, open(t, dir), someone)
	got, err := NewVerifier(filepath.Join(dir, "public")).Verify(tok)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(someone, got); d != "" {
		t.Error(d)
	}
	if st, err := os.Stat(filepath.Join(dir, "private", current)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the private key: %v %v", st.Mode(), err)
	}
}

// TestRefused: nothing passes that was not signed by one of the keys with ES256.
func TestRefused(t *testing.T) {
	k := open(t, t.TempDir())
	tok := sign(t, k, someone)
	part := strings.Split(tok, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	public, _, err := k.publicKeys()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := public[0].ECDH()
	if err != nil {
		t.Fatal(err)
	}
	symmetric, err := jwt.NewWithClaims(jwt.SigningMethodHS256, someone).SignedString(secret.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	other := someone
	other.Subject = "somebody else"
	body, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	nobody := someone
	nobody.Subject = ""
	for name, bad := range map[string]string{
		"empty":            "",
		"no token":         "gAAAAA",
		"two parts":        part[0] + "." + part[1],
		"no signature":     part[0] + "." + part[1] + ".",
		"other claims":     part[0] + "." + encode(string(body)) + "." + part[2],
		"unsigned":         encode(`{"alg":"none","typ":"JWT"}`) + "." + part[1] + ".",
		"symmetric":        symmetric,
		"of another cloud": sign(t, open(t, t.TempDir()), someone),
		"of nobody":        sign(t, k, nobody),
		"too long":         tok + strings.Repeat("x", maxToken),
	} {
		if c, err := k.Verify(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
}

// TestRotate: a token outlives as many rotations as retired keys are kept, the
// next key is public before it signs, and others' public keys stay.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	k, other := open(t, dir), open(t, dir)
	guest := open(t, t.TempDir())
	text, err := os.ReadFile(mustGlob(t, filepath.Join(guest.public, "*.pem"))[0])
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(k.public, "guest.pem")
	if err := os.WriteFile(foreign, text, 0o600); err != nil {
		t.Fatal(err)
	}
	tok := sign(t, k, someone)
	for n, alive := range []bool{true, true, true, false} {
		for _, keys := range []*Keys{k, other} {
			if _, err := keys.Verify(tok); (err == nil) != alive {
				t.Fatalf("after %d rotations: %v, alive should be %v", n, err, alive)
			}
		}
		before := copyOf(t, k.public)
		if err := k.Rotate(2); err != nil {
			t.Fatal(err)
		}
		fresh := sign(t, other, someone)
		for _, v := range []*Verifier{NewVerifier(before), other.Verifier} {
			if _, err := v.Verify(fresh); err != nil {
				t.Fatalf("a token of the new key: %v", err)
			}
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
	if files := mustGlob(t, filepath.Join(k.public, "*.pem")); len(files) != 5 { // guest, current, next, two retired
		t.Errorf("public keys %v", files)
	}
	if err := k.Rotate(0); err == nil {
		t.Error("the key just in use was forgotten")
	}
}

// TestForgottenInTurn: of keys that were retired within a tick of the clock the
// last ones are left.
func TestForgottenInTurn(t *testing.T) {
	k := open(t, t.TempDir())
	var retired [20]*ecdsa.PrivateKey
	var err error
	for i := range retired {
		if retired[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range retired {
		if err := k.retire(&key.PublicKey); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.prune(3); err != nil {
		t.Fatal(err)
	}
	for i, key := range retired {
		tok, err := jwt.NewWithClaims(jwt.SigningMethodES256, someone).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Verify(tok)
		if (err == nil) != (i >= len(retired)-3) {
			t.Errorf("the key that was retired as number %d: %v", i, err)
		}
	}
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v %v", pattern, files, err)
	}
	return files
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestOpenKeepsKeys: keys of the original, one pair, are taken as they are.
func TestOpenKeepsKeys(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir)
	if err := os.Remove(filepath.Join(k.private, next)); err != nil {
		t.Fatal(err)
	}
	tok := sign(t, k, someone)
	again := open(t, dir)
	if _, err := again.Verify(tok); err != nil {
		t.Error(err)
	}
	a, _ := k.privateKey()
	if b, err := again.privateKey(); err != nil || !a.Equal(b) {
		t.Errorf("another private key: %v", err)
	}
}

func BenchmarkSign(b *testing.B) {
	k := open(b, b.TempDir())
	for b.Loop() {
		sign(b, k, someone)
	}
}

func BenchmarkVerify(b *testing.B) {
	k := open(b, b.TempDir())
	tok := sign(b, k, someone)
	for b.Loop() {
		if _, err := k.Verify(tok); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzVerify: what the right key signed may say anything, and is read as
// claims that can be dated and signed again, or refused.
func FuzzVerify(f *testing.F) {
	k := open(f, f.TempDir())
	key, err := k.privateKey()
	if err != nil {
		f.Fatal(err)
	}
	body, err := json.Marshal(someone)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"alg":"ES256","typ":"JWT"}`), body)
	f.Add([]byte(`{"alg":"none"}`), []byte(`{"sub":"u","exp":1e3,"openstack_group_ids":[{"id":null}]}`))
	f.Fuzz(func(t *testing.T, header, body []byte) {
		text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(body)
		signature, err := jwt.SigningMethodES256.Sign(text, key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := k.Verify(text + "." + base64.RawURLEncoding.EncodeToString(signature))
		if errors.Is(err, ErrInvalid) {
			return
		}
		if err != nil || c.Validate() != nil {
			t.Fatalf("%+v %v", c, err)
		}
		if got, err := k.Verify(sign(t, k, c)); err != nil || !cmp.Equal(c, got) {
			t.Fatalf("%+v signed again: %+v %v", c, got, err)
		}
	})
}
