package api_test

import (
	"testing"

	"nacre/internal/keystone/service"
)

// TestInsecureOptions: what the original forbids since its last advisories, an
// operator may allow as before, option by option.
func TestInsecureOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		set                         func(c *service.Config)
		admins, members, trustsMade int
	}{
		"as by default": {func(*service.Config) {}, 403, 403, 403},
		"credentials":   {func(c *service.Config) { c.Compliance.InsecureAdminCredentials = true }, 200, 403, 403},
		"trusts":        {func(c *service.Config) { c.Compliance.InsecureAppCredTrusts = true }, 403, 403, 201},
	} {
		t.Run(name, func(t *testing.T) {
			d := deriving(t, newCloud(t, tc.set))
			admin := d.id(t, "users", "admin")
			seed := d.text(t, "alice", "/v3/credentials", credentialBody(d.alice, "totp", "seed", ""), "credential", "id")
			tokens := map[string]string{}
			for who, user := range map[string]string{"admin": admin, "alice": d.alice} {
				id, secret := d.appCredential(t, who, user, `"name": "a", "unrestricted": true`)
				tokens[who], _ = d.auth(t, appCredentialAuth(id, secret), 201)
			}
			d.must(t, tokens["admin"], "GET", "/v3/credentials/"+seed, "", tc.admins)
			d.must(t, tokens["alice"], "GET", "/v3/credentials/"+seed, "", tc.members)
			d.must(t, tokens["alice"], "POST", "/v3/OS-TRUST/trusts", d.trustBody(d.alice, d.bob, `, "impersonation": false, "roles": [{"name": "reader"}]`), tc.trustsMade)
		})
	}
}
