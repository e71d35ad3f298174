package test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nacre/test/host"
)

// TestReplaceKeystone takes the place of an original Keystone: Debian's, on
// MariaDB, with something of every kind. Passwords, secrets and tokens stay
// good, and every list is the same afterwards.
func TestReplaceKeystone(t *testing.T) {
	h := host.New(t)
	h.MariaDB("keystone")
	theirs := h.OriginalKeystone("[cache]\nenabled = false\n[trust]\nallow_redelegation = true\n")
	known := fillKeystone(t, h)
	before := known.lists()
	revoked := h.API()
	known.system.Want(204, "DELETE", "5000/v3/auth/tokens", nil, nil, "X-Subject-Token", revoked.Token())
	theirs.End()
	h.SQL("keystone", leftBehind)

	from := []string{"import", "--from", host.Database("keystone"), "--keys", h.Path("keystone")}
	imported := h.AdminKeystone(from...)
	for _, want := range []string{"schema of Yoga", " 4 domains", " 2 credentials", " 1 application credentials", " 2 trusts", " 1 OAuth consumers", " 1 IDs of users and groups of directories",
		"keys are in " + h.Dir + "/keystone/fernet-keys"} {
		if !strings.Contains(imported, want) {
			t.Errorf("no word of %q in\n%s", want, imported)
		}
	}
	for _, want := range []string{"1 users of a directory (LDAP)", "1 application credentials without a project",
		"1 revocations by role", "1 options of users that are not known"} {
		if !strings.Contains(imported, "not taken over: "+want) {
			t.Errorf("nothing is said of %q in\n%s", want, imported)
		}
	}
	if _, err := h.Run(os.Getenv("NACRE_BINARY"), append([]string{"admin", "keystone", "--state-dir", h.Dir}, from...)...); err == nil ||
		!strings.Contains(err.Error(), "knows users and projects already") {
		t.Errorf("imported twice: %v", err)
	}
	h.AdminKeystone(append(from, "--replace")...)

	h.RunOnly("keystone")
	h.Sub("every list is the same, by a token of the original", func(t *testing.T) {
		after := known.lists()
		for path, want := range before {
			if d := cmp.Diff(want, after[path]); d != "" {
				t.Errorf("%s (-original +ours):\n%s", path, d)
			}
		}
	})
	h.Sub("a token that was revoked is", func(t *testing.T) {
		if status, err := revoked.Do("GET", "5000/v3/users", nil, nil); status != 401 {
			t.Errorf("%d %v", status, err)
		}
	})
	h.Sub("secrets of every kind are good", known.logIn)
	h.Sub("those who come from elsewhere are known", func(t *testing.T) {
		var found struct {
			User struct{ Name string }
			List []struct{ ID string } `json:"access_tokens"`
		}
		known.system.Want(200, "GET", "5000/v3/users/fed1", nil, &found)
		h.API().Want(200, "GET", "5000/v3/users/"+known.ids["mia"]+"/OS-OAUTH1/access_tokens", nil, &found)
		if found.User.Name != "Fed One" || len(found.List) != 1 || found.List[0].ID != "at1" {
			t.Errorf("%+v", found)
		}
	})
	h.Sub("the doctor finds nothing", func(t *testing.T) {
		if out := h.AdminKeystone("doctor"); !strings.Contains(out, "no problem found") {
			t.Errorf("%s", out)
		}
	})
}

