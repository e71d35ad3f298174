package cloud_test

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
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"nacre/internal/cloud"
	"nacre/internal/cloudtest"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/keystoneauth"
)

// authority signs certificates; its files are in a directory of the test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	made := a.sign(name, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// sign makes a certificate and its key, in the files NAME.pem and NAME.key.
func (a *authority) sign(name string, tmpl *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name string, text []byte) {
	if err := os.WriteFile(a.file(name), text, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) server(name, addr string) {
	a.sign(name, &x509.Certificate{IPAddresses: []net.IP{net.ParseIP(addr)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

func (a *authority) person(name, domain string) *tls.Certificate {
	c := a.sign(name, &x509.Certificate{Subject: pkix.Name{CommonName: name, Locality: []string{name + "@x"}, Organization: []string{domain}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return &c
}

// client trusts the authority, and shows a certificate if it has one. It makes a connection for each call.
func (a *authority) client(cert *tls.Certificate) *http.Client {
	cfg := &tls.Config{RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AddCert(a.cert)
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
}

// request gives status and text.
func request(t *testing.T, c *http.Client, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// bound has alice get a token for her certificate, which nobody else can use.
func bound(t *testing.T, ca *authority, keystone, admin string) {
	t.Helper()
	admins := func(status int, method, path, body string) map[string]map[string]any {
		t.Helper()
		got, text := request(t, ca.client(nil), method, keystone+path, body, "X-Auth-Token", admin, "Content-Type", "application/json")
		if got != status {
			t.Fatalf("%s %s: %d %s", method, path, got, text)
		}
		var doc map[string]map[string]any
		_ = json.Unmarshal([]byte(text), &doc)
		return doc
	}
	admins(201, "PUT", "/OS-FEDERATION/mappings/oauth2_mapping", `{"mapping": {"rules": [{"local": [{"user": {"name": "{0}", "email": "{1}", "domain": {"name": "{2}"}}}],
		"remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}, {"type": "SSL_CLIENT_SUBJECT_DN_L"}, {"type": "SSL_CLIENT_SUBJECT_DN_O"}, {"type": "SSL_CLIENT_ISSUER_DN_CN", "any_one_of": ["ca"]}]}]}}`)
	project := admins(201, "POST", "/projects", `{"project": {"name": "p"}}`)["project"]["id"].(string)
	user := admins(201, "POST", "/users", `{"user": {"name": "alice", "email": "alice@x", "default_project_id": "`+project+`"}}`)["user"]["id"].(string)
	var roles struct{ Roles []struct{ ID string } }
	_, text := request(t, ca.client(nil), "GET", keystone+"/roles?name=member", "", "X-Auth-Token", admin)
	if err := json.Unmarshal([]byte(text), &roles); err != nil {
		t.Fatal(err)
	}
	admins(204, "PUT", "/projects/"+project+"/users/"+user+"/roles/"+roles.Roles[0].ID, "")

	alice, form := ca.person("alice", "Default"), url.Values{"grant_type": {"client_credentials"}, "client_id": {user}}.Encode()
	escaped := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: alice.Certificate[0]})))
	want := func(what string, cert *tls.Certificate, status int) string {
		t.Helper()
		got, text := request(t, ca.client(cert), "POST", keystone+"/OS-OAUTH2/token", form, "Content-Type", "application/x-www-form-urlencoded", httpapi.CertificateHeader, escaped)
		if got != status {
			t.Fatalf("%s: %d %s", what, got, text)
		}
		var doc struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal([]byte(text), &doc)
		return doc.Token
	}
	want("alice's certificate in a header", nil, 401)
	want("bob's certificate, alice's in a header", ca.person("bob", "Default"), 401)
	tok := want("alice", alice, 200)
	for status, cert := range map[int]*tls.Certificate{200: alice, 401: nil} {
		if got, text := request(t, ca.client(cert), "GET", keystone+"/auth/projects", "", "Authorization", "Bearer "+tok, httpapi.CertificateHeader, escaped); got != status {
			t.Errorf("bound token: %d, want %d: %s", got, status, text)
		}
	}
	stranger := newAuthority(t, "ca").person("alice", "Default")
	if res, err := ca.client(stranger).Get(keystone); err == nil {
		res.Body.Close()
		t.Errorf("a certificate of a stranger's authority: %d", res.StatusCode)
	}
}

// TestTLS: a cloud behind certificates says so wherever it tells addresses,
// works over its own sockets, and knows clients by theirs.
func TestTLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.server("server", "127.0.0.1")
	whole := cloudtest.Start(t, 1, func(c *cloud.Config) {
		c.TLS = cloud.TLS{Cert: ca.file("server.pem"), Key: ca.file("server.key"), ClientCA: ca.file("ca.pem"), CA: ca.file("ca.pem")}
		c.Sockets = true
	})
	keystone := whole.Env.URL(5000) + "/v3"
	admin := whole.Token(cloudtest.Admin)
	bound(t, ca, keystone, admin)
	for _, tc := range []struct{ what, url, want string }{
		{"catalogue", keystone + "/auth/catalog", `"url":"https://127.0.0.1:`}, {"identity", whole.Env.URL(5000) + "/", `"href":"https://127.0.0.1:`},
		{"compute", whole.Env.URL(8774) + "/", `"href": "https://127.0.0.1:`}, {"image", whole.Env.URL(9292) + "/versions", `"https://127.0.0.1:`},
		{"network", whole.Env.URL(9696) + "/", `"https://127.0.0.1:`},
	} {
		_, text := request(t, ca.client(nil), "GET", tc.url, "", "X-Auth-Token", admin)
		if plain := strings.ReplaceAll(text, ": ", ":"); !strings.Contains(plain, strings.ReplaceAll(tc.want, ": ", ":")) || strings.Contains(plain, `"http://127`) {
			t.Errorf("%s: %s", tc.what, text)
		}
	}
	for name, want := range map[string]string{"openrc": "export OS_CACERT='" + ca.file("ca.pem") + "'\n", "clouds.yaml": "cacert: \"" + ca.file("ca.pem") + "\"\n"} {
		text, err := os.ReadFile(filepath.Join(whole.Env.Config.StateDir, name))
		if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), keystone) || strings.Contains(string(text), "http://") {
			t.Errorf("%s: %v %s", name, err, text)
		}
	}
	if got, _ := request(t, http.DefaultClient, "GET", strings.Replace(keystone, "https:", "http:", 1), ""); got != 400 {
		t.Errorf("in the clear: %d", got)
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if c, err := tls.Dial("tcp", whole.Env.HostPort(5000), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

// TestTLSAlone: the same for Keystone alone, whose certificates may change as it runs.
func TestTLSAlone(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.server("server", "127.0.0.7")
	whole := cloudtest.Start(t, 1, func(cfg *cloud.Config) { cfg.NoDefaults = true })
	dir := t.TempDir()
	var cfg cloud.Config
	set := func(c *cloud.Config) {
		c.Processes, c.StateDir = []string{"keystone"}, dir
		c.TLS = cloud.TLS{Cert: ca.file("server.pem"), Key: ca.file("server.key"), ClientCA: ca.file("ca.pem")}
	}
	t.Run("new", func(t *testing.T) { cfg = part(t, whole, set).Env.Config })
	if err := cloud.NewKeystoneAdmin(cfg).Bootstrap(t.Context(), service.BootstrapConfig{AdminPassword: "given"}); err != nil {
		t.Fatal(err)
	}
	keystone := part(t, whole, set).Env.URL(5000) + "/v3"
	s := keystoneauth.New(keystoneauth.Config{AuthURL: keystone, Username: "admin", Password: "given", Project: "admin"}, ca.client(nil).Transport)
	admin, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bound(t, ca, keystone, admin)

	key, err := os.ReadFile(ca.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca.write("server.key", []byte("half a key")) // as one who replaces it leaves it for a moment
	if got, _ := request(t, ca.client(nil), "GET", keystone, ""); got != 200 {
		t.Errorf("while the key is replaced: %d", got)
	}
	ca.write("server.key", key)
	next := newAuthority(t, "next")
	next.server("server", "127.0.0.7")
	for _, name := range []string{"server.pem", "server.key"} {
		text, err := os.ReadFile(next.file(name))
		if err != nil {
			t.Fatal(err)
		}
		ca.write(name, text)
	}
	if got, _ := request(t, next.client(nil), "GET", keystone, ""); got != 200 {
		t.Errorf("with the next certificate: %d", got)
	}
}

// TestPublicEndpoint: a cloud is told of by a name that is not where it listens.
func TestPublicEndpoint(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.sign("server", &x509.Certificate{DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	whole := cloudtest.Start(t, 1, func(c *cloud.Config) {
		c.TLS = cloud.TLS{Cert: ca.file("server.pem"), Key: ca.file("server.key"), CA: ca.file("ca.pem")}
		c.Public, c.Sockets, c.Keystone.V2 = "https://localhost/", true, true
	})
	at := func(port int) string {
		return "https://localhost:" + strconv.Itoa(port+whole.Env.Config.PortOffset)
	}
	admin := whole.Token(cloudtest.Admin)
	_, text := request(t, ca.client(nil), "GET", at(5000)+"/v3/auth/catalog", "", "X-Auth-Token", admin)
	for _, port := range []int{5000, 8774, 8778, 9292, 9696, 35357} {
		if !strings.Contains(text, `"url":"`+at(port)) || strings.Contains(text, "127.0.0.1") {
			t.Errorf("the catalogue does not tell of %s, or not alone: %s", at(port), text)
		}
	}
	direct := ca.client(nil)
	direct.Transport.(*http.Transport).TLSClientConfig.ServerName = "localhost"
	for port, path := range map[int]string{5000: "/", 35357: "/", 8774: "/", 9292: "/versions", 9696: "/"} {
		if _, text := request(t, direct, "GET", "https://"+whole.Env.HostPort(port)+path, ""); !strings.Contains(text, at(port)+"/") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%d: %s", port, text)
		}
	}
	for _, name := range []string{"openrc", "clouds.yaml"} {
		text, err := os.ReadFile(filepath.Join(whole.Env.Config.StateDir, name))
		if err != nil || !strings.Contains(string(text), at(5000)+"/v3") || strings.Contains(string(text), "127.0.0.1") {
			t.Errorf("%s: %v %s", name, err, text)
		}
	}
}

// TestPublicEndpointOfProxy: where others end TLS the cloud says https, in the clear itself.
func TestPublicEndpointOfProxy(t *testing.T) {
	whole := cloudtest.Start(t, 1, func(c *cloud.Config) { c.Public, c.NoDefaults = "https://cloud.invalid", true })
	user := whole.As(cloudtest.Admin).Identity()
	answer := user.Get("/auth/catalog").Want(200)
	if got := string(answer.Body); !strings.Contains(got, "https://cloud.invalid:") || strings.Contains(got, "http://") {
		t.Errorf("%s", got)
	}
	_, text := request(t, http.DefaultClient, "GET", "http://"+whole.Env.HostPort(5000)+"/", "")
	if !strings.Contains(text, `"href":"`+whole.Env.URL(5000)+`/v3/"`) {
		t.Errorf("%s", text)
	}
}

// TestTLSAuthoritiesChange: whom this process trusts as a client it reads again.
func TestTLSAuthoritiesChange(t *testing.T) {
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	ca.server("server", "127.0.0.1")
	trusted := other.file("other.pem")
	whole := cloudtest.Start(t, 1, func(c *cloud.Config) {
		c.TLS, c.NoDefaults = cloud.TLS{Cert: ca.file("server.pem"), Key: ca.file("server.key")}, true
	})
	beside := part(t, whole, func(c *cloud.Config) {
		c.Processes, c.TLS.CA = []string{"placement-api"}, trusted
		c.Authtoken = cloud.Authtoken{AuthURL: whole.Env.URL(5000) + "/v3", Username: "placement", Password: whole.Env.Secrets.Services["placement"]}
	})
	want := func(what string, status int) {
		t.Helper()
		if got, text := request(t, http.DefaultClient, "GET", beside.Env.URL(8778)+"/resource_providers", "", "X-Auth-Token", whole.Token(cloudtest.Admin)); got != status {
			t.Errorf("%s: %d %s", what, got, text)
		}
	}
	want("another authority", 503)
	text, err := os.ReadFile(ca.file("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	other.write("other.pem", text)
	want("the right one", 200)
	other.write("other.pem", []byte("half a certificate"))
	want("none", 200)
}

// TestPublicEndpointIsChecked: what is no address of all APIs is refused.
func TestPublicEndpointIsChecked(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.server("server", "127.0.0.1")
	secure := cloud.TLS{Cert: ca.file("server.pem"), Key: ca.file("server.key")}
	for _, tc := range []struct {
		public, want string
		tls          cloud.TLS
	}{
		{"", "", cloud.TLS{}}, {"http://cloud.example", "", cloud.TLS{}}, {"https://cloud.example/", "", cloud.TLS{}}, {"https://[::1]", "", cloud.TLS{}},
		{"https://127.0.0.1", "", secure}, {"http://127.0.0.1", "served over https", secure}, {"https://cloud.example", "cloud.example", secure},
		{"cloud.example", "not an address", cloud.TLS{}}, {"https://cloud.example:5000", "without a port", cloud.TLS{}},
		{"https://cloud.example/identity", "not an address", cloud.TLS{}}, {"https://", "not an address", cloud.TLS{}}, {"ftp://cloud.example", "not an address", cloud.TLS{}},
		{"https://user@cloud.example", "not an address", cloud.TLS{}}, {"https://cloud.example?x", "not an address", cloud.TLS{}},
	} {
		cfg := cloud.DefaultConfig()
		cfg.Public, cfg.TLS = tc.public, tc.tls
		if err := cfg.Check(); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.public, err, tc.want)
		}
	}
}

// TestTLSIsChecked: files that cannot serve are refused at the start.
func TestTLSIsChecked(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.server("server", "127.0.0.1")
	ca.server("other", "192.0.2.1")
	for want, o := range map[string]cloud.TLS{
		"":                               {Cert: ca.file("server.pem"), Key: ca.file("server.key"), ClientCA: ca.file("ca.pem"), CA: ca.file("ca.pem")},
		"private key does not match":     {Cert: ca.file("server.pem"), Key: ca.file("other.key")},
		"valid for 192.0.2.1, not 127.0": {Cert: ca.file("other.pem"), Key: ca.file("other.key")},
		"no such file":                   {Cert: ca.file("server.pem"), Key: ca.file("none.key")},
		"cert and key go together":       {Cert: ca.file("server.pem")},
		"client_ca goes with cert":       {ClientCA: ca.file("ca.pem")},
		"holds no certificate":           {Cert: ca.file("server.pem"), Key: ca.file("server.key"), ClientCA: ca.file("ca.key")},
		"ca.key holds no certificate":    {CA: ca.file("ca.key")},
	} {
		cfg := cloud.DefaultConfig()
		cfg.TLS = o
		if err := cfg.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
