package api

import (
	"net/http"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// fixed has the calls that a catalogue in a template cannot do answer so.
func (a *API) fixed(t httpapi.Table) httpapi.Table {
	if a.svc == nil || !a.svc.CatalogFixed() {
		return t
	}
	for i, row := range t {
		_, part, _ := strings.Cut(row.Path, "/")
		part, _, _ = strings.Cut(part, "/")
		change := row.Method != http.MethodGet && (part == "regions" || part == "services" || part == "endpoints")
		if policies := strings.Contains(row.Path, "/OS-ENDPOINT-POLICY/"); change && !policies || part == "OS-EP-FILTER" {
			t[i].Do = httpapi.Get(fixedCatalog)
		}
	}
	return t
}

// fixedV2 is fixed for the catalogue of version 2.0.
func (a *API) fixedV2(t httpapi.Table) httpapi.Table {
	for i, row := range t {
		if row.Method != http.MethodGet && a.svc != nil && a.svc.CatalogFixed() {
			t[i].Do = httpapi.Get(fixedCatalog)
		}
	}
	return t
}

func fixedCatalog(*httpapi.Call) (httpapi.None, error) { return httpapi.None{}, notImplemented() }

func notImplemented() *fault.Fault {
	return fault.New(http.StatusNotImplemented, "The action you have requested has not been implemented.")
}

func (a *API) regionRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/regions", Status: 200, Rule: anyScope("identity:list_regions", ""), Do: httpapi.Get(a.listRegions)},
		{Method: "POST", Path: "/regions", Status: 201, Rule: administering("identity:create_region"),
			Bodies: httpapi.Schemas{"": "region_create.json"}, Do: httpapi.JSON(a.createRegion)},
		{Method: "PUT", Path: "/regions/{region_id}", Status: 201, Rule: administering("identity:create_region"),
			Bodies: httpapi.Schemas{"": "region_create.json"}, Do: httpapi.JSON(a.putRegion)},
		{Method: "GET", Path: "/regions/{region_id}", Status: 200, Rule: anyScope("identity:get_region", ""), Do: httpapi.Get(a.showRegion)},
		{Method: "PATCH", Path: "/regions/{region_id}", Status: 200, Rule: administering("identity:update_region"),
			Bodies: httpapi.Schemas{"": "region_update.json"}, Do: httpapi.JSON(a.updateRegion)},
		{Method: "DELETE", Path: "/regions/{region_id}", Status: 204, Rule: administering("identity:delete_region"), Do: httpapi.Get(a.deleteRegion)},
	}
}

func regionView(r keystone.Region) view {
	return withExtra(r.Extra, view{"id": r.ID, "description": r.Description, "parent_region_id": nullable(r.ParentID)})
}

func (a *API) listRegions(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Regions(c.Ctx(), keystone.NewFilters(c.Query, "parent_region_id"))
	return limited(c, a.svc.ListLimit("catalog"), "regions", rows, regionView), err
}

type regionBody struct {
	Region keystone.Attributes `json:"region"`
}

func (a *API) createRegion(c *httpapi.Call, b regionBody) (view, error) {
	r, err := a.svc.CreateRegion(c.Ctx(), b.Region)
	return member(c, "region", "regions", regionView(r)), err
}

func (a *API) putRegion(c *httpapi.Call, b regionBody) (view, error) {
	id := c.Param("region_id")
	if b.Region.Has("id") && b.Region.Text("id") != id {
		return nil, fault.BadRequest("Conflicting region IDs specified: \"%s\" != \"%s\"", id, b.Region.Text("id"))
	}
	if b.Region == nil {
		b.Region = keystone.Attributes{}
	}
	b.Region["id"] = id
	return a.createRegion(c, b)
}

func (a *API) showRegion(c *httpapi.Call) (view, error) {
	r, err := a.svc.Region(c.Ctx(), c.Param("region_id"))
	return member(c, "region", "regions", regionView(r)), err
}

func (a *API) updateRegion(c *httpapi.Call, b regionBody) (view, error) {
	r, err := a.svc.UpdateRegion(c.Ctx(), c.Param("region_id"), b.Region)
	return member(c, "region", "regions", regionView(r)), err
}

func (a *API) deleteRegion(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteRegion(c.Ctx(), c.Param("region_id"))
}

func (a *API) serviceRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/services", Status: 200, Rule: reading("identity:list_services"), Do: httpapi.Get(a.listServices)},
		{Method: "POST", Path: "/services", Status: 201, Rule: administering("identity:create_service"),
			Bodies: httpapi.Schemas{"": "service_create.json"}, Do: httpapi.JSON(a.createService)},
		{Method: "GET", Path: "/services/{service_id}", Status: 200, Rule: reading("identity:get_service"), Do: httpapi.Get(a.showService)},
		{Method: "PATCH", Path: "/services/{service_id}", Status: 200, Rule: administering("identity:update_service"),
			Bodies: httpapi.Schemas{"": "service_update.json"}, Do: httpapi.JSON(a.updateService)},
		{Method: "DELETE", Path: "/services/{service_id}", Status: 204, Rule: administering("identity:delete_service"), Do: httpapi.Get(a.deleteService)},
	}
}

