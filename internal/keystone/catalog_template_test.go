package keystone_test

import (
	"reflect"
	"strings"
	"testing"

	"nacre/internal/keystone"
)

const template = `# as the original's
catalog.RegionOne.identity.publicURL = http://localhost:$(public_port)s/v3
catalog.RegionOne.identity.name = 'Identity Service'

catalog.RegionOne.object_store.internalURL = http://localhost:8080/v1/AUTH_$(tenant_id)s
catalog.RegionTwo.identity.publicURL = http://two:5000/v3
catalog.RegionTwo.identity.id = 1
`

func TestParseCatalogTemplate(t *testing.T) {
	got, err := keystone.ParseCatalogTemplate(template, map[string]string{"public_port": "5000"})
	if err != nil || len(got.Regions) != 2 || len(got.Services) != 3 || len(got.Endpoints) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	first := keystone.Endpoint{ID: "RegionOne-identity-public", ServiceID: "identity", Interface: "public", RegionID: "RegionOne", URL: "http://localhost:5000/v3",
		Enabled: true, Extra: map[string]any{}}
	if !reflect.DeepEqual(got.Endpoints[0], first) || got.Services[0].Name() != "'Identity Service'" || got.Services[1].ID != "object-store" {
		t.Errorf("%+v", got)
	}
	_, err = keystone.ParseCatalogTemplate(template+"x\ncatalog.a.b = c\ncatalog..b.publicURL = c\ncatalog.a.b.publicURL=c\n", nil)
	if err == nil || strings.Count(err.Error(), "\n") != 4 || !strings.Contains(err.Error(), "line 2: nothing is known to be filled in for $(public_port)s") {
		t.Errorf("mistakes: %v", err)
	}
}

// FuzzParseCatalogTemplate: any file is refused, or every endpoint is of a
// service and in a region that are there, and no ID is there twice.
func FuzzParseCatalogTemplate(f *testing.F) {
	f.Add(template)
	f.Add("catalog.a.b_c.URL = \ncatalog.a.b-c.xURL = %(user_id)s\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := keystone.ParseCatalogTemplate(text, map[string]string{"public_port": "1"})
		if err != nil {
			return
		}
		services, regions, seen := map[string]bool{}, map[string]bool{}, map[[3]string]bool{}
		for _, r := range got.Regions {
			if regions[r.ID] {
				t.Errorf("region %s twice", r.ID)
			}
			regions[r.ID] = true
		}
		for _, s := range got.Services {
			services[s.ID] = true
		}
		for _, e := range got.Endpoints {
			key := [3]string{e.RegionID, e.ServiceID, e.Interface}
			if !services[e.ServiceID] || !regions[e.RegionID] || seen[key] {
				t.Errorf("%+v", e)
			}
			seen[key] = true
		}
	})
}
