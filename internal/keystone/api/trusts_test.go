package api_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestTrusts(t *testing.T) {
	d := newDerived(t)
	path := "/v3/OS-TRUST/trusts"
	roles := `, "impersonation": true, "roles": [{"name": "reader"}]`
	for name, tc := range map[string]struct {
		who, body string
		status    int
		want      string
	}{
		"no roles":       {"alice", d.trustBody(d.alice, d.bob, `, "impersonation": true`), 403, "At least one role should be specified."},
		"for another":    {"bob", d.trustBody(d.alice, d.bob, roles), 403, "identity:create_trust"},
		"no trustee":     {"alice", d.trustBody(d.alice, "nobody", roles), 404, "Could not find user: nobody."},
		"no such role":   {"alice", d.trustBody(d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "nosuch"}]`), 404, "Role nosuch is not defined"},
		"a role not had": {"alice", d.trustBody(d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "admin"}]`), 404, "Could not find role: " + d.cloud.id(t, "roles", "admin") + "."},
		"past":           {"alice", d.trustBody(d.alice, d.bob, roles+`, "expires_at": "2010-06-04T08:44:31.999999Z"`), 400, "The 'expires_at' must not be before now."},
		"no time":        {"alice", d.trustBody(d.alice, d.bob, roles+`, "expires_at": "bad.123Z"`), 400, "Timestamp not in expected format."},
		"no uses":        {"alice", d.trustBody(d.alice, d.bob, roles+`, "remaining_uses": 0`), 400, "0 is less than the minimum of 1"},
		"both":           {"alice", d.trustBody(d.alice, d.bob, roles+`, "remaining_uses": 1, "allow_redelegation": true`), 400, "remaining_uses must not be set if redelegation is allowed"},
		"too deep":       {"alice", d.trustBody(d.alice, d.bob, roles+`, "allow_redelegation": true, "redelegation_count": 4`), 403, "Requested redelegation depth of 4 is greater than allowed 3"},
	} {
		t.Run(name, func(t *testing.T) { d.refused(t, tc.who, "POST", path, tc.body, tc.status, tc.want) })
	}
	id := d.trust(t, "alice", d.alice, d.bob, roles)
	for list, want := range map[string]int{"?trustor_user_id=" + d.alice: 1, "?trustee_user_id=" + d.bob: 1, "?trustor_user_id=" + d.bob: 0, "": 1, "?x=y": 0} {
		if rows := d.must(t, "admin", "GET", path+list, "", 200)["trusts"].([]any); len(rows) != want {
			t.Errorf("%s: %v", list, rows)
		}
	}
	d.refused(t, "bob", "GET", path, "", 403, "identity:list_trusts")
	d.refused(t, "bob", "GET", path+"?trustor_user_id="+d.alice, "", 403, "identity:list_trusts_for_trustor")
	d.must(t, "bob", "GET", path+"?trustee_user_id="+d.bob, "", 200)
	d.must(t, "bob", "GET", path+"/"+id+"/roles/"+d.reader, "", 200)
	d.refused(t, "bob", "GET", path+"/"+id+"/roles/"+d.member, "", 404, "Could not find role: "+d.member+".")
	d.refused(t, "bob", "DELETE", path+"/"+id, "", 403, "identity:delete_trust")
	d.refused(t, "bob", "GET", path+"/nosuch", "", 404, "Could not find trust: nosuch.")

	tok, says := d.auth(t, trustAuth("bob", id), 201)
	if says["user"].(map[string]any)["id"] != d.alice || rolesOf(says) != "reader" || says["project"].(map[string]any)["id"] != d.project {
		t.Errorf("%v", says)
	}
	d.auth(t, trustAuth("alice", id), 403)
	d.auth(t, trustAuth("bob", "nosuch"), 401)
	d.auth(t, `{"auth": {"identity": {"methods": ["token"], "token": {"id": "`+tok+`"}}, "scope": {"project": {"id": "`+d.project+`"}}}}`, 403)
	d.refused(t, tok, "POST", "/v3/users/"+d.alice+"/application_credentials", `{"application_credential": {"name": "x"}}`, 403, "Cannot manage application credentials with a token issued via delegation.")
	d.refused(t, tok, "GET", "/v3/users/"+d.alice+"/application_credentials", "", 403, "Cannot manage application credentials")
	d.must(t, "alice", "DELETE", path+"/"+id, "", 204)
	d.must(t, tok, "GET", "/v3/auth/projects", "", 401)
	d.must(t, "alice", "GET", path+"/"+id, "", 404)

	id = d.trust(t, "alice", d.alice, d.bob, `, "impersonation": false, "roles": [{"id": "`+d.member+`"}]`)
	if _, says := d.auth(t, trustAuth("bob", id), 201); says["user"].(map[string]any)["id"] != d.bob || rolesOf(says) != "member reader" {
		t.Errorf("%v", says)
	}
}

