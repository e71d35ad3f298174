package api_test

import (
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone/api"
	"nacre/internal/oslo/httpapi"
)

// TestV2Notifications walks what version 2.0 writes.
func TestV2Notifications(t *testing.T) {
	l := newListener(t)
	handler, err := api.NewV2(l.svc, httpapi.Door{Tokens: l.svc}, api.V2Admin)
	if err != nil {
		t.Fatal(err)
	}
	l.cloud.api, l.cloud.table = handler, handler.Table()
	l.vars["member"] = l.id(t, "roles", "member")
	l.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "nobody", "password": "pw"}}`, 201)
	l.cloud.tokens["nobody"] = l.login(t, "nobody", "pw", `"unscoped"`)
	l.cloud.tokens["nova"] = l.login(t, "nova", "nova-secret", `{"project": {"name": "service", "domain": {"id": "default"}}}`)
	l.events(t)
	l.walk(t, v2Steps)
	l.vars["sv"] = l.must(t, "admin", "POST", "/v2.0/OS-KSADM/services", `{"OS-KSADM:service": {"type": "t"}}`, 200)["OS-KSADM:service"].(map[string]any)["id"].(string)
	l.events(t)
	made := l.do("admin", "POST", "/v2.0/endpoints", l.fill(t, `{"endpoint": {"service_id": "$sv", "region": "RegionOne", "publicurl": "http://p"}}`))
	parts := l.must(t, "admin", "GET", "/v3/endpoints?service_id="+l.vars["sv"], "", 200)["endpoints"].([]any)
	l.vars["part"] = parts[0].(map[string]any)["id"].(string)
	l.compare(t, tellingCall{call: "POST /v2.0/endpoints", status: 200, keep: "ep=endpoint.id", events: "endpoint.created=$part"}, made)
	l.walk(t, []tellingCall{{"admin", "DELETE /v2.0/endpoints/$ep", "", 204, "", "endpoint.deleted=$part"}, {"admin", "DELETE /v2.0/endpoints/$ep", "", 404, "", ""}})
	own := l.vars["secret_own"]
	const ec2 = "/v2.0/users/$u/credentials/OS-EC2"
	l.walk(t, []tellingCall{
		{own, "POST " + ec2, `{"tenant_id": "$t"}`, 200, "access=credential.access secret_ec2=credential.secret", "credential.created=$ec2id"}})
	l.walk(t, []tellingCall{
		{"nova", "POST /v2.0/ec2tokens", signedEC2(t, l.vars["access"], l.vars["secret_ec2"], time.Now()), 200, "secret_by_ec2=access.token.id", "authenticate success"},
		{own, "DELETE " + ec2 + "/$access", "", 204, "", "credential.deleted=$ec2id"},
		{own, "PATCH /v2.0/OS-KSCRUD/users/$u", `{"user": {"original_password": "PLANTED-2", "password": "PLANTED-3"}}`, 200, "secret_new=access.token.id",
			"authenticate success, user.updated=$u, authenticate success"},
	})
	l.walk(t, v2LastSteps)
	for _, r := range l.table {
		route := r.Method + " " + r.Path
		if strings.HasPrefix(r.Path, "/v2.0") && r.Method != "GET" && r.Method != "HEAD" && !l.walked[route] {
			t.Errorf("%s was not walked", route)
		}
	}
	l.lookForSecrets(t)
}

var v2Steps = []tellingCall{
	{"admin", "POST /v2.0/tenants", `{"tenant": {"name": "t"}}`, 200, "t=tenant.id", "project.created=$t"},
	{"admin", "POST /v2.0/tenants/$t", `{"tenant": {"description": "x"}}`, 200, "", "project.updated=$t"},
	{"admin", "PUT /v2.0/tenants/$t", `{"tenant": {"description": "y"}}`, 200, "", "project.updated=$t"},
	{"admin", "POST /v2.0/tenants", `{"tenant": {"name": "t2"}}`, 200, "t2=tenant.id", "project.created=$t2"},
	{"admin", "POST /v2.0/users", `{"user": {"name": "u", "password": "PLANTED-1", "tenantId": "$t"}}`, 200, "u=user.id", "user.created=$u, role_assignment.created $member $u $t"},
	{"admin", "POST /v2.0/users", `{"user": {"name": "u"}}`, 409, "", ""},
	{"admin", "PUT /v2.0/users/$u", `{"user": {"email": "x"}}`, 200, "", "user.updated=$u"},
	{"admin", "PUT /v2.0/users/$u/OS-KSADM/tenant", `{"user": {"tenantId": "$t2"}}`, 200, "", "user.updated=$u, role_assignment.deleted $member $u $t, role_assignment.created $member $u $t2"},
	{"admin", "PUT /v2.0/users/$u/tenant", `{"user": {"tenantId": "$t"}}`, 200, "", "user.updated=$u, role_assignment.deleted $member $u $t2, role_assignment.created $member $u $t"},
	{"admin", "PUT /v2.0/users/$u/OS-KSADM/enabled", `{"user": {"enabled": true}}`, 200, "", "user.updated=$u"},
	{"admin", "PUT /v2.0/users/$u/enabled", `{"user": {"enabled": true}}`, 200, "", "user.updated=$u"},
	{"admin", "PUT /v2.0/users/$u/OS-KSADM/password", `{"user": {"password": "PLANTED-0"}}`, 200, "", "user.updated=$u"},
	{"admin", "PUT /v2.0/users/$u/password", `{"user": {"password": "PLANTED-2"}}`, 200, "", "user.updated=$u"},
	{"admin", "POST /v2.0/OS-KSADM/roles", `{"role": {"name": "r"}}`, 200, "r=role.id", "role.created=$r"},
	{"admin", "PUT /v2.0/tenants/$t/users/$u/roles/OS-KSADM/$r", "", 200, "", "role_assignment.created $r $u $t"},
	{"admin", "PUT /v2.0/tenants/$t/users/$u/roles/OS-KSADM/$r", "", 409, "", ""},
	{"admin", "DELETE /v2.0/tenants/$t/users/$u/roles/OS-KSADM/$r", "", 204, "", "role_assignment.deleted $r $u $t"},
	{"admin", "PUT /v2.0/users/$u/roles/OS-KSADM/$r", "", 200, "", "role_assignment.created $r $u"},
	{"admin", "DELETE /v2.0/users/$u/roles/OS-KSADM/$r", "", 204, "", "role_assignment.deleted $r $u"},
	{"admin", "DELETE /v2.0/OS-KSADM/roles/$r", "", 204, "", "role.deleted=$r"},
	{"admin", "POST /v2.0/OS-KSADM/services", `{"OS-KSADM:service": {"type": "t", "name": "n"}}`, 200, "s=OS-KSADM:service.id", "service.created=$s"},
	{"admin", "DELETE /v2.0/OS-KSADM/services/$s", "", 204, "", "service.deleted=$s"},
	{"", "POST /v2.0/tokens", `{"auth": {"passwordCredentials": {"username": "u", "password": "PLANTED-2"}, "tenantId": "$t"}}`, 200, "secret_gone=access.token.id audit=access.token.audit_ids", "authenticate success"},
	{"", "POST /v2.0/tokens", `{"auth": {"passwordCredentials": {"username": "u", "password": "PLANTED-x"}}}`, 401, "", "authenticate failure"},
	{"admin", "DELETE /v2.0/tokens/$secret_gone", "", 204, "", "token.deleted=$audit"},
	{"", "POST /v2.0/tokens", `{"auth": {"passwordCredentials": {"username": "u", "password": "PLANTED-2"}, "tenantId": "$t"}}`, 200, "secret_own=access.token.id", "authenticate success"},
}

var v2LastSteps = []tellingCall{
	{"admin", "DELETE /v2.0/users/$u", "", 204, "", "user.deleted=$u"},
	{"admin", "DELETE /v2.0/tenants/$t", "", 204, "", "project.deleted=$t"},
	{"admin", "DELETE /v2.0/tenants/$t", "", 404, "", ""},
}
