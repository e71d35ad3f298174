package api

import (
	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// metadataRoutes are the metadata of servers.
func (a *API) metadataRoutes() httpapi.Table {
	const all, one = "/servers/{server_id}/metadata", "/servers/{server_id}/metadata/{key}"
	named := func(verb string) string { return "os_compute_api:server-metadata:" + verb }
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Rule: rule(named("index"), reader), Do: httpapi.On(a.svc.Server, a.listMetadata)},
		{Method: "POST", Path: all, Status: 200, Rule: rule(named("create"), member), Bodies: httpapi.Schemas{"2.1": "server_metadata_create.json"},
			Do: httpapi.OnJSON(a.svc.Server, a.addMetadata)},
		{Method: "PUT", Path: all, Status: 200, Rule: rule(named("update_all"), member), Bodies: httpapi.Schemas{"2.1": "server_metadata_update_all.json"},
			Do: httpapi.OnJSON(a.svc.Server, a.replaceMetadata)},
		{Method: "GET", Path: one, Status: 200, Rule: rule(named("show"), reader), Do: httpapi.On(a.svc.Server, a.showMetadata)},
		{Method: "PUT", Path: one, Status: 200, Rule: rule(named("update"), member), Bodies: httpapi.Schemas{"2.1": "server_metadata_update.json"},
			Do: httpapi.OnJSON(a.svc.Server, a.updateMetadata)},
		{Method: "DELETE", Path: one, Status: 204, Rule: rule(named("delete"), member), Do: httpapi.On(a.svc.Server, a.deleteMetadata)},
	}
}

type metadataBody struct {
	Metadata map[string]string `json:"metadata"`
}

type metadataItem struct {
	Meta map[string]string `json:"meta"`
}

func (a *API) listMetadata(_ *httpapi.Call, srv nova.Server) (metadataBody, error) {
	return metadataBody{srv.Metadata}, nil
}

func (a *API) addMetadata(c *httpapi.Call, srv nova.Server, body metadataBody) (metadataBody, error) {
	now, err := a.svc.SetServerMetadata(c.Ctx(), srv, body.Metadata, false)
	return metadataBody{now}, err
}

func (a *API) replaceMetadata(c *httpapi.Call, srv nova.Server, body metadataBody) (metadataBody, error) {
	now, err := a.svc.SetServerMetadata(c.Ctx(), srv, body.Metadata, true)
	return metadataBody{now}, err
}

func (a *API) showMetadata(c *httpapi.Call, srv nova.Server) (metadataItem, error) {
	key := c.Param("key")
	value, ok := srv.Metadata[key]
	if !ok {
		return metadataItem{}, service.NoMetadata()
	}
	return metadataItem{map[string]string{key: value}}, nil
}

func (a *API) updateMetadata(c *httpapi.Call, srv nova.Server, body metadataItem) (metadataItem, error) {
	if _, ok := body.Meta[c.Param("key")]; !ok {
		return body, fault.BadRequest("Request body and URI mismatch")
	}
	_, err := a.svc.SetServerMetadata(c.Ctx(), srv, body.Meta, false)
	return body, err
}

func (a *API) deleteMetadata(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteServerMetadata(c.Ctx(), srv, c.Param("key"))
}
