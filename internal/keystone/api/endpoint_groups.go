package api

import (
	"nacre/internal/keystone"
	"nacre/internal/oslo/httpapi"
)

func (a *API) endpointGroupRoutes() httpapi.Table {
	const groups, one = "/OS-EP-FILTER/endpoint_groups", "/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}"
	const ofProject = "/OS-EP-FILTER/projects/{project_id}"
	return httpapi.Table{
		{Method: "GET", Path: groups, Status: 200, Rule: reading("identity:list_endpoint_groups"), Do: httpapi.Get(a.listEndpointGroups)},
		{Method: "POST", Path: groups, Status: 201, Rule: administering("identity:create_endpoint_group"),
			Bodies: httpapi.Schemas{"": "endpoint_group_create.json"}, Do: httpapi.JSON(a.createEndpointGroup)},
		{Method: "GET", Path: one, Status: 200, Rule: reading("identity:get_endpoint_group"), Do: httpapi.Get(a.showEndpointGroup)},
		{Method: "PATCH", Path: one, Status: 200, Rule: administering("identity:update_endpoint_group"),
			Bodies: httpapi.Schemas{"": "endpoint_group_update.json"}, Do: httpapi.JSON(a.updateEndpointGroup)},
		{Method: "DELETE", Path: one, Status: 204, Rule: administering("identity:delete_endpoint_group"), Do: httpapi.Get(a.deleteEndpointGroup)},
		{Method: "GET", Path: one + "/endpoints", Status: 200, Rule: reading("identity:list_endpoints_associated_with_endpoint_group"), Do: httpapi.Get(a.listEndpointsOfGroup)},
		{Method: "GET", Path: one + "/projects", Status: 200, Rule: reading("identity:list_projects_associated_with_endpoint_group"), Do: httpapi.Get(a.listProjectsOfEndpointGroup)},
		{Method: "GET", Path: one + "/projects/{project_id}", Status: 200, Rule: reading("identity:get_endpoint_group_in_project"), Do: httpapi.Get(a.showProjectEndpointGroup)},
		{Method: "PUT", Path: one + "/projects/{project_id}", Status: 204, Rule: administering("identity:add_endpoint_group_to_project"), Do: httpapi.Get(a.addProjectEndpointGroup)},
		{Method: "DELETE", Path: one + "/projects/{project_id}", Status: 204, Rule: administering("identity:remove_endpoint_group_from_project"), Do: httpapi.Get(a.removeProjectEndpointGroup)},

		{Method: "GET", Path: ofProject + "/endpoint_groups", Status: 200, Rule: reading("identity:list_endpoint_groups_for_project"), Do: httpapi.Get(a.listEndpointGroupsOfProject)},
		{Method: "GET", Path: ofProject + "/endpoints", Status: 200, Rule: reading("identity:list_endpoints_for_project"), Do: httpapi.Get(a.listEndpointsOfProject)},
		{Method: "GET", Path: ofProject + "/endpoints/{endpoint_id}", Status: 204, Rule: reading("identity:check_endpoint_in_project"), Do: httpapi.Get(a.checkProjectEndpoint)},
		{Method: "PUT", Path: ofProject + "/endpoints/{endpoint_id}", Status: 204, Rule: administering("identity:add_endpoint_to_project"), Do: httpapi.Get(a.addProjectEndpoint)},
		{Method: "DELETE", Path: ofProject + "/endpoints/{endpoint_id}", Status: 204, Rule: administering("identity:remove_endpoint_from_project"), Do: httpapi.Get(a.removeProjectEndpoint)},
		{Method: "GET", Path: "/OS-EP-FILTER/endpoints/{endpoint_id}/projects", Status: 200, Rule: reading("identity:list_projects_for_endpoint"), Do: httpapi.Get(a.listProjectsOfEndpoint)},
	}
}

// endpointGroups is where endpoint groups are found.
const endpointGroups = "OS-EP-FILTER/endpoint_groups"

func endpointGroupView(g keystone.EndpointGroup) view {
	return view{"id": g.ID, "name": g.Name, "description": g.Description, "filters": orEmpty(g.Filters)}
}

