package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) domainRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/domains", Status: 200,
			Rule: anyScope("identity:list_domains", "rule:admin_required or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain.id)s)"),
			Do:   on(callerDomain("target.domain.id"), a.listDomains)},
		{Method: "POST", Path: "/domains", Status: 201, Rule: administering("identity:create_domain"),
			Bodies: httpapi.Schemas{"": "domain_create.json"}, Do: httpapi.JSON(a.createDomain)},
		{Method: "GET", Path: "/domains/{domain_id}", Status: 200,
			Rule: anyScope("identity:get_domain", "rule:admin_required or (role:reader and system_scope:all) or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s"),
			Do:   on(a.domain, a.showDomain)},
		{Method: "PATCH", Path: "/domains/{domain_id}", Status: 200, Rule: administering("identity:update_domain"),
			Bodies: httpapi.Schemas{"": "domain_update.json"}, Do: onKnownJSON(a.domain, a.updateDomain)},
		{Method: "DELETE", Path: "/domains/{domain_id}", Status: 204, Rule: administering("identity:delete_domain"), Do: onKnown(a.domain, a.deleteDomain)},
	}
}

// domain finds the domain that the path names.
func (a *API) domain(c *httpapi.Call) (keystone.Project, policy.Target, error) {
	d, err := a.svc.Domain(c.Ctx(), c.Param("domain_id"))
	target := policy.Target{}
	if err == nil {
		target["target.domain.id"] = d.ID
	}
	return d, target, err
}

func domainView(d keystone.Project) view {
	return withExtra(d.Extra, view{"id": d.ID, "name": d.Name, "enabled": d.Enabled, "description": d.Description,
		"tags": tagList(d.Tags), "options": orEmpty(d.Options)})
}

func (a *API) listDomains(c *httpapi.Call, _ nothing) (view, error) {
	rows, err := a.svc.Domains(c.Ctx(), keystone.NewFilters(c.Query, "name", "enabled"))
	if own := c.Caller.DomainID; own != "" {
		kept := []keystone.Project{}
		for _, d := range rows {
			if d.ID == own {
				kept = append(kept, d)
			}
		}
		rows = kept
	}
	return limited(c, a.svc.ListLimit("resource"), "domains", rows, domainView), err
}

type domainBody struct {
	Domain keystone.Attributes `json:"domain"`
}

func (a *API) createDomain(c *httpapi.Call, b domainBody) (view, error) {
	d, err := a.svc.CreateDomain(c.Ctx(), b.Domain)
	return member(c, "domain", "domains", domainView(d)), err
}

func (a *API) showDomain(c *httpapi.Call, d keystone.Project) (view, error) {
	return member(c, "domain", "domains", domainView(d)), nil
}

func (a *API) updateDomain(c *httpapi.Call, d keystone.Project, b domainBody) (view, error) {
	d, err := a.svc.UpdateDomain(c.Ctx(), d.ID, b.Domain)
	return member(c, "domain", "domains", domainView(d)), err
}

func (a *API) deleteDomain(c *httpapi.Call, d keystone.Project) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteDomain(c.Ctx(), d.ID)
}