func serviceView(s keystone.Service) view {
	return withExtra(s.Extra, view{"id": s.ID, "type": s.Type, "enabled": s.Enabled})
}

func (a *API) listServices(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Services(c.Ctx(), keystone.NewFilters(c.Query, "type", "name"))
	return limited(c, a.svc.ListLimit("catalog"), "services", rows, serviceView), err
}

type serviceBody struct {
	Service keystone.Attributes `json:"service"`
}

func (a *API) createService(c *httpapi.Call, b serviceBody) (view, error) {
	s, err := a.svc.CreateService(c.Ctx(), b.Service)
	return member(c, "service", "services", serviceView(s)), err
}

func (a *API) showService(c *httpapi.Call) (view, error) {
	s, err := a.svc.Service(c.Ctx(), c.Param("service_id"))
	return member(c, "service", "services", serviceView(s)), err
}

func (a *API) updateService(c *httpapi.Call, b serviceBody) (view, error) {
	s, err := a.svc.UpdateService(c.Ctx(), c.Param("service_id"), b.Service)
	return member(c, "service", "services", serviceView(s)), err
}

func (a *API) deleteService(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteService(c.Ctx(), c.Param("service_id"))
}

func (a *API) endpointRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/endpoints", Status: 200, Rule: reading("identity:list_endpoints"), Do: httpapi.Get(a.listEndpoints)},
		{Method: "POST", Path: "/endpoints", Status: 201, Rule: administering("identity:create_endpoint"),
			Bodies: httpapi.Schemas{"": "endpoint_create.json"}, Do: httpapi.JSON(a.createEndpoint)},
		{Method: "GET", Path: "/endpoints/{endpoint_id}", Status: 200, Rule: reading("identity:get_endpoint"), Do: onKnown(a.endpoint, a.showEndpoint)},
		{Method: "PATCH", Path: "/endpoints/{endpoint_id}", Status: 200, Rule: administering("identity:update_endpoint"),
			Bodies: httpapi.Schemas{"": "endpoint_update.json"}, Do: onKnownJSON(a.endpoint, a.updateEndpoint)},
		{Method: "DELETE", Path: "/endpoints/{endpoint_id}", Status: 204, Rule: administering("identity:delete_endpoint"), Do: onKnown(a.endpoint, a.deleteEndpoint)},
	}
}

func endpointView(e keystone.Endpoint) view {
	return endpointWith(e, view{"id": e.ID, "service_id": e.ServiceID, "interface": e.Interface, "url": e.URL, "enabled": e.Enabled,
		"region_id": nullable(e.RegionID), "region": nullable(e.RegionID)})
}

// endpointWith lays v over the client's own attributes of an endpoint.
func endpointWith(e keystone.Endpoint, v view) view {
	v = withExtra(e.Extra, v)
	delete(v, service.LegacyAttribute)
	return v
}

func (a *API) listEndpoints(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Endpoints(c.Ctx(), keystone.NewFilters(c.Query, "interface", "service_id", "region_id"))
	return limited(c, a.svc.ListLimit("catalog"), "endpoints", rows, endpointView), err
}

type endpointBody struct {
	Endpoint keystone.Attributes `json:"endpoint"`
}

func (a *API) createEndpoint(c *httpapi.Call, b endpointBody) (view, error) {
	e, err := a.svc.CreateEndpoint(c.Ctx(), b.Endpoint)
	return member(c, "endpoint", "endpoints", endpointView(e)), err
}

// endpoint finds the endpoint that the path names.
func (a *API) endpoint(c *httpapi.Call) (keystone.Endpoint, policy.Target, error) {
	e, err := a.svc.Endpoint(c.Ctx(), c.Param("endpoint_id"))
	return e, policy.Target{}, err
}

func (a *API) showEndpoint(c *httpapi.Call, e keystone.Endpoint) (view, error) {
	return member(c, "endpoint", "endpoints", endpointView(e)), nil
}

func (a *API) updateEndpoint(c *httpapi.Call, e keystone.Endpoint, b endpointBody) (view, error) {
	e, err := a.svc.UpdateEndpoint(c.Ctx(), e.ID, b.Endpoint)
	return member(c, "endpoint", "endpoints", endpointView(e)), err
}

func (a *API) deleteEndpoint(c *httpapi.Call, e keystone.Endpoint) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteEndpoint(c.Ctx(), e.ID)
}
