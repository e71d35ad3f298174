package api

import (
	"encoding/json"
	"testing"
)

// do sends a request that must be answered with the status, and returns the
// body, or the resource in it.
func (c cloud) do(t *testing.T, who, method, path string, body any, want int) map[string]any {
	t.Helper()
	status, got := c.call(who, method, path, nil, body)
	if status != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, status, got, want)
	}
	var out map[string]any
	if len(got) > 0 {
		if err := json.Unmarshal(got, &out); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
	}
	if len(out) == 1 {
		for _, v := range out {
			if one, ok := v.(map[string]any); ok {
				return one
			}
		}
	}
	return out
}

// create makes a resource and returns it.
func (c cloud) create(t *testing.T, who, collection, name string, attrs map[string]any) map[string]any {
	t.Helper()
	return c.do(t, who, "POST", "/v2.0/"+collection, map[string]any{name: attrs}, 201)
}

func id(resource map[string]any) string { return resource["id"].(string) }

// external makes an external network with a subnet.
func (c cloud) external(t *testing.T) string {
	n := c.create(t, "admin", "networks", "network", map[string]any{"router:external": true})
	c.create(t, "admin", "subnets", "subnet", map[string]any{"network_id": id(n), "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": false})
	return id(n)
}

// TestExternalSubnetsAreHidden: others see an external network, not what lies on it.
func TestExternalSubnetsAreHidden(t *testing.T) {
	c := newCloud(t, "vm")
	ext := c.external(t)
	c.do(t, "member", "GET", "/v2.0/networks/"+ext, nil, 200)
	for path, want := range map[string]int{"/v2.0/subnets?network_id=" + ext: 0, "/v2.0/networks?router:external=True": 1} {
		for _, list := range c.do(t, "member", "GET", path, nil, 200) {
			if got := len(list.([]any)); got != want {
				t.Errorf("%s lists %d, want %d", path, got, want)
			}
		}
	}
}

// TestDeleteExternalNetwork takes floating IPs along that lead nowhere.
func TestDeleteExternalNetwork(t *testing.T) {
	c := newCloud(t, "vm")
	ext := c.external(t)
	fip := c.create(t, "admin", "floatingips", "floatingip", map[string]any{"floating_network_id": ext})
	c.do(t, "admin", "DELETE", "/v2.0/networks/"+ext, nil, 204)
	c.do(t, "admin", "GET", "/v2.0/floatingips/"+id(fip), nil, 404)
	c.do(t, "admin", "GET", "/v2.0/ports?device_owner=network:floatingip", nil, 200)
}

// TestServeNetworkWithoutSubnets keeps the agent that an administrator chose.
func TestServeNetworkWithoutSubnets(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	agents := c.do(t, "admin", "GET", "/v2.0/agents?agent_type=DHCP%20agent", nil, 200)["agents"].([]any)
	path := "/v2.0/agents/" + id(agents[0].(map[string]any)) + "/dhcp-networks"
	c.do(t, "admin", "POST", path, map[string]any{"network_id": n}, 201)
	nets := c.do(t, "admin", "GET", path, nil, 200)["networks"].([]any)
	if len(nets) != 1 || nets[0].(map[string]any)["id"] != n {
		t.Fatalf("the agent serves %v", nets)
	}
	c.do(t, "admin", "DELETE", path+"/"+n, nil, 204)
	if left := c.do(t, "admin", "GET", path, nil, 200)["networks"].([]any); len(left) != 0 {
		t.Fatalf("the agent still serves %v", left)
	}
}

// TestGroupsOfPortWithoutAddress: a port has the default group, with or without an address.
func TestGroupsOfPortWithoutAddress(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	p := c.create(t, "member", "ports", "port", map[string]any{"network_id": n})
	groups := p["security_groups"].([]any)
	if len(groups) != 1 {
		t.Fatalf("the port has the groups %v", groups)
	}
	path := "/v2.0/ports/" + id(p)
	for _, step := range []struct {
		change map[string]any
		status int
		groups int
	}{
		{map[string]any{"port_security_enabled": false}, 409, 1},
		{map[string]any{"port_security_enabled": false, "security_groups": []any{}}, 200, 0},
		{map[string]any{"security_groups": groups}, 400, 0},
		{map[string]any{"port_security_enabled": true}, 200, 0},
		{map[string]any{"security_groups": groups}, 200, 1},
	} {
		c.do(t, "member", "PUT", path, map[string]any{"port": step.change}, step.status)
		if got := c.do(t, "member", "GET", path, nil, 200)["security_groups"].([]any); len(got) != step.groups {
			t.Fatalf("after %v the port has the groups %v", step.change, got)
		}
	}
}

