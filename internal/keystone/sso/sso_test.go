package sso

import (
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"encoding/xml"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/saml"
)

func TestSeal(t *testing.T) {
	s, err := newSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	text, err := s.seal("login", Login{State: "x"}, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	other, err := newSealer(append(make([]byte, 31), 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		by            *sealer
		purpose, text string
		at            time.Time
		ok            bool
	}{
		"good":         {s, "login", text, now, true},
		"late":         {s, "login", text, now.Add(time.Minute), false},
		"purpose":      {s, "session", text, now, false},
		"by another":   {other, "login", text, now, false},
		"changed":      {s, "login", strings.Replace(text, text[40:41], string(text[40]^1), 1), now, false},
		"short":        {s, "login", "AAAA", now, false},
		"not a sealed": {s, "login", "§", now, false},
	} {
		var l Login
		if err := tc.by.open(tc.purpose, tc.text, tc.at, &l); (err == nil) != tc.ok || tc.ok && l.State != "x" {
			t.Errorf("%s: %v %v", name, l, err)
		}
	}
	bomb, err := s.seal("login", strings.Repeat("a", 4*maxSealed), now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var out string
	if err := s.open("login", bomb, now, &out); err == nil {
		t.Error("it unfolds without bound")
	}
}

func TestConfig(t *testing.T) {
	oidc := &OIDCConfig{Issuer: "https://a", ClientID: "c"}
	for want, c := range map[string]Config{
		"public_url":               {PublicURL: "cloud"},
		"default_authorization":    {DefaultAuthorizationTTL: -1},
		"trusted_proxies":          {TrustedProxies: []string{"proxy"}},
		"is missing":               {Providers: []Party{{Protocol: "openid", OIDC: oidc}}},
		"is there twice":           {Providers: []Party{{"a", "openid", oidc, nil}, {"a", "openid", oidc, nil}}},
		"either oidc or saml":      {Providers: []Party{{"a", "openid", oidc, &SAMLConfig{Metadata: "m"}}}},
		"an issuer and a client":   {Providers: []Party{{"a", "openid", &OIDCConfig{Issuer: "file:///etc/passwd", ClientID: "c"}, nil}}},
		"introspection":            {Providers: []Party{{"a", "openid", &OIDCConfig{Issuer: "https://a", ClientID: "c", Introspection: "x"}, nil}}},
		"metadata of its identity": {Providers: []Party{{"a", "saml2", nil, &SAMLConfig{}}}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	good := Config{TrustedProxies: []string{"10.0.0.0/8", "::1"}, TrustedDashboards: []string{"https://Cloud.example/x"}, Providers: []Party{{"a", "openid", oidc, nil}}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{"10.1.2.3:4": true, "[::ffff:10.1.2.3]:4": true, "[::1]:4": true, "11.0.0.1:4": false, "": false, "10.1.2.3": false} {
		if good.TrustsProxy(at) != want {
			t.Errorf("%s: %v", at, !want)
		}
	}
	for at, want := range map[string]bool{"https://cloud.example/x": true, "https://cloud.example/x/y": false, "https://cloud.example.evil/x": false, "": false} {
		if good.TrustsDashboard(at) != want {
			t.Errorf("%s: %v", at, !want)
		}
	}
}

// TestClient takes an answer as it was sent, to its bound, from where it was asked for.
func TestClient(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, "/long", http.StatusFound)
		case "/long":
			_, _ = io.CopyN(w, rand.Reader, maxAnswer+1)
		default:
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				_, _ = io.WriteString(w, "plain")
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "unfolded")
			_ = z.Close()
		}
	}))
	defer far.Close()
	client, err := newClient()
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		res, err := client.Get(far.URL + path)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := get("/"); got != "plain" {
		t.Errorf("it asks for what unfolds: %q", got)
	}
	if n := len(get("/long")); n != maxAnswer {
		t.Errorf("%d bytes", n)
	}
	if got := get("/elsewhere"); !strings.Contains(got, "redirects") {
		t.Errorf("it goes elsewhere: %.40q", got)
	}
}

// pairFile is a file of a certificate for one key, with another.
func pairFile(t testing.TB, of crypto.Signer, key crypto.PrivateKey) string {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, of.Public(), of)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pair.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestKeys(t *testing.T) {
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := pairFile(t, strong, strong)
	for want, file := range map[string]string{
		"":                            good,
		"no such file":                good + "x",
		"2048 bits":                   pairFile(t, weak, weak),
		"no RSA key":                  pairFile(t, curve, curve),
		"does not match":              pairFile(t, strong, weak),
		"failed to find any PEM data": os.DevNull,
	} {
		_, err := New(Config{Providers: []Party{{"corp", "saml2", nil, &SAMLConfig{Metadata: "m", Keys: []string{good, file}}}}}, nil, "", nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "keys of saml2 with corp")) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestIssuerKeyChanges: assertions and metadata are by the key that is in the
// file, or was there before nonsense.
func TestIssuerKeyChanges(t *testing.T) {
	dir := t.TempDir()
	p, err := New(Config{PublicURL: "https://a.example/v3"}, nil, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	next, err := os.ReadFile(pairFile(t, key, key))
	if err != nil {
		t.Fatal(err)
	}
	signs := func() *x509.Certificate {
		t.Helper()
		told, err := p.Issuer.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		var d saml.EntityDescriptor
		if err := xml.Unmarshal(told, &d); err != nil {
			t.Fatal(err)
		}
		certs, err := signingCerts(&d)
		if err != nil || len(certs) != 1 {
			t.Fatal(certs, err)
		}
		text, err := p.Issuer.Assert("https://b.example", Statement{User: "tim"})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fuzzed(t).signed(child(doc.Root(), assertionNS, "Assertion"), certs); err != nil {
			t.Errorf("by another key than the metadata says: %v", err)
		}
		return certs[0]
	}
	if signs().PublicKey.(*rsa.PublicKey).Equal(key.Public()) {
		t.Fatal("the key of later")
	}
	for _, text := range [][]byte{next, []byte("half a key")} {
		if err := os.WriteFile(filepath.Join(dir, keyFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if !signs().PublicKey.(*rsa.PublicKey).Equal(key.Public()) {
			t.Errorf("not by the next key, after %.10q", text)
		}
	}
}
