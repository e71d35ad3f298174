package api

import (
	"nacre/internal/keystone"
	"nacre/internal/keystone/service"
	"nacre/internal/oslo/httpapi"
)

func (a *API) v2CatalogRoutes() httpapi.Table {
	const one = "/OS-KSADM/services/{service_id}"
	return httpapi.Table{
		{Method: "GET", Path: "/OS-KSADM/services", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2Services)},
		{Method: "POST", Path: "/OS-KSADM/services", Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.createV2Service)},
		{Method: "GET", Path: one, Status: 200, Rule: v2Admin, Do: httpapi.Get(a.showV2Service)},
		{Method: "DELETE", Path: one, Status: 204, Rule: v2Admin, Do: httpapi.Get(a.deleteV2Service)},
		{Method: "GET", Path: "/endpoints", Status: 200, Rule: v2Admin, Do: httpapi.Get(a.listV2Endpoints)},
		{Method: "POST", Path: "/endpoints", Status: 200, Rule: v2Admin, Do: httpapi.JSON(a.createV2Endpoint)},
		{Method: "DELETE", Path: "/endpoints/{endpoint_id}", Status: 204, Rule: v2Admin, Do: httpapi.Get(a.deleteV2Endpoint)},
	}
}

// v2Service is what version 2.0 calls a service.
const v2Service = "OS-KSADM:service"

func (a *API) listV2Services(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Services(c.Ctx(), nil)
	views := make([]view, len(rows))
	for i, s := range rows {
		views[i] = serviceView(s)
	}
	return view{v2Service + "s": views}, err
}

func (a *API) createV2Service(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource(v2Service)
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, nil)
	if err := firstOf(v2Required(at, "type"), v2Enabled(at)); err != nil {
		return nil, err
	}
	s, err := a.svc.CreateService(c.Ctx(), at)
	return view{v2Service: serviceView(s)}, err
}

func (a *API) showV2Service(c *httpapi.Call) (view, error) {
	s, err := a.svc.Service(c.Ctx(), c.Param("service_id"))
	return view{v2Service: serviceView(s)}, err
}

func (a *API) deleteV2Service(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteService(c.Ctx(), c.Param("service_id"))
}

func v2EndpointView(e service.LegacyEndpoint) view {
	v := withExtra(e.Extra, view{"id": e.ID, "service_id": e.ServiceID, "region": nullable(e.RegionID), "enabled": e.Enabled})
	for kind, url := range e.URLs {
		v[kind+"url"] = url
	}
	return v
}

func (a *API) listV2Endpoints(c *httpapi.Call) (view, error) {
	rows, err := a.svc.LegacyEndpoints(c.Ctx())
	views := make([]view, len(rows))
	for i, e := range rows {
		views[i] = v2EndpointView(e)
	}
	return view{"endpoints": views}, err
}

func (a *API) createV2Endpoint(c *httpapi.Call, b v2Body) (view, error) {
	given, err := b.resource("endpoint")
	if err != nil {
		return nil, err
	}
	at := v2Attributes(given, nil)
	if err := firstOf(v2Required(at, "publicurl", "service_id"), v2Enabled(at)); err != nil {
		return nil, err
	}
	e, err := a.svc.CreateLegacyEndpoint(c.Ctx(), at)
	return view{"endpoint": v2EndpointView(e)}, err
}

func (a *API) deleteV2Endpoint(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteLegacyEndpoint(c.Ctx(), c.Param("endpoint_id"))
}

// v2EC2Credential is a key pair without what version 3 adds.
func v2EC2Credential(c *httpapi.Call, cred keystone.Credential) view {
	v := ec2View(c, cred)
	delete(v, "links")
	return v
}
