package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

var identitySteps = []tellingCall{
	{"admin", "POST /v3/domains", `{"domain": {"name": "d"}}`, 201, "d=domain.id", "domain.created=$d"},
	{"admin", "POST /v3/domains", `{"domain": {"name": "d"}}`, 409, "", ""},
	{"admin", "PATCH /v3/domains/$d", `{"domain": {"description": "x"}}`, 200, "", "project.updated=$d, domain.updated=$d"},
	{"admin", "POST /v3/projects", `{"project": {"name": "e", "is_domain": true}}`, 201, "e=project.id", "domain.created=$e"},
	{"admin", "POST /v3/projects", `{"project": {"name": "p", "domain_id": "$d"}}`, 201, "p=project.id", "project.created=$p"},
	{"admin", "POST /v3/projects", `{"project": {"name": "p", "domain_id": "$d"}}`, 409, "", ""},
	{"admin", "PATCH /v3/projects/$p", `{"project": {"description": "x"}}`, 200, "", "project.updated=$p"},
	{"admin", "PATCH /v3/projects/$e", `{"project": {"description": "x"}}`, 200, "", "project.updated=$e, domain.updated=$e"},
	{"admin", "PUT /v3/projects/$p/tags", `{"tags": ["a"]}`, 200, "", "project.updated=$p"},
	{"admin", "PUT /v3/projects/$p/tags/b", "", 201, "", "project.updated=$p, project tag.created=b"},
	{"admin", "DELETE /v3/projects/$p/tags/b", "", 204, "", "project.updated=$p, project tag.deleted=b"},
	{"admin", "DELETE /v3/projects/$p/tags/b", "", 404, "", ""},
	{"admin", "DELETE /v3/projects/$p/tags", "", 204, "", "project.updated=$p"},
	{"admin", "POST /v3/users", `{"user": {"name": "u", "domain_id": "$d", "password": "PLANTED-1"}}`, 201, "u=user.id", "user.created=$u"},
	{"admin", "POST /v3/users", `{"user": {"name": "u", "domain_id": "$d"}}`, 409, "", ""},
	{"admin", "PATCH /v3/users/$u", `{"user": {"password": "PLANTED-2"}}`, 200, "", "user.updated=$u"},
	{"", "POST /v3/users/$u/password", `{"user": {"original_password": "PLANTED-2", "password": "PLANTED-3"}}`, 204, "", "authenticate success, user.updated=$u"},
	{"", "POST /v3/users/$u/password", `{"user": {"original_password": "PLANTED-2", "password": "PLANTED-4"}}`, 401, "", "authenticate failure"},
	{"admin", "POST /v3/groups", `{"group": {"name": "g", "domain_id": "$d"}}`, 201, "g=group.id", "group.created=$g"},
	{"admin", "POST /v3/groups", `{"group": {"name": "g", "domain_id": "$d"}}`, 409, "", ""},
	{"admin", "PATCH /v3/groups/$g", `{"group": {"description": "x"}}`, 200, "", "group.updated=$g"},
	{"admin", "PUT /v3/groups/$g/users/$u", "", 204, "", "group.updated=$g added $u"},
	{"admin", "DELETE /v3/groups/$g/users/$u", "", 204, "", "group.updated=$g removed $u"},
	{"admin", "DELETE /v3/groups/$g/users/$u", "", 404, "", ""},
	{"admin", "POST /v3/roles", `{"role": {"name": "r"}}`, 201, "r=role.id", "role.created=$r"},
	{"admin", "POST /v3/roles", `{"role": {"name": "r"}}`, 409, "", ""},
	{"admin", "PATCH /v3/roles/$r", `{"role": {"description": "x"}}`, 200, "", "role.updated=$r"},
	{"admin", "PUT /v3/roles/$r/implies/$reader", "", 201, "", "implied_role.created=$r/$reader"},
	{"admin", "DELETE /v3/roles/$r/implies/$reader", "", 204, "", "implied_role.deleted=$r/$reader"},
	{"admin", "DELETE /v3/roles/$r/implies/$reader", "", 404, "", ""},
	{"admin", "PUT /v3/domains/$d/config", `{"config": {"ldap": {"url": "ldap://x", "password": "PLANTED-5"}}}`, 201, "", "domain_config.created=$d"},
	{"admin", "PUT /v3/domains/$d/config", `{"config": {"ldap": {"url": "ldap://x", "user": "u"}}}`, 200, "", "domain_config.updated=$d"},
	{"admin", "PATCH /v3/domains/$d/config", `{"config": {"ldap": {"user": "v"}}}`, 200, "", "domain_config.updated=$d"},
	{"admin", "PATCH /v3/domains/$d/config/ldap", `{"config": {"ldap": {"user": "v"}}}`, 200, "", "domain_config.updated=$d"},
	{"admin", "PATCH /v3/domains/$d/config/ldap/user", `{"config": {"user": "w"}}`, 200, "", "domain_config.updated=$d"},
	{"admin", "DELETE /v3/domains/$d/config/ldap/user", "", 204, "", "domain_config.deleted=$d"},
	{"admin", "DELETE /v3/domains/$d/config/ldap", "", 204, "", "domain_config.deleted=$d"},
	{"admin", "DELETE /v3/domains/$d/config", "", 204, "", "domain_config.deleted=$d"},
}

