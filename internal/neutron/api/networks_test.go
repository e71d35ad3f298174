package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// made sends a create as a persona and returns the id.
func (c cloud) made(t *testing.T, who, path, body string) string {
	t.Helper()
	status, got := c.call(who, "POST", path, nil, body)
	var v map[string]struct{ ID string }
	if err := json.Unmarshal(got, &v); err != nil || status != 201 {
		t.Fatalf("%s: %d %s", path, status, got)
	}
	for _, one := range v {
		return one.ID
	}
	return ""
}

// try is a request and what its answer must be and hold; $x stands for an id.
type try struct {
	who, method, path, body string
	status                  int
	want                    string
}

func (c cloud) try(t *testing.T, ids map[string]string, tries map[string]try) {
	t.Helper()
	fill := func(s string) string {
		for name, id := range ids {
			s = strings.ReplaceAll(s, "$"+name, id)
		}
		return s
	}
	for name, tc := range tries {
		t.Run(name, func(t *testing.T) {
			var body any
			if tc.body != "" {
				body = fill(tc.body)
			}
			status, got := c.call(tc.who, tc.method, fill(tc.path), nil, body)
			want, absent := strings.CutPrefix(fill(tc.want), "!")
			if status != tc.status || strings.Contains(string(got), want) == absent && want != "" {
				t.Errorf("%d %s\nwant %d with %s", status, got, tc.status, tc.want)
			}
		})
	}
}

func TestWhoSeesNetworks(t *testing.T) {
	c := newCloud(t, "h1")
	ids := map[string]string{
		"mine":     c.made(t, "member", "/v2.0/networks", `{"network":{"name":"mine"}}`),
		"admins":   c.made(t, "admin", "/v2.0/networks", `{"network":{"name":"admins"}}`),
		"shared":   c.made(t, "admin", "/v2.0/networks", `{"network":{"name":"shared","shared":true}}`),
		"external": c.made(t, "admin", "/v2.0/networks", `{"network":{"name":"external","router:external":true}}`),
	}
	c.made(t, "admin", "/v2.0/subnets", `{"subnet":{"network_id":"`+ids["external"]+`","ip_version":4,"cidr":"172.24.4.0/24","enable_dhcp":false}}`)
	sub := `{"subnet":{"network_id":"$%s","ip_version":4,"cidr":"10.1.0.0/24"}}`
	c.try(t, ids, map[string]try{
		"own":                 {"member", "GET", "/v2.0/networks/$mine", "", 200, `"mine"`},
		"provider is hidden":  {"member", "GET", "/v2.0/networks/$mine", "", 200, `!provider:`},
		"admin sees provider": {"admin", "GET", "/v2.0/networks/$mine", "", 200, `"provider:network_type":"vxlan"`},
		"stranger":            {"other", "GET", "/v2.0/networks/$mine", "", 404, "NetworkNotFound"},
		"shared":              {"other", "GET", "/v2.0/networks/$shared", "", 200, `"shared":true`},
		"shared, not to change": {"member", "PUT", "/v2.0/networks/$shared", `{"network":{"name":"x"}}`, 403,
			"rule:update_network is disallowed by policy"},
		"external":          {"other", "GET", "/v2.0/networks/$external", "", 200, `"router:external":true`},
		"others' is hidden": {"member", "GET", "/v2.0/networks", "", 200, `!"admins"`},
		"reader lists":      {"reader", "GET", "/v2.0/networks", "", 200, `"mine"`},
		"reader creates":    {"reader", "POST", "/v2.0/networks", `{"network":{}}`, 403, "rule:create_network is disallowed by policy"},
		"reader deletes":    {"reader", "DELETE", "/v2.0/networks/$mine", "", 403, "rule:delete_network is disallowed by policy"},
		"for another project": {"member", "POST", "/v2.0/networks", `{"network":{"project_id":"other"}}`, 400,
			"other than the authenticated project in request requires admin privileges"},
		"admin for another":          {"admin", "POST", "/v2.0/networks", `{"network":{"tenant_id":"other"}}`, 201, `"project_id":"other"`},
		"shared is the default":      {"member", "POST", "/v2.0/networks", `{"network":{"shared":false}}`, 201, `"shared":false`},
		"subnet on own":              {"member", "POST", "/v2.0/subnets", fmt.Sprintf(sub, "mine"), 201, `"10.1.0.1"`},
		"subnet on a shared one":     {"member", "POST", "/v2.0/subnets", fmt.Sprintf(sub, "shared"), 403, "create_subnet is disallowed"},
		"subnet on a hidden one":     {"member", "POST", "/v2.0/subnets", fmt.Sprintf(sub, "admins"), 403, "create_subnet is disallowed"},
		"subnets of an external one": {"member", "GET", "/v2.0/subnets?network_id=$external", "", 200, `{"subnets":[]}`},
		"port on a shared one":       {"member", "POST", "/v2.0/ports", `{"port":{"network_id":"$shared"}}`, 201, `"security_groups":["`},
		"port with a MAC":            {"member", "POST", "/v2.0/ports", `{"port":{"network_id":"$mine","mac_address":"fa:16:3e:00:00:01"}}`, 201, "fa:16:3e:00:00:01"},
		"port with a MAC, shared": {"member", "POST", "/v2.0/ports", `{"port":{"network_id":"$shared","mac_address":"fa:16:3e:00:00:01"}}`, 403,
			"(rule:create_port and rule:create_port:mac_address) is disallowed by policy"},
		"port on a host": {"member", "POST", "/v2.0/ports", `{"port":{"network_id":"$mine","binding:host_id":"h1"}}`, 403,
			"rule:create_port:binding:host_id"},
		"port that poses as DHCP": {"member", "POST", "/v2.0/ports", `{"port":{"network_id":"$shared","device_owner":"network:dhcp"}}`, 403,
			"rule:create_port:device_owner"},
		"agents are not for all":  {"member", "GET", "/v2.0/agents", "", 200, `{"agents":[]}`},
		"quota of another":        {"member", "GET", "/v2.0/quotas/other", "", 403, "rule:get_quota is disallowed by policy"},
		"no gateway by SNAT flag": {"member", "POST", "/v2.0/routers", `{"router":{"external_gateway_info":{"network_id":"$external","enable_snat":false}}}`, 403, "enable_snat"},
	})
}

