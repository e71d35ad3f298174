package api

import (
	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// ipRoutes are the addresses of servers.
func (a *API) ipRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/servers/{server_id}/ips", Status: 200, Rule: rule("os_compute_api:ips:index", reader), Do: httpapi.On(a.svc.Server, a.listIPs)},
		{Method: "GET", Path: "/servers/{server_id}/ips/{network_label}", Status: 200, Rule: rule("os_compute_api:ips:show", reader),
			Do: httpapi.On(a.svc.Server, a.showIPs)},
	}
}

func (a *API) listIPs(_ *httpapi.Call, srv nova.Server) (map[string]map[string][]addressView, error) {
	return map[string]map[string][]addressView{"addresses": addresses(srv, false)}, nil
}

func (a *API) showIPs(c *httpapi.Call, srv nova.Server) (map[string][]addressView, error) {
	network := c.Param("network_label")
	ips, ok := addresses(srv, false)[network]
	if !ok {
		return nil, fault.NotFound("Instance is not a member of specified network")
	}
	return map[string][]addressView{network: ips}, nil
}
