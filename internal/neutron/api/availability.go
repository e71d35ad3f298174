package api

import (
	"net/url"
	"strconv"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/httpapi"
)

// availabilityRoutes count the addresses of networks.
func (a *API) availabilityRoutes() httpapi.Table {
	r := rule("get_network_ip_availability")
	return httpapi.Table{
		{Method: "GET", Path: "/network-ip-availabilities", Status: 200, Rule: r, Do: httpapi.Get(a.listAvailability)},
		{Method: "GET", Path: "/network-ip-availabilities/{network_id}", Status: 200, Rule: r, Do: httpapi.Get(a.showAvailability)},
	}
}

// availabilityAttributes are the filters of the list, by the names that
// networks have for them.
var availabilityAttributes = &attributes.Resource{Name: "network_ip_availability", Collection: "network_ip_availabilities",
	Attributes: []attribute{
		{Name: "network_id", Field: "id", Filter: true}, {Name: "network_name", Field: "name", Filter: true},
		{Name: "project_id", Filter: true}, {Name: "tenant_id", Field: "project_id", Filter: true},
	}}

// available is a count with the project under both its names.
type available struct {
	neutron.NetworkIPAvailability
	TenantID string `json:"tenant_id"`
}

func (a *API) listAvailability(c *httpapi.Call) (map[string][]available, error) {
	params := url.Values{}
	for k, v := range c.Query {
		if k != "ip_version" {
			params[k] = v
		}
	}
	q, err := availabilityAttributes.Query(params)
	if err != nil {
		return nil, err
	}
	version, _ := strconv.Atoi(c.Query.Get("ip_version"))
	rows, err := a.svc.Availability(c.Ctx(), q, version)
	out := []available{}
	for _, n := range rows {
		out = append(out, available{n, n.ProjectID})
	}
	return map[string][]available{"network_ip_availabilities": out}, err
}

func (a *API) showAvailability(c *httpapi.Call) (map[string]available, error) {
	id := c.Param("network_id")
	rows, err := a.svc.Availability(c.Ctx(), neutron.Query{Filters: []neutron.Filter{{Attr: "id", Values: []any{id}}}}, 0)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, neutron.NotFound("network", id)
	}
	return map[string]available{"network_ip_availability": {rows[0], rows[0].ProjectID}}, nil
}
