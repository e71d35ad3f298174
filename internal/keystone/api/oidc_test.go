package api_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nacre/internal/keystone/sso"
)

// openID is an OpenID provider with one user, who is always logged in.
type openID struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any // told beside what the protocol demands; nil takes one away
	info   map[string]any // of the user information
	nonce  string
	asked  url.Values // the last request to log in
	opaque map[string]map[string]any
}

const (
	oidcClient = "nacre"
	oidcSecret = "s3cret"
)

func newOpenID(t testing.TB) *openID {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	o := &openID{key: key, claims: map[string]any{}, info: map[string]any{"sub": "42"}, opaque: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		o.tell(w, map[string]any{"issuer": o.URL, "authorization_endpoint": o.URL + "/login", "token_endpoint": o.URL + "/token",
			"jwks_uri": o.URL + "/keys", "userinfo_endpoint": o.URL + "/me", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		o.tell(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		o.asked, o.nonce = r.URL.Query(), r.URL.Query().Get("nonce")
		http.Redirect(w, r, o.asked.Get("redirect_uri")+"?code=c0de&state="+url.QueryEscape(o.asked.Get("state")), http.StatusFound)
	})
	mux.HandleFunc("POST /token", o.token)
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { o.tell(w, o.info) })
	mux.HandleFunc("POST /introspect", func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != oidcClient || secret != oidcSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims := o.opaque[r.FormValue("token")]
		if claims == nil {
			claims = map[string]any{"active": false}
		}
		o.tell(w, claims)
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	return o
}

func (o *openID) tell(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (o *openID) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, _ := r.BasicAuth()
	if r.FormValue("code") != "c0de" || id != oidcClient || secret != oidcSecret ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != o.asked.Get("code_challenge") || o.asked.Get("code_challenge_method") != "S256" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.tell(w, map[string]any{"access_token": "opaque", "token_type": "Bearer", "id_token": o.jwt(map[string]any{"nonce": o.nonce})})
}

// jwt is a token of this provider for us.
func (o *openID) jwt(more map[string]any) string {
	claims := map[string]any{"iss": o.URL, "aud": oidcClient, "sub": "42", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"name": "tim", "teams": []string{"staff", "x"}}
	for _, m := range []map[string]any{more, o.claims} {
		for k, v := range m {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
	}
	return sign(o.key, claims)
}

func sign(key *rsa.PrivateKey, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(claims)
	jws, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	out, _ := jws.CompactSerialize()
	return out
}

// browser follows a login from page to page, with its cookies. Addresses of
// the cloud are answered by its handler.
type browser struct {
	f       *federated
	cookies map[string]string
}

func (b *browser) get(t testing.TB, at string) *httptest.ResponseRecorder {
	return b.send(t, http.MethodGet, at, "", "")
}

func (b *browser) send(t testing.TB, method, at, body, media string) *httptest.ResponseRecorder {
	t.Helper()
	if !strings.HasPrefix(at, "http://127.0.0.1:5000/") && strings.HasPrefix(at, "http") {
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(at)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		w := httptest.NewRecorder()
		maps.Copy(w.Header(), res.Header)
		w.WriteHeader(res.StatusCode)
		return w
	}
	req := httptest.NewRequest(method, strings.TrimPrefix(at, "http://127.0.0.1:5000"), strings.NewReader(body))
	req.Host = "127.0.0.1:5000"
	req.Header.Set("Content-Type", media)
	for k, v := range b.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	w := httptest.NewRecorder()
	b.f.api.ServeHTTP(w, req)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

// follow is get through all redirects.
func (b *browser) follow(t testing.TB, at string) *httptest.ResponseRecorder {
	t.Helper()
	for range 10 {
		w := b.get(t, at)
		if w.Code != http.StatusFound {
			return w
		}
		at = w.Header().Get("Location")
	}
	t.Fatal("a ring of redirects")
	return nil
}

const dashboard = "https://horizon.example/auth/websso/"

const oidcRules = `{"mapping": {"rules": [
	{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "OIDC-name"}]},
	{"local": [{"groups": "{0}", "domain": {"name": "federated"}}], "remote": [{"type": "HTTP_OIDC_TEAMS", "whitelist": ["staff"]}]}]}}`

func newOIDC(t testing.TB, change func(*sso.OIDCConfig)) (*federated, *openID, *browser) {
	t.Helper()
	o := newOpenID(t)
	c := &sso.OIDCConfig{Issuer: o.URL, ClientID: oidcClient, ClientSecret: oidcSecret, Scopes: []string{"profile"}}
	if change != nil {
		change(c)
	}
	f := newFederated(t, sso.Config{TrustedDashboards: []string{dashboard}, Providers: []sso.Party{{IdentityProvider: "idp", Protocol: "openid", OIDC: c}}}, oidcRules)
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp", `{"identity_provider": {"remote_ids": ["`+o.URL+`"]}}`, 200)
	return f, o, &browser{f, map[string]string{}}
}

var tokenInPage = regexp.MustCompile(`name="token" id="token" value="([^"]+)"`)

const (
	oidcSingle = "/v3/auth/OS-FEDERATION/websso/openid?origin=" + dashboard
	oidcDirect = "/v3/auth/OS-FEDERATION/identity_providers/idp/protocols/openid/websso?origin=" + dashboard
	oidcAuth   = fed + "/identity_providers/idp/protocols/openid/auth"
)

func TestOIDCLogin(t *testing.T) {
	for _, at := range []string{oidcSingle, oidcDirect} {
		f, _, b := newOIDC(t, nil)
		w := b.follow(t, at)
		m := tokenInPage.FindStringSubmatch(w.Body.String())
		if w.Code != 200 || m == nil || !strings.Contains(w.Body.String(), `action="`+dashboard+`"`) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if s := f.scoped("token", m[1], f.project); s.Code != 201 || user(t, s)["name"] != "tim" {
			t.Errorf("%d %s", s.Code, s.Body)
		}
		if len(b.cookies) != 0 {
			t.Errorf("the browser keeps %v", b.cookies)
		}
	}
}

func TestOIDCLoginRefuses(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, harm := range map[string]func(f *federated, o *openID, b *browser){
		"another's nonce":        func(_ *federated, o *openID, _ *browser) { o.claims["nonce"] = "other" },
		"for another client":     func(_ *federated, o *openID, _ *browser) { o.claims["aud"] = "somebody" },
		"of another issuer":      func(_ *federated, o *openID, _ *browser) { o.claims["iss"] = "https://evil.example" },
		"expired":                func(_ *federated, o *openID, _ *browser) { o.claims["exp"] = time.Now().Add(-time.Minute).Unix() },
		"signed by another":      func(_ *federated, o *openID, _ *browser) { o.key = other },
		"information of another": func(_ *federated, o *openID, _ *browser) { o.info["sub"] = "43" },
	} {
		f, o, b := newOIDC(t, nil)
		harm(f, o, b)
		if w := b.follow(t, oidcDirect); w.Code != 401 || strings.Contains(w.Body.String(), "gAAAA") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	f, _, b := newOIDC(t, nil)
	f.must(t, "admin", "PATCH", fed+"/identity_providers/idp", `{"identity_provider": {"remote_ids": ["https://another.example"]}}`, 200)
	if w := b.follow(t, oidcDirect); w.Code != 403 {
		t.Errorf("by an issuer that the identity provider is not registered with: %d %s", w.Code, w.Body)
	}
}

// TestOIDCLoginIsTheBrowsersOwn has somebody else's answer brought to a browser.
func TestOIDCLoginIsTheBrowsersOwn(t *testing.T) {
	f, _, b := newOIDC(t, nil)
	answer := func(b *browser) string {
		return b.get(t, b.get(t, oidcDirect).Header().Get("Location")).Header().Get("Location")
	}
	stolen := answer(b)
	victim := &browser{f, map[string]string{}}
	if w := victim.get(t, stolen); w.Code != 401 {
		t.Errorf("into a browser that did not ask: %d", w.Code)
	}
	victim.get(t, oidcDirect)
	if w := victim.get(t, stolen); w.Code != 401 {
		t.Errorf("into a browser that asked something else: %d", w.Code)
	}
	f.clock.ahead = 11 * time.Minute
	if w := b.get(t, stolen); w.Code != 401 {
		t.Errorf("too late: %d", w.Code)
	}
	f.clock.ahead = 0
	if w := b.get(t, strings.Replace(stolen, "code=c0de", "error=access_denied", 1)); w.Code != 401 {
		t.Errorf("refused by the provider: %d", w.Code)
	}
}

func TestOIDCAccessToken(t *testing.T) {
	f, o, _ := newOIDC(t, func(c *sso.OIDCConfig) { c.Audiences = []string{"api"} })
	for name, tc := range map[string]struct {
		token  string
		status int
	}{
		"good":              {o.jwt(map[string]any{"aud": []string{"x", "api"}}), 201},
		"for another":       {o.jwt(nil), 401},
		"an ID token":       {o.jwt(map[string]any{"aud": "api", "nonce": "n"}), 401},
		"expired":           {o.jwt(map[string]any{"aud": "api", "exp": time.Now().Add(-time.Hour).Unix()}), 401},
		"nonsense":          {"nonsense", 401},
		"signed by nobody":  {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(o.jwt(map[string]any{"aud": "api"}), ".")[1] + ".", 401},
		"another signature": {strings.Join(strings.Split(o.jwt(map[string]any{"aud": "api"}), ".")[:2], ".") + "." + strings.Split(o.jwt(nil), ".")[2], 401},
	} {
		w := f.visit("POST", oidcAuth, map[string]string{"Authorization": "Bearer " + tc.token})
		if w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := f.visit("GET", oidcAuth, nil); w.Code != 401 {
		t.Errorf("no token: %d %s", w.Code, w.Body)
	}
}

// TestRefusalsAreLogged reads in the log what a client must not be told.
func TestRefusalsAreLogged(t *testing.T) {
	f, o, _ := newOIDC(t, func(c *sso.OIDCConfig) { c.Audiences = []string{"api"} })
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	for name, tc := range map[string]struct {
		refused func() *httptest.ResponseRecorder
		why     string
	}{
		"another audience": {func() *httptest.ResponseRecorder {
			return f.visit("POST", oidcAuth, map[string]string{"Authorization": "Bearer " + o.jwt(nil)})
		}, `the token is for [\"nacre\"], the audiences are [\"api\"]`},
		"no rule": {func() *httptest.ResponseRecorder {
			return f.visit("POST", oidcAuth, map[string]string{"Authorization": "Bearer " + o.jwt(map[string]any{"aud": "api", "name": nil, "teams": nil})})
		}, "mapping m: no rule maps any property of the user to identity values; the assertion says HTTP_OIDC_AUD, "},
		"a wrong password": {func() *httptest.ResponseRecorder {
			return f.do("", "POST", "/v3/auth/tokens", `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "wr0ng"}}}}}`)
		}, "wrong password for user "},
	} {
		log.Reset()
		w := tc.refused()
		if w.Code != 401 || strings.Contains(w.Body.String(), "mapping m") || strings.Count(log.String(), "\n") != 1 ||
			!strings.Contains(log.String(), tc.why) || strings.Contains(log.String(), "wr0ng") {
			t.Errorf("%s: %d %s\nlog:\n%s", name, w.Code, w.Body, &log)
		}
	}
}

func TestOIDCIntrospection(t *testing.T) {
	f, o, _ := newOIDC(t, func(c *sso.OIDCConfig) { c.Introspection = c.Issuer + "/introspect" })
	told := func(more map[string]any) map[string]any {
		claims := map[string]any{"active": true, "sub": "42", "name": "tim", "teams": []string{"staff"}, "client_id": oidcClient, "iss": o.URL}
		maps.Copy(claims, more)
		return claims
	}
	o.opaque = map[string]map[string]any{"good": told(nil), "gone": told(map[string]any{"active": false}), "foreign": told(map[string]any{"client_id": "x"}),
		"old": told(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "elsewhere": told(map[string]any{"iss": "https://evil.example"}), "nobody": told(map[string]any{"sub": nil})}
	for token, status := range map[string]int{"good": 201, "gone": 401, "foreign": 401, "old": 401, "elsewhere": 401, "nobody": 401, "unknown": 401} {
		if w := f.visit("POST", oidcAuth, map[string]string{"Authorization": "Bearer " + token}); w.Code != status {
			t.Errorf("%s: %d %s", token, w.Code, w.Body)
		}
	}
}

func TestChooseIdentityProvider(t *testing.T) {
	c := &sso.OIDCConfig{Issuer: "https://a.example", ClientID: oidcClient}
	f := newFederated(t, sso.Config{TrustedDashboards: []string{dashboard}, Providers: []sso.Party{{IdentityProvider: "idp", Protocol: "openid", OIDC: c},
		{IdentityProvider: "b", Protocol: "openid", OIDC: c}}}, oidcRules)
	w := f.visit("GET", oidcSingle, nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `/identity_providers/b/protocols/openid/websso?origin=https%3a%2f%2fhorizon.example`) &&
		!strings.Contains(w.Body.String(), `/identity_providers/b/protocols/openid/websso?origin=https%3A%2F%2Fhorizon.example`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