func (a *API) listEndpointGroups(c *httpapi.Call) (view, error) {
	rows, err := a.svc.EndpointGroups(c.Ctx(), keystone.NewFilters(c.Query, "name"))
	return limited(c, a.svc.ListLimit("catalog"), endpointGroups, rows, endpointGroupView), err
}

type endpointGroupBody struct {
	Group keystone.Attributes `json:"endpoint_group"`
}

func (a *API) createEndpointGroup(c *httpapi.Call, b endpointGroupBody) (view, error) {
	g, err := a.svc.CreateEndpointGroup(c.Ctx(), b.Group)
	return member(c, "endpoint_group", endpointGroups, endpointGroupView(g)), err
}

func (a *API) showEndpointGroup(c *httpapi.Call) (view, error) {
	g, err := a.svc.EndpointGroup(c.Ctx(), c.Param("endpoint_group_id"))
	return member(c, "endpoint_group", endpointGroups, endpointGroupView(g)), err
}

func (a *API) updateEndpointGroup(c *httpapi.Call, b endpointGroupBody) (view, error) {
	g, err := a.svc.UpdateEndpointGroup(c.Ctx(), c.Param("endpoint_group_id"), b.Group)
	return member(c, "endpoint_group", endpointGroups, endpointGroupView(g)), err
}

func (a *API) deleteEndpointGroup(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteEndpointGroup(c.Ctx(), c.Param("endpoint_group_id"))
}

func (a *API) listEndpointsOfGroup(c *httpapi.Call) (view, error) {
	rows, err := a.svc.EndpointsOfGroup(c.Ctx(), c.Param("endpoint_group_id"))
	return list(c, "endpoints", rows, endpointView), err
}

func (a *API) listProjectsOfEndpointGroup(c *httpapi.Call) (view, error) {
	rows, err := a.svc.ProjectsOfEndpointGroup(c.Ctx(), c.Param("endpoint_group_id"))
	return list(c, "projects", rows, projectView), err
}

func projectEndpointGroup(c *httpapi.Call) keystone.ProjectEndpointGroup {
	return keystone.ProjectEndpointGroup{ProjectID: c.Param("project_id"), GroupID: c.Param("endpoint_group_id")}
}

// showProjectEndpointGroup links without host and version, as the original does.
func (a *API) showProjectEndpointGroup(c *httpapi.Call) (view, error) {
	p := projectEndpointGroup(c)
	return view{"project_endpoint_group": view{"endpoint_group_id": p.GroupID, "project_id": p.ProjectID,
		"links": view{"self": "/" + endpointGroups + "/" + p.GroupID + "/projects/" + p.ProjectID}}}, a.svc.CheckEndpointGroup(c.Ctx(), p)
}

func (a *API) addProjectEndpointGroup(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.AddEndpointGroup(c.Ctx(), projectEndpointGroup(c))
}

func (a *API) removeProjectEndpointGroup(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RemoveEndpointGroup(c.Ctx(), projectEndpointGroup(c))
}

func (a *API) listEndpointGroupsOfProject(c *httpapi.Call) (view, error) {
	rows, err := a.svc.EndpointGroupsOfProject(c.Ctx(), c.Param("project_id"))
	return list(c, endpointGroups, rows, endpointGroupView), err
}

func (a *API) listEndpointsOfProject(c *httpapi.Call) (view, error) {
	rows, err := a.svc.EndpointsOfProject(c.Ctx(), c.Param("project_id"))
	return list(c, "endpoints", rows, endpointView), err
}

func projectEndpoint(c *httpapi.Call) keystone.ProjectEndpoint {
	return keystone.ProjectEndpoint{ProjectID: c.Param("project_id"), EndpointID: c.Param("endpoint_id")}
}

func (a *API) checkProjectEndpoint(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.CheckProjectEndpoint(c.Ctx(), projectEndpoint(c))
}

func (a *API) addProjectEndpoint(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.AddProjectEndpoint(c.Ctx(), projectEndpoint(c))
}

func (a *API) removeProjectEndpoint(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RemoveProjectEndpoint(c.Ctx(), projectEndpoint(c))
}

func (a *API) listProjectsOfEndpoint(c *httpapi.Call) (view, error) {
	rows, err := a.svc.ProjectsOfEndpoint(c.Ctx(), c.Param("endpoint_id"))
	return list(c, "projects", rows, projectView), err
}
