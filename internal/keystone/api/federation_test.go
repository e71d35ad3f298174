package api_test

import (
	"strings"
	"testing"
)

const mappingRules = `{"mapping": {"rules": [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]}]}}`

// TestFederationResources asks for what clients get wrong; the sentences are the original's.
func TestFederationResources(t *testing.T) {
	c := newCloud(t)
	fed := "/v3/OS-FEDERATION"
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/mappings/m", mappingRules, 201, `"schema_version":"1.0"`},
		{"PUT", "/mappings/m", mappingRules, 409, "Conflict occurred attempting to store mapping - Duplicate entry found with ID m."},
		{"PUT", "/mappings/n", `{"mapping": {}}`, 400, `"message":"'rules' is a required property\n"`},
		{"PATCH", "/mappings/n", mappingRules, 404, "Could not find mapping: n."},
		{"PATCH", "/mappings/m", `{"mapping": {"schema_version": "3.0", "rules": [{"local": [{"projects_json": "{0}"}], "remote": [{"type": "p"}]}]}}`, 200, `"schema_version":"3.0"`},
		{"PUT", "/mappings/r", `{"mapping": {"rules": [{"local": [], "remote": [{"type": "a", "any_one_of": ["(?<!x)"], "regex": true}]}]}}`, 400, "regular expression"},
		{"GET", "/mappings", "", 200, `"self":"http://127.0.0.1:5000/v3/OS-FEDERATION/mappings/m"`},
		{"DELETE", "/mappings/n", "", 404, "Could not find mapping: n."},

		{"PUT", "/identity_providers/a", `{"identity_provider": {"remote_ids": ["y", "x"], "domain_id": "default", "enabled": true, "authorization_ttl": 7, "description": "A"}}`, 201, `"remote_ids":["x","y"]`},
		{"PUT", "/identity_providers/a", `{"identity_provider": {}}`, 409, "Conflict occurred attempting to store identity_provider - Duplicate entry: a."},
		{"PUT", "/identity_providers/b", `{"identity_provider": {"remote_ids": ["x"]}}`, 409, "Conflict occurred attempting to store identity_provider - Duplicate remote ID: x."},
		{"PUT", "/identity_providers/b", `{"identity_provider": {"domain_id": "nosuch"}}`, 404, "Could not find domain: nosuch."},
		{"PUT", "/identity_providers/b", `{"identity_provider": {"authorization_ttl": -1}}`, 400, "-1 is less than the minimum of 0"},
		{"PUT", "/identity_providers/b", `{"identity_provider": {"name": "b"}}`, 400, "Additional properties are not allowed ('name' was unexpected)"},
		{"PUT", "/identity_providers/b", `{}`, 201, `"enabled":false`},
		{"GET", "/identity_providers?enabled=true", "", 200, `"authorization_ttl":7`},
		{"GET", "/identity_providers?id=b", "", 200, `"id":"b"`},
		{"PATCH", "/identity_providers/b", `{"identity_provider": {"remote_ids": ["x"]}}`, 409, "Duplicate remote ID: x."},
		{"PATCH", "/identity_providers/a", `{"identity_provider": {"domain_id": "x"}}`, 400, "Additional properties are not allowed ('domain_id' was unexpected)"},
		{"PATCH", "/identity_providers/a", `{"identity_provider": {"authorization_ttl": null, "remote_ids": null, "description": null}}`, 200, `"authorization_ttl":null`},
		{"PATCH", "/identity_providers/b", `{"identity_provider": {"remote_ids": ["x"]}}`, 200, `"remote_ids":["x"]`},
		{"PATCH", "/identity_providers/c", `{"identity_provider": {"enabled": true}}`, 404, "Could not find Identity Provider: c."},

		{"PUT", "/identity_providers/a/protocols/openid", `{"protocol": {"mapping_id": "n"}}`, 400, "Invalid mapping id: n"},
		{"PUT", "/identity_providers/c/protocols/openid", `{"protocol": {"mapping_id": "m"}}`, 404, "Could not find Identity Provider: c."},
		{"PUT", "/identity_providers/a/protocols/openid", `{"protocol": {"mapping_id": "m", "remote_id_attribute": "ISS"}}`, 201, `"mapping_id":"m"`},
		{"PUT", "/identity_providers/a/protocols/openid", `{"protocol": {"mapping_id": "m"}}`, 409, "Conflict occurred attempting to store federation_protocol - Duplicate entry found with ID openid."},
		{"PUT", "/identity_providers/b/protocols/openid", `{"protocol": {"mapping_id": "m"}}`, 201, `"id":"openid"`},
		{"GET", "/identity_providers/a/protocols", "", 200, `"remote_id_attribute":"ISS"`},
		{"PATCH", "/identity_providers/a/protocols/openid", `{"protocol": {"mapping_id": "n"}}`, 400, "Invalid mapping id: n"},
		{"PATCH", "/identity_providers/a/protocols/saml2", `{"protocol": {"mapping_id": "m"}}`, 404, "Could not find federated protocol saml2 for Identity Provider: a."},
		{"DELETE", "/identity_providers/a", "", 204, ""},
		{"GET", "/identity_providers/a/protocols/openid", "", 404, "Could not find federated protocol openid for Identity Provider: a."},
		{"GET", "/identity_providers/b/protocols/openid", "", 200, `"mapping_id":"m"`},
		{"DELETE", "/identity_providers/b/protocols/openid", "", 204, ""},

		{"PUT", "/service_providers/s", `{"service_provider": {"auth_url": "https://b/auth"}}`, 400, "'sp_url' is a required property"},
		{"PUT", "/service_providers/s", `{"service_provider": {"auth_url": "nonsense", "sp_url": "https://b/sp"}}`, 400, "'nonsense' does not match"},
		{"PUT", "/service_providers/s", `{"service_provider": {"auth_url": "https://b/auth", "sp_url": "https://b/sp"}}`, 201, `"relay_state_prefix":"ss:mem:"`},
		{"PUT", "/service_providers/s", `{"service_provider": {"auth_url": "https://b/auth", "sp_url": "https://b/sp"}}`, 409, "Conflict occurred attempting to store service_provider - Duplicate entry found with ID s."},
		{"PATCH", "/service_providers/s", `{"service_provider": {"relay_state_prefix": "x:", "enabled": true}}`, 200, `"relay_state_prefix":"x:"`},
		{"GET", "/service_providers?enabled=true", "", 200, `"id":"s"`},
		{"DELETE", "/service_providers/s", "", 204, ""},
		{"GET", "/service_providers/s", "", 404, "Could not find Service Provider: s."},
		{"PUT", "/mappings/" + strings.Repeat("m", 65), mappingRules, 400, "is too long"},
		{"PUT", "/identity_providers/" + strings.Repeat("m", 65), `{}`, 400, "is too long"},
		{"PUT", "/identity_providers/b/protocols/" + strings.Repeat("m", 65), `{"protocol": {"mapping_id": "m"}}`, 400, "is too long"},
		{"PUT", "/service_providers/" + strings.Repeat("m", 65), `{"service_provider": {"auth_url": "https://b/auth", "sp_url": "https://b/sp"}}`, 400, "is too long"},
	} {
		w := c.do("admin", step.method, fed+step.path, step.body)
		if w.Code != step.status || !strings.Contains(w.Body.String(), step.want) {
			t.Errorf("%s %s %s: %d %s, want %d %s", step.method, step.path, step.body, w.Code, w.Body, step.status, step.want)
		}
	}
}
