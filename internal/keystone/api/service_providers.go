package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

func (a *API) serviceProviderRoutes() httpapi.Table {
	one := federation + "/service_providers/{service_provider_id}"
	return httpapi.Table{
		{Method: "GET", Path: federation + "/service_providers", Status: 200, Rule: reading("identity:list_service_providers"), Do: httpapi.Get(a.listServiceProviders)},
		{Method: "PUT", Path: one, Status: 201, Rule: administering("identity:create_service_provider"),
			Bodies: httpapi.Schemas{"": "service_provider_create.json"}, Do: httpapi.JSON(a.createServiceProvider)},
		{Method: "GET", Path: one, Status: 200, Rule: reading("identity:get_service_provider"), Do: httpapi.Get(a.showServiceProvider)},
		{Method: "PATCH", Path: one, Status: 200, Rule: administering("identity:update_service_provider"),
			Bodies: httpapi.Schemas{"": "service_provider_update.json"}, Do: httpapi.JSON(a.updateServiceProvider)},
		{Method: "DELETE", Path: one, Status: 204, Rule: administering("identity:delete_service_provider"), Do: httpapi.Get(a.deleteServiceProvider)},
	}
}

func serviceProviderView(p keystone.ServiceProvider) view {
	return view{"id": p.ID, "enabled": p.Enabled, "description": p.Description, "auth_url": p.AuthURL, "sp_url": p.SPURL,
		"relay_state_prefix": p.RelayStatePrefix}
}

func serviceProviderMember(c *httpapi.Call, p keystone.ServiceProvider) view {
	return member(c, "service_provider", "OS-FEDERATION/service_providers", serviceProviderView(p))
}

func (a *API) listServiceProviders(c *httpapi.Call) (view, error) {
	rows, err := a.svc.ServiceProviders(c.Ctx(), keystone.NewFilters(c.Query, "id", "enabled"))
	return list(c, "OS-FEDERATION/service_providers", rows, serviceProviderView), err
}

type serviceProviderBody struct {
	ServiceProvider keystone.Attributes `json:"service_provider"`
}

func (a *API) createServiceProvider(c *httpapi.Call, b serviceProviderBody) (view, error) {
	p, err := a.svc.CreateServiceProvider(c.Ctx(), c.Param("service_provider_id"), b.ServiceProvider)
	return serviceProviderMember(c, p), err
}

func (a *API) showServiceProvider(c *httpapi.Call) (view, error) {
	p, err := a.svc.ServiceProvider(c.Ctx(), c.Param("service_provider_id"))
	return serviceProviderMember(c, p), err
}

func (a *API) updateServiceProvider(c *httpapi.Call, b serviceProviderBody) (view, error) {
	p, err := a.svc.UpdateServiceProvider(c.Ctx(), c.Param("service_provider_id"), b.ServiceProvider)
	return serviceProviderMember(c, p), err
}

func (a *API) deleteServiceProvider(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteServiceProvider(c.Ctx(), c.Param("service_provider_id"))
}
