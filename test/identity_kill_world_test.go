//go:build kill

package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"nacre/internal/keystone/signature"
)

const adminOfTest = "secret-of-the-test"

func (i *identity) login() string {
	i.t.Helper()
	res, err := i.do(identityCall{method: "POST", path: "/auth/tokens", body: `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin",
		"domain": {"id": "default"}, "password": "` + adminOfTest + `"}}}, "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}`})
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 201 {
		i.t.Fatalf("no token: %d", res.StatusCode)
	}
	return res.Header.Get("X-Subject-Token")
}

// world makes all that the calls are about, and its names.
func (i *identity) world() {
	i.t.Helper()
	i.token = i.login()
	i.names["token"], i.names["spare"] = i.token, i.login()
	i.names["admin"], i.names["adminproject"], i.names["readerrole"] = i.find("users", "admin"), i.find("projects", "admin"), i.find("roles", "reader")
	i.names["signedec2"], i.names["signeds3"], i.names["asksrequest"], i.names["asksaccess"], i.names["appbasic"] = "", "", "", "", ""
	for _, line := range linesOf(i.t, "testdata/identity_world.txt") {
		name, rest, _ := strings.Cut(line, " ")
		c, ok := parseCall(strings.TrimSpace(rest))
		if !ok {
			i.t.Fatalf("no call: %s", line)
		}
		i.make(name, c)
	}
	i.names["rule"] = i.ruleOf("/v2.1/y")
	i.names["request"], i.names["requestsecret"] = i.granted("/OS-OAUTH1/request_token", "", "oauth_callback", "oob")
	for _, name := range []string{"access", "waiting"} {
		token, secret := i.granted("/OS-OAUTH1/request_token", "", "oauth_callback", "oob")
		var v struct {
			Token struct {
				Verifier string `json:"oauth_verifier"`
			}
		}
		i.read(&v, identityCall{method: "PUT", path: "/OS-OAUTH1/authorize/" + token, body: `{"roles": [{"name": "reader"}]}`})
		if name == "waiting" {
			i.names["waiting"], i.names["waitingsecret"], i.names["verifier"] = token, secret, v.Token.Verifier
			break
		}
		i.names["access"], _ = i.granted("/OS-OAUTH1/access_token", secret, "oauth_token", token, "oauth_verifier", v.Token.Verifier)
	}
}

// make makes a thing and keeps its ID and secret by its name.
func (i *identity) make(name string, c identityCall) {
	i.t.Helper()
	var made map[string]any
	i.read(&made, c)
	if name == "-" {
		return
	}
	for _, v := range made {
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		if thing, ok := v.(map[string]any); ok {
			for _, key := range []string{"id", "access"} {
				if id, ok := thing[key].(string); ok {
					i.names[name] = id
				}
			}
			if s, ok := thing["secret"].(string); ok {
				i.names[name+"secret"] = s
			}
		}
	}
	if i.names[name] == "" {
		i.t.Fatalf("%s has no ID: %v", name, made)
	}
}

// read sends a call that must be good and reads its answer.
func (i *identity) read(v any, c identityCall) {
	i.t.Helper()
	res, err := i.do(c)
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode >= 300 {
		i.t.Fatalf("%s %s: %d %s", c.method, i.expand(c.path), res.StatusCode, text)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, v); err != nil {
			i.t.Fatal(err)
		}
	}
}

func (i *identity) find(collection, name string) string {
	i.t.Helper()
	var found map[string]any
	i.read(&found, identityCall{method: "GET", path: "/" + collection + "?name=" + name})
	return found[collection].([]any)[0].(map[string]any)["id"].(string)
}

func (i *identity) ruleOf(path string) string {
	i.t.Helper()
	var found struct {
		AccessRules []struct{ ID, Path string } `json:"access_rules"`
	}
	i.read(&found, identityCall{method: "GET", path: "/users/$admin/access_rules"})
	for _, r := range found.AccessRules {
		if r.Path == path {
			return r.ID
		}
	}
	i.t.Fatalf("no access rule for %s", path)
	return ""
}

// granted has the consumer ask for a token.
func (i *identity) granted(path, tokenSecret string, more ...string) (id, secret string) {
	i.t.Helper()
	res, err := i.do(identityCall{method: "POST", path: path, headers: []string{"Authorization: " + i.oauth(path, tokenSecret, more...), "Requested-Project-Id: $adminproject"}})
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	values, err := url.ParseQuery(string(text))
	if err != nil || res.StatusCode != 201 {
		i.t.Fatalf("%s: %d %s", path, res.StatusCode, text)
	}
	return values.Get("oauth_token"), values.Get("oauth_token_secret")
}

func (i *identity) oauth(path, tokenSecret string, more ...string) string {
	params := map[string]string{"oauth_consumer_key": i.names["consumer"], "oauth_nonce": fmt.Sprintf("%020d", rand.Int64()), "oauth_timestamp": fmt.Sprint(time.Now().Unix()),
		"oauth_version": "1.0", "oauth_signature_method": "HMAC-SHA1"}
	for n := 0; n < len(more); n += 2 {
		params[more[n]] = more[n+1]
	}
	u := &url.URL{Scheme: "http", Host: i.addr + ":5000", Path: "/v3" + path}
	var err error
	if params["oauth_signature"], err = (signature.OAuth1{Method: "POST", URL: u, Params: params}).Sign(i.names["consumersecret"], tokenSecret); err != nil {
		i.t.Fatal(err)
	}
	var fields []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		fields = append(fields, fmt.Sprintf(`%s="%s"`, k, url.QueryEscape(params[k])))
	}
	return "OAuth " + strings.Join(fields, ", ")
}

// sign makes anew what is good for a while only.
func (i *identity) sign() {
	n := i.names
	params := map[string]string{"SignatureVersion": "2", "Action": "Test", "Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05Z")}
	ec2, err := signature.EC2{Verb: "GET", Host: "cloud", Path: "/", Params: params}.Sign(n["ec2secret"])
	if err != nil {
		i.t.Fatal(err)
	}
	text, _ := json.Marshal(map[string]any{"credentials": map[string]any{"access": n["ec2"], "signature": ec2, "verb": "GET", "host": "cloud", "path": "/", "params": params}})
	n["signedec2"] = string(text)
	const asked = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket"
	s3, err := signature.S3(asked, n["ec2secret"])
	if err != nil {
		i.t.Fatal(err)
	}
	text, _ = json.Marshal(map[string]any{"credentials": map[string]any{"access": n["ec2"], "signature": s3, "token": base64.URLEncoding.EncodeToString([]byte(asked))}})
	n["signeds3"] = string(text)
	n["asksrequest"] = i.oauth("/OS-OAUTH1/request_token", "", "oauth_callback", "oob")
	n["asksaccess"] = i.oauth("/OS-OAUTH1/access_token", n["waitingsecret"], "oauth_token", n["waiting"], "oauth_verifier", n["verifier"])
	n["appbasic"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(n["app"]+":"+n["appsecret"]))
}
