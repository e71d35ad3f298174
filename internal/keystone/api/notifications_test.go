package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nacre/internal/keystone"
	"nacre/internal/keystone/api"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/sso"
	"nacre/internal/keystone/store"
	"nacre/internal/keystone/token"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/messaging"
)

// listener is a cloud whose events are heard.
type listener struct {
	*derived
	bus    messaging.Bus
	heard  chan messaging.Event
	all    []messaging.Event
	vars   map[string]string
	walked map[string]bool // routes that have succeeded
	issued []string        // all tokens
}

func newListener(t *testing.T, options ...func(*service.Config)) *listener {
	t.Helper()
	bus, err := messaging.InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	l := &listener{bus: bus, heard: make(chan messaging.Event, 1000), vars: map[string]string{}, walked: map[string]bool{}}
	stop, err := bus.Listen(func(e messaging.Event) { l.heard <- e })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	deps := service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Events: messaging.NewNotifier("identity.host1", bus, nil)}
	deps.SSO, err = sso.New(sso.Config{PublicURL: "http://127.0.0.1:5000/v3", TrustedProxies: []string{proxyAddress}}, nil, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	deps.Config.Methods = append(slices.Clone(token.DefaultMethods), "totp")
	deps.Config.NotificationOptOut = []string{} // everything is told
	for _, set := range options {
		set(&deps.Config)
	}
	l.derived = &derived{cloud: newCloudWith(t, deps)}
	l.events(t)
	return l
}

// events are those since it was asked last.
func (l *listener) events(t *testing.T) (es []messaging.Event) {
	t.Helper()
	const mark = "test.mark" // events come in the order in which they were published
	if err := l.bus.Notify(t.Context(), messaging.Event{Type: mark}); err != nil {
		t.Fatal(err)
	}
	for e := range l.heard {
		if e.Type == mark {
			break
		}
		es = append(es, e)
	}
	l.all = append(l.all, es...)
	return es
}

// told is an event in short: its type, and what it is about.
func told(t *testing.T, e messaging.Event) string {
	t.Helper()
	var p struct {
		Resource                                    string `json:"resource_info"`
		Outcome, Role, User, Group, Project, Domain string
		ActorOperation                              string `json:"actor_operation"`
		ActorID                                     string `json:"actor_id"`
		Inherited                                   bool   `json:"inherited_to_projects"`
		Initiator, Target, Observer                 struct{ ID string }
	}
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		t.Fatalf("%s: %v", e.Payload, err)
	}
	name := strings.TrimPrefix(e.Type, "identity.")
	switch name {
	case "authenticate":
		return name + " " + p.Outcome
	case "role_assignment.created", "role_assignment.deleted":
		s := fmt.Sprintf("%s %s %s%s %s%s", name, p.Role, p.User, p.Group, p.Project, p.Domain)
		if p.Inherited {
			s += " inherited"
		}
		return strings.TrimSpace(s)
	}
	return strings.Join(strings.Fields(name+"="+p.Resource+" "+p.ActorOperation+" "+p.ActorID), " ")
}

// tellingCall is one call and what is told of it, in order; $name is what an earlier
// answer was kept as.
type tellingCall struct {
	who, call, body string
	status          int
	keep            string // "u=user.id": what later steps need of the answer
	events          string // divided by commas
}

var variable = regexp.MustCompile(`\$\w+`)

func (l *listener) fill(t *testing.T, text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		v, ok := l.vars[name[1:]]
		if !ok {
			t.Fatalf("%s is not known in %s", name, text)
		}
		return v
	})
}

// keep reads "u=user.id s=user.secret" out of an answer.
func (l *listener) keep(t *testing.T, w *httptest.ResponseRecorder, what string) {
	for _, one := range strings.Fields(what) {
		name, path, _ := strings.Cut(one, "=")
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		for key := range strings.SplitSeq(path, ".") {
			if list, ok := v.([]any); ok {
				v = list[0]
			}
			v = v.(map[string]any)[key]
		}
		if list, ok := v.([]any); ok {
			v = list[0]
		}
		l.vars[name] = v.(string)
	}
}

