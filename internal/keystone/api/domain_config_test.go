package api_test

import (
	"strings"
	"testing"

	"nacre/internal/keystone/service"
)

func TestDomainConfig(t *testing.T) {
	c := newCloud(t, func(c *service.Config) { c.Compliance.PasswordRegex = "^.{3,}$" })
	ids := map[string]string{}
	c.walk(t, ids, []step{
		{method: "POST", path: "/domains", body: `{"domain": {"name": "d"}}`, status: 201, keep: "d"},
		{method: "GET", path: "/domains/$d/config", status: 404, want: "Could not find any options in domain configuration for domain $d."},
		{method: "PUT", path: "/domains/$d/config", body: `{}`, status: 403, want: "Invalid domain specific configuration: No options specified."},
		{method: "PUT", path: "/domains/$d/config", body: `{"config": {"token": {"x": 1}}}`, status: 403, want: "Group token is not supported for domain specific configurations"},
		{method: "PUT", path: "/domains/$d/config", body: `{"config": {"ldap": {"x": 1}}}`, status: 403, want: "Option x in group ldap is not supported for domain specific configurations"},
		{method: "PUT", path: "/domains/$d/config", body: `{"config": {"ldap": {}}}`, status: 403, want: "The value of group ldap specified in the config should be a dictionary of options"},
		{method: "PUT", path: "/domains/$d/config", body: `{"config": {"ldap": {"url": "ldap://%(password)s", "password": "secret", "page_size": 7}}}`, status: 201, want: `"page_size":7`},
		{method: "PUT", path: "/domains/$d/config", body: `{"config": {"ldap": {"url": "ldap://%(password)s@h", "user": "%(nobody)s", "password": "secret"}, "identity": {"driver": "ldap"}}}`, status: 200,
			want: `{"config":{"identity":{"driver":"ldap"},"ldap":{"url":"ldap://%(password)s@h","user":"%(nobody)s"}}}`},
		{method: "GET", path: "/domains/$d/config/ldap/password", status: 404, want: "Could not find option password in group ldap in domain configuration"},
		{method: "GET", path: "/domains/$d/config/ldap/url", status: 200, want: `{"config":{"url":"ldap://%(password)s@h"}}`},
		{method: "GET", path: "/domains/$d/config/identity", status: 200, want: `{"config":{"identity":{"driver":"ldap"}}}`},
		{method: "PATCH", path: "/domains/$d/config/identity", body: `{"config": {"ldap": {"user": "u"}}}`, status: 403, want: "request to update group identity, but config provided contains group ldap instead"},
		{method: "PATCH", path: "/domains/$d/config/ldap/user", body: `{"config": {"url": "u"}}`, status: 403, want: "Trying to update option user in group ldap, but config provided contains option url instead"},
		{method: "PATCH", path: "/domains/$d/config/ldap/page_size", body: `{"config": {"page_size": 1}}`, status: 404, want: "Could not find option page_size in group ldap"},
		{method: "PATCH", path: "/domains/$d/config/ldap/password", body: `{"config": {"password": "other"}}`, status: 200, want: `"driver":"ldap"`},
		{method: "PATCH", path: "/domains/$d/config", body: `{"config": {"identity": {"list_limit": 3}}}`, status: 200, want: `"list_limit":3`},
	})
	full, err := c.svc.FullDomainConfig(t.Context(), ids["d"])
	if err != nil || full["ldap"]["url"] != "ldap://other@h" || full["ldap"]["password"] != "other" || full["ldap"]["user"] != "%(nobody)s" {
		t.Errorf("full configuration: %v %v", full, err)
	}
	c.walk(t, ids, []step{
		{method: "DELETE", path: "/domains/$d/config/ldap/page_size", status: 404, want: "Could not find option page_size in group ldap"},
		{method: "DELETE", path: "/domains/$d/config/ldap/user", status: 204},
		{method: "DELETE", path: "/domains/$d/config/ldap", status: 204},
		{method: "DELETE", path: "/domains/$d/config/ldap", status: 404, want: "Could not find group ldap in"},
		{method: "GET", path: "/domains/$d/config", status: 200, want: `{"config":{"identity":{"driver":"ldap","list_limit":3}}}`},
		{method: "GET", path: "/domains/config/ldap/url/default", status: 200, want: `{"config":{"url":"ldap://localhost"}}`},
		{method: "GET", path: "/domains/config/identity/default", status: 200, want: `{"config":{"identity":{"driver":"sql","list_limit":null}}}`},
		{method: "GET", path: "/domains/config/ldap/password/default", status: 403, want: "Reading the default for option password in group ldap is not supported"},
		{method: "GET", path: "/domains/nosuch/config", status: 404, want: "Could not find domain: nosuch."},
		{method: "GET", path: "/domains/default/config/security_compliance", status: 200, want: `{"config":{"security_compliance":{"password_regex":"^.{3,}$","password_regex_description":null}}}`},
		{method: "GET", path: "/domains/default/config/security_compliance/password_regex", status: 200, want: `{"config":{"password_regex":"^.{3,}$"}}`},
		{method: "GET", path: "/domains/default/config/security_compliance/lockout_duration", status: 403, want: "Reading security compliance values other than"},
		{method: "GET", path: "/domains/$d/config/security_compliance", status: 403, want: "Reading security compliance information for any domain other than the default domain"},
		{method: "DELETE", path: "/domains/$d/config", status: 204},
		{method: "DELETE", path: "/domains/$d/config", status: 204},
	})
}

// TestListLimit: a list that was cut says so.
func TestListLimit(t *testing.T) {
	c := newCloud(t, func(c *service.Config) { c.ListLimits = map[string]int{"": 2, "role": 100} })
	for path, cut := range map[string]bool{"/services": true, "/users": true, "/roles": false, "/users?name=admin": false, "/regions": false} {
		body := c.do("admin", "GET", "/v3"+path, "").Body.String()
		if strings.Contains(body, `"truncated":true`) != cut {
			t.Errorf("%s: %s", path, body)
		}
	}
	if n := len(c.must(t, "admin", "GET", "/v3/users", "", 200)["users"].([]any)); n != 2 {
		t.Errorf("%d users", n)
	}
}
