package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/signature"
)

func credentialBody(user, typ, blob, more string) string {
	text, _ := json.Marshal(blob) // a string
	return fmt.Sprintf(`{"credential": {"user_id": %q, "type": %q, "blob": %s%s}}`, user, typ, text, more)
}

func TestCredentials(t *testing.T) {
	d := newDerived(t)
	onP := `, "project_id": "` + d.project + `"`
	for name, tc := range map[string]struct {
		who, body string
		status    int
		want      string
	}{
		"for another": {"bob", credentialBody(d.alice, "cert", "b", ""), 403, "identity:create_credential"},
		"no project":  {"alice", credentialBody(d.alice, "ec2", `{"access": "a"}`, ""), 400, "is not valid under any of the given schemas"},
		"no blob":     {"alice", credentialBody(d.alice, "ec2", `x`, onP), 400, "Invalid blob in credential"},
		"no object":   {"alice", credentialBody(d.alice, "ec2", `[]`, onP), 400, "Expecting to find blob in credential."},
		"no access":   {"alice", credentialBody(d.alice, "ec2", `{"secret": "s"}`, onP), 400, "Expecting to find access in credential."},
	} {
		t.Run(name, func(t *testing.T) { d.refused(t, tc.who, "POST", "/v3/credentials", tc.body, tc.status, tc.want) })
	}
	id := d.text(t, "alice", "/v3/credentials", credentialBody(d.alice, "ec2", `{"access": "a", "secret": "s"}`, onP), "credential", "id")
	if id != keystone.EC2CredentialID("a") {
		t.Errorf("ID %s", id)
	}
	d.refused(t, "alice", "POST", "/v3/credentials", credentialBody(d.alice, "ec2", `{"access": "a", "secret": "t"}`, onP), 409, "Conflict occurred attempting to store credential")
	cert := d.text(t, "alice", "/v3/credentials", credentialBody(d.alice, "cert", "b", `, "note": "mine"`), "credential", "id")
	theirs := d.text(t, "admin", "/v3/credentials", credentialBody(d.bob, "cert", "b", ""), "credential", "id")
	for list, want := range map[string]int{"": 2, "?type=ec2": 1, "?user_id=" + d.alice: 2, "?user_id=" + d.bob: 0, "?type=cert&user_id=" + d.alice: 1} {
		if rows := d.must(t, "alice", "GET", "/v3/credentials"+list, "", 200)["credentials"].([]any); len(rows) != want {
			t.Errorf("%s: %v", list, rows)
		}
	}
	shown := d.must(t, "alice", "GET", "/v3/credentials/"+cert, "", 200)["credential"].(map[string]any)
	if shown["note"] != "mine" || shown["blob"] != "b" || shown["project_id"] != nil {
		t.Errorf("%v", shown)
	}
	d.refused(t, "alice", "GET", "/v3/credentials/"+theirs, "", 403, "identity:get_credential")
	d.refused(t, "alice", "GET", "/v3/credentials/nosuch", "", 403, "identity:get_credential")
	d.refused(t, "admin", "GET", "/v3/credentials/nosuch", "", 404, "Could not find credential: nosuch.")
	patch := func(body string) string { return `{"credential": ` + body + `}` }
	d.refused(t, "alice", "PATCH", "/v3/credentials/"+cert, patch(`{"user_id": "`+d.bob+`"}`), 403, "identity:update_credential") // the owner is not changed
	d.refused(t, "alice", "PATCH", "/v3/credentials/"+cert, patch(`{"type": "ec2", "blob": "{\"access\": \"c\"}"}`), 400, "Expecting to find project_id in credential.")
	d.refused(t, "alice", "PATCH", "/v3/credentials/"+cert, patch(`{}`), 400, "does not have enough properties")
	if got := d.must(t, "alice", "PATCH", "/v3/credentials/"+cert, patch(`{"blob": "c"}`), 200)["credential"].(map[string]any); got["blob"] != "c" || got["note"] != "mine" {
		t.Errorf("%v", got)
	}
	for _, key := range []string{"trust_id", "app_cred_id", "access_token_id"} {
		d.refused(t, "alice", "PATCH", "/v3/credentials/"+id, patch(`{"blob": "{\"access\": \"a\", \"`+key+`\": \"x\"}"}`), 400, key+" can not be updated for credential")
		d.refused(t, "alice", "PATCH", "/v3/credentials/"+cert, patch(`{"type": "ec2"`+onP+`, "blob": "{\"access\": \"a\", \"`+key+`\": \"x\"}"}`), 400, key+" can not be updated for credential")
	}
	d.must(t, "alice", "DELETE", "/v3/credentials/"+id, "", 204)
	d.must(t, "admin", "DELETE", "/v3/users/"+d.bob, "", 204)
	d.must(t, "admin", "GET", "/v3/credentials/"+theirs, "", 404)
}

