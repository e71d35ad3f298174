package keystone

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// CatalogTemplate is a catalogue that stands in a file, where the API does not
// change it. IDs are made of the names: a service's is its type.
type CatalogTemplate struct {
	Regions   []Region
	Services  []Service // one for each region that has it
	Endpoints []Endpoint
	regionOf  []string // of each service
}

// templateField is a part of a URL to be filled in.
var templateField = regexp.MustCompile(`[%$]\((\w+)\)s`)

// ParseCatalogTemplate reads lines of the original's form,
//
//	catalog.REGION.SERVICE.publicURL = http://host:port/$(tenant_id)s
//	catalog.REGION.SERVICE.name = Some Service
//
// Values holds what else may be filled in, such as public_port. Every mistake
// is reported with its line.
func ParseCatalogTemplate(text string, values map[string]string) (CatalogTemplate, error) {
	var t CatalogTemplate
	var bad []string
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		parts := strings.Split(key, ".")
		if !ok || len(parts) != 4 || parts[0] != "catalog" || slices.Contains(parts, "") {
			bad = append(bad, fmt.Sprintf("line %d is not catalog.REGION.SERVICE.KEY = VALUE", n))
			continue
		}
		value = templateField.ReplaceAllStringFunc(value, func(m string) string {
			name := templateField.FindStringSubmatch(m)[1]
			if v, ok := values[name]; ok {
				return v
			}
			if name != "tenant_id" && name != "project_id" && name != "user_id" {
				bad = append(bad, fmt.Sprintf("line %d: nothing is known to be filled in for %s", n, m))
			}
			return m
		})
		t.set(parts[1], strings.ReplaceAll(parts[2], "_", "-"), parts[3], value)
	}
	if len(bad) > 0 {
		return CatalogTemplate{}, fmt.Errorf("%s", strings.Join(bad, "\n"))
	}
	return t, nil
}

// set adds what a line says.
func (t *CatalogTemplate) set(region, service, key, value string) {
	if !slices.ContainsFunc(t.Regions, func(r Region) bool { return r.ID == region }) {
		t.Regions = append(t.Regions, Region{ID: region, Extra: map[string]any{}})
	}
	i := 0
	for i < len(t.Services) && (t.Services[i].ID != service || t.regionOf[i] != region) {
		i++
	}
	if i == len(t.Services) {
		t.Services = append(t.Services, Service{ID: service, Type: service, Enabled: true, Extra: map[string]any{"name": "", "description": ""}})
		t.regionOf = append(t.regionOf, region)
	}
	iface, isURL := strings.CutSuffix(key, "URL")
	if !isURL {
		if key == "name" || key == "description" {
			t.Services[i].Extra[key] = value
		}
		return
	}
	e := Endpoint{ID: region + "-" + service + "-" + iface, ServiceID: service, Interface: iface, RegionID: region, URL: value, Enabled: true, Extra: map[string]any{}}
	if i := slices.IndexFunc(t.Endpoints, func(old Endpoint) bool { return old.ID == e.ID }); i >= 0 {
		t.Endpoints[i] = e
	} else {
		t.Endpoints = append(t.Endpoints, e)
	}
}
