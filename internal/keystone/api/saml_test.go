package api_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"html"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"nacre/internal/keystone/sso"
)

// samlIDP is a SAML identity provider with one user, who is always logged in.
type samlIDP struct {
	*saml.IdentityProvider
	at       *httptest.Server
	session  saml.Session
	metadata *saml.EntityDescriptor // of the service provider
}

func (i *samlIDP) GetSession(http.ResponseWriter, *http.Request, *saml.IdpAuthnRequest) *saml.Session {
	s := i.session
	s.CreateTime, s.ExpireTime = time.Now(), time.Now().Add(time.Hour)
	return &s
}

func (i *samlIDP) GetServiceProvider(*http.Request, string) (*saml.EntityDescriptor, error) {
	return i.metadata, nil
}

// pair is a key with its certificate.
type pair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// idpKey and otherKey are made once: that takes long.
var idpKey, otherKey = sync.OnceValues(selfSigned), sync.OnceValues(selfSigned)

func selfSigned() (pair, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return pair{}, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return pair{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return pair{key, cert}, err
}

const (
	samlRules = `{"mapping": {"rules": [
	{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "uid"}]},
	{"local": [{"groups": "{0}", "domain": {"name": "federated"}}], "remote": [{"type": "eduPersonAffiliation", "whitelist": ["staff"]}]}]}}`
	samlAt     = fed + "/identity_providers/idp/protocols/saml2"
	samlDirect = "/v3/auth/OS-FEDERATION/identity_providers/idp/protocols/saml2/websso?origin=" + dashboard
)

func newSAML(t testing.TB, change func(*sso.SAMLConfig)) (*federated, *samlIDP, *browser) {
	t.Helper()
	own, err := idpKey()
	if err != nil {
		t.Fatal(err)
	}
	i := &samlIDP{session: saml.Session{ID: "s", Index: "s", NameID: "tim@idp", UserName: "tim", Groups: []string{"staff", "x"}}}
	i.IdentityProvider = &saml.IdentityProvider{Key: own.key, Certificate: own.cert, Logger: log.New(io.Discard, "", 0), SessionProvider: i,
		ServiceProviderProvider: i, SignatureMethod: dsig.RSASHA256SignatureMethod}
	i.at = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.Handler().ServeHTTP(w, r) }))
	t.Cleanup(i.at.Close)
	i.MetadataURL, i.SSOURL = address(t, i.at.URL+"/metadata"), address(t, i.at.URL+"/sso")
	text, err := xml.Marshal(i.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "idp.xml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &sso.SAMLConfig{Metadata: file}
	if change != nil {
		change(c)
	}
	f := newFederated(t, sso.Config{TrustedDashboards: []string{dashboard}, Providers: []sso.Party{{IdentityProvider: "idp", Protocol: "saml2", SAML: c}}}, samlRules)
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp", `{"identity_provider": {"remote_ids": ["`+i.MetadataURL.String()+`"]}}`, 200)
	i.metadata = &saml.EntityDescriptor{}
	if err := xml.Unmarshal(f.visit("GET", samlAt+"/saml2/metadata", nil).Body.Bytes(), i.metadata); err != nil {
		t.Fatal(err)
	}
	return f, i, &browser{f, map[string]string{}}
}

func address(t testing.TB, text string) url.URL {
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return *u
}

var inputs = regexp.MustCompile(`name="(SAMLResponse|RelayState)" value="([^"]*)"`)