// TestDerivedCredentials has every kind of delegated token try to reach over
// its delegation (CVE-2020-12689, -12690, -12691, -12692).
func TestDerivedCredentials(t *testing.T) {
	d := newDerived(t)
	d.grant(t, d.other, d.alice)
	onP, onOther := `, "project_id": "`+d.project+`"`, `, "project_id": "`+d.other+`"`
	totp := d.text(t, "alice", "/v3/credentials", credentialBody(d.alice, "totp", "seed", ""), "credential", "id")
	elsewhere := d.text(t, "alice", "/v3/credentials", credentialBody(d.alice, "ec2", `{"access": "e", "secret": "s"}`, onOther), "credential", "id")

	trust := d.trust(t, "alice", d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "member"}]`)
	trusted, _ := d.auth(t, trustAuth("bob", trust), 201)
	free, freeSecret := d.appCredential(t, "alice", d.alice, `"name": "free", "unrestricted": true`)
	unrestricted, _ := d.auth(t, appCredentialAuth(free, freeSecret), 201)
	bound, boundSecret := d.appCredential(t, "alice", d.alice, `"name": "bound"`)
	restricted, _ := d.auth(t, appCredentialAuth(bound, boundSecret), 201)

	const scope = "project does not match the project scope of the delegated token"
	for name, tok := range map[string]string{"trust": trusted, "unrestricted": unrestricted, "restricted": restricted} {
		t.Run(name, func(t *testing.T) {
			d.refused(t, tok, "POST", "/v3/credentials", credentialBody(d.alice, "totp", "mine", ""), 403, scope)
			d.refused(t, tok, "POST", "/v3/credentials", credentialBody(d.alice, "cert", "mine", onOther), 403, scope)
			for _, id := range []string{totp, elsewhere} {
				d.refused(t, tok, "GET", "/v3/credentials/"+id, "", 403, scope)
				d.refused(t, tok, "PATCH", "/v3/credentials/"+id, `{"credential": {"note": "x"}}`, 403, scope)
				d.refused(t, tok, "DELETE", "/v3/credentials/"+id, "", 403, scope)
			}
			d.refused(t, tok, "GET", "/v3/users/"+d.alice+"/credentials/OS-EC2/e", "", 403, scope)
			d.refused(t, tok, "DELETE", "/v3/users/"+d.alice+"/credentials/OS-EC2/e", "", 403, scope)
			for _, path := range []string{"/v3/credentials", "/v3/users/" + d.alice + "/credentials/OS-EC2"} {
				for _, row := range d.must(t, tok, "GET", path, "", 200)["credentials"].([]any) {
					if r := row.(map[string]any); r["project_id"] != d.project && r["tenant_id"] != d.project {
						t.Errorf("%s lists %v", path, row)
					}
				}
			}
		})
	}
	d.refused(t, restricted, "POST", "/v3/credentials", credentialBody(d.alice, "ec2", `{"access": "r"}`, onP), 403, "Using method 'application_credential' is not allowed for managing additional credentials.")
	d.refused(t, restricted, "POST", "/v3/users/"+d.alice+"/credentials/OS-EC2", `{"tenant_id": "`+d.project+`"}`, 403, "Using method 'application_credential'")
	d.refused(t, trusted, "POST", "/v3/users/"+d.alice+"/credentials/OS-EC2", `{"tenant_id": "`+d.other+`"}`, 403, scope)

	// What they make gives their rights and no more, and cannot be freed of them.
	for name, tc := range map[string]struct{ tok, key, id string }{"trust": {trusted, "trust_id", trust}, "application credential": {unrestricted, "app_cred_id", free}} {
		t.Run(name, func(t *testing.T) {
			made := d.must(t, tc.tok, "POST", "/v3/credentials", credentialBody(d.alice, "ec2", `{"access": "`+tc.key+`", "secret": "s"}`, onP), 201)["credential"].(map[string]any)
			var blob map[string]string
			if err := json.Unmarshal([]byte(made["blob"].(string)), &blob); err != nil || blob[tc.key] != tc.id {
				t.Errorf("%v %v", blob, err)
			}
			d.refused(t, tc.tok, "PATCH", "/v3/credentials/"+made["id"].(string), `{"credential": {"blob": "{\"access\": \"`+tc.key+`\", \"secret\": \"s\"}"}}`, 400, tc.key+" can not be updated")
			access := d.text(t, tc.tok, "/v3/users/"+d.alice+"/credentials/OS-EC2", `{"tenant_id": "`+d.project+`"}`, "credential", "access")
			blob = map[string]string{}
			row := d.must(t, "alice", "GET", "/v3/credentials/"+keystone.EC2CredentialID(access), "", 200)["credential"].(map[string]any)
			if err := json.Unmarshal([]byte(row["blob"].(string)), &blob); err != nil || blob[tc.key] != tc.id {
				t.Errorf("%v %v", blob, err)
			}
		})
	}
}

// signedEC2 is what a service passes on of a request to EC2.
func signedEC2(t *testing.T, access, secret string, at time.Time) string {
	t.Helper()
	params := map[string]string{"SignatureVersion": "2", "Action": "Test", "Timestamp": at.UTC().Format("2006-01-02T15:04:05Z")}
	sig, err := signature.EC2{Verb: "GET", Host: "cloud", Path: "/", Params: params}.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"credentials": map[string]any{"access": access, "signature": sig, "verb": "GET", "host": "cloud:8773", "path": "/", "params": params}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func signedS3(t *testing.T, access, secret string) string {
	t.Helper()
	const text = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket/a?b>"
	sig, err := signature.S3(text, secret)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"credentials": {"access": %q, "signature": %q, "token": %q}}`, access, sig, base64.URLEncoding.EncodeToString([]byte(text)))
}