// grantSteps give and take roles of all kinds.
func grantSteps() (steps []tellingCall) {
	for _, target := range []string{"projects/$p", "domains/$d", "system"} {
		for _, actor := range []string{"users/$u", "groups/$g"} {
			of := strings.TrimPrefix(target[strings.Index(target, "/")+1:], "system")
			about := strings.TrimSpace("$member " + actor[strings.Index(actor, "/")+1:] + " " + of)
			path := "/v3/" + target + "/" + actor + "/roles/$member"
			steps = append(steps, tellingCall{"admin", "PUT " + path, "", 204, "", "role_assignment.created " + about},
				tellingCall{"admin", "DELETE " + path, "", 204, "", "role_assignment.deleted " + about},
				tellingCall{"admin", "DELETE " + path, "", 404, "", ""})
			if of != "" {
				path = "/v3/OS-INHERIT/" + target + "/" + actor + "/roles/$member/inherited_to_projects"
				steps = append(steps, tellingCall{"admin", "PUT " + path, "", 204, "", "role_assignment.created " + about + " inherited"},
					tellingCall{"admin", "DELETE " + path, "", 204, "", "role_assignment.deleted " + about + " inherited"})
			}
		}
	}
	return steps
}

var catalogSteps = []tellingCall{
	{"admin", "POST /v3/regions", `{"region": {"id": "r1"}}`, 201, "", "region.created=r1"},
	{"admin", "POST /v3/regions", `{"region": {"id": "r1"}}`, 409, "", ""},
	{"admin", "PUT /v3/regions/r2", `{"region": {"parent_region_id": "r1"}}`, 201, "", "region.created=r2"},
	{"admin", "PATCH /v3/regions/r2", `{"region": {"description": "x"}}`, 200, "", "region.updated=r2"},
	{"admin", "POST /v3/services", `{"service": {"type": "t", "name": "n"}}`, 201, "s=service.id", "service.created=$s"},
	{"admin", "PATCH /v3/services/$s", `{"service": {"name": "m"}}`, 200, "", "service.updated=$s"},
	{"admin", "POST /v3/endpoints", `{"endpoint": {"service_id": "$s", "interface": "public", "url": "http://x", "region": "r3"}}`, 201, "ep=endpoint.id", "region.created=r3, endpoint.created=$ep"},
	{"admin", "PATCH /v3/endpoints/$ep", `{"endpoint": {"url": "http://y"}}`, 200, "", "endpoint.updated=$ep"},
	{"admin", "POST /v3/registered_limits", `{"registered_limits": [{"service_id": "$s", "resource_name": "a", "default_limit": 1}]}`, 201, "rl=registered_limits.id", "registered_limit.created=$rl"},
	{"admin", "PATCH /v3/registered_limits/$rl", `{"registered_limit": {"default_limit": 2}}`, 200, "", "registered_limit.updated=$rl"},
	{"admin", "POST /v3/limits", `{"limits": [{"service_id": "$s", "project_id": "$p", "resource_name": "a", "resource_limit": 1}]}`, 201, "li=limits.id", "limit.created=$li"},
	{"admin", "POST /v3/limits", `{"limits": [{"service_id": "$s", "project_id": "$p", "resource_name": "a", "resource_limit": 1}]}`, 409, "", ""},
	{"admin", "PATCH /v3/limits/$li", `{"limit": {"resource_limit": 2}}`, 200, "", "limit.updated=$li"},
	{"admin", "DELETE /v3/limits/$li", "", 204, "", "limit.deleted=$li"},
	{"admin", "DELETE /v3/registered_limits/$rl", "", 204, "", "registered_limit.deleted=$rl"},
	{"admin", "POST /v3/OS-EP-FILTER/endpoint_groups", `{"endpoint_group": {"name": "x", "filters": {"interface": "public"}}}`, 201, "eg=endpoint_group.id", "OS-EP-FILTER:endpoint_group.created=$eg"},
	{"admin", "PATCH /v3/OS-EP-FILTER/endpoint_groups/$eg", `{"endpoint_group": {"name": "y"}}`, 200, "", "OS-EP-FILTER:endpoint_group.updated=$eg"},
	{"admin", "PUT /v3/OS-EP-FILTER/endpoint_groups/$eg/projects/$p", "", 204, "", "OS-EP-FILTER:project_endpoint_group.created=$p/$eg"},
	{"admin", "PUT /v3/OS-EP-FILTER/endpoint_groups/$eg/projects/$p", "", 409, "", ""},
	{"admin", "DELETE /v3/OS-EP-FILTER/endpoint_groups/$eg/projects/$p", "", 204, "", "OS-EP-FILTER:project_endpoint_group.deleted=$p/$eg"},
	{"admin", "DELETE /v3/OS-EP-FILTER/endpoint_groups/$eg", "", 204, "", "OS-EP-FILTER:endpoint_group.deleted=$eg"},
	{"admin", "PUT /v3/OS-EP-FILTER/projects/$p/endpoints/$ep", "", 204, "", "OS-EP-FILTER:project_endpoint.created=$p/$ep"},
	{"admin", "DELETE /v3/OS-EP-FILTER/projects/$p/endpoints/$ep", "", 204, "", "OS-EP-FILTER:project_endpoint.deleted=$p/$ep"},
	{"admin", "DELETE /v3/OS-EP-FILTER/projects/$p/endpoints/$ep", "", 404, "", ""},
	{"admin", "POST /v3/policies", `{"policy": {"type": "t", "blob": "b"}}`, 201, "po=policy.id", "policy.created=$po"},
	{"admin", "PATCH /v3/policies/$po", `{"policy": {"blob": "c"}}`, 200, "", "policy.updated=$po"},
	{"admin", "PUT /v3/policies/$po/OS-ENDPOINT-POLICY/endpoints/$ep", "", 204, "", "OS-ENDPOINT-POLICY:policy_association.created=$po"},
	{"admin", "DELETE /v3/policies/$po/OS-ENDPOINT-POLICY/endpoints/$ep", "", 204, "", "OS-ENDPOINT-POLICY:policy_association.deleted=$po"},
	{"admin", "PUT /v3/policies/$po/OS-ENDPOINT-POLICY/services/$s", "", 204, "", "OS-ENDPOINT-POLICY:policy_association.created=$po"},
	{"admin", "DELETE /v3/policies/$po/OS-ENDPOINT-POLICY/services/$s", "", 204, "", "OS-ENDPOINT-POLICY:policy_association.deleted=$po"},
	{"admin", "PUT /v3/policies/$po/OS-ENDPOINT-POLICY/services/$s/regions/r1", "", 204, "", "OS-ENDPOINT-POLICY:policy_association.created=$po"},
	{"admin", "DELETE /v3/policies/$po/OS-ENDPOINT-POLICY/services/$s/regions/r1", "", 204, "", "OS-ENDPOINT-POLICY:policy_association.deleted=$po"},
	{"admin", "DELETE /v3/policies/$po", "", 204, "", "policy.deleted=$po"},
	{"admin", "DELETE /v3/endpoints/$ep", "", 204, "", "endpoint.deleted=$ep"},
	{"admin", "DELETE /v3/endpoints/$ep", "", 404, "", ""},
	{"admin", "DELETE /v3/services/$s", "", 204, "", "service.deleted=$s"},
	{"admin", "DELETE /v3/services/$s", "", 404, "", ""},
	{"admin", "DELETE /v3/regions/r1", "", 204, "", "region.deleted=r1, region.deleted=r2"},
}

