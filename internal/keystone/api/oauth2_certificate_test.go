package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone/api"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/httpapi"
)

// authority signs the certificates of clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// issue makes a client's certificate with its key.
func (a authority) issue(t *testing.T, subject pkix.Name) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// secured is a cloud that is served over TLS, and by a proxy.
type secured struct {
	*derived
	ca  authority
	tls *httptest.Server
}

// trustedProxy is where the proxy of tests is.
const trustedProxy = "198.51.100.7"

func newSecured(t *testing.T, options ...func(*service.Config)) *secured {
	t.Helper()
	s := &secured{derived: &derived{cloud: newCloud(t, options...)}, ca: newAuthority(t, "ca")}
	handler, err := api.New(s.svc, httpapi.Door{Tokens: s.svc, CertificateProxies: []netip.Prefix{netip.MustParsePrefix(trustedProxy + "/32")}})
	if err != nil {
		t.Fatal(err)
	}
	s.cloud.api = handler
	s.member = s.id(t, "roles", "member")
	s.project = s.make(t, "projects", "project", "p")
	for name, id := range map[string]*string{"alice": &s.alice, "bob": &s.bob} {
		*id = s.text(t, "admin", "/v3/users", `{"user": {"name": "`+name+`", "email": "`+name+`@x", "default_project_id": "`+s.project+`"}}`, "user", "id")
		s.grant(t, s.project, *id)
	}
	s.tls = httptest.NewUnstartedServer(handler)
	pool := x509.NewCertPool()
	pool.AddCert(s.ca.cert)
	s.tls.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	s.tls.StartTLS()
	t.Cleanup(s.tls.Close)
	return s
}

// client is one with a certificate, or without.
func (s *secured) client(cert *tls.Certificate) *http.Client {
	tr := s.tls.Client().Transport.(*http.Transport).Clone()
	if cert != nil {
		tr.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	}
	return &http.Client{Transport: tr}
}

// ask sends a request over TLS and gives status and body.
func (s *secured) ask(t *testing.T, cert *tls.Certificate, method, path, body string, headers map[string]string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, s.tls.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := s.client(cert).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return resp.StatusCode, doc
}

const oauth2Form = "application/x-www-form-urlencoded"

// want asks for a token with a certificate.
func (s *secured) want(t *testing.T, cert *tls.Certificate, user string, status int) string {
	t.Helper()
	got, doc := s.ask(t, cert, "POST", "/v3/OS-OAUTH2/token", "grant_type=client_credentials&client_id="+user, map[string]string{"Content-Type": oauth2Form})
	if got != status || status == 401 && (doc["error"] != "invalid_client" || doc["error_description"] != "Client authentication failed.") {
		t.Errorf("%d %v, want %d", got, doc, status)
	}
	tok, _ := doc["access_token"].(string)
	return tok
}

const certificateRules = `{"mapping": {"rules": [{"local": [{"user": {"name": "{0}", "email": "{1}", "domain": {"name": "{2}"}}}],
	"remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}, {"type": "SSL_CLIENT_SUBJECT_DN_L"}, {"type": "SSL_CLIENT_SUBJECT_DN_O"}, {"type": "SSL_CLIENT_ISSUER_DN_CN", "any_one_of": ["ca"]}]}]}}`

func named(name, email, domain string) pkix.Name {
	return pkix.Name{CommonName: name, Locality: []string{email}, Organization: []string{domain}}
}

