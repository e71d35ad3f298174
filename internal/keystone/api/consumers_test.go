package api_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone/signature"
)

// consumer is a program that asks by OAuth 1.0.
type consumer struct{ id, secret string }

// sign makes the Authorization header of a POST to path.
func (c consumer) sign(t *testing.T, path, tokenSecret string, more ...string) string {
	t.Helper()
	params := map[string]string{"oauth_consumer_key": c.id, "oauth_nonce": "0123456789abcdef0123", "oauth_timestamp": fmt.Sprint(time.Now().Unix()),
		"oauth_version": "1.0", "oauth_signature_method": "HMAC-SHA1"}
	for i := 0; i < len(more); i += 2 {
		params[more[i]] = more[i+1]
	}
	u, err := url.Parse("http://127.0.0.1:5000" + path)
	if err != nil {
		t.Fatal(err)
	}
	if params["oauth_signature"], err = (signature.OAuth1{Method: "POST", URL: u, Params: params}).Sign(c.secret, tokenSecret); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for k, v := range params {
		fields = append(fields, fmt.Sprintf(`%s="%s"`, k, url.QueryEscape(v)))
	}
	return "OAuth " + strings.Join(fields, ", ")
}

// post sends a call with an Authorization header.
func (d *derived) post(path, authorization, project, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Host = "127.0.0.1:5000"
	r.Header.Set("Authorization", authorization)
	if project != "" {
		r.Header.Set("Requested-Project-Id", project)
	}
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	return w
}

// granted reads the answer to a consumer.
func granted(t *testing.T, w *httptest.ResponseRecorder) (id, secret string) {
	t.Helper()
	values, err := url.ParseQuery(w.Body.String())
	if err != nil || w.Code != 201 || w.Header().Get("Content-Type") != "application/x-www-form-urlencoded" || values.Get("oauth_expires_at") == "" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	return values.Get("oauth_token"), values.Get("oauth_token_secret")
}

func (d *derived) consumer(t *testing.T) consumer {
	t.Helper()
	made := d.must(t, "admin", "POST", "/v3/OS-OAUTH1/consumers", `{"consumer": {"description": "d", "kind": "k"}}`, 201)["consumer"].(map[string]any)
	return consumer{made["id"].(string), made["secret"].(string)}
}

const (
	requestPath = "/v3/OS-OAUTH1/request_token"
	accessPath  = "/v3/OS-OAUTH1/access_token"
)

func TestConsumers(t *testing.T) {
	d := newDerived(t)
	c := d.consumer(t)
	path := "/v3/OS-OAUTH1/consumers/" + c.id
	shown := d.must(t, "admin", "GET", path, "", 200)["consumer"].(map[string]any)
	if _, told := shown["secret"]; told || shown["description"] != "d" || shown["kind"] != "k" {
		t.Errorf("%v", shown)
	}
	d.refused(t, "admin", "PATCH", path, `{"consumer": {"secret": "x"}}`, 400, "should not be valid")
	d.refused(t, "admin", "PATCH", path, `{"consumer": {"id": "x"}}`, 400, "Cannot change ID")
	if got := d.must(t, "admin", "PATCH", path, `{"consumer": {"description": null}}`, 200)["consumer"].(map[string]any); got["description"] != nil || got["kind"] != "k" {
		t.Errorf("%v", got)
	}
	d.must(t, "admin", "POST", "/v3/OS-OAUTH1/consumers", `{}`, 201)
	if rows := d.must(t, "admin", "GET", "/v3/OS-OAUTH1/consumers", "", 200)["consumers"].([]any); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	d.must(t, "admin", "DELETE", path, "", 204)
	d.refused(t, "admin", "GET", path, "", 404, "Consumer not found")
	d.refused(t, "admin", "DELETE", path, "", 404, "Consumer not found")
}