func byPassword(user, password, scope string) string {
	return `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": "` + user + `", "password": "` + password + `"}}}` + scope + `}}`
}

const onHome = `, "scope": {"project": {"id": "$home"}}`

var loginSteps = []tellingCall{
	{"", "POST /v3/auth/tokens", byPassword("$u", "PLANTED-3", ""), 201, "", "authenticate success"},
	{"", "POST /v3/auth/tokens", byPassword("$u", "PLANTED-9", ""), 401, "", "authenticate failure"},
	{"", "POST /v3/auth/tokens", byPassword("nosuch", "PLANTED-9", ""), 401, "", "authenticate failure"},
	{"", "POST /v3/auth/tokens", byPassword("$u", "PLANTED-3", onHome), 401, "", "authenticate success"}, // who it is, is proved
	{"", "POST /v3/auth/tokens", `{"auth": {"identity": {"methods": ["token"], "token": {"id": "$token"}}}}`, 201, "", ""},
	{"", "POST /v3/auth/tokens", `{"auth": {"identity": {"methods": ["token"], "token": {"id": "PLANTED"}}}}`, 404, "", ""},
	{"admin", "PATCH /v3/users/$u", `{"user": {"options": {"multi_factor_auth_rules": [["password", "totp"]]}}}`, 200, "", "user.updated=$u"},
	{"", "POST /v3/auth/tokens", byPassword("$u", "PLANTED-3", ""), 401, "", "authenticate success, authenticate pending"},
	{"admin", "PATCH /v3/users/$u", `{"user": {"options": {"multi_factor_auth_rules": null}}}`, 200, "", "user.updated=$u"},
	{"", "POST /v3/auth/tokens", byPassword("$u", "PLANTED-3", ""), 201, "audit=token.audit_ids", "authenticate success"},
}

