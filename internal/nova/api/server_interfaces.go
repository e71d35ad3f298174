package api

import (
	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// interfaceRoutes are the ports of servers.
func (a *API) interfaceRoutes() httpapi.Table {
	const all, one = "/servers/{server_id}/os-interface", "/servers/{server_id}/os-interface/{port_id}"
	named := func(verb string) string { return "os_compute_api:os-attach-interfaces:" + verb }
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Rule: rule(named("list"), reader), Do: httpapi.On(a.svc.Server, a.listInterfaces)},
		{Method: "POST", Path: all, Status: 200, Rule: rule(named("create"), member),
			Bodies: httpapi.Schemas{"2.1": "server_interface_create_2.1.json", "2.49": "server_interface_create_2.49.json"},
			Do:     httpapi.OnJSON(a.svc.Server, a.attachInterface)},
		{Method: "GET", Path: one, Status: 200, Rule: rule(named("show"), reader), Do: httpapi.On(a.svc.Server, a.showInterface)},
		{Method: "DELETE", Path: one, Status: 202, Rule: rule(named("delete"), member), Do: httpapi.On(a.svc.Server, a.detachInterface)},
	}
}

type interfaceView struct {
	NetworkID string           `json:"net_id"`
	PortID    string           `json:"port_id"`
	MAC       string           `json:"mac_addr"`
	State     string           `json:"port_state"`
	FixedIPs  []interfaceFixed `json:"fixed_ips"`
	Tag       **string         `json:"tag,omitempty"` // since 2.70
}

type interfaceFixed struct {
	SubnetID string `json:"subnet_id"`
	Address  string `json:"ip_address"`
}

func newInterfaceView(c *httpapi.Call, i service.Interface) interfaceView {
	v := interfaceView{NetworkID: i.NetworkID, PortID: i.PortID, MAC: i.MAC, State: i.State, FixedIPs: []interfaceFixed{}}
	for _, ip := range i.FixedIPs {
		v.FixedIPs = append(v.FixedIPs, interfaceFixed{ip.SubnetID, ip.Address})
	}
	if c.Version.AtLeast("2.70") {
		tag := orNil(i.Tag)
		v.Tag = &tag
	}
	return v
}

type interfaceAnswer struct {
	Attachment interfaceView `json:"interfaceAttachment"`
}

func (a *API) listInterfaces(c *httpapi.Call, srv nova.Server) (map[string][]interfaceView, error) {
	found, err := a.svc.Interfaces(c.Ctx(), srv)
	out := []interfaceView{}
	for _, i := range found {
		out = append(out, newInterfaceView(c, i))
	}
	return map[string][]interfaceView{"interfaceAttachments": out}, err
}

func (a *API) showInterface(c *httpapi.Call, srv nova.Server) (interfaceAnswer, error) {
	i, err := a.svc.Interface(c.Ctx(), srv, c.Param("port_id"))
	return interfaceAnswer{newInterfaceView(c, i)}, err
}

type interfaceAttach struct {
	Attachment struct {
		NetworkID string `json:"net_id"`
		PortID    string `json:"port_id"`
		Tag       string `json:"tag"`
		FixedIPs  []struct {
			Address string `json:"ip_address"`
		} `json:"fixed_ips"`
	} `json:"interfaceAttachment"`
}

func (a *API) attachInterface(c *httpapi.Call, srv nova.Server, body interfaceAttach) (interfaceAnswer, error) {
	in := body.Attachment
	want := nova.NetworkRequest{NetworkID: in.NetworkID, PortID: in.PortID, Tag: in.Tag}
	if len(in.FixedIPs) > 0 {
		want.FixedIP = in.FixedIPs[0].Address
	}
	switch {
	case want.NetworkID != "" && want.PortID != "":
		return interfaceAnswer{}, fault.BadRequest("Must not input both network_id and port_id")
	case want.FixedIP != "" && want.NetworkID == "":
		return interfaceAnswer{}, fault.BadRequest("Must input network_id when request IP address")
	}
	i, err := a.svc.AttachInterface(c.Ctx(), srv, want, c.Allowed("network:attach_external_network", ownTarget(c)))
	return interfaceAnswer{newInterfaceView(c, i)}, err
}

func (a *API) detachInterface(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DetachInterface(c.Ctx(), srv, c.Param("port_id"))
}