// leftBehind are rows that the API makes only with an identity provider, a
// directory or a release of long ago.
const leftBehind = `
INSERT INTO user (id, enabled, domain_id, extra) SELECT 'fed1', 1, domain_id, '{}' FROM identity_provider;
INSERT INTO federated_user (user_id, idp_id, protocol_id, unique_id, display_name) VALUES ('fed1', 'idp1', 'mapped', 'one%40fed', 'Fed One');
INSERT INTO expiring_user_group_membership (user_id, group_id, idp_id, last_verified) SELECT 'fed1', id, 'idp1', NOW() FROM ` + "`group`" + ` WHERE name = 'people';
INSERT INTO access_token SELECT 'at1', 'secret', user_id, 'p', '["r1"]', c.id, '2030-01-01T00:00:00.000000Z' FROM local_user, consumer c WHERE local_user.name = 'mia';
INSERT INTO request_token SELECT 'rt1', 'secret', NULL, NULL, 'p', NULL, id, NULL FROM consumer;
INSERT INTO user (id, enabled, domain_id, extra) VALUES ('directory1', 1, 'default', '{}');
INSERT INTO nonlocal_user (domain_id, name, user_id) VALUES ('default', 'ldap user', 'directory1');
INSERT INTO id_mapping (public_id, domain_id, local_id, entity_type) VALUES ('directory1', 'default', 'uid=x', 'user');
INSERT INTO application_credential (id, name, secret_hash, user_id, system) VALUES ('ac1', 'systemwide', '$2b$', 'x', 'all');
INSERT INTO user_option (user_id, option_id, option_value) SELECT user_id, 'ZZZZ', 'true' FROM local_user WHERE name = 'mia';
INSERT INTO revocation_event (role_id, issued_before, revoked_at) VALUES ('r1', '2020-01-01 00:00:00', '2020-01-01 00:00:00');
`

// knownKeystone is what a test knows of what it has made.
type knownKeystone struct {
	*host.Host
	system        *host.API         // the administrator of the system
	ids           map[string]string // of users, projects, domains and endpoints, by name or interface
	appCredential string            // IDs
	trust         string
}

// hashes are by which the original can hash passwords beside bcrypt.
var hashes = []string{"scrypt", "pbkdf2_sha512"}

// make makes a thing and remembers its ID.
func (k *knownKeystone) make(kind, name string, attributes map[string]any) string {
	if attributes["name"] == nil {
		attributes["name"] = name
	}
	var made map[string]struct{ ID string }
	k.system.Want(201, "POST", "5000/v3/"+plural(kind), map[string]any{kind: attributes}, &made)
	k.ids[name] = made[kind].ID
	return made[kind].ID
}

func plural(kind string) string { return strings.ReplaceAll(kind+"s", "ys", "ies") }

