package api

import (
	"context"
	"encoding/json"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// serverActionRoutes are POST /servers/{server_id}/action, one row for each key.
func (a *API) serverActionRoutes() httpapi.Table {
	return httpapi.Table{
		a.power("os-start", "os_compute_api:servers:start", "start", a.svc.StartServer),
		a.power("os-stop", "os_compute_api:servers:stop", "stop", a.svc.StopServer),
		a.power("pause", "os_compute_api:os-pause-server:pause", "pause", a.svc.PauseServer),
		a.power("unpause", "os_compute_api:os-pause-server:unpause", "unpause", a.svc.UnpauseServer),
		a.power("suspend", "os_compute_api:os-suspend-server:suspend", "suspend", a.svc.SuspendServer),
		a.power("resume", "os_compute_api:os-suspend-server:resume", "resume", a.svc.ResumeServer),
		a.action("reboot", 202, "os_compute_api:servers:reboot", member, versioned("reboot", "2.1"),
			httpapi.OnJSON(a.svc.Server, a.rebootServer)),
		a.action("rebuild", 202, "os_compute_api:servers:rebuild", member, versioned("rebuild", "2.1", "2.19", "2.54", "2.57", "2.63", "2.90"),
			httpapi.OnJSON(a.svc.Server, a.rebuildServer)),
		a.action("lock", 202, "os_compute_api:os-lock-server:lock", member, versioned("lock", "2.1", "2.73"),
			httpapi.OnJSON(a.svc.Server, a.lockServer)),
		a.action("unlock", 202, "os_compute_api:os-lock-server:unlock", member, versioned("unlock", "2.1"),
			httpapi.OnJSON(a.svc.Server, a.unlockServer)),
		a.action("os-resetState", 202, "os_compute_api:os-admin-actions:reset_state", admin, versioned("reset_state", "2.1"),
			httpapi.OnJSON(a.svc.Server, a.resetState)),
		a.action("os-getConsoleOutput", 200, "os_compute_api:os-console-output", member, versioned("console_output", "2.1"),
			httpapi.OnJSON(a.svc.Server, a.consoleOutput)),
		a.action("addSecurityGroup", 202, "os_compute_api:os-security-groups:add", member, versioned("add_security_group", "2.1"),
			httpapi.OnJSON(a.svc.Server, a.addSecurityGroup)),
		a.action("removeSecurityGroup", 202, "os_compute_api:os-security-groups:remove", member, versioned("remove_security_group", "2.1"),
			httpapi.OnJSON(a.svc.Server, a.removeSecurityGroup)),
		a.power("forceDelete", "os_compute_api:os-deferred-delete:force", "force_delete", a.svc.DeleteServer),
		a.action("resetNetwork", 410, "", "", nil, httpapi.Get(gone)),
	}
}

func (a *API) action(key string, status int, ruleName, check string, bodies httpapi.Schemas, do httpapi.Handler) httpapi.Route {
	r := httpapi.Route{Method: "POST", Path: "/servers/{server_id}/action", Action: key, Status: status, Bodies: bodies, Do: do}
	if ruleName != "" {
		r.Rule = rule(ruleName, check)
	}
	return r
}

// noBody is the body of an action that says nothing but its name.
type noBody map[string]json.RawMessage

// power is an action that changes a server's power and takes no arguments.
func (a *API) power(key, ruleName, schema string, do func(context.Context, nova.Server) error) httpapi.Route {
	find := a.svc.Server
	if key == "os-start" || key == "os-stop" {
		find = a.mappedServer
	}
	return a.action(key, 202, ruleName, member, versioned(schema, "2.1"),
		httpapi.OnJSON(find, func(c *httpapi.Call, s nova.Server, _ noBody) (httpapi.None, error) {
			return httpapi.None{}, do(c.Ctx(), s)
		}))
}

// mappedServer is Server with the words that the original has, for
// administrators, where a server never was.
func (a *API) mappedServer(ctx context.Context, id string) (nova.Server, error) {
	s, err := a.svc.Server(ctx, id)
	if fault.Is(err, 404) {
		if known, kerr := a.svc.ServerExisted(ctx, id); kerr == nil && !known {
			return s, fault.NotFound("Instance %s has no mapping to a cell.", id)
		}
	}
	return s, err
}

type rebootBody struct {
	Reboot struct {
		Type string `json:"type"`
	} `json:"reboot"`
}

func (a *API) rebootServer(c *httpapi.Call, s nova.Server, b rebootBody) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RebootServer(c.Ctx(), s, strings.EqualFold(b.Reboot.Type, "HARD"))
}

// lockServer reads a reason since 2.73; before, whatever was sent counts for nothing.
func (a *API) lockServer(c *httpapi.Call, s nova.Server, body noBody) (httpapi.None, error) {
	var lock struct {
		Reason *string `json:"locked_reason"`
	}
	if c.Version.AtLeast("2.73") {
		if err := json.Unmarshal(body["lock"], &lock); err != nil {
			return httpapi.None{}, fault.BadRequest("Malformed request body").Cause(err)
		}
	}
	return httpapi.None{}, a.svc.LockServer(c.Ctx(), s, lock.Reason)
}

func (a *API) unlockServer(c *httpapi.Call, s nova.Server, _ noBody) (httpapi.None, error) {
	if s.LockedBy == "admin" {
		if err := c.Enforce("os_compute_api:os-lock-server:unlock:unlock_override", s.PolicyTarget()); err != nil {
			return httpapi.None{}, err
		}
	}
	return httpapi.None{}, a.svc.UnlockServer(c.Ctx(), s)
}

type resetStateBody struct {
	Reset struct {
		State string `json:"state"`
	} `json:"os-resetState"`
}

func (a *API) resetState(c *httpapi.Call, s nova.Server, b resetStateBody) (httpapi.None, error) {
	return httpapi.None{}, a.svc.ResetState(c.Ctx(), s, b.Reset.State == "active")
}

type consoleOutputBody struct {
	Get struct {
		Length *number `json:"length"`
	} `json:"os-getConsoleOutput"`
}

func (a *API) consoleOutput(c *httpapi.Call, s nova.Server, b consoleOutputBody) (map[string]string, error) {
	lines := -1
	if n := b.Get.Length; n != nil {
		lines = int(*n)
	}
	text, err := a.svc.ConsoleOutput(c.Ctx(), s, lines)
	return map[string]string{"output": text}, err
}

type securityGroupBody struct {
	Add    named `json:"addSecurityGroup"`
	Remove named `json:"removeSecurityGroup"`
}

func (a *API) addSecurityGroup(c *httpapi.Call, s nova.Server, b securityGroupBody) (httpapi.None, error) {
	return httpapi.None{}, a.svc.SetSecurityGroup(c.Ctx(), s, strings.TrimSpace(b.Add.Name), true)
}

func (a *API) removeSecurityGroup(c *httpapi.Call, s nova.Server, b securityGroupBody) (httpapi.None, error) {
	return httpapi.None{}, a.svc.SetSecurityGroup(c.Ctx(), s, strings.TrimSpace(b.Remove.Name), false)
}

// gone answers for what the original has removed.
func gone(*httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, fault.Gone("This resource is no longer available. No forwarding address is given.")
}
