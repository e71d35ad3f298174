package api

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestFieldsAreThoseOfTheWhole: an attribute asked for alone has the value
// that it has among all others, though less is read for it.
func TestFieldsAreThoseOfTheWhole(t *testing.T) {
	c := newCloud(t, "h1")
	net := c.made(t, "member", "/v2.0/networks", `{"network":{"name":"n"}}`)
	c.made(t, "admin", "/v2.0/networks", `{"network":{"name":"shared","shared":true,"router:external":true}}`)
	c.made(t, "member", "/v2.0/subnets", `{"subnet":{"network_id":"`+net+`","ip_version":4,"cidr":"10.0.0.0/24"}}`)
	c.made(t, "member", "/v2.0/ports", `{"port":{"network_id":"`+net+`","name":"p","device_id":"d","dns_name":"web"}}`)
	for _, who := range []string{"admin", "member", "reader"} {
		for _, collection := range []string{"networks", "ports", "subnets", "security-groups"} {
			path, key := "/v2.0/"+collection+"?sort_key=id&sort_dir=asc", map[string]string{"security-groups": "security_groups"}[collection]
			if key == "" {
				key = collection
			}
			list := func(path string) []map[string]any {
				t.Helper()
				status, body := c.call(who, "GET", path, nil, nil)
				var v map[string][]map[string]any
				if err := json.Unmarshal(body, &v); err != nil || status != 200 {
					t.Fatalf("%s: %d %s", path, status, body)
				}
				return v[key]
			}
			whole := list(path)
			if len(whole) == 0 {
				t.Fatalf("%s sees no %s", who, collection)
			}
			for attr := range whole[0] {
				for i, row := range list(path + "&fields=" + attr) {
					if want := map[string]any{attr: whole[i][attr]}; !reflect.DeepEqual(row, want) {
						t.Errorf("%s: %s as %s: %v, not %v", collection, attr, who, row, want)
					}
				}
			}
		}
	}
}