func TestEC2Tokens(t *testing.T) {
	d := newDerived(t)
	d.refused(t, "alice", "POST", "/v3/users/"+d.alice+"/credentials/OS-EC2", `{"tenant_id": "nosuch"}`, 404, "Could not find project: nosuch.")
	made := d.must(t, "alice", "POST", "/v3/users/"+d.alice+"/credentials/OS-EC2", `{"tenant_id": "`+d.project+`"}`, 201)["credential"].(map[string]any)
	access, secret := made["access"].(string), made["secret"].(string)
	now := time.Now()
	good := signedEC2(t, access, secret, now)

	// Only services may trade signed requests for tokens (CVE-2025-65073).
	for _, path := range []string{"/v3/ec2tokens", "/v3/s3tokens"} {
		d.must(t, "", "POST", path, good, 401)
		d.refused(t, "alice", "POST", path, good, 403, "tokens_validate")
	}
	d.refused(t, "nova", "POST", "/v3/ec2tokens", `{}`, 400, "request must include a request body")
	d.refused(t, "nova", "POST", "/v3/ec2tokens", `{"credentials": {"signature": "x"}}`, 401, "requires authentication")
	d.refused(t, "nova", "POST", "/v3/ec2tokens", signedEC2(t, "nosuch", secret, now), 404, "EC2 access key not found.")
	d.refused(t, "nova", "POST", "/v3/ec2tokens", signedEC2(t, access, "wrong", now), 401, "requires authentication")
	d.refused(t, "nova", "POST", "/v3/ec2tokens", signedEC2(t, access, secret, now.Add(-16*time.Minute)), 401, "requires authentication")
	d.refused(t, "nova", "POST", "/v3/ec2tokens", `{"credentials": {"access": "`+access+`", "params": {}}}`, 401, "requires authentication")
	d.refused(t, "nova", "POST", "/v3/s3tokens", signedS3(t, access, "wrong"), 401, "requires authentication")
	d.refused(t, "nova", "POST", "/v3/s3tokens", `{"credentials": {"access": "`+access+`", "signature": "x", "token": "%"}}`, 401, "requires authentication")

	w := d.do("nova", "POST", "/v3/ec2tokens", signedEC2(t, access, secret, now.Add(-14*time.Minute)))
	tok := w.Header().Get("X-Subject-Token")
	var says map[string]map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &says); err != nil || w.Code != 200 || tok == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if says["token"]["user"].(map[string]any)["id"] != d.alice || rolesOf(says["token"]) != "member reader" {
		t.Errorf("%v", says)
	}
	w = d.do("nova", "POST", "/v3/s3tokens", signedS3(t, access, secret))
	if w.Code != 200 || w.Header().Get("X-Subject-Token") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}

	// The token is good for services, but not for identity.
	d.subject = tok
	d.must(t, "nova", "GET", "/v3/auth/tokens", "", 200)
	d.subject = ""
	d.refused(t, tok, "GET", "/v3/users/"+d.alice, "", 403, "EC2 credential tokens cannot be used for authorization.")
	again, _ := d.auth(t, `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}}}`, 201)
	d.refused(t, again, "GET", "/v3/users/"+d.alice, "", 403, "EC2 credential tokens cannot be used for authorization.")

	d.must(t, "admin", "DELETE", "/v3/projects/"+d.project+"/users/"+d.alice+"/roles/"+d.member, "", 204)
	d.refused(t, "nova", "POST", "/v3/ec2tokens", good, 401, "requires authentication")
}