// ask begins a login and gives the form that the identity provider answers with.
func (i *samlIDP) ask(t testing.TB, b *browser) url.Values {
	t.Helper()
	at := b.get(t, samlDirect).Header().Get("Location")
	res, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	for _, m := range inputs.FindAllStringSubmatch(string(page), -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	if form.Get("SAMLResponse") == "" {
		t.Fatalf("%d %s", res.StatusCode, page)
	}
	return form
}

func (b *browser) bring(t testing.TB, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	return b.send(t, "POST", samlAt+"/saml2/acs", form.Encode(), "application/x-www-form-urlencoded")
}

func TestSAMLLogin(t *testing.T) {
	f, i, b := newSAML(t, nil)
	form := i.ask(t, b)
	login := map[string]string{}
	for k, v := range b.cookies {
		login[k] = v
	}
	w := b.bring(t, form)
	m := tokenInPage.FindStringSubmatch(w.Body.String())
	if w.Code != 200 || m == nil || !strings.Contains(w.Body.String(), `action="`+dashboard+`"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if s := f.scoped("token", m[1], f.project); s.Code != 201 || user(t, s)["name"] != "tim" {
		t.Errorf("%d %s", s.Code, s.Body)
	}
	if w := b.bring(t, form); w.Code != 401 {
		t.Errorf("brought again: %d", w.Code)
	}
	b.cookies = login
	if w := b.bring(t, form); w.Code != 401 {
		t.Errorf("brought again with the login of then: %d", w.Code)
	}
}

// change edits the answer of an identity provider.
func change(t testing.TB, form url.Values, edit func(response *etree.Element)) url.Values {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(form.Get("SAMLResponse"))
	if err != nil {
		t.Fatal(err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil {
		t.Fatal(err)
	}
	edit(doc.Root())
	if text, err = doc.WriteToBytes(); err != nil {
		t.Fatal(err)
	}
	return url.Values{"RelayState": form["RelayState"], "SAMLResponse": {base64.StdEncoding.EncodeToString(text)}}
}

func unsigned(e *etree.Element) {
	for _, c := range e.ChildElements() {
		if c.Tag == "Signature" {
			e.RemoveChild(c)
		}
	}
}

// name sets the user's name in an assertion.
func name(e *etree.Element, to string) {
	for _, a := range e.FindElements(".//Attribute") {
		if a.SelectAttrValue("FriendlyName", "") == "uid" {
			a.ChildElements()[0].SetText(to)
		}
	}
}

// TestSAMLAnswers edits answers in the ways of those who have an answer for
// themselves and want one for somebody else.
func TestSAMLAnswers(t *testing.T) {
	f, i, b := newSAML(t, nil)
	assertion := func(r *etree.Element) *etree.Element { return r.FindElement("./Assertion") }
	for what, tc := range map[string]struct {
		edit   func(r *etree.Element)
		status int
	}{
		"as it is":               {func(*etree.Element) {}, 200},
		"assertion signed only":  {unsigned, 200},
		"response signed only":   {func(r *etree.Element) { unsigned(assertion(r)) }, 401}, // the response was signed over it
		"not signed":             {func(r *etree.Element) { unsigned(r); unsigned(assertion(r)) }, 401},
		"renamed":                {func(r *etree.Element) { name(r, "admin") }, 401},
		"renamed, one signature": {func(r *etree.Element) { unsigned(r); name(r, "admin") }, 401},
		"another in front": {func(r *etree.Element) {
			unsigned(r)
			evil := assertion(r).Copy()
			unsigned(evil)
			name(evil, "admin")
			r.InsertChildAt(assertion(r).Index(), evil)
		}, 401},
		"another behind": {func(r *etree.Element) {
			unsigned(r)
			evil := assertion(r).Copy()
			unsigned(evil)
			name(evil, "admin")
			r.AddChild(evil)
		}, 401},
		"the signed one inside another": {func(r *etree.Element) {
			unsigned(r)
			good := assertion(r)
			evil := good.Copy()
			name(evil, "admin")
			evil.SelectAttr("ID").Value = "evil"
			r.RemoveChild(good)
			sig := evil.FindElement("./Signature")
			sig.CreateElement("ds:Object").AddChild(good)
			r.AddChild(evil)
		}, 401},
		"the signed one in extensions": {func(r *etree.Element) {
			unsigned(r)
			good := assertion(r)
			evil := good.Copy()
			name(evil, "admin")
			r.RemoveChild(good)
			r.CreateElement("samlp:Extensions").AddChild(good)
			r.AddChild(evil)
		}, 401},
		"the signed response inside another": {func(r *etree.Element) {
			good := r.Copy()
			name(r, "admin")
			r.FindElement("./Signature").CreateElement("ds:Object").AddChild(good)
		}, 401},
		"no success":             {func(r *etree.Element) { unsigned(r); r.FindElement(".//StatusCode").SelectAttr("Value").Value = "x" }, 401},
		"for another place":      {func(r *etree.Element) { unsigned(r); r.SelectAttr("Destination").Value = "https://x.example" }, 401},
		"to another question":    {func(r *etree.Element) { unsigned(r); r.SelectAttr("InResponseTo").Value = "x" }, 401},
		"of another provider":    {func(r *etree.Element) { unsigned(r); r.FindElement("./Issuer").SetText("https://x.example") }, 401},
		"no response":            {func(r *etree.Element) { r.Tag = "LogoutResponse" }, 401},
		"a comment in the name":  {func(r *etree.Element) { unsigned(r); commented(r) }, 200},
		"a condition taken away": {func(r *etree.Element) { unsigned(r); a := assertion(r); a.RemoveChild(a.FindElement("./Conditions")) }, 401},
	} {
		b.cookies = map[string]string{}
		w := b.bring(t, change(t, i.ask(t, b), tc.edit))
		if w.Code != tc.status {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
		if m := tokenInPage.FindStringSubmatch(w.Body.String()); tc.status == 200 && m != nil {
			if s := f.do(m[1], "GET", "/v3/auth/tokens", ""); !strings.Contains(s.Body.String(), `"name":"tim"`) {
				t.Errorf("%s: it became %s", what, s.Body)
			}
		}
	}
}

// commented breaks the user's name up with a comment, which no signature covers.
func commented(r *etree.Element) {
	for _, a := range r.FindElements(".//Attribute") {
		if a.SelectAttrValue("FriendlyName", "") == "uid" {
			v := a.ChildElements()[0]
			v.SetText("t")
			v.CreateComment("x")
			v.CreateText("im")
		}
	}
}

func TestSAMLIsForUsAndNow(t *testing.T) {
	for what, harm := range map[string]func(t *testing.T, f *federated, i *samlIDP, b *browser) url.Values{
		"by another key": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			other, err := otherKey()
			if err != nil {
				t.Fatal(err)
			}
			i.Key, i.Certificate = other.key, other.cert
			return i.ask(t, b)
		},
		"by SHA-1": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			i.SignatureMethod = dsig.RSASHA1SignatureMethod
			return i.ask(t, b)
		},
		"for another service provider": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			i.metadata.EntityID = "https://x.example"
			return i.ask(t, b)
		},
		"too late": func(t *testing.T, f *federated, i *samlIDP, b *browser) url.Values {
			form := i.ask(t, b)
			f.clock.ahead = 6 * time.Minute
			return form
		},
		"too early": func(t *testing.T, f *federated, i *samlIDP, b *browser) url.Values {
			f.clock.ahead = -10 * time.Minute
			return i.ask(t, b)
		},
		"in another browser": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			form := i.ask(t, b)
			b.cookies = map[string]string{}
			return form
		},
		"of another login": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			form := i.ask(t, b)
			form.Set("RelayState", i.ask(t, b).Get("RelayState"))
			return form
		},
		"with a document type": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			form := i.ask(t, b)
			text, _ := base64.StdEncoding.DecodeString(form.Get("SAMLResponse"))
			form.Set("SAMLResponse", base64.StdEncoding.EncodeToString(append([]byte(`<!DOCTYPE x [<!ENTITY e "e">]>`), text...)))
			return form
		},
		"nonsense": func(t *testing.T, _ *federated, i *samlIDP, b *browser) url.Values {
			form := i.ask(t, b)
			form.Set("SAMLResponse", base64.StdEncoding.EncodeToString([]byte("<a><b></a>")))
			return form
		},
	} {
		f, i, b := newSAML(t, nil)
		if w := b.bring(t, harm(t, f, i, b)); w.Code != 401 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	_, i, b := newSAML(t, func(c *sso.SAMLConfig) { c.AllowSHA1 = true })
	i.SignatureMethod = dsig.RSASHA1SignatureMethod
	if w := b.bring(t, i.ask(t, b)); w.Code != 200 {
		t.Errorf("by SHA-1, allowed: %d %s", w.Code, w.Body)
	}
}

// TestSAMLWithoutBrowser is what the command line client does: it carries the
// question to the identity provider and the answer back, then fetches a token.
func TestSAMLWithoutBrowser(t *testing.T) {
	f, i, b := newSAML(t, nil)
	w := f.visit("GET", samlAt+"/auth", map[string]string{"Accept": "application/json,application/vnd.paos+xml", "PAOS": `ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"`})
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/vnd.paos+xml" {
		t.Fatalf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	question := etree.NewDocument()
	if err := question.ReadFromBytes(w.Body.Bytes()); err != nil {
		t.Fatal(err)
	}
	consumer := question.FindElement("//Request[@responseConsumerURL]").SelectAttrValue("responseConsumerURL", "")
	relay := question.FindElement("//RelayState").Text()
	if told := f.visit("GET", samlAt+"/saml2/metadata", nil).Body.String(); !strings.Contains(told, `Location="`+consumer+`"`) {
		t.Errorf("the metadata does not tell of %s: %s", consumer, told)
	}
	i.metadata.SPSSODescriptors[0].AssertionConsumerServices[1].Location = consumer // the library drops what it does not serve itself
	answer := i.answer(t, question.FindElement("//AuthnRequest"), relay)
	if w := b.send(t, "POST", consumer, strings.Replace(answer, relay, "x", 1), "application/vnd.paos+xml"); w.Code != 401 {
		t.Errorf("with another relay state: %d", w.Code)
	}
	if w = b.send(t, "POST", consumer, answer, "application/vnd.paos+xml"); w.Code != 302 || !strings.HasSuffix(w.Header().Get("Location"), samlAt+"/auth") {
		t.Fatalf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	if u := user(t, b.get(t, w.Header().Get("Location"))); u["name"] != "tim" {
		t.Errorf("%v", u)
	}
	if w = b.send(t, "POST", consumer, answer, "application/vnd.paos+xml"); w.Code != 401 {
		t.Errorf("brought again: %d", w.Code)
	}
	f.clock.ahead = 3 * time.Minute
	if w := b.get(t, samlAt+"/auth"); w.Code != 401 {
		t.Errorf("what is kept is good for ever: %d", w.Code)
	}
	if w := b.send(t, "POST", consumer, "<S:Envelope/>", "application/vnd.paos+xml"); w.Code != 401 {
		t.Errorf("nonsense: %d", w.Code)
	}
}

// answer is that of the identity provider, in an envelope.
func (i *samlIDP) answer(t testing.TB, question *etree.Element, relay string) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(question.Copy())
	text, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	req := &saml.IdpAuthnRequest{IDP: i.IdentityProvider, RequestBuffer: text, Now: time.Now(), HTTPRequest: httptest.NewRequest("POST", "/", nil)}
	if err := req.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := (saml.DefaultAssertionMaker{}).MakeAssertion(req, i.GetSession(nil, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if err := req.MakeAssertionEl(); err != nil {
		t.Fatal(err)
	}
	if err := req.MakeResponse(); err != nil {
		t.Fatal(err)
	}
	out := etree.NewDocument()
	out.SetRoot(req.ResponseEl)
	if text, err = out.WriteToBytes(); err != nil {
		t.Fatal(err)
	}
	return `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header><ecp:RelayState xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp">` +
		relay + `</ecp:RelayState></S:Header><S:Body>` + string(text) + `</S:Body></S:Envelope>`
}

const k2kRules = `{"mapping": {"rules": [
	{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "openstack_user"}, {"type": "openstack_user_domain", "any_one_of": ["Default"]}]},
	{"local": [{"groups": "{0}"}], "remote": [{"type": "openstack_groups"}]},
	{"local": [{"group": {"name": "staff", "domain": {"name": "federated"}}}], "remote": [{"type": "openstack_roles", "any_one_of": ["admin"]}]}]}}`

// TestKeystoneToKeystone takes a token at one cloud, an assertion for it there,
// and a token for that at another.
func TestKeystoneToKeystone(t *testing.T) {
	a := newFederated(t, sso.Config{PublicURL: "http://a.example:5000/v3"}, samlRules)
	metadata := a.visit("GET", fed+"/saml2/metadata", nil)
	if metadata.Code != 200 || metadata.Header().Get("Content-Type") != "text/xml" {
		t.Fatalf("%d %s %s", metadata.Code, metadata.Header(), metadata.Body)
	}
	file := filepath.Join(t.TempDir(), "a.xml")
	if err := os.WriteFile(file, metadata.Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	newB := func(allow bool) (*federated, *browser) {
		b := newFederated(t, sso.Config{Providers: []sso.Party{{IdentityProvider: "idp", Protocol: "saml2",
			SAML: &sso.SAMLConfig{Metadata: file, AllowUnsolicited: allow}}}}, k2kRules)
		return b, &browser{b, map[string]string{}}
	}
	b, client := newB(true)
	spURL, authURL := "http://127.0.0.1:5000"+samlAt+"/saml2/ecp", "http://127.0.0.1:5000"+samlAt+"/auth"
	a.must(t, "admin", "PUT", fed+"/service_providers/b", `{"service_provider": {"enabled": true, "auth_url": "`+authURL+`", "sp_url": "`+spURL+`"}}`, 201)
	scoped := a.do("", "POST", "/v3/auth/tokens", loginBody("admin", "PASSWORD", `{"project": {"name": "admin", "domain": {"id": "default"}}}`))
	if !strings.Contains(scoped.Body.String(), `"service_providers":[{"auth_url":"`+authURL+`","id":"b","sp_url":"`+spURL+`"}]`) {
		t.Errorf("the token does not name the other cloud: %s", scoped.Body)
	}
	ask := func(path, tok, sp string) *httptest.ResponseRecorder {
		return a.do("", "POST", "/v3/auth/OS-FEDERATION/"+path, `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}, "scope": {"service_provider": {"id": "`+sp+`"}}}}`)
	}
	tok := scoped.Header().Get("X-Subject-Token")
	plain, wrapped := ask("saml2", tok, "b"), ask("saml2/ecp", tok, "b")
	for _, w := range []*httptest.ResponseRecorder{plain, wrapped} {
		if h := w.Header(); w.Code != 200 || h.Get("Content-Type") != "text/xml" || h.Get("X-Sp-Url") != spURL || h.Get("X-Auth-Url") != authURL {
			t.Fatalf("%d %s %s", w.Code, h, w.Body)
		}
	}
	if s := wrapped.Body.String(); !strings.Contains(s, "ss:mem:") {
		t.Errorf("no relay state: %s", s)
	}
	w := client.send(t, "POST", spURL, wrapped.Body.String(), "application/vnd.paos+xml")
	if w.Code != 302 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w = client.get(t, authURL)
	if u := user(t, w); u["name"] != "admin" || u["id"] == a.id(t, "users", "admin") {
		t.Errorf("%v", u)
	}
	if s := b.scoped("token", w.Header().Get("X-Subject-Token"), b.project); s.Code != 201 {
		t.Errorf("%d %s", s.Code, s.Body)
	}
	if w := client.send(t, "POST", spURL, wrapped.Body.String(), "application/vnd.paos+xml"); w.Code != 401 {
		t.Errorf("brought again: %d", w.Code)
	}
	_, wary := newB(false)
	if w := wary.send(t, "POST", spURL, ask("saml2/ecp", tok, "b").Body.String(), "application/vnd.paos+xml"); w.Code != 401 {
		t.Errorf("nobody asked: %d", w.Code)
	}
}

func TestVouchRefuses(t *testing.T) {
	a := newFederated(t, sso.Config{}, samlRules)
	for id, enabled := range map[string]string{"on": "true", "off": "false"} {
		a.must(t, "admin", "PUT", fed+"/service_providers/"+id, `{"service_provider": {"enabled": `+enabled+`, "auth_url": "https://b/a", "sp_url": "https://b/s"}}`, 201)
	}
	unscoped := a.login(t, "admin", "PASSWORD", `"unscoped"`)
	for name, tc := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"nothing":     {`{}`, 400, `None is not of type 'object'`},
		"no scope":    {`{"auth": {"identity": {"token": {"id": "x"}}}}`, 400, `'scope' is a required property`},
		"unknown":     {`{"auth": {"identity": {"token": {"id": "` + a.tokens["admin"] + `"}}, "scope": {"service_provider": {"id": "no"}}}}`, 404, "Could not find Service Provider: no."},
		"disabled":    {`{"auth": {"identity": {"token": {"id": "` + a.tokens["admin"] + `"}}, "scope": {"service_provider": {"id": "off"}}}}`, 403, "You are not authorized to perform the requested action."},
		"unscoped":    {`{"auth": {"identity": {"token": {"id": "` + unscoped + `"}}, "scope": {"service_provider": {"id": "on"}}}}`, 403, "Use a project scoped token when attempting to create a SAML assertion"},
		"no token":    {`{"auth": {"identity": {"token": {"id": "x"}}, "scope": {"service_provider": {"id": "on"}}}}`, 404, ""},
		"more fields": {`{"auth": {"identity": {"token": {"id": "x"}}, "scope": {"service_provider": {"id": "on"}}, "x": 1}}`, 400, "Additional properties are not allowed ('x' was unexpected)"},
	} {
		for _, path := range []string{"saml2", "saml2/ecp"} {
			if w := a.do("", "POST", "/v3/auth/OS-FEDERATION/"+path, tc.body); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, tc.status, tc.want)
			}
		}
	}
}