// walk makes the calls. Each is made before by somebody who may not, of which
// nothing is told.
func (l *listener) walk(t *testing.T, steps []tellingCall) {
	t.Helper()
	for _, s := range steps {
		method, path, _ := strings.Cut(l.fill(t, s.call), " ")
		body := l.fill(t, s.body)
		if s.who != "" && s.status < 400 {
			if w := l.do("nobody", method, path, body); w.Code < 400 {
				t.Errorf("%s as nobody: %d", s.call, w.Code)
			}
			if es := l.events(t); len(es) > 0 {
				t.Errorf("%s was refused, and told as %s %s", s.call, es[0].Type, es[0].Payload)
			}
		}
		l.compare(t, s, l.do(l.fill(t, s.who), method, path, body))
	}
}

// compare checks an answer and what was told of the call.
func (l *listener) compare(t *testing.T, s tellingCall, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != s.status {
		t.Fatalf("%s %s: %d %s, want %d", s.call, s.body, w.Code, w.Body, s.status)
	}
	if tok := w.Header().Get("X-Subject-Token"); tok != "" {
		l.vars["token"] = tok
		l.issued = append(l.issued, tok)
	}
	l.keep(t, w, s.keep)
	l.vars["ec2id"] = keystone.EC2CredentialID(l.vars["access"])
	var got, want []string
	for _, e := range l.events(t) {
		got = append(got, told(t, e))
	}
	for one := range strings.SplitSeq(l.fill(t, s.events), ", ") {
		if one != "" {
			want = append(want, one)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", s.call, got, want)
	}
	if s.status < 400 {
		method, path, _ := strings.Cut(l.fill(t, s.call), " ")
		l.walked[l.route(method, path)] = true
	}
}

// route is the row of the table that a call is of: the one with fewest parameters.
func (l *listener) route(method, path string) (best string) {
	for _, r := range l.table {
		pattern := "^" + pathParam.ReplaceAllString(r.Path, "[^/]+") + "$"
		if ok := regexp.MustCompile(pattern).MatchString(path); ok && r.Method == method &&
			(best == "" || strings.Count(r.Path, "{") < strings.Count(best, "{")) {
			best = method + " " + r.Path
		}
	}
	return best
}

// toldElsewhere are the routes that end in the login that POST …/auth is
// walked for, and those that make assertions, of which nothing is told.
var toldElsewhere = []string{
	"POST /v3/auth/OS-FEDERATION/saml2", "POST /v3/auth/OS-FEDERATION/saml2/ecp",
	"POST /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/acs",
	"POST /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/ecp",
	"POST /v3/auth/OS-FEDERATION/websso/{protocol_id}",
	"POST /v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso",
}

// planted is in every secret that a client gives.
const planted = "PLANTED"

// TestNotifications walks every route that writes, and then looks for secrets
// in all that was told.
func TestNotifications(t *testing.T) {
	l := newListener(t)
	for name, of := range map[string]string{"member": "roles", "reader": "roles", "nova": "services", "admin": "users"} {
		l.vars[name] = l.id(t, of, name)
	}
	l.vars["home"] = l.id(t, "projects", "admin")
	l.must(t, "admin", "POST", "/v3/users", `{"user": {"name": "nobody", "password": "pw"}}`, 201)
	l.cloud.tokens["nobody"] = l.login(t, "nobody", "pw", `"unscoped"`)
	l.cloud.tokens["nova"] = l.login(t, "nova", "nova-secret", `{"project": {"name": "service", "domain": {"id": "default"}}}`)
	l.events(t)
	l.walk(t, identitySteps)
	l.walk(t, grantSteps())
	l.walk(t, catalogSteps)
	l.walk(t, loginSteps)
	l.compare(t, tellingCall{call: "DELETE /v3/auth/tokens", status: 204, events: "token.deleted=$audit"}, l.do(l.vars["token"], "DELETE", "/v3/auth/tokens", ""))
	l.walk(t, derivedSteps)
	l.walkSigned(t)
	l.walkOAuth1(t)
	l.walk(t, federationSteps)
	l.walkMapped(t)
	l.walk(t, federationLastSteps)
	l.walk(t, lastSteps)
	for _, r := range l.table {
		route := r.Method + " " + r.Path
		if r.Method != "GET" && r.Method != "HEAD" && !l.walked[route] && !slices.Contains(toldElsewhere, route) {
			t.Errorf("%s was not walked", route)
		}
	}
	l.lookForSecrets(t)
}

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

func (l *listener) lookForSecrets(t *testing.T) {
	secrets := append(slices.Clone(l.issued), planted, "PASSWORD", "nova-secret")
	for _, tok := range l.cloud.tokens {
		secrets = append(secrets, tok)
	}
	for name, v := range l.vars {
		if strings.HasPrefix(name, "secret") {
			secrets = append(secrets, v)
		}
	}
	if len(l.all) < 30 || len(secrets) < 8 {
		t.Errorf("only %d events and %d secrets", len(l.all), len(secrets))
	}
	for _, e := range l.all {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if strings.Contains(string(text), s) {
				t.Errorf("a secret is told: %s", text)
			}
		}
	}
}

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