func TestOAuth1(t *testing.T) {
	d := newDerived(t)
	admin := d.cloud.id(t, "users", "admin")
	project := d.cloud.id(t, "projects", "admin")
	c := d.consumer(t)
	wrong := consumer{c.id, "wrong"}
	callback := []string{"oauth_callback", "oob"}
	for name, tc := range map[string]struct {
		authorization, project string
		status                 int
		want                   string
	}{
		"no header":       {"", project, 400, "Expecting to find oauth_consumer_key in request."},
		"no project":      {c.sign(t, requestPath, "", callback...), "", 400, "Expecting to find Requested-Project-Id in request."},
		"unknown project": {c.sign(t, requestPath, "", callback...), "nosuch", 404, "Could not find project: nosuch."},
		"unknown":         {consumer{strings.Repeat("0", 32), "s"}.sign(t, requestPath, "", callback...), project, 404, "Consumer not found"},
		"no callback":     {c.sign(t, requestPath, ""), project, 400, "Missing callback URI."},
		"wrong secret":    {wrong.sign(t, requestPath, "", callback...), project, 401, "requires authentication"},
		"old":             {c.sign(t, requestPath, "", "oauth_callback", "oob", "oauth_timestamp", "1400000000"), project, 400, "Timestamp given is invalid"},
		"no timestamp":    {c.sign(t, requestPath, "", "oauth_callback", "oob", "oauth_timestamp", "1"), project, 400, "Invalid timestamp size"},
		"version 2":       {c.sign(t, requestPath, "", "oauth_callback", "oob", "oauth_version", "2.0"), project, 400, "Invalid OAuth version."},
		"nonce":           {c.sign(t, requestPath, "", "oauth_callback", "oob", "oauth_nonce", "xyz"), project, 400, "Invalid nonce format."},
	} {
		t.Run(name, func(t *testing.T) {
			if w := d.post(requestPath, tc.authorization, tc.project, ""); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	request, requestSecret := granted(t, d.post(requestPath, c.sign(t, requestPath, "", callback...), project, ""))
	early := d.post(accessPath, c.sign(t, accessPath, requestSecret, "oauth_token", request, "oauth_verifier", "abcdefgh"), "", "")
	if early.Code != 401 {
		t.Errorf("before it was authorised: %d %s", early.Code, early.Body)
	}
	authorize := "/v3/OS-OAUTH1/authorize/" + request
	d.refused(t, "alice", "PUT", authorize, `{"roles": []}`, 403, "identity:authorize_request_token")
	d.refused(t, "admin", "PUT", "/v3/OS-OAUTH1/authorize/nosuch", `{"roles": [{"name": "admin"}]}`, 404, "Request token not found")
	d.refused(t, "admin", "PUT", authorize, `{"roles": [{"name": "nosuch"}]}`, 404, "Role nosuch is not defined")
	d.refused(t, "admin", "PUT", authorize, `{"roles": [{"name": "service"}]}`, 401, "requires authentication")
	app, appSecret := d.appCredential(t, "admin", admin, `"name": "a", "unrestricted": true`)
	delegated, _ := d.auth(t, appCredentialAuth(app, appSecret), 201)
	d.refused(t, delegated, "PUT", authorize, `{"roles": [{"name": "reader"}]}`, 403, "Cannot authorize a request token with a token issued via delegation.")
	verifier := d.must(t, "admin", "PUT", authorize, `{"roles": [{"name": "reader"}]}`, 200)["token"].(map[string]any)["oauth_verifier"].(string)

	for name, authorization := range map[string]string{
		"wrong verifier": c.sign(t, accessPath, requestSecret, "oauth_token", request, "oauth_verifier", "abcdefgh"),
		"wrong secret":   c.sign(t, accessPath, "wrong", "oauth_token", request, "oauth_verifier", verifier),
		"other consumer": d.consumer(t).sign(t, accessPath, requestSecret, "oauth_token", request, "oauth_verifier", verifier),
	} {
		if w := d.post(accessPath, authorization, "", ""); w.Code != 401 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	trade := c.sign(t, accessPath, requestSecret, "oauth_token", request, "oauth_verifier", verifier)
	access, accessSecret := granted(t, d.post(accessPath, trade, "", ""))
	if w := d.post(accessPath, trade, "", ""); w.Code != 404 {
		t.Errorf("traded twice: %d %s", w.Code, w.Body)
	}

	const tokens = "/v3/auth/tokens"
	body := `{"auth": {"identity": {"methods": ["oauth1"], "oauth1": {}}}}`
	login := func(c consumer, secret string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", tokens, strings.NewReader(body))
		r.Host = "127.0.0.1:5000"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", c.sign(t, tokens, secret, "oauth_token", access))
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		return w
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"wrong secret": login(c, "wrong"), "other consumer": login(d.consumer(t), accessSecret)} {
		if w.Code != 401 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	alone := body
	for _, methods := range []string{`"application_credential", "oauth1"`, `"oauth1", "application_credential"`} { // neither frees the other of its bounds
		body = `{"auth": {"identity": {"methods": [` + methods + `], "oauth1": {}, "application_credential": {"id": "` + app + `", "secret": "` + appSecret + `"}}}}`
		if w := login(c, accessSecret); w.Code != 401 {
			t.Errorf("%s: %d %s", methods, w.Code, w.Body)
		}
	}
	body = alone
	w := login(c, accessSecret)
	tok := w.Header().Get("X-Subject-Token")
	if w.Code != 201 || !strings.Contains(w.Body.String(), `"OS-OAUTH1":{"access_token_id":"`+access+`","consumer_id":"`+c.id+`"}`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	d.must(t, tok, "GET", "/v3/auth/projects", "", 200)
	d.refused(t, tok, "GET", "/v3/OS-OAUTH1/consumers", "", 403, "identity:list_consumers") // it is a reader's
	d.auth(t, `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}}}`, 403)
	d.refused(t, tok, "POST", "/v3/users/"+admin+"/application_credentials", `{"application_credential": {"name": "x"}}`, 403, "Cannot manage application credentials")
	d.refused(t, tok, "POST", "/v3/OS-TRUST/trusts", fmt.Sprintf(`{"trust": {"trustor_user_id": %q, "trustee_user_id": %q, "project_id": %q, "impersonation": false, "roles": [{"name": "reader"}]}}`, admin, d.bob, project),
		403, "Redelegation allowed for delegated by trust only")

	list := "/v3/users/" + admin + "/OS-OAUTH1/access_tokens"
	if rows := d.must(t, "admin", "GET", list, "", 200)["access_tokens"].([]any); len(rows) != 1 || rows[0].(map[string]any)["id"] != access {
		t.Errorf("%v", rows)
	}
	d.refused(t, delegated, "GET", list, "", 403, "Cannot manage OAuth access tokens with a token issued via delegation.")
	shown := d.must(t, "admin", "GET", list+"/"+access, "", 200)["access_token"].(map[string]any)
	if shown["consumer_id"] != c.id || shown["project_id"] != project || shown["access_secret"] != nil {
		t.Errorf("%v", shown)
	}
	d.refused(t, "admin", "GET", "/v3/users/"+d.bob+"/OS-OAUTH1/access_tokens/"+access, "", 404, "Access token not found")
	if rows := d.must(t, "admin", "GET", list+"/"+access+"/roles", "", 200)["roles"].([]any); len(rows) != 1 || rows[0].(map[string]any)["id"] != d.reader {
		t.Errorf("%v", rows)
	}
	d.must(t, "admin", "GET", list+"/"+access+"/roles/"+d.reader, "", 200)
	d.refused(t, "admin", "GET", list+"/"+access+"/roles/"+d.member, "", 404, "Could not find role: "+d.member+".")
	d.must(t, "admin", "DELETE", list+"/"+access, "", 204)
	d.must(t, tok, "GET", "/v3/auth/projects", "", 401)
	if w := login(c, accessSecret); w.Code != 404 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOAuth2(t *testing.T) {
	d := newDerived(t)
	id, secret := d.appCredential(t, "alice", d.alice, `"name": "a"`)
	ask := func(authorization, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v3/OS-OAUTH2/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			r.SetBasicAuth(id, authorization)
		}
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		return w
	}
	const grant = "grant_type=client_credentials"
	inBody := grant + "&client_id=" + id + "&client_secret="
	for name, tc := range map[string]struct {
		authorization, body string
		status              int
		want                string
	}{
		"no grant":      {secret, "", 400, `{"error":"invalid_request","error_description":"The parameter grant_type is required."}`},
		"another grant": {secret, "grant_type=password", 400, `{"error":"unsupported_grant_type","error_description":"The parameter grant_type password is not supported."}`},
		"nobody":        {"", grant, 401, `{"error":"invalid_client","error_description":"Client authentication failed."}`},
		"no secret":     {"", grant + "&client_id=" + id, 401, `"Client authentication failed."`},
		"wrong secret":  {"wrong", grant, 401, `{"error":"invalid_client","error_description":"The request you have made requires authentication."}`},
		"unknown":       {"", grant + "&client_id=nosuch&client_secret=x", 404, `{"error":"other_error"`},
		"basic":         {secret, grant, 200, `"token_type":"Bearer"`},
		"in the body":   {"", inBody + secret, 200, `"expires_in":3600`},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(tc.authorization, tc.body)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
			if w.Code == 200 {
				_, tok, _ := strings.Cut(w.Body.String(), `"access_token":"`)
				tok, _, _ = strings.Cut(tok, `"`)
				d.must(t, tok, "GET", "/v3/auth/projects", "", 200)
			}
		})
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		d.refused(t, "", method, "/v3/OS-OAUTH2/token", "", 405, `{"error":"other_error","error_description":"The method is not allowed for the requested URL."}`)
	}
}
