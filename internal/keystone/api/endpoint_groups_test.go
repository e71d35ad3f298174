package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nacre/internal/keystone/service"
)

// seen lists the endpoints in the catalogue of a persona's token: service type and interface.
func (c *cloud) seen(t *testing.T, who string) []string {
	t.Helper()
	out := []string{}
	for _, s := range c.must(t, who, "GET", "/v3/auth/catalog", "", 200)["catalog"].([]any) {
		v := s.(map[string]any)
		for _, e := range v["endpoints"].([]any) {
			out = append(out, fmt.Sprint(v["type"], " ", e.(map[string]any)["interface"]))
		}
		if len(v["endpoints"].([]any)) == 0 {
			out = append(out, fmt.Sprint(v["type"], " none"))
		}
	}
	slices.Sort(out)
	return out
}

func TestEndpointFilters(t *testing.T) {
	c := newCloud(t)
	ids := map[string]string{"p": c.id(t, "projects", "admin"), "nova": c.id(t, "services", "nova"), "keystone": c.id(t, "services", "keystone")}
	for _, e := range c.must(t, "admin", "GET", "/v3/endpoints", "", 200)["endpoints"].([]any) {
		v := e.(map[string]any)
		for _, name := range []string{"nova", "keystone"} {
			if v["service_id"] == ids[name] {
				ids[name+"-"+v["interface"].(string)] = v["id"].(string)
			}
		}
	}
	// longer names first, so that $nova does not cut $nova-public short
	named := map[string]string{}
	for k, v := range ids {
		named[strings.ReplaceAll(k, "-", "")+"X"] = v
	}
	all := c.seen(t, "admin")
	see := func(want ...string) {
		t.Helper()
		if got := c.seen(t, "admin"); !slices.Equal(got, want) {
			t.Fatalf("seen %v, want %v", got, want)
		}
	}
	c.walk(t, named, []step{
		{method: "PUT", path: "/OS-EP-FILTER/projects/$pX/endpoints/nosuch", status: 404, want: "Could not find endpoint: nosuch."},
		{method: "PUT", path: "/OS-EP-FILTER/projects/nosuch/endpoints/$novapublicX", status: 404, want: "Could not find project: nosuch."},
		{method: "PUT", path: "/OS-EP-FILTER/projects/$pX/endpoints/$novapublicX", status: 204},
		{method: "PUT", path: "/OS-EP-FILTER/projects/$pX/endpoints/$novapublicX", status: 409, want: "Conflict occurred attempting to store project_endpoint - Duplicate entry."},
		{method: "HEAD", path: "/OS-EP-FILTER/projects/$pX/endpoints/$novapublicX", status: 204},
		{method: "GET", path: "/OS-EP-FILTER/projects/$pX/endpoints/$keystonepublicX", status: 404, want: "Endpoint $keystonepublicX not found in project $pX"},
		{method: "GET", path: "/OS-EP-FILTER/endpoints/$novapublicX/projects", status: 200, want: `"id":"$pX"`},
		{method: "GET", path: "/OS-EP-FILTER/projects/$pX/endpoints", status: 200, want: `"id":"$novapublicX"`},
	})
	see("compute public")
	c.walk(t, named, []step{
		{method: "POST", path: "/OS-EP-FILTER/endpoint_groups", body: `{"endpoint_group": {"name": "g", "filters": {}}}`, status: 400, want: "filters field is required and cannot be empty"},
		{method: "POST", path: "/OS-EP-FILTER/endpoint_groups", body: `{"endpoint_group": {"name": "g", "filters": {"url": "x"}}}`, status: 400,
			want: "Expecting to find service_id or region_id or interface in endpoint_group."},
		{method: "POST", path: "/OS-EP-FILTER/endpoint_groups", body: `{"endpoint_group": {"name": "g", "filters": {"interface": "odd"}}}`, status: 400, want: "is not one of"},
		{method: "POST", path: "/OS-EP-FILTER/endpoint_groups", body: `{"endpoint_group": {"name": "g", "filters": {"service_id": "$keystoneX", "interface": "admin"}}}`, status: 201, keep: "g"},
		{method: "GET", path: "/OS-EP-FILTER/endpoint_groups?name=g", status: 200, want: `/v3/OS-EP-FILTER/endpoint_groups/$g"`},
		{method: "GET", path: "/OS-EP-FILTER/endpoint_groups/$g/endpoints", status: 200, want: `"id":"$keystoneadminX"`},
		{method: "GET", path: "/OS-EP-FILTER/endpoint_groups/$g/projects/$pX", status: 404, want: "Endpoint Group Project Association not found"},
		{method: "PUT", path: "/OS-EP-FILTER/endpoint_groups/$g/projects/$pX", status: 204},
		{method: "GET", path: "/OS-EP-FILTER/endpoint_groups/$g/projects/$pX", status: 200, want: `{"project_endpoint_group":{"endpoint_group_id":"$g"`},
		{method: "HEAD", path: "/OS-EP-FILTER/endpoint_groups/$g/projects/$pX", status: 200},
		{method: "GET", path: "/OS-EP-FILTER/endpoint_groups/$g/projects", status: 200, want: `"id":"$pX"`},
		{method: "GET", path: "/OS-EP-FILTER/projects/$pX/endpoint_groups", status: 200, want: `"id":"$g"`},
	})
	see("compute public", "identity admin")
	c.walk(t, named, []step{
		{method: "PATCH", path: "/OS-EP-FILTER/endpoint_groups/$g", body: `{"endpoint_group": {"filters": {"service_id": "$keystoneX", "interface": "internal"}}}`, status: 200, want: `"interface":"internal"`},
		{method: "DELETE", path: "/OS-EP-FILTER/projects/$pX/endpoints/$novapublicX", status: 204},
		{method: "DELETE", path: "/OS-EP-FILTER/projects/$pX/endpoints/$novapublicX", status: 404, want: "Endpoint $novapublicX not found in project $pX"},
	})
	see("identity internal")
	c.walk(t, named, []step{
		{method: "DELETE", path: "/OS-EP-FILTER/endpoint_groups/$g", status: 204},
		{method: "GET", path: "/OS-EP-FILTER/endpoint_groups/$g", status: 404, want: "Could not find Endpoint Group: $g."},
		{method: "GET", path: "/OS-EP-FILTER/projects/$pX/endpoint_groups", status: 200, want: `"endpoint_groups":[]`},
	})
	see(all...)
	// an association ends with its endpoint
	c.walk(t, named, []step{
		{method: "PUT", path: "/OS-EP-FILTER/projects/$pX/endpoints/$novaadminX", status: 204},
		{method: "DELETE", path: "/endpoints/$novaadminX", status: 204},
	})
	see(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "compute admin" })...)
}