// ask is a call with all that events tell of the one who makes it.
func (l *listener) ask(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	l.events(t)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:5000", "192.0.2.7:1234"
	r.Header.Set("User-Agent", "python-keystoneclient")
	r.Header.Set("X-Openstack-Request-Id", "req-11111111-2222-3333-4444-555555555555")
	if !strings.HasSuffix(path, "/auth/tokens") {
		r.Header.Set("X-Auth-Token", l.cloud.tokens["admin"])
	}
	w := httptest.NewRecorder()
	l.api.ServeHTTP(w, r)
	es := l.events(t)
	if len(es) != 1 {
		t.Fatalf("%d %s: %d events", w.Code, w.Body, len(es))
	}
	var p map[string]any
	if err := json.Unmarshal(es[0].Payload, &p); err != nil {
		t.Fatal(err)
	}
	l.vars["request"] = w.Header().Get("X-Openstack-Request-Id")
	if e := es[0]; e.PublisherID != "identity.host1" || e.Priority != "INFO" || e.MessageID == "" || time.Since(e.Timestamp) > time.Minute {
		t.Errorf("%+v", e)
	}
	return p
}

// TestCADF: what is told in the format of audits, as pycadf writes it.
func TestCADF(t *testing.T) {
	l := newListener(t)
	admin, home, identity := l.id(t, "users", "admin"), l.id(t, "projects", "admin"), l.id(t, "services", "keystone")
	role := l.id(t, "roles", "member")
	random := func(m map[string]any, key string) {
		t.Helper()
		if id, _ := m[key].(string); len(id) != 36 {
			t.Errorf("%s: %v", key, m[key])
		}
		delete(m, key)
	}
	check := func(p, want map[string]any) {
		t.Helper()
		random(p, "id")
		if at, err := time.Parse("2006-01-02T15:04:05.000000-0700", p["eventTime"].(string)); err != nil || time.Since(at) > time.Minute {
			t.Errorf("eventTime %v", p["eventTime"])
		}
		delete(p, "eventTime")
		want["typeURI"], want["eventType"] = "http://schemas.dmtf.org/cloud/audit/1.0/event", "activity"
		want["observer"] = map[string]any{"typeURI": "service/security", "id": identity}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("\n got %v\nwant %v", p, want)
		}
	}
	by := func(more map[string]any) map[string]any {
		i := map[string]any{"typeURI": "service/security/account/user", "host": map[string]any{"address": "192.0.2.7", "agent": "python-keystoneclient"},
			"request_id": l.vars["request"], "global_request_id": "req-11111111-2222-3333-4444-555555555555"}
		maps.Copy(i, more)
		return i
	}
	me := map[string]any{"id": admin, "user_id": admin, "name": "admin", "username": "admin"}
	onHome := map[string]any{"id": admin, "user_id": admin, "name": "admin", "username": "admin", "project_id": home}

	p := l.ask(t, "POST", "/v3/regions", `{"region": {"id": "r"}}`)
	check(p, map[string]any{"action": "created.region", "outcome": "success", "resource_info": "r", "initiator": by(onHome),
		"target": map[string]any{"typeURI": "data/security/region", "id": "r"}})
	p = l.ask(t, "PUT", "/v3/OS-INHERIT/projects/"+home+"/users/"+admin+"/roles/"+role+"/inherited_to_projects", "")
	random(p["target"].(map[string]any), "id")
	check(p, map[string]any{"action": "created.role_assignment", "outcome": "success", "initiator": by(onHome),
		"target": map[string]any{"typeURI": "service/security/account/user"}, "role": role, "user": admin, "project": home, "inherited_to_projects": true})
	p = l.ask(t, "POST", "/v3/auth/tokens", byPassword(admin, "wrong", ""))
	random(p["target"].(map[string]any), "id")
	check(p, map[string]any{"action": "authenticate", "outcome": "failure", "initiator": by(me), "target": map[string]any{"typeURI": "service/security/account/user"},
		"reason": map[string]any{"reasonType": "wrong password for user " + admin + ": invalid user or password", "reasonCode": "401"}})
	p = l.ask(t, "POST", "/v3/auth/tokens", byPassword("nosuch", "wrong", ""))
	random(p["target"].(map[string]any), "id")
	random(p["initiator"].(map[string]any), "id")
	check(p, map[string]any{"action": "authenticate", "outcome": "failure", "initiator": by(nil), "target": map[string]any{"typeURI": "service/security/account/user"},
		"reason": map[string]any{"reasonType": "Could not find user: nosuch.", "reasonCode": "401"}})
}