func TestListsFilterAndPage(t *testing.T) {
	c := newCloud(t, "h1")
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		id := c.made(t, "member", "/v2.0/networks", `{"network":{"name":"`+n+`","admin_state_up":`+fmt.Sprint(n < "c")+`}}`)
		if n < "d" {
			c.call("member", "PUT", "/v2.0/networks/"+id+"/tags", nil, `{"tags":["red","`+n+`"]}`)
		}
	}
	names := func(query string) string {
		_, got := c.call("member", "GET", "/v2.0/networks?fields=name&sort_key=name&sort_dir=asc&"+query, nil, nil)
		var v struct{ Networks []struct{ Name string } }
		if err := json.Unmarshal(got, &v); err != nil {
			t.Fatal(err, string(got))
		}
		out := ""
		for _, n := range v.Networks {
			out += n.Name
		}
		return out
	}
	for query, want := range map[string]string{
		"name=a&name=e": "ae", "admin_state_up=True": "ab", "admin_state_up=false&name=c": "c", "tenant_id=" + demoProject: "abcde", "project_id=x": "",
		"tags=red": "abc", "tags=red,b": "b", "tags-any=a,b": "ab", "not-tags=red": "de", "not-tags-any=a,c": "bde",
		"limit=2": "ab", "router:external=False": "abcde", "shared=True": "", "changed_since=2001-01-01T00:00:00Z": "abcde",
		"changed_since=2999-01-01T00:00:00": "", "description=": "abcde", "status=ACTIVE": "abcde",
	} {
		if got := names(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	walk, next := "", "/v2.0/networks?limit=2&sort_key=name&sort_dir=desc"
	for next != "" {
		_, got := c.call("member", "GET", next, nil, nil)
		var v struct {
			Networks []struct{ Name string }
			Links    []struct{ Rel, Href string } `json:"networks_links"`
		}
		if err := json.Unmarshal(got, &v); err != nil {
			t.Fatal(err)
		}
		next = ""
		for _, n := range v.Networks {
			walk += n.Name
		}
		for _, l := range v.Links {
			if l.Rel == "next" {
				next = strings.TrimPrefix(l.Href, "http://127.0.0.1:9696")
			}
		}
	}
	if walk != "edcba" {
		t.Errorf("walked %q", walk)
	}
}

// TestRoutersAndAddresses follows subnets, routers and floating IPs through
// what they refuse.
func TestRoutersAndAddresses(t *testing.T) {
	c := newCloud(t, "h1")
	ids := map[string]string{"ext": c.made(t, "admin", "/v2.0/networks", `{"network":{"router:external":true}}`),
		"net": c.made(t, "member", "/v2.0/networks", `{"network":{}}`)}
	c.made(t, "admin", "/v2.0/subnets", `{"subnet":{"network_id":"`+ids["ext"]+`","ip_version":4,"cidr":"172.24.4.0/24","enable_dhcp":false}}`)
	ids["sub"] = c.made(t, "member", "/v2.0/subnets", `{"subnet":{"network_id":"`+ids["net"]+`","ip_version":4,"cidr":"10.1.0.0/24"}}`)
	ids["port"] = c.made(t, "member", "/v2.0/ports", `{"port":{"network_id":"`+ids["net"]+`","fixed_ips":[{"ip_address":"10.1.0.50"}]}}`)
	ids["router"] = c.made(t, "member", "/v2.0/routers", `{"router":{"external_gateway_info":{"network_id":"`+ids["ext"]+`"}}}`)
	steps := []struct {
		name string
		try
	}{
		{"no way to the outside yet", try{"member", "POST", "/v2.0/floatingips", `{"floatingip":{"floating_network_id":"$ext","port_id":"$port"}}`, 404, "ExternalGatewayForFloatingIPNotFound"}},
		{"interface", try{"member", "PUT", "/v2.0/routers/$router/add_router_interface", `{"subnet_id":"$sub"}`, 200, `"subnet_ids":["$sub"]`}},
		{"gateway must stay", try{"member", "PUT", "/v2.0/subnets/$sub", `{"subnet":{"gateway_ip":"10.1.0.9"}}`, 409, "GatewayIpInUse"}},
		{"floating IP", try{"member", "POST", "/v2.0/floatingips", `{"floatingip":{"floating_network_id":"$ext","port_id":"$port"}}`, 201, `"fixed_ip_address":"10.1.0.50"`}},
		{"second for the same address", try{"member", "POST", "/v2.0/floatingips", `{"floatingip":{"floating_network_id":"$ext","port_id":"$port"}}`, 409, "FloatingIPPortAlreadyAssociated"}},
		{"interface is needed", try{"member", "PUT", "/v2.0/routers/$router/remove_router_interface", `{"subnet_id":"$sub"}`, 409, "RouterInterfaceInUseByFloatingIP"}},
		{"gateway is needed", try{"member", "PUT", "/v2.0/routers/$router", `{"router":{"external_gateway_info":null}}`, 409, "RouterExternalGatewayInUseByFloatingIp"}},
		{"route", try{"member", "PUT", "/v2.0/routers/$router", `{"router":{"routes":[{"destination":"10.9.0.0/16","nexthop":"10.1.0.7"}]}}`, 200, `10.9.0.0/16`}},
		{"route to itself", try{"member", "PUT", "/v2.0/routers/$router", `{"router":{"routes":[{"destination":"10.9.0.0/16","nexthop":"10.1.0.1"}]}}`, 400, "the nexthop is used by router"}},
		{"the port goes, the floating IP stays", try{"member", "DELETE", "/v2.0/ports/$port", "", 204, ""}},
		{"it is mapped to nothing", try{"member", "GET", "/v2.0/floatingips", "", 200, `"port_id":null`}},
		{"interface is needed by a route", try{"member", "PUT", "/v2.0/routers/$router/remove_router_interface", `{"subnet_id":"$sub"}`, 409, "RouterInterfaceInUseByRoute"}},
		{"no routes", try{"member", "PUT", "/v2.0/routers/$router", `{"router":{"routes":null}}`, 200, `"routes":[]`}},
		{"no interface", try{"member", "PUT", "/v2.0/routers/$router/remove_router_interface", `{"subnet_id":"$sub"}`, 200, `"$net"`}},
		{"no interface twice", try{"member", "PUT", "/v2.0/routers/$router/remove_router_interface", `{"subnet_id":"$sub"}`, 404, "RouterInterfaceNotFoundForSubnet"}},
		{"no router", try{"member", "DELETE", "/v2.0/routers/$router", "", 204, ""}},
		{"no network", try{"member", "DELETE", "/v2.0/networks/$net", "", 204, ""}},
		{"no subnet with it", try{"member", "GET", "/v2.0/subnets/$sub", "", 404, "SubnetNotFound"}},
		{"no external network, its floating IP idle", try{"admin", "DELETE", "/v2.0/networks/$ext", "", 204, ""}},
		{"nothing is left", try{"admin", "GET", "/v2.0/ports", "", 200, `{"ports":[]}`}},
	}
	for _, s := range steps {
		c.try(t, ids, map[string]try{s.name: s.try})
	}
}
