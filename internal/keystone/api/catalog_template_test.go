package api_test

import (
	"testing"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/keystone/store"
	"nacre/internal/oslo/db/dbtest"
)

// TestCatalogTemplate: a catalogue that stands in a file is listed, and not changed.
func TestCatalogTemplate(t *testing.T) {
	text := `catalog.RegionOne.identity.publicURL = http://one:5000/v3
catalog.RegionOne.identity.name = Identity
catalog.RegionTwo.identity.publicURL = http://two:5000/v3
catalog.RegionOne.volumev3.publicURL = http://one:8776/v3/$(tenant_id)s
`
	template, err := keystone.ParseCatalogTemplate(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newCloudWith(t, service.Deps{Store: store.New(dbtest.SQLite(t, store.Migrations)), Template: &template})
	ids := map[string]string{"project": c.id(t, "projects", "admin"), "role": c.id(t, "roles", "member")}
	refused := func(method, path, body string) step {
		return step{method: method, path: path, body: body, status: 501, want: `{"error":{"code":501,"message":"The action you have requested has not been implemented.","title":"Not Implemented"}}`}
	}
	c.walk(t, ids, []step{
		{method: "GET", path: "/regions", status: 200, want: `"id":"RegionTwo"`},
		{method: "GET", path: "/regions/RegionOne", status: 200, want: `"description":"","id":"RegionOne"`},
		{method: "GET", path: "/regions/x", status: 404, want: "Could not find region: x."},
		{method: "GET", path: "/services/identity", status: 200, want: `"id":"identity","links":{"self":"http://127.0.0.1:5000/v3/services/identity"},"name":"Identity"`},
		{method: "GET", path: "/services?type=volumev3", status: 200, want: `"description":"","enabled":true,"id":"volumev3"`},
		{method: "GET", path: "/services/x", status: 404},
		{method: "GET", path: "/endpoints?region_id=RegionTwo", status: 200, want: `"url":"http://two:5000/v3"`},
		{method: "GET", path: "/endpoints/RegionOne-volumev3-public", status: 200, want: `"url":"http://one:8776/v3/$(tenant_id)s"`},
		{method: "GET", path: "/auth/catalog", status: 200, want: `"url":"http://one:8776/v3/$project"`},
		{method: "POST", path: "/registered_limits", status: 400, want: "Expecting to find service_id in registered_limit.",
			body: `{"registered_limits": [{"service_id": "x", "resource_name": "r", "default_limit": 1}]}`},
		{method: "POST", path: "/registered_limits", status: 201, body: `{"registered_limits": [{"service_id": "volumev3", "resource_name": "r", "default_limit": 1}]}`},
		refused("POST", "/regions", `{"region": {"id": "x"}}`),
		refused("PUT", "/regions/x", `{"region": {}}`),
		refused("PATCH", "/regions/RegionOne", `{"region": {"description": "x"}}`),
		refused("DELETE", "/regions/RegionOne", ""),
		refused("POST", "/services", `{"service": {"type": "x"}}`),
		refused("PATCH", "/services/identity", `{"service": {"type": "x"}}`),
		refused("DELETE", "/services/identity", ""),
		refused("POST", "/endpoints", `{"endpoint": {"service_id": "identity", "interface": "public", "url": "http://x"}}`),
		refused("PATCH", "/endpoints/RegionOne-identity-public", `{"endpoint": {"url": "http://x"}}`),
		refused("DELETE", "/endpoints/RegionOne-identity-public", ""),
		refused("PUT", "/OS-EP-FILTER/projects/$project/endpoints/RegionOne-identity-public", ""),
		refused("GET", "/OS-EP-FILTER/projects/$project/endpoints", ""),
	})
	catalog := c.must(t, "admin", "GET", "/v3/auth/catalog", "", 200)["catalog"].([]any)
	if len(catalog) != 2 || len(catalog[0].(map[string]any)["endpoints"].([]any)) != 2 {
		t.Errorf("the catalogue does not hold each service once: %v", catalog)
	}
}