// TestTrustEndsWith takes away what a trust stands on, piece by piece.
func TestTrustEndsWith(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(d *derived)
		login  int // of the trustee
	}{
		"role": {func(d *derived) {
			d.must(t, "admin", "DELETE", "/v3/projects/"+d.project+"/users/"+d.alice+"/roles/"+d.member, "", 204)
		}, 403},
		"trustor": {func(d *derived) { d.must(t, "admin", "DELETE", "/v3/users/"+d.alice, "", 204) }, 401},
		"disabled": {func(d *derived) {
			d.must(t, "admin", "PATCH", "/v3/users/"+d.alice, `{"user": {"enabled": false}}`, 200)
		}, 403},
		"trustee": {func(d *derived) { d.must(t, "admin", "DELETE", "/v3/users/"+d.bob, "", 204) }, 401},
		"project": {func(d *derived) { d.must(t, "admin", "DELETE", "/v3/projects/"+d.project, "", 204) }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDerived(t)
			id := d.trust(t, "alice", d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "member"}]`)
			tok, _ := d.auth(t, trustAuth("bob", id), 201)
			d.must(t, tok, "GET", "/v3/auth/projects", "", 200)
			tc.change(d)
			d.must(t, tok, "GET", "/v3/auth/projects", "", 401)
			d.auth(t, trustAuth("bob", id), tc.login)
			if name == "trustor" || name == "trustee" || name == "project" {
				d.must(t, "admin", "GET", "/v3/OS-TRUST/trusts/"+id, "", 404)
			}
		})
	}
}

// TestTrustUses has many at once use a trust that gives three tokens.
func TestTrustUses(t *testing.T) {
	d := newDerived(t)
	id := d.trust(t, "alice", d.alice, d.bob, `, "impersonation": true, "roles": [{"name": "member"}], "remaining_uses": 3`)
	var mu sync.Mutex
	answers := map[int]int{}
	var tokens []string
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			w := d.do("", "POST", "/v3/auth/tokens", trustAuth("bob", id))
			mu.Lock()
			defer mu.Unlock()
			answers[w.Code]++
			if w.Code == 201 {
				tokens = append(tokens, w.Header().Get("X-Subject-Token"))
			}
		})
	}
	all.Wait()
	if answers[201] != 3 || answers[201]+answers[401]+answers[403] != 12 {
		t.Errorf("%v", answers)
	}
	for _, tok := range tokens {
		d.must(t, tok, "GET", "/v3/auth/projects", "", 200)
	}
	d.must(t, "alice", "GET", "/v3/OS-TRUST/trusts/"+id, "", 404)
	d.auth(t, trustAuth("bob", id), 401)
}

func TestRedelegation(t *testing.T) {
	d := newDerived(t)
	d.grant(t, d.other, d.alice)
	carol := d.make(t, "users", "user", "carol")
	until := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000000Z")
	root := d.trust(t, "alice", d.alice, d.bob, `, "impersonation": true, "allow_redelegation": true, "expires_at": "`+until+`", "roles": [{"name": "reader"}]`)
	tok, _ := d.auth(t, trustAuth("bob", root), 201)
	on := func(more string) string { return d.trustBody(d.alice, carol, `, "impersonation": true`+more) }
	reader, deeper := `, "roles": [{"name": "reader"}]`, `, "allow_redelegation": true`
	path := "/v3/OS-TRUST/trusts"
	d.refused(t, tok, "POST", path, on(`, "roles": [{"name": "member"}]`), 403, "Some of requested roles are not in redelegated trust")
	d.refused(t, tok, "POST", path, on(reader+`, "remaining_uses": 1`), 403, `Field \"remaining_uses\" is set to 1 while it must not be set in order to redelegate a trust`)
	d.refused(t, tok, "POST", path, on(reader+`, "expires_at": "2999-01-01T00:00:00Z"`), 403, "Requested expiration time is more than redelegated trust can provide")
	d.refused(t, tok, "POST", path, on(reader+deeper+`, "redelegation_count": 1`), 403, `Modifying \"redelegation_count\" upon redelegation is forbidden.`)
	elsewhere := fmt.Sprintf(`{"trust": {"trustor_user_id": %q, "trustee_user_id": %q, "project_id": %q, "impersonation": true%s}}`, d.alice, carol, d.other, reader)
	d.refused(t, tok, "POST", path, elsewhere, 403, "Requested project is not that of the redelegated trust")

	made := d.must(t, tok, "POST", path, on(reader+deeper+`, "redelegated_trust_id": "forged"`), 201)["trust"].(map[string]any)
	if made["redelegated_trust_id"] != root || made["redelegation_count"] != 2.0 || made["expires_at"] != until {
		t.Errorf("%v", made)
	}
	child := made["id"].(string)
	last, _ := d.auth(t, trustAuth("carol", child), 201)
	made = d.must(t, last, "POST", path, d.trustBody(d.alice, d.bob, `, "impersonation": false`+reader), 201)["trust"].(map[string]any)
	if made["redelegation_count"] != 0.0 {
		t.Errorf("%v", made)
	}
	leaf, _ := d.auth(t, trustAuth("bob", made["id"].(string)), 201)
	d.refused(t, leaf, "POST", path, d.trustBody(d.bob, carol, `, "impersonation": false`+reader), 404, "Could not find role") // bob has none himself

	// Who had a part in the chain is disabled: what hangs on it ends.
	d.must(t, "admin", "PATCH", "/v3/users/"+carol, `{"user": {"enabled": false}}`, 200)
	d.must(t, leaf, "GET", "/v3/auth/projects", "", 401)
	d.must(t, "admin", "PATCH", "/v3/users/"+carol, `{"user": {"enabled": true}}`, 200)
	last, _ = d.auth(t, trustAuth("carol", child), 201)
	d.must(t, "alice", "DELETE", path+"/"+root, "", 204)
	d.must(t, last, "GET", "/v3/auth/projects", "", 401)
	d.must(t, "alice", "GET", path+"/"+child, "", 404)
}
