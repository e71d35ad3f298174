package api

import (
	"net"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// consoleRoutes open consoles of servers.
func (a *API) consoleRoutes() httpapi.Table {
	const may = "os_compute_api:os-remote-consoles"
	old := func(key, protocol, schema string) httpapi.Route {
		r := a.action(key, 200, may, member, httpapi.Schemas{"2.1": schema}, httpapi.OnJSON(a.svc.Server,
			func(c *httpapi.Call, s nova.Server, b map[string]struct {
				Type string `json:"type"`
			}) (oldConsole, error) {
				kind := b[key].Type
				url, err := a.svc.RemoteConsole(c.Ctx(), s, protocol, kind)
				return oldConsole{consoleView{Type: kind, URL: url}}, err
			}))
		r.Max = "2.5"
		return r
	}
	return httpapi.Table{
		{Method: "POST", Path: "/servers/{server_id}/remote-consoles", Status: 200, Min: "2.6", Rule: rule(may, member),
			Bodies: versioned("remote_console", "2.6", "2.8"), Do: httpapi.OnJSON(a.svc.Server, a.remoteConsole)},
		old("os-getVNCConsole", "vnc", "get_vnc_console.json"),
		old("os-getSPICEConsole", "spice", "get_spice_console.json"),
		old("os-getSerialConsole", "serial", "get_serial_console.json"),
		{Method: "GET", Path: "/os-console-auth-tokens/{console_token}", Status: 200,
			Rule: rule("os_compute_api:os-console-auth-tokens", admin), Do: httpapi.Get(a.showConsoleToken)},
	}
}

type consoleView struct {
	Protocol string `json:"protocol,omitempty"`
	Type     string `json:"type"`
	URL      string `json:"url"`
}

type oldConsole struct {
	Console consoleView `json:"console"`
}

type remoteConsoleBody struct {
	RemoteConsole consoleView `json:"remote_console"`
}

func (a *API) remoteConsole(c *httpapi.Call, s nova.Server, b remoteConsoleBody) (remoteConsoleBody, error) {
	url, err := a.svc.RemoteConsole(c.Ctx(), s, b.RemoteConsole.Protocol, b.RemoteConsole.Type)
	b.RemoteConsole.URL = url
	return b, err
}

type consoleTokenView struct {
	Console struct {
		ServerID string  `json:"instance_uuid"`
		Host     string  `json:"host"`
		Port     *number `json:"port"`
		Path     *string `json:"internal_access_path"`
	} `json:"console"`
}

func (a *API) showConsoleToken(c *httpapi.Call) (v consoleTokenView, err error) {
	t, err := a.svc.ShowConsole(c.Ctx(), c.Param("console_token"))
	if err != nil {
		return v, err
	}
	v.Console.ServerID, v.Console.Host = t.ServerID, t.Host
	if host, port, serr := net.SplitHostPort(t.Address); t.Network == "tcp" && serr == nil {
		var n number
		if err := n.UnmarshalJSON([]byte(port)); err == nil {
			v.Console.Host, v.Console.Port = host, &n
		}
	} else {
		v.Console.Path = &t.Address
	}
	return v, nil
}