// TestDerivedEC2Tokens trades requests signed with credentials that delegated
// tokens made, and with forged ones.
func TestDerivedEC2Tokens(t *testing.T) {
	d := newDerived(t)
	trust := d.trust(t, "alice", d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "reader"}]`)
	trusted, _ := d.auth(t, trustAuth("bob", trust), 201)
	app, appSecret := d.appCredential(t, "alice", d.alice, `"name": "free", "unrestricted": true, "roles": [{"name": "reader"}]`)
	unrestricted, _ := d.auth(t, appCredentialAuth(app, appSecret), 201)
	for name, tc := range map[string]struct{ tok, end string }{
		"trust":                  {trusted, "/v3/OS-TRUST/trusts/" + trust},
		"application credential": {unrestricted, "/v3/users/" + d.alice + "/application_credentials/" + app},
	} {
		t.Run(name, func(t *testing.T) {
			d.must(t, tc.tok, "POST", "/v3/credentials", credentialBody(d.alice, "ec2", `{"access": "`+name+`", "secret": "s"}`, `, "project_id": "`+d.project+`"`), 201)
			body := signedEC2(t, name, "s", time.Now())
			says := d.must(t, "nova", "POST", "/v3/ec2tokens", body, 200)["token"].(map[string]any)
			if rolesOf(says) != "reader" || says["user"].(map[string]any)["id"] != d.alice {
				t.Errorf("%v", says)
			}
			d.must(t, "alice", "DELETE", tc.end, "", 204)
			d.refused(t, "nova", "POST", "/v3/ec2tokens", body, 401, "requires authentication")
		})
	}
	// Carol names a trust and an application credential that are not hers.
	trust = d.trust(t, "alice", d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "member"}]`)
	app, _ = d.appCredential(t, "alice", d.alice, `"name": "app"`)
	carol := d.make(t, "users", "user", "carol")
	d.grant(t, d.project, carol)
	tok := d.login(t, "carol", "pw", `{"project": {"id": "`+d.project+`"}}`)
	for key, id := range map[string]string{"trust_id": trust, "app_cred_id": app, "access_token_id": "nosuch"} {
		blob := fmt.Sprintf(`{"access": %q, "secret": "s", %q: %q}`, key, key, id)
		d.must(t, tok, "POST", "/v3/credentials", credentialBody(carol, "ec2", blob, `, "project_id": "`+d.project+`"`), 201)
		d.refused(t, "nova", "POST", "/v3/ec2tokens", signedEC2(t, key, "s", time.Now()), 401, "requires authentication")
	}
}