// TestCertificateToken: a client gets a token for its certificate, and nobody
// uses it without that.
func TestCertificateToken(t *testing.T) {
	s := newSecured(t)
	alice := s.ca.issue(t, named("alice", "alice@x", "Default"))
	s.want(t, &alice, s.alice, 401) // no mapping yet
	s.must(t, "admin", "PUT", fed+"/mappings/oauth2_mapping", certificateRules, 201)
	tok := s.want(t, &alice, s.alice, 200)

	s.subject = tok
	shown := s.do("admin", "GET", "/v3/auth/tokens", "")
	s.subject = ""
	var said struct {
		Token struct {
			Methods []string
			User    struct{ ID string }
			Project struct{ ID string }
			OAuth2  map[string]string `json:"oauth2_credential"`
		}
	}
	if err := json.Unmarshal(shown.Body.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	if v := said.Token; v.OAuth2["x5t#S256"] != auth.Thumbprint(alice.Leaf) || v.User.ID != s.alice || v.Project.ID != s.project || len(v.Methods) != 1 || v.Methods[0] != "oauth2_credential" {
		t.Errorf("%s", shown.Body)
	}
	bob := s.ca.issue(t, named("bob", "bob@x", "Default"))
	again := s.ca.issue(t, named("alice", "alice@x", "Default")) // the same name, another key
	for name, tc := range map[string]struct {
		cert    *tls.Certificate
		headers map[string]string
		status  int
	}{
		"the certificate, bearer":       {&alice, map[string]string{"Authorization": "Bearer " + tok}, 200},
		"the certificate, X-Auth-Token": {&alice, map[string]string{"X-Auth-Token": tok}, 200},
		"no certificate":                {nil, map[string]string{"Authorization": "Bearer " + tok}, 401},
		"no certificate, X-Auth-Token":  {nil, map[string]string{"X-Auth-Token": tok}, 401},
		"another user's":                {&bob, map[string]string{"Authorization": "Bearer " + tok}, 401},
		"another of the same name":      {&again, map[string]string{"Authorization": "Bearer " + tok}, 401},
		"a forged header":               {nil, map[string]string{"Authorization": "Bearer " + tok, httpapi.CertificateHeader: escaped(alice)}, 401},
		"as service token":              {nil, map[string]string{"X-Auth-Token": s.cloud.tokens["admin"], "X-Service-Token": tok}, 401},
		"an unbound token":              {nil, map[string]string{"Authorization": "Bearer " + s.cloud.tokens["admin"]}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			if got, doc := s.ask(t, tc.cert, "GET", "/v3/auth/projects", "", tc.headers); got != tc.status {
				t.Errorf("%d %v, want %d", got, doc, tc.status)
			}
		})
	}
	traded := s.do("", "POST", "/v3/auth/tokens", `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}}}`)
	child := traded.Header().Get("X-Subject-Token") // what is made of it is bound as it is
	for cert, status := range map[*tls.Certificate]int{nil: 401, &alice: 200} {
		if got, _ := s.ask(t, cert, "GET", "/v3/auth/projects", "", map[string]string{"X-Auth-Token": child}); got != status {
			t.Errorf("a token that was traded for it: %d, want %d", got, status)
		}
	}
}

// escaped is a certificate as nginx writes it.
func escaped(cert tls.Certificate) string {
	return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Leaf.Raw})))
}

