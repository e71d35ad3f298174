package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

const (
	federation = "/OS-FEDERATION"
	idpPath    = federation + "/identity_providers/{idp_id}"
	protoPath  = idpPath + "/protocols/{protocol_id}"
)

func (a *API) identityProviderRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: federation + "/identity_providers", Status: 200, Rule: reading("identity:list_identity_providers"), Do: httpapi.Get(a.listIdentityProviders)},
		{Method: "PUT", Path: idpPath, Status: 201, Rule: administering("identity:create_identity_provider"),
			Bodies: httpapi.Schemas{"": "identity_provider_create.json"}, Do: httpapi.JSON(a.createIdentityProvider)},
		{Method: "GET", Path: idpPath, Status: 200, Rule: reading("identity:get_identity_provider"), Do: httpapi.Get(a.showIdentityProvider)},
		{Method: "PATCH", Path: idpPath, Status: 200, Rule: administering("identity:update_identity_provider"),
			Bodies: httpapi.Schemas{"": "identity_provider_update.json"}, Do: httpapi.JSON(a.updateIdentityProvider)},
		{Method: "DELETE", Path: idpPath, Status: 204, Rule: administering("identity:delete_identity_provider"), Do: httpapi.Get(a.deleteIdentityProvider)},
		{Method: "GET", Path: idpPath + "/protocols", Status: 200, Rule: reading("identity:list_protocols"), Do: httpapi.Get(a.listProtocols)},
		{Method: "PUT", Path: protoPath, Status: 201, Rule: administering("identity:create_protocol"),
			Bodies: httpapi.Schemas{"": "protocol_create.json"}, Do: httpapi.JSON(a.createProtocol)},
		{Method: "GET", Path: protoPath, Status: 200, Rule: reading("identity:get_protocol"), Do: httpapi.Get(a.showProtocol)},
		{Method: "PATCH", Path: protoPath, Status: 200, Rule: administering("identity:update_protocol"),
			Bodies: httpapi.Schemas{"": "protocol_update.json"}, Do: httpapi.JSON(a.updateProtocol)},
		{Method: "DELETE", Path: protoPath, Status: 204, Rule: administering("identity:delete_protocol"), Do: httpapi.Get(a.deleteProtocol)},
	}
}

func identityProviderView(p keystone.IdentityProvider) view {
	return view{"id": p.ID, "domain_id": p.DomainID, "enabled": p.Enabled, "description": p.Description,
		"remote_ids": p.RemoteIDs, "authorization_ttl": p.AuthorizationTTL}
}

// idpMember adds the links to itself and its protocols, and wraps it.
func idpMember(c *httpapi.Call, p keystone.IdentityProvider) view {
	v := member(c, "identity_provider", "OS-FEDERATION/identity_providers", identityProviderView(p))
	addProtocolsLink(v["identity_provider"].(view))
	return v
}

func addProtocolsLink(v view) {
	links := v["links"].(view)
	links["protocols"] = links["self"].(string) + "/protocols"
}

func (a *API) listIdentityProviders(c *httpapi.Call) (view, error) {
	rows, err := a.svc.IdentityProviders(c.Ctx(), keystone.NewFilters(c.Query, "id", "enabled"))
	v := list(c, "OS-FEDERATION/identity_providers", rows, identityProviderView)
	for _, p := range v["identity_providers"].([]view) {
		addProtocolsLink(p)
	}
	return v, err
}

type identityProviderBody struct {
	IdentityProvider keystone.Attributes `json:"identity_provider"`
}

func (a *API) createIdentityProvider(c *httpapi.Call, b identityProviderBody) (view, error) {
	p, err := a.svc.CreateIdentityProvider(c.Ctx(), c.Param("idp_id"), b.IdentityProvider)
	return idpMember(c, p), err
}

func (a *API) showIdentityProvider(c *httpapi.Call) (view, error) {
	p, err := a.svc.IdentityProvider(c.Ctx(), c.Param("idp_id"))
	return idpMember(c, p), err
}

func (a *API) updateIdentityProvider(c *httpapi.Call, b identityProviderBody) (view, error) {
	p, err := a.svc.UpdateIdentityProvider(c.Ctx(), c.Param("idp_id"), b.IdentityProvider)
	return idpMember(c, p), err
}

func (a *API) deleteIdentityProvider(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteIdentityProvider(c.Ctx(), c.Param("idp_id"))
}

// protocolView has the original's links, which lead nowhere: clients compare them.
func protocolView(c *httpapi.Call, p keystone.Protocol) view {
	return view{"id": p.ID, "mapping_id": p.MappingID,
		"links": view{"self": base(c, "protocols", p.ID), "identity_provider": base(c, p.IDPID)}}
}

func (a *API) listProtocols(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Protocols(c.Ctx(), c.Param("idp_id"))
	views := make([]view, len(rows))
	for i, p := range rows {
		views[i] = protocolView(c, p)
		views[i]["idp_id"], views[i]["remote_id_attribute"] = p.IDPID, p.RemoteIDAttribute
	}
	return view{"protocols": views, "links": listLinks(c)}, err
}

type protocolBody struct {
	Protocol keystone.Attributes `json:"protocol"`
}

func (a *API) createProtocol(c *httpapi.Call, b protocolBody) (view, error) {
	p, err := a.svc.CreateProtocol(c.Ctx(), c.Param("idp_id"), c.Param("protocol_id"), b.Protocol)
	return view{"protocol": protocolView(c, p)}, err
}

func (a *API) showProtocol(c *httpapi.Call) (view, error) {
	p, err := a.svc.Protocol(c.Ctx(), c.Param("idp_id"), c.Param("protocol_id"))
	return view{"protocol": protocolView(c, p)}, err
}

func (a *API) updateProtocol(c *httpapi.Call, b protocolBody) (view, error) {
	p, err := a.svc.UpdateProtocol(c.Ctx(), c.Param("idp_id"), c.Param("protocol_id"), b.Protocol)
	return view{"protocol": protocolView(c, p)}, err
}

func (a *API) deleteProtocol(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteProtocol(c.Ctx(), c.Param("idp_id"), c.Param("protocol_id"))
}