var derivedSteps = []tellingCall{
	{"admin", "POST /v3/credentials", `{"credential": {"type": "cert", "blob": "PLANTED-6", "user_id": "$u"}}`, 201, "c=credential.id", "credential.created=$c"},
	{"admin", "PATCH /v3/credentials/$c", `{"credential": {"blob": "PLANTED-7"}}`, 200, "", "credential.updated=$c"},
	{"admin", "DELETE /v3/credentials/$c", "", 204, "", "credential.deleted=$c"},
	{"admin", "DELETE /v3/credentials/$c", "", 404, "", ""},
	{"admin", "POST /v3/users/$admin/application_credentials", `{"application_credential": {"name": "a", "secret": "PLANTED-8", "access_rules": [{"service": "compute", "method": "GET", "path": "/x"}]}}`, 201,
		"ac=application_credential.id ar=application_credential.access_rules.id", "access_rule.created=$ar, application_credential.created=$ac"},
	{"admin", "POST /v3/users/$admin/application_credentials", `{"application_credential": {"name": "a"}}`, 409, "", ""},
	{"", "POST /v3/auth/tokens", appCredentialAuth("$ac", "PLANTED-8"), 201, "", "authenticate success"},
	{"", "POST /v3/auth/tokens", appCredentialAuth("$ac", "PLANTED-x"), 401, "", "authenticate failure"},
	{"admin", "DELETE /v3/users/$admin/access_rules/$ar", "", 403, "", ""},
	{"admin", "DELETE /v3/users/$admin/application_credentials/$ac", "", 204, "", "application_credential.deleted=$ac"},
	{"admin", "DELETE /v3/users/$admin/access_rules/$ar", "", 204, "", "access_rule.deleted=$ar"},
	{"admin", "POST /v3/users/$admin/application_credentials", `{"application_credential": {"name": "b"}}`, 201,
		"ab=application_credential.id secret_ab=application_credential.secret", "application_credential.created=$ab"},
	{"admin", "POST /v3/OS-TRUST/trusts", `{"trust": {"trustor_user_id": "$admin", "trustee_user_id": "$u", "impersonation": false, "project_id": "$home", "roles": [{"id": "$member"}]}}`, 201, "tr=trust.id", "OS-TRUST:trust.created=$tr"},
	{"admin", "DELETE /v3/OS-TRUST/trusts/$tr", "", 204, "", "OS-TRUST:trust.deleted=$tr"},
	{"admin", "DELETE /v3/OS-TRUST/trusts/$tr", "", 404, "", ""},
	{"admin", "POST /v3/users/$admin/credentials/OS-EC2", `{"tenant_id": "$home"}`, 201, "access=credential.access secret_ec2=credential.secret", "credential.created=$ec2id"},
}