// TestEmptyCatalog: with return_all_endpoints_if_no_filter off, who is allowed nothing sees nothing.
func TestEmptyCatalog(t *testing.T) {
	c := newCloud(t, func(c *service.Config) { c.EmptyCatalogUnfiltered = true })
	if got := c.seen(t, "admin"); len(got) != 0 {
		t.Errorf("seen %v", got)
	}
}

func TestEndpointPolicies(t *testing.T) {
	c := newCloud(t)
	ids := map[string]string{"N": c.id(t, "services", "nova")}
	c.walk(t, ids, []step{
		{method: "POST", path: "/regions", body: `{"region": {"id": "inner", "parent_region_id": "RegionOne"}}`, status: 201},
		{method: "POST", path: "/endpoints", body: `{"endpoint": {"service_id": "$N", "region_id": "inner", "interface": "public", "url": "http://x"}}`, status: 201, keep: "E"},
		{method: "POST", path: "/policies", body: `{"policy": {"blob": "{}"}}`, status: 400, want: "'type' is a required property"},
		{method: "POST", path: "/policies", body: `{"policy": {"blob": "s", "type": "application/json", "own": 1}}`, status: 201, want: `"own":1`, keep: "S"},
		{method: "POST", path: "/policies", body: `{"policy": {"blob": "r", "type": "application/json"}}`, status: 201, keep: "R"},
		{method: "POST", path: "/policies", body: `{"policy": {"blob": "e", "type": "text/plain"}}`, status: 201, keep: "P"},
		{method: "GET", path: "/policies?type=text/plain", status: 200, want: `"blob":"e"`},
		{method: "GET", path: "/endpoints/$E/OS-ENDPOINT-POLICY/policy", status: 404, want: "No policy is associated with endpoint $E."},
		{method: "PUT", path: "/policies/$S/OS-ENDPOINT-POLICY/services/$N", status: 204},
		{method: "GET", path: "/policies/$S/OS-ENDPOINT-POLICY/services/$N", status: 204},
		{method: "GET", path: "/policies/$R/OS-ENDPOINT-POLICY/services/$N", status: 404, want: "Could not find policy association."},
		{method: "GET", path: "/endpoints/$E/OS-ENDPOINT-POLICY/policy", status: 200, want: `"blob":"s"`},
		{method: "PUT", path: "/policies/$R/OS-ENDPOINT-POLICY/services/$N/regions/RegionOne", status: 204},
		{method: "GET", path: "/endpoints/$E/OS-ENDPOINT-POLICY/policy", status: 200, want: `"blob":"r"`},
		{method: "GET", path: "/policies/$R/OS-ENDPOINT-POLICY/endpoints", status: 200, want: `"id":"$E"`},
		{method: "PUT", path: "/policies/$P/OS-ENDPOINT-POLICY/endpoints/$E", status: 204},
		{method: "GET", path: "/endpoints/$E/OS-ENDPOINT-POLICY/policy", status: 200, want: `"blob":"e"`},
		{method: "PATCH", path: "/policies/$P", body: `{"policy": {"blob": "e2"}}`, status: 200, want: `"type":"text/plain"`},
		{method: "DELETE", path: "/policies/$P/OS-ENDPOINT-POLICY/endpoints/$E", status: 204},
		{method: "DELETE", path: "/policies/$P/OS-ENDPOINT-POLICY/endpoints/$E", status: 204},
		{method: "GET", path: "/endpoints/$E/OS-ENDPOINT-POLICY/policy", status: 200, want: `"blob":"r"`},
		{method: "DELETE", path: "/policies/$R", status: 204},
		{method: "GET", path: "/endpoints/$E/OS-ENDPOINT-POLICY/policy", status: 200, want: `"blob":"s"`},
		{method: "PUT", path: "/policies/$R/OS-ENDPOINT-POLICY/services/$N", status: 404, want: "Could not find policy: $R."},
	})
}
