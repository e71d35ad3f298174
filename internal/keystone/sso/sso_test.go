package sso

import (
	"strings"
	"testing"
	"time"
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