// TestBasicNotifications: the short format, and what nobody is told of by default.
func TestBasicNotifications(t *testing.T) {
	l := newListener(t, func(c *service.Config) { c.NotificationFormat, c.NotificationOptOut = "basic", nil })
	p := l.ask(t, "POST", "/v3/regions", `{"region": {"id": "r"}}`)
	if want := (map[string]any{"resource_info": "r", "request_id": l.vars["request"], "global_request_id": "req-11111111-2222-3333-4444-555555555555"}); !reflect.DeepEqual(p, want) {
		t.Errorf("%v", p)
	}
	l.login(t, "admin", "PASSWORD", "")
	if es := l.events(t); len(es) != 0 {
		t.Errorf("a login is told: %v", es)
	}
}

// TestOptOut: the operator chooses what nobody is told of.
func TestOptOut(t *testing.T) {
	l := newListener(t, func(c *service.Config) {
		c.NotificationOptOut = []string{"identity.region.created", "identity.authenticate.failure"}
	})
	l.compare(t, tellingCall{status: 201}, l.do("admin", "POST", "/v3/regions", `{"region": {"id": "r"}}`))
	l.compare(t, tellingCall{status: 200, events: "region.updated=r"}, l.do("admin", "PATCH", "/v3/regions/r", `{"region": {"description": "x"}}`))
	l.compare(t, tellingCall{status: 401}, l.do("", "POST", "/v3/auth/tokens", byPassword("nosuch", "x", "")))
	l.compare(t, tellingCall{status: 201, events: "authenticate success"}, l.do("", "POST", "/v3/auth/tokens", loginBody("admin", "PASSWORD", "")))
}

// TestLostNotification: a call does not need anybody to hear of it.
func TestLostNotification(t *testing.T) {
	l := newListener(t)
	l.bus.Close()
	l.must(t, "admin", "POST", "/v3/regions", `{"region": {"id": "r"}}`, 201)
	l.must(t, "admin", "GET", "/v3/regions/r", "", 200)
	l.login(t, "admin", "PASSWORD", "")
}
