package api

import (
	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// passwordRoutes are what guests left for their owners.
func (a *API) passwordRoutes() httpapi.Table {
	const path = "/servers/{server_id}/os-server-password"
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: rule("os_compute_api:os-server-password:show", reader), Do: httpapi.On(a.svc.Server, a.showServerPassword)},
		{Method: "DELETE", Path: path, Status: 204, Rule: rule("os_compute_api:os-server-password:clear", member), Do: httpapi.On(a.svc.Server, a.clearServerPassword)},
	}
}

func (a *API) showServerPassword(c *httpapi.Call, srv nova.Server) (map[string]string, error) {
	password, err := a.svc.ServerPassword(c.Ctx(), srv)
	return map[string]string{"password": password}, err
}

func (a *API) clearServerPassword(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	return httpapi.None{}, a.svc.ClearServerPassword(c.Ctx(), srv)
}