// walkSigned trades requests that were signed, and a secret, for tokens.
func (l *listener) walkSigned(t *testing.T) {
	now := time.Now()
	l.walk(t, []tellingCall{
		{"nova", "POST /v3/ec2tokens", signedEC2(t, l.vars["access"], l.vars["secret_ec2"], now), 200, "", "authenticate success"},
		{"nova", "POST /v3/ec2tokens", signedEC2(t, l.vars["access"], planted, now), 401, "", "authenticate failure"},
		{"nova", "POST /v3/s3tokens", signedS3(t, l.vars["access"], l.vars["secret_ec2"]), 200, "", "authenticate success"},
		{"admin", "DELETE /v3/users/$admin/credentials/OS-EC2/$access", "", 204, "", "credential.deleted=$ec2id"},
	})
	form := func(secret string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v3/OS-OAUTH2/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(l.vars["ab"], secret)
		w := httptest.NewRecorder()
		l.api.ServeHTTP(w, r)
		return w
	}
	l.compare(t, tellingCall{"", "POST /v3/OS-OAUTH2/token", "", 200, "secret_oauth2=access_token", "authenticate success"}, form(l.vars["secret_ab"]))
	l.compare(t, tellingCall{"", "POST /v3/OS-OAUTH2/token", "", 401, "", "authenticate failure"}, form(planted))
}

// walkOAuth1 has a consumer granted access.
func (l *listener) walkOAuth1(t *testing.T) {
	l.walk(t, []tellingCall{
		{"admin", "POST /v3/OS-OAUTH1/consumers", `{"consumer": {"description": "x"}}`, 201, "co=consumer.id secret_co=consumer.secret", "OS-OAUTH1:consumer.created=$co"},
		{"admin", "PATCH /v3/OS-OAUTH1/consumers/$co", `{"consumer": {"description": "y"}}`, 200, "", "OS-OAUTH1:consumer.updated=$co"},
	})
	c := consumer{l.vars["co"], l.vars["secret_co"]}
	callback := []string{"oauth_callback", "oob"}
	l.compare(t, tellingCall{call: "POST " + requestPath, status: 401}, l.post(requestPath, consumer{c.id, planted}.sign(t, requestPath, "", callback...), l.vars["home"], ""))
	w := l.post(requestPath, c.sign(t, requestPath, "", callback...), l.vars["home"], "")
	l.vars["rt"], l.vars["secret_rt"] = granted(t, w)
	l.compare(t, tellingCall{call: "POST " + requestPath, status: 201, events: "OS-OAUTH1:request_token.created=$rt"}, w)
	l.walk(t, []tellingCall{{"admin", "PUT /v3/OS-OAUTH1/authorize/$rt", `{"roles": [{"name": "reader"}]}`, 200, "secret_verifier=token.oauth_verifier", "OS-OAUTH1:request_token.updated=$rt"}})
	w = l.post(accessPath, c.sign(t, accessPath, l.vars["secret_rt"], "oauth_token", l.vars["rt"], "oauth_verifier", l.vars["secret_verifier"]), "", "")
	l.vars["at"], l.vars["secret_at"] = granted(t, w)
	l.compare(t, tellingCall{call: "POST " + accessPath, status: 201, events: "OS-OAUTH1:access_token.created=$at"}, w)
	l.walk(t, []tellingCall{
		{"admin", "DELETE /v3/users/$admin/OS-OAUTH1/access_tokens/$at", "", 204, "", "OS-OAUTH1:access_token.deleted=$at"},
		{"admin", "DELETE /v3/users/$admin/OS-OAUTH1/access_tokens/$at", "", 404, "", ""},
		{"admin", "DELETE /v3/OS-OAUTH1/consumers/$co", "", 204, "", "OS-OAUTH1:consumer.deleted=$co"},
	})
}

const anyRules = `{"mapping": {"rules": [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "HTTP_NAME"}]}]}}`

var federationSteps = []tellingCall{
	{"admin", "PUT " + fed + "/mappings/m", anyRules, 201, "", "OS-FEDERATION:mapping.created=m"},
	{"admin", "PUT " + fed + "/mappings/m", anyRules, 409, "", ""},
	{"admin", "PATCH " + fed + "/mappings/m", anyRules, 200, "", "OS-FEDERATION:mapping.updated=m"},
	{"admin", "PUT " + fed + "/identity_providers/idp", `{"identity_provider": {"enabled": true}}`, 201, "fd=identity_provider.domain_id", "domain.created=$fd, OS-FEDERATION:identity_provider.created=idp"},
	{"admin", "PUT " + fed + "/identity_providers/idp", `{"identity_provider": {}}`, 409, "", ""},
	{"admin", "PATCH " + fed + "/identity_providers/idp", `{"identity_provider": {"enabled": true}}`, 200, "", "OS-FEDERATION:identity_provider.updated=idp"},
	{"admin", "PUT " + fed + "/identity_providers/idp/protocols/mapped", `{"protocol": {"mapping_id": "m"}}`, 201, "", "OS-FEDERATION:protocol.created=idp/mapped"},
	{"admin", "PATCH " + fed + "/identity_providers/idp/protocols/mapped", `{"protocol": {"mapping_id": "m"}}`, 200, "", "OS-FEDERATION:protocol.updated=idp/mapped"},
	{"", "POST " + authPath, "", 401, "", "authenticate failure"},
}