// fillKeystone makes something of every kind.
func fillKeystone(t *testing.T, h *host.Host) *knownKeystone {
	k := &knownKeystone{Host: h, ids: map[string]string{}}
	var err error
	if k.system, err = h.Login(map[string]any{"identity": host.WithPassword("admin", "secret-of-the-test"),
		"scope": map[string]any{"system": map[string]bool{"all": true}}}); err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	put := func(path string, body any) { k.system.Want(204, "PUT", "5000/v3/"+path, body, nil) }
	k.make("domain", "away", m{"description": "Away"})
	k.make("domain", "closed", m{"enabled": false})
	one := k.make("project", "one", m{"description": "Project one", "tags": []string{"blue", "green"}, "mine": "yes"})
	two := k.make("project", "two", m{"parent_id": one, "options": m{"immutable": true}})
	k.make("project", "far", m{"domain_id": k.ids["away"], "enabled": false})
	mia := k.make("user", "mia", m{"password": "one-pw", "default_project_id": one, "email": "mia@example.org", "description": "Mia"})
	tre := k.make("user", "tre", m{"password": "tre-pw", "nickname": "Three", "options": m{"ignore_lockout_failure_attempts": true,
		"multi_factor_auth_rules": [][]string{{"password", "totp"}}, "multi_factor_auth_enabled": false}})
	k.make("user", "bob", m{"password": "two-pw", "domain_id": k.ids["away"], "enabled": false})
	k.make("user", "silent", m{})
	k.system.Want(200, "PATCH", "5000/v3/users/"+mia, m{"user": m{"password": "one-new"}}, nil)
	people := k.make("group", "people", m{"description": "People"})
	k.make("group", "others", m{"domain_id": k.ids["away"]})
	put("groups/"+people+"/users/"+mia, nil)
	put("groups/"+people+"/users/"+tre, nil)
	keeper := k.make("role", "keeper", m{"description": "Looks after"})
	k.make("role", "local", m{"domain_id": k.ids["away"]})
	k.know("roles")
	k.system.Want(201, "PUT", "5000/v3/roles/"+keeper+"/implies/"+k.ids["member"], nil, nil)
	put("projects/"+one+"/users/"+mia+"/roles/"+k.ids["member"], nil)
	put("projects/"+one+"/users/"+mia+"/roles/"+keeper, nil)
	put("OS-INHERIT/domains/default/groups/"+people+"/roles/"+k.ids["reader"]+"/inherited_to_projects", nil)
	put("projects/"+two+"/groups/"+people+"/roles/"+k.ids["member"], nil)
	put("domains/default/users/"+mia+"/roles/"+k.ids["reader"], nil)
	put("system/users/"+tre+"/roles/"+k.ids["reader"], nil)
	k.catalog(one)
	k.federation()
	k.make("credential", "", m{"type": "totp", "user_id": mia, "blob": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
	k.system.Want(201, "PUT", "5000/v3/domains/"+k.ids["closed"]+"/config", m{"config": m{"identity": m{"list_limit": 50},
		"ldap": m{"url": "ldap://nowhere", "password": "hidden"}}}, nil)
	k.otherHashes()
	k.delegations(t, one, mia, tre)
	return k
}

// know looks up the IDs of everything in a list.
func (k *knownKeystone) know(list string) {
	var found map[string]json.RawMessage
	var things []struct{ ID, Name string }
	k.system.Want(200, "GET", "5000/v3/"+list, nil, &found)
	if err := json.Unmarshal(found[list], &things); err != nil {
		k.Fail("%v in %s", err, found[list])
	}
	for _, thing := range things {
		k.ids[thing.Name] = thing.ID
	}
}

func (k *knownKeystone) catalog(project string) {
	type m = map[string]any
	k.system.Want(201, "POST", "5000/v3/regions", m{"region": m{"id": "here", "description": "Here"}}, nil)
	k.system.Want(201, "POST", "5000/v3/regions", m{"region": m{"id": "there", "parent_region_id": "here"}}, nil)
	image := k.make("service", "glance", m{"type": "image", "description": "Images"})
	k.make("service", "cinder", m{"type": "volumev3", "enabled": false})
	k.make("endpoint", "public", m{"service_id": image, "interface": "public", "region_id": "here", "url": "http://127.0.0.1:9292"})
	k.make("endpoint", "internal", m{"service_id": image, "interface": "internal", "region_id": "there", "enabled": false, "url": "http://127.0.0.1:9292/%(tenant_id)s"})
	var group struct {
		Group struct{ ID string } `json:"endpoint_group"`
	}
	k.system.Want(201, "POST", "5000/v3/OS-EP-FILTER/endpoint_groups", m{"endpoint_group": m{"name": "some", "description": "Some", "filters": m{"interface": "public"}}}, &group)
	k.system.Want(204, "PUT", "5000/v3/OS-EP-FILTER/endpoint_groups/"+group.Group.ID+"/projects/"+project, nil, nil)
	k.system.Want(204, "PUT", "5000/v3/OS-EP-FILTER/projects/"+project+"/endpoints/"+k.ids["internal"], nil, nil)
	policy := k.make("policy", "", m{"type": "application/json", "blob": `{"rule": "role:admin"}`})
	k.system.Want(204, "PUT", "5000/v3/policies/"+policy+"/OS-ENDPOINT-POLICY/services/"+image+"/regions/here", nil, nil)
	k.system.Want(201, "POST", "5000/v3/registered_limits", m{"registered_limits": []m{
		{"service_id": image, "region_id": "here", "resource_name": "image_count_total", "default_limit": 10},
		{"service_id": image, "resource_name": "image_size_total", "default_limit": 7, "description": "Size"}}}, nil)
	k.system.Want(201, "POST", "5000/v3/limits", m{"limits": []m{{"project_id": project, "service_id": image, "region_id": "here",
		"resource_name": "image_count_total", "resource_limit": 5, "description": "Few"}}}, nil)
}

func (k *knownKeystone) federation() {
	type m = map[string]any
	k.system.Want(201, "POST", "5000/v3/OS-OAUTH1/consumers", m{"consumer": m{"description": "Program"}}, nil)
	at := "5000/v3/OS-FEDERATION/"
	k.system.Want(201, "PUT", at+"identity_providers/idp1", m{"identity_provider": m{"description": "Idp", "enabled": true,
		"remote_ids": []string{"https://idp.example", "https://idp2.example"}}}, nil)
	k.system.Want(201, "PUT", at+"mappings/map1", m{"mapping": m{"rules": []m{{"local": []m{{"user": m{"name": "{0}"}}}, "remote": []m{{"type": "REMOTE_USER"}}}}}}, nil)
	k.system.Want(201, "PUT", at+"identity_providers/idp1/protocols/mapped", m{"protocol": m{"mapping_id": "map1"}}, nil)
	k.system.Want(201, "PUT", at+"service_providers/sp1", m{"service_provider": m{"auth_url": "http://sp.example/auth", "sp_url": "http://sp.example/sp", "description": "There",
		"enabled": true}}, nil)
	k.know("domains") // the identity provider has made one for its users
}

// as is a user on project one.
func (k *knownKeystone) as(t *testing.T, user, password string) *host.API {
	t.Helper()
	a, err := k.Login(map[string]any{"identity": host.WithPassword(user, password), "scope": map[string]any{"project": map[string]string{"id": k.ids["one"]}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// otherHashes makes users whose passwords the original has hashed in other ways.
func (k *knownKeystone) otherHashes() {
	for _, hash := range hashes {
		id := k.make("user", hash, map[string]any{"password": "another"})
		made := k.Must("/usr/bin/python3", "-c", `
import sys
import keystone.conf
from keystone.common import password_hashing
keystone.conf.configure()
keystone.conf.CONF([], project='keystone', default_config_files=[])
keystone.conf.CONF.set_override('password_hash_algorithm', sys.argv[1], 'identity')
print(password_hashing.hash_password(sys.argv[2]))`, hash, hash+"-pw")
		k.SQL("keystone", "UPDATE password SET password_hash = '"+strings.TrimSpace(made)+"' WHERE local_user_id = (SELECT id FROM local_user WHERE user_id = '"+id+"')")
	}
}

// delegations are made by mia, for tre and for programs.
func (k *knownKeystone) delegations(t *testing.T, one, mia, tre string) {
	type m = map[string]any
	a := k.as(t, "mia", "one-new")
	a.Want(201, "POST", "5000/v3/users/"+mia+"/credentials/OS-EC2", m{"tenant_id": one}, nil)
	var made struct {
		Program struct{ ID string } `json:"application_credential"`
		Trust   struct{ ID string }
	}
	a.Want(201, "POST", "5000/v3/users/"+mia+"/application_credentials", m{"application_credential": m{"name": "program", "description": "Program", "secret": "of-the-program",
		"roles": []m{{"name": "member"}}, "expires_at": "2030-01-01T00:00:00.123456", "access_rules": []m{
			{"service": "image", "method": "GET", "path": "/v2/images"}, {"service": "identity", "method": "GET", "path": "/v3/auth/catalog"}}}}, &made)
	trust := m{"trustor_user_id": mia, "trustee_user_id": tre, "project_id": one, "impersonation": true, "roles": []m{{"name": "member"}}}
	a.Want(201, "POST", "5000/v3/OS-TRUST/trusts", m{"trust": trust}, &made)
	a.Want(204, "DELETE", "5000/v3/OS-TRUST/trusts/"+made.Trust.ID, nil, nil)
	trust["impersonation"], trust["remaining_uses"], trust["expires_at"] = false, 5, "2030-01-01T00:00:00.000000Z"
	a.Want(201, "POST", "5000/v3/OS-TRUST/trusts", m{"trust": trust}, &made)
	k.appCredential, k.trust = made.Program.ID, made.Trust.ID
}

// lists reads every list, its things in one order.
func (k *knownKeystone) lists() map[string]any {
	paths := []string{"role_assignments?include_names", "OS-TRUST/trusts", "OS-TRUST/trusts/" + k.trust, "auth/system", "roles?domain_id=" + k.ids["away"],
		"role_inferences", "domains/" + k.ids["closed"] + "/config", "OS-OAUTH1/consumers", "OS-FEDERATION/identity_providers/idp1/protocols",
		"OS-EP-FILTER/projects/" + k.ids["one"] + "/endpoint_groups", "auth/tokens", "users?domain_id=default", "users?domain_id=" + k.ids["away"],
		"projects", "domains", "groups", "roles", "regions", "services", "endpoints", "policies", "credentials", "registered_limits", "limits", "limits/model",
		"OS-EP-FILTER/endpoint_groups", "OS-FEDERATION/identity_providers", "OS-FEDERATION/mappings", "OS-FEDERATION/service_providers"}
	for _, user := range []string{"mia", "tre"} {
		paths = append(paths, "role_assignments?effective&user.id="+k.ids[user])
		for _, list := range []string{"", "/groups", "/projects", "/application_credentials", "/access_rules", "/credentials/OS-EC2"} {
			paths = append(paths, "users/"+k.ids[user]+list)
		}
	}
	out := map[string]any{}
	for _, path := range paths {
		var v any
		if status, err := k.system.Do("GET", "5000/v3/"+path, nil, &v, "X-Subject-Token", k.system.Token()); err != nil {
			v = fmt.Sprint(status) // not for this token
		}
		out[path] = inOrder(v)
	}
	return out
}

// inOrder sorts every list in v.
func inOrder(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "schema_version") // of mappings; releases since 2024.1 show it
		for key, inner := range v {
			v[key] = inOrder(inner)
		}
	case []any:
		for i := range v {
			v[i] = inOrder(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	}
	return v
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// logIn uses every secret, and some that are none.
func (k *knownKeystone) logIn(t *testing.T) {
	program := func(secret string) map[string]any {
		return map[string]any{"methods": []string{"application_credential"}, "application_credential": map[string]any{"id": k.appCredential, "secret": secret}}
	}
	byTrust := map[string]any{"OS-TRUST:trust": map[string]string{"id": k.trust}}
	for name, tc := range map[string]struct {
		identity map[string]any
		scope    map[string]any
		fails    bool
	}{
		"bcrypt":          {host.WithPassword("mia", "one-new"), nil, false},
		"an old password": {host.WithPassword("mia", "one-pw"), nil, true},
		"none":            {host.WithPassword("silent", ""), nil, true},
		"disabled": {map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": map[string]string{
			"id": k.ids["bob"], "password": "two-pw"}}}, nil, true},
		"scrypt":               {host.WithPassword("scrypt", "scrypt-pw"), nil, false},
		"scrypt, wrong":        {host.WithPassword("scrypt", "scrypt-no"), nil, true},
		"pbkdf2_sha512":        {host.WithPassword("pbkdf2_sha512", "pbkdf2_sha512-pw"), nil, false},
		"pbkdf2_sha512, wrong": {host.WithPassword("pbkdf2_sha512", "pbkdf2_sha512-no"), nil, true},
		"program":              {program("of-the-program"), nil, false},
		"program, wrong":       {program("of-another"), nil, true},
		"trust":                {host.WithPassword("tre", "tre-pw"), byTrust, false},
		"another's trust":      {host.WithPassword("mia", "one-new"), byTrust, true},
	} {
		auth := map[string]any{"identity": tc.identity}
		if tc.scope != nil {
			auth["scope"] = tc.scope
		}
		if _, err := k.Login(auth); (err != nil) != tc.fails {
			t.Errorf("%s: %v", name, err)
		}
	}
}
