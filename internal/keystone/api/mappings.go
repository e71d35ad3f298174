package api

import (
	"encoding/json"

	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

func (a *API) mappingRoutes() httpapi.Table {
	one := federation + "/mappings/{mapping_id}"
	return httpapi.Table{
		{Method: "GET", Path: federation + "/mappings", Status: 200, Rule: reading("identity:list_mappings"), Do: httpapi.Get(a.listMappings)},
		{Method: "PUT", Path: one, Status: 201, Rule: administering("identity:create_mapping"), Do: httpapi.JSON(a.createMapping)},
		{Method: "GET", Path: one, Status: 200, Rule: reading("identity:get_mapping"), Do: httpapi.Get(a.showMapping)},
		{Method: "PATCH", Path: one, Status: 200, Rule: administering("identity:update_mapping"), Do: httpapi.JSON(a.updateMapping)},
		{Method: "DELETE", Path: one, Status: 204, Rule: administering("identity:delete_mapping"), Do: httpapi.Get(a.deleteMapping)},
	}
}

func mappingView(m keystone.Mapping) view {
	return view{"id": m.ID, "rules": json.RawMessage(m.Rules), "schema_version": m.SchemaVersion}
}

func mappingMember(c *httpapi.Call, m keystone.Mapping) view {
	return member(c, "mapping", "OS-FEDERATION/mappings", mappingView(m))
}

func (a *API) listMappings(c *httpapi.Call) (view, error) {
	rows, err := a.svc.Mappings(c.Ctx())
	return list(c, "OS-FEDERATION/mappings", rows, mappingView), err
}

// mappingBody has no schema of its own: what the rules must be depends on the
// version they name.
type mappingBody struct {
	Mapping keystone.Attributes `json:"mapping"`
}

func (a *API) createMapping(c *httpapi.Call, b mappingBody) (view, error) {
	m, err := a.svc.CreateMapping(c.Ctx(), c.Param("mapping_id"), b.Mapping)
	return mappingMember(c, m), err
}

func (a *API) showMapping(c *httpapi.Call) (view, error) {
	m, err := a.svc.Mapping(c.Ctx(), c.Param("mapping_id"))
	return mappingMember(c, m), err
}

func (a *API) updateMapping(c *httpapi.Call, b mappingBody) (view, error) {
	m, err := a.svc.UpdateMapping(c.Ctx(), c.Param("mapping_id"), b.Mapping)
	return mappingMember(c, m), err
}

func (a *API) deleteMapping(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteMapping(c.Ctx(), c.Param("mapping_id"))
}