// walkMapped has somebody come by an identity provider, twice.
func (l *listener) walkMapped(t *testing.T) {
	visit := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", authPath, nil)
		r.Host = "127.0.0.1:5000"
		r.Header.Set("Name", "José")
		w := httptest.NewRecorder()
		l.api.ServeHTTP(w, r)
		return w
	}
	first := visit()
	l.keep(t, first, "fu=token.user.id")
	l.compare(t, tellingCall{call: "POST " + authPath, status: 201, events: "user.created=$fu, authenticate success"}, first)
	l.compare(t, tellingCall{call: "POST " + authPath, status: 201, events: "authenticate success"}, visit())
	var login struct {
		Initiator struct{ Credential map[string]any }
	}
	if err := json.Unmarshal(l.all[len(l.all)-1].Payload, &login); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "http://docs.oasis-open.org/security/saml/v2.0", "token": "u xxxxxxxx n", "identity_provider": "idp",
		"user": l.vars["fu"], "groups": []any{}}
	if !reflect.DeepEqual(login.Initiator.Credential, want) {
		t.Errorf("%v", login.Initiator.Credential)
	}
}

var federationLastSteps = []tellingCall{
	{"admin", "DELETE " + fed + "/identity_providers/idp/protocols/mapped", "", 204, "", "OS-FEDERATION:protocol.deleted=idp/mapped"},
	{"admin", "DELETE " + fed + "/identity_providers/idp", "", 204, "", "OS-FEDERATION:identity_provider.deleted=idp"},
	{"admin", "DELETE " + fed + "/mappings/m", "", 204, "", "OS-FEDERATION:mapping.deleted=m"},
	{"admin", "PUT " + fed + "/service_providers/sp", `{"service_provider": {"auth_url": "http://x", "sp_url": "http://y"}}`, 201, "", "OS-FEDERATION:service_provider.created=sp"},
	{"admin", "PATCH " + fed + "/service_providers/sp", `{"service_provider": {"enabled": true}}`, 200, "", "OS-FEDERATION:service_provider.updated=sp"},
	{"admin", "DELETE " + fed + "/service_providers/sp", "", 204, "", "OS-FEDERATION:service_provider.deleted=sp"},
}

// lastSteps remove what the others stand on. A domain takes all with it.
var lastSteps = []tellingCall{
	{"admin", "DELETE /v3/roles/$r", "", 204, "", "role.deleted=$r"},
	{"admin", "POST /v3/projects", `{"project": {"name": "q", "domain_id": "$d"}}`, 201, "q=project.id", "project.created=$q"},
	{"admin", "DELETE /v3/projects/$q", "", 204, "", "project.deleted=$q"},
	{"admin", "POST /v3/users", `{"user": {"name": "v", "domain_id": "$d"}}`, 201, "v=user.id", "user.created=$v"},
	{"admin", "DELETE /v3/users/$v", "", 204, "", "user.deleted=$v"},
	{"admin", "DELETE /v3/users/$v", "", 404, "", ""},
	{"admin", "POST /v3/groups", `{"group": {"name": "h", "domain_id": "$d"}}`, 201, "h=group.id", "group.created=$h"},
	{"admin", "DELETE /v3/groups/$h", "", 204, "", "group.deleted=$h"},
	{"admin", "DELETE /v3/domains/$d", "", 403, "", ""},
	{"admin", "PATCH /v3/domains/$d", `{"domain": {"enabled": false}}`, 200, "", "project.updated=$d, domain.updated=$d"},
	{"admin", "DELETE /v3/domains/$d", "", 204, "", "project.deleted=$p, group.deleted=$g, user.deleted=$u, project.deleted=$d, domain.deleted=$d"},
}
