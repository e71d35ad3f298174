package api

import (
	"net/http"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

func (a *API) domainConfigRoutes() httpapi.Table {
	t := httpapi.Table{
		{Method: "PUT", Path: "/domains/{domain_id}/config", Status: 200, Rule: administering("identity:create_domain_config"), Do: onJSON(a.domain, a.createDomainConfig)},
		{Method: "GET", Path: "/domains/{domain_id}/config/security_compliance", Status: 200,
			Rule: anyScope("identity:get_security_compliance_domain_config", ""), Do: on(a.domain, a.showCompliance)},
		{Method: "GET", Path: "/domains/{domain_id}/config/security_compliance/{option}", Status: 200,
			Rule: anyScope("identity:get_security_compliance_domain_config", ""), Do: on(a.domain, a.showCompliance)},
	}
	for _, part := range []string{"", "/{group}", "/{group}/{option}"} {
		path := "/domains/{domain_id}/config" + part
		t = append(t, httpapi.Table{
			{Method: "GET", Path: "/domains/config" + part + "/default", Status: 200, Rule: reading("identity:get_domain_config_default"), Do: httpapi.Get(a.showDefaultConfig)},
			{Method: "GET", Path: path, Status: 200, Rule: reading("identity:get_domain_config"), Do: on(a.domain, a.showDomainConfig)},
			{Method: "PATCH", Path: path, Status: 200, Rule: administering("identity:update_domain_config"), Do: onJSON(a.domain, a.updateDomainConfig)},
			{Method: "DELETE", Path: path, Status: 204, Rule: administering("identity:delete_domain_config"), Do: on(a.domain, a.deleteDomainConfig)},
		}...)
	}
	return t
}

// configBody is not bound to a schema: the original asks of it only what the service does.
type configBody struct {
	Config map[string]any `json:"config"`
}

func (a *API) createDomainConfig(c *httpapi.Call, d keystone.Project, b configBody) (view, error) {
	config, created, err := a.svc.CreateDomainConfig(c.Ctx(), d.ID, b.Config)
	if created {
		c.SetStatus(http.StatusCreated)
	}
	return view{"config": config}, err
}

func (a *API) showDomainConfig(c *httpapi.Call, d keystone.Project) (view, error) {
	config, err := a.svc.DomainConfig(c.Ctx(), d.ID, c.Param("group"), c.Param("option"))
	return view{"config": config}, err
}

func (a *API) showCompliance(c *httpapi.Call, d keystone.Project) (view, error) {
	config, err := a.svc.ComplianceConfig(d.ID, c.Param("option"))
	return view{"config": config}, err
}

func (a *API) updateDomainConfig(c *httpapi.Call, d keystone.Project, b configBody) (view, error) {
	config, err := a.svc.UpdateDomainConfig(c.Ctx(), d.ID, c.Param("group"), c.Param("option"), b.Config)
	return view{"config": config}, err
}

func (a *API) deleteDomainConfig(c *httpapi.Call, d keystone.Project) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteDomainConfig(c.Ctx(), d.ID, c.Param("group"), c.Param("option"))
}

func (a *API) showDefaultConfig(c *httpapi.Call) (view, error) {
	config, err := a.svc.DefaultDomainConfig(c.Param("group"), c.Param("option"))
	return view{"config": config}, err
}
