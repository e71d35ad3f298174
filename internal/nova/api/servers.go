package api

import (
	"encoding/json"
	"net/netip"

	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// serverRoutes are the servers themselves.
func (a *API) serverRoutes() httpapi.Table {
	listQuery := httpapi.Schemas{"2.1": "server_list_query_2.1.json", "2.26": "server_list_query_2.26.json",
		"2.66": "server_list_query_2.66.json", "2.73": "server_list_query_2.73.json", "2.75": "server_list_query_2.75.json"}
	return httpapi.Table{
		{Method: "GET", Path: "/servers", Status: 200, Rule: rule("os_compute_api:servers:index", reader),
			Queries: listQuery, Do: httpapi.Get(a.listServers)},
		{Method: "GET", Path: "/servers/detail", Status: 200, Rule: rule("os_compute_api:servers:detail", reader),
			Queries: listQuery, Do: httpapi.Get(a.listServerDetails)},
		{Method: "POST", Path: "/servers", Status: 202, Rule: rule("os_compute_api:servers:create", member),
			Bodies: versioned("server_create", "2.1", "2.19", "2.32", "2.33", "2.37", "2.42", "2.52", "2.57", "2.63", "2.67", "2.74", "2.90"),
			Do:     httpapi.JSON(a.createServer)},
		{Method: "GET", Path: "/servers/{server_id}", Status: 200, Rule: rule("os_compute_api:servers:show", reader),
			Do: httpapi.On(a.svc.Server, a.showServer)},
		{Method: "PUT", Path: "/servers/{server_id}", Status: 200, Rule: rule("os_compute_api:servers:update", member),
			Bodies: versioned("server_update", "2.1", "2.19", "2.90"),
			Do:     httpapi.OnJSON(a.svc.Server, a.updateServer)},
		{Method: "DELETE", Path: "/servers/{server_id}", Status: 204, Rule: rule("os_compute_api:servers:delete", member),
			Do: httpapi.On(a.svc.Server, a.deleteServer)},
	}
}

// serverRules guard parts of requests and answers rather than whole routes.
var serverRules = []policy.Rule{
	rule("os_compute_api:servers:index:get_all_tenants", admin),
	rule("os_compute_api:servers:detail:get_all_tenants", admin),
	rule("os_compute_api:servers:allow_all_filters", admin),
	rule("os_compute_api:servers:show:flavor-extra-specs", reader),
	rule("os_compute_api:servers:show:host_status", admin),
	rule("os_compute_api:servers:show:host_status:unknown-only", admin),
	rule("os_compute_api:os-extended-server-attributes", admin),
	rule("os_compute_api:servers:create:forced_host", admin),
	rule("compute:servers:create:requested_destination", admin),
	rule("os_compute_api:servers:create:attach_volume", member),
	rule("os_compute_api:servers:create:attach_network", member),
	rule("os_compute_api:servers:create:trusted_certs", member),
	rule("os_compute_api:servers:rebuild:trusted_certs", member),
	rule("os_compute_api:servers:create:zero_disk_flavor", admin),
	rule("network:attach_external_network", admin),
	rule("os_compute_api:os-lock-server:unlock:unlock_override", admin),
}

// versioned are schema files named BASE_VERSION.json.
func versioned(base string, from ...string) httpapi.Schemas {
	out := httpapi.Schemas{}
	for _, v := range from {
		out[v] = base + "_" + v + ".json"
	}
	return out
}

// ownTarget is what rules are asked about when no resource is meant.
func ownTarget(c *httpapi.Call) policy.Target { return policy.Owned(c.Caller) }

type oneServer struct {
	Server serverView `json:"server"`
}

func (a *API) showServer(c *httpapi.Call, s nova.Server) (oneServer, error) {
	v, err := a.serverView(c, s)
	return oneServer{v}, err
}

// serverChange is what PUT and rebuild have in common.
type serverChange struct {
	Name        *string         `json:"name"`
	Description json.RawMessage `json:"description"`
	Hostname    *string         `json:"hostname"`
	AccessIPv4  *string         `json:"accessIPv4"`
	AccessIPv6  *string         `json:"accessIPv6"`
	DiskConfig  *string         `json:"OS-DCF:diskConfig"`
}

func (b serverChange) change() (service.ServerChange, error) {
	ch := service.ServerChange{Name: trimmed(b.Name), Hostname: b.Hostname, AccessIPv4: b.AccessIPv4, AccessIPv6: b.AccessIPv6, DiskConfig: b.DiskConfig}
	if ch.AccessIPv6 != nil {
		short := canonical(*ch.AccessIPv6)
		ch.AccessIPv6 = &short
	}
	if b.Description == nil {
		return ch, nil
	}
	ch.SetDescription = true
	return ch, json.Unmarshal(b.Description, &ch.Description)
}

// canonical is an IPv6 address in its shortest form; what is none stays.
func canonical(address string) string {
	if a, err := netip.ParseAddr(address); err == nil {
		return a.String()
	}
	return address
}

// serverUpdate is the body of PUT /servers/{id}.
type serverUpdate struct {
	Server serverChange `json:"server"`
}

func (a *API) updateServer(c *httpapi.Call, s nova.Server, body serverUpdate) (oneServer, error) {
	ch, err := body.Server.change()
	if err != nil {
		return oneServer{}, err
	}
	changed, err := a.svc.UpdateServer(c.Ctx(), s, ch)
	if err != nil {
		return oneServer{}, err
	}
	v, err := a.serverView(c, changed)
	if !c.Version.AtLeast("2.75") {
		v.abridge()
	}
	return oneServer{v}, err
}

// abridge leaves out what answers to changes did not tell before 2.75.
func (v *serverView) abridge() {
	for _, f := range []*shown{&v.Zone, &v.ConfigDrive, &v.KeyName, &v.Launched, &v.Terminated, &v.Host, &v.GuestName, &v.Node,
		&v.Hostname, &v.ReservationID, &v.LaunchIndex, &v.KernelID, &v.RamdiskID, &v.RootDevice, &v.UserData,
		&v.TaskState, &v.VMState, &v.PowerState, &v.Volumes, &v.HostStatus} {
		*f = shown{}
	}
	v.Groups = nil
	for _, list := range v.Addresses {
		for i := range list {
			list[i].Type, list[i].MAC = "", ""
		}
	}
}

func (a *API) deleteServer(c *httpapi.Call, s nova.Server) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteServer(c.Ctx(), s)
}