func TestCertificateRefusals(t *testing.T) {
	s := newSecured(t)
	s.must(t, "admin", "PUT", fed+"/mappings/oauth2_mapping", certificateRules, 201)
	alice := s.ca.issue(t, named("alice", "alice@x", "Default"))
	poor := s.text(t, "admin", "/v3/users", `{"user": {"name": "poor", "email": "poor@x"}}`, "user", "id")
	for name, tc := range map[string]struct {
		subject pkix.Name
		user    string
	}{
		"another user":        {named("bob", "bob@x", "Default"), s.alice},
		"another email":       {named("alice", "bob@x", "Default"), s.alice},
		"another domain":      {named("alice", "alice@x", "other"), s.alice},
		"nobody":              {pkix.Name{SerialNumber: "1"}, s.alice},
		"two users in a name": {named("alice;bob", "alice@x", "Default"), s.alice},
		"an unknown user":     {named("alice", "alice@x", "Default"), "nosuch"},
		"no default project":  {named("poor", "poor@x", "Default"), poor},
		"no client_id":        {named("alice", "alice@x", "Default"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			cert := s.ca.issue(t, tc.subject)
			s.want(t, &cert, tc.user, 401)
		})
	}
	s.must(t, "admin", "PATCH", "/v3/users/"+s.bob, `{"user": {"enabled": false}}`, 200)
	bob := s.ca.issue(t, named("bob", "bob@x", "Default"))
	got, doc := s.ask(t, &bob, "POST", "/v3/OS-OAUTH2/token", "grant_type=client_credentials&client_id="+s.bob, map[string]string{"Content-Type": oauth2Form})
	if got != 401 || doc["error"] != "invalid_client" {
		t.Errorf("a disabled user: %d %v", got, doc)
	}
	stranger := newAuthority(t, "ca").issue(t, named("alice", "alice@x", "Default")) // of a CA that we do not trust
	req, err := http.NewRequest("POST", s.tls.URL+"/v3/OS-OAUTH2/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := s.client(&stranger).Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("a certificate of another CA: %d", resp.StatusCode)
	}
	s.must(t, "admin", "PATCH", fed+"/mappings/oauth2_mapping", `{"mapping": {"rules": [{"local": [{"user": {"domain": {"name": "Default"}}}], "remote": [{"type": "SSL_CLIENT_ISSUER_DN_CN"}]}]}}`, 200)
	s.want(t, &alice, s.alice, 401) // a mapping that names nobody means nobody, not anybody
}

// TestCertificateProxy: the header counts from a trusted proxy, and from nobody else.
func TestCertificateProxy(t *testing.T) {
	s := newSecured(t)
	s.must(t, "admin", "PUT", fed+"/mappings/oauth2_mapping", certificateRules, 201)
	alice := s.ca.issue(t, named("alice", "alice@x", "Default"))
	ask := func(from, header string) (int, string) {
		r := httptest.NewRequest("POST", "/v3/OS-OAUTH2/token", strings.NewReader("grant_type=client_credentials&client_id="+s.alice))
		r.RemoteAddr = from + ":4711"
		r.Header.Set("Content-Type", oauth2Form)
		if header != "" {
			r.Header.Set(httpapi.CertificateHeader, header)
		}
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		var doc struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal(w.Body.Bytes(), &doc)
		return w.Code, doc.Token
	}
	for name, tc := range map[string]struct {
		from, header string
		status       int
	}{
		"the proxy": {trustedProxy, escaped(alice), 200}, "another address": {"198.51.100.8", escaped(alice), 401}, "the proxy, without": {trustedProxy, "", 401},
		"the proxy, nonsense": {trustedProxy, "x", 401}, "two certificates": {trustedProxy, escaped(alice) + escaped(alice), 401},
	} {
		if got, _ := ask(tc.from, tc.header); got != tc.status {
			t.Errorf("%s: %d", name, got)
		}
	}
	_, tok := ask(trustedProxy, escaped(alice))
	for from, status := range map[string]int{trustedProxy: 200, "198.51.100.8": 401} {
		r := httptest.NewRequest("GET", "/v3/auth/projects", nil)
		r.RemoteAddr = from + ":4711"
		r.Header.Set("Authorization", "bearer "+tok)
		r.Header.Set(httpapi.CertificateHeader, escaped(alice))
		w := httptest.NewRecorder()
		if s.api.ServeHTTP(w, r); w.Code != status {
			t.Errorf("from %s: %d", from, w.Code)
		}
	}
}

// TestOAuth2Methods: only the ways that the operator offers are open.
func TestOAuth2Methods(t *testing.T) {
	s := newSecured(t, func(c *service.Config) { c.OAuth2Methods = []string{service.ClientSecretBasic} })
	s.must(t, "admin", "PUT", fed+"/mappings/oauth2_mapping", certificateRules, 201)
	alice := s.ca.issue(t, named("alice", "alice@x", "Default"))
	s.want(t, &alice, s.alice, 401)
	s.want(t, nil, s.alice, 401)
}