// TestExternalAccessEnds: a network is external while somebody has the access,
// and nobody loses an access that a router needs.
func TestExternalAccessEnds(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "admin", "networks", "network", map[string]any{"name": "n"}))
	c.create(t, "admin", "subnets", "subnet", map[string]any{"network_id": n, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": false})
	open := func(target string) string {
		return "/v2.0/rbac-policies/" + id(c.create(t, "admin", "rbac-policies", "rbac_policy",
			map[string]any{"object_type": "network", "object_id": n, "action": "access_as_external", "target_tenant": target}))
	}
	all := open("*")
	gateway := map[string]any{"external_gateway_info": map[string]any{"network_id": n}}
	router := id(c.create(t, "member", "routers", "router", gateway))
	c.do(t, "admin", "DELETE", all, nil, 409)
	own := open(demoProject)
	c.do(t, "admin", "DELETE", all, nil, 204)
	c.do(t, "admin", "DELETE", own, nil, 409)
	c.do(t, "member", "DELETE", "/v2.0/routers/"+router, nil, 204)
	if c.do(t, "admin", "GET", "/v2.0/networks/"+n, nil, 200)["router:external"] != true {
		t.Fatal("the network is not external while somebody has access")
	}
	c.do(t, "admin", "DELETE", own, nil, 204)
	if c.do(t, "admin", "GET", "/v2.0/networks/"+n, nil, 200)["router:external"] != false {
		t.Fatal("the network is external to nobody")
	}
	c.do(t, "member", "POST", "/v2.0/routers", map[string]any{"router": gateway}, 404)
}

// TestDefaultExternalNetworkIsEverybodys: that access cannot be ended.
func TestDefaultExternalNetworkIsEverybodys(t *testing.T) {
	c := newCloud(t, "vm")
	ext := c.external(t)
	c.do(t, "admin", "PUT", "/v2.0/networks/"+ext, map[string]any{"network": map[string]any{"is_default": true}}, 200)
	list := c.do(t, "admin", "GET", "/v2.0/rbac-policies?object_id="+ext, nil, 200)["rbac_policies"].([]any)
	c.do(t, "admin", "DELETE", "/v2.0/rbac-policies/"+id(list[0].(map[string]any)), nil, 409)
}

// TestServiceTypesAreTheOwners: no rule guards them, though there is one of that name.
func TestServiceTypesAreTheOwners(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	s := id(c.create(t, "member", "subnets", "subnet", map[string]any{"network_id": n, "ip_version": 4, "cidr": "10.1.0.0/24"}))
	c.do(t, "member", "PUT", "/v2.0/subnets/"+s, map[string]any{"subnet": map[string]any{"service_types": []string{"compute:"}}}, 200)
}

// TestFloatingIPPools are found under both spellings.
func TestFloatingIPPools(t *testing.T) {
	c := newCloud(t, "vm")
	c.external(t)
	for _, path := range []string{"/v2.0/floatingip_pools", "/v2.0/floatingip-pools"} {
		if pools := c.do(t, "member", "GET", path, nil, 200)["floatingip_pools"].([]any); len(pools) != 1 {
			t.Errorf("%s lists %v", path, pools)
		}
	}
}

// TestSharingRevisesNetwork: who may use a network is part of it.
func TestSharingRevisesNetwork(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	revision := func() float64 {
		return c.do(t, "member", "GET", "/v2.0/networks/"+n, nil, 200)["revision_number"].(float64)
	}
	before := revision()
	p := id(c.create(t, "member", "rbac-policies", "rbac_policy",
		map[string]any{"object_type": "network", "object_id": n, "action": "access_as_shared", "target_tenant": "other"}))
	made := revision()
	c.do(t, "member", "DELETE", "/v2.0/rbac-policies/"+p, nil, 204)
	if after := revision(); before >= made || made >= after {
		t.Fatalf("revisions %v, %v, %v", before, made, after)
	}
}

// TestQuotas: everybody reads the limits of their own project, and no limit
// can be set below what is in use but by force.
func TestQuotas(t *testing.T) {
	c := newCloud(t, "vm")
	own := "/v2.0/quotas/" + demoProject
	for _, tail := range []string{"", "/default", "/details.json"} {
		c.do(t, "reader", "GET", own+tail, nil, 200)
		c.do(t, "other", "GET", own+tail, nil, 403)
	}
	c.do(t, "member", "GET", "/v2.0/quotas", nil, 403)
	c.do(t, "member", "PUT", own, map[string]any{"quota": map[string]any{"network": 5}}, 403)
	for range 2 {
		c.create(t, "member", "networks", "network", map[string]any{"name": "n"})
	}
	for _, step := range []struct {
		quota  map[string]any
		status int
	}{
		{map[string]any{"network": 1}, 400},
		{map[string]any{"network": 1, "check_limit": true}, 400},
		{map[string]any{"network": 1, "force": true}, 200},
		{map[string]any{"network": 2}, 200},
		{map[string]any{"network": -1}, 200},
	} {
		c.do(t, "admin", "PUT", own, map[string]any{"quota": step.quota}, step.status)
	}
}

// TestListingMakesDefaultGroup: of the project that is asked about.
func TestListingMakesDefaultGroup(t *testing.T) {
	c := newCloud(t, "vm")
	groups := c.do(t, "admin", "GET", "/v2.0/security-groups?tenant_id=fresh", nil, 200)["security_groups"].([]any)
	if len(groups) != 1 {
		t.Fatalf("a fresh project has %v", groups)
	}
	if seen := c.do(t, "member", "GET", "/v2.0/security-groups?tenant_id=newer", nil, 200)["security_groups"].([]any); len(seen) != 0 {
		t.Fatalf("a member sees %v", seen)
	}
}

// TestGroupInUseStaysShared: while a port of the project carries it.
func TestGroupInUseStaysShared(t *testing.T) {
	c := newCloud(t, "vm")
	g := id(c.create(t, "member", "security-groups", "security_group", map[string]any{"name": "g"}))
	share := "/v2.0/rbac-policies/" + id(c.create(t, "member", "rbac-policies", "rbac_policy",
		map[string]any{"object_type": "security_group", "object_id": g, "action": "access_as_shared", "target_tenant": "other"}))
	n := id(c.create(t, "other", "networks", "network", map[string]any{"name": "n"}))
	p := id(c.create(t, "other", "ports", "port", map[string]any{"network_id": n, "security_groups": []string{g}}))
	c.do(t, "member", "DELETE", share, nil, 409)
	c.do(t, "other", "DELETE", "/v2.0/ports/"+p, nil, 204)
	c.do(t, "member", "DELETE", share, nil, 204)
}

// TestGroupNeedsQuotaOfItsRules: a new group comes with two.
func TestGroupNeedsQuotaOfItsRules(t *testing.T) {
	c := newCloud(t, "vm")
	c.do(t, "admin", "PUT", "/v2.0/quotas/"+demoProject, map[string]any{"quota": map[string]any{"security_group_rule": 5}}, 200)
	c.do(t, "member", "POST", "/v2.0/security-groups", map[string]any{"security_group": map[string]any{"name": "g"}}, 409)
	c.do(t, "admin", "PUT", "/v2.0/quotas/"+demoProject, map[string]any{"quota": map[string]any{"security_group_rule": 6}}, 200)
	c.create(t, "member", "security-groups", "security_group", map[string]any{"name": "g"})
}

// TestEmptyPageLeadsBack: past the last page clients turn round.
func TestEmptyPageLeadsBack(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	links := func(path string) []any {
		list, _ := c.do(t, "member", "GET", path, nil, 200)["networks_links"].([]any)
		return list
	}
	past := links("/v2.0/networks?limit=1&marker=" + n)
	if len(past) != 1 || past[0].(map[string]any)["rel"] != "previous" ||
		past[0].(map[string]any)["href"] != "http://127.0.0.1:9696/v2.0/networks?limit=1&page_reverse=True" {
		t.Fatalf("links of an empty page: %v", past)
	}
	if back := links("/v2.0/networks?limit=1&page_reverse=True"); len(back) != 2 {
		t.Fatalf("links of the last page: %v", back)
	}
}

// TestServiceTypes are those of the original, whose prefixes are odd.
func TestServiceTypes(t *testing.T) {
	c := newCloud(t, "vm")
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	s := "/v2.0/subnets/" + id(c.create(t, "member", "subnets", "subnet", map[string]any{"network_id": n, "ip_version": 4, "cidr": "10.1.0.0/24"}))
	for typ, want := range map[string]int{"compute:nova": 200, "network:distributed": 200, "neutron:x": 200, "test:type_1": 200, "nova": 400, "x:y": 400, "": 400} {
		c.do(t, "member", "PUT", s, map[string]any{"subnet": map[string]any{"service_types": []string{typ}}}, want)
	}
}

// TestBlankUpdateClearsFloatingIP: a change of nothing takes the port away, any other leaves it.
func TestBlankUpdateClearsFloatingIP(t *testing.T) {
	c := newCloud(t, "vm")
	ext := c.external(t)
	n := id(c.create(t, "member", "networks", "network", map[string]any{"name": "n"}))
	s := id(c.create(t, "member", "subnets", "subnet", map[string]any{"network_id": n, "ip_version": 4, "cidr": "10.1.0.0/24"}))
	r := "/v2.0/routers/" + id(c.create(t, "member", "routers", "router", map[string]any{"external_gateway_info": map[string]any{"network_id": ext}}))
	c.do(t, "member", "PUT", r+"/add_router_interface", map[string]any{"subnet_id": s}, 200)
	p := c.create(t, "member", "ports", "port", map[string]any{"network_id": n})
	f := "/v2.0/floatingips/" + id(c.create(t, "member", "floatingips", "floatingip", map[string]any{"floating_network_id": ext, "port_id": id(p)}))
	change := func(attrs map[string]any, status int) any {
		return c.do(t, "member", "PUT", f, map[string]any{"floatingip": attrs}, status)["port_id"]
	}
	if got := change(map[string]any{"description": "d"}, 200); got != id(p) {
		t.Fatalf("after a description the port is %v", got)
	}
	inner := p["fixed_ips"].([]any)[0].(map[string]any)["ip_address"]
	change(map[string]any{"fixed_ip_address": inner}, 400)
	if got := change(map[string]any{}, 200); got != nil {
		t.Fatalf("after nothing the port is %v", got)
	}
}
