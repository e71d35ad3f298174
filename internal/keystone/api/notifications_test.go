package api_test

import (
	"reflect"
	"slices"
	"testing"

	"nacre/internal/keystone/service"
)

// toldElsewhere are the routes that end in the login that POST …/auth is
// walked for, and those that make assertions, of which nothing is told.
var toldElsewhere = []string{
	"POST /v3/auth/OS-FEDERATION/saml2", "POST /v3/auth/OS-FEDERATION/saml2/ecp",
	"POST /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/acs",
	"POST /v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/ecp",
	"POST /v3/auth/OS-FEDERATION/websso/{protocol_id}",
	"POST /v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso",
}

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
