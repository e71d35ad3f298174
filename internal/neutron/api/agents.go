package api

import (
	"context"
	"encoding/json"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/neutron/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type (
	agentT   = neutron.Agent
	agentReq = neutron.AgentRequest
)

// agentAttributes is the table of agents.
func agentAttributes() []attribute {
	return []attribute{
		idAttribute(),
		{Name: "agent_type", Filter: true, Sort: true},
		{Name: "binary", Filter: true, Sort: true},
		{Name: "topic", Filter: true, Sort: true},
		{Name: "host", Filter: true, Sort: true},
		{Name: "admin_state_up", Put: true, Convert: attributes.Bool, Filter: true, Sort: true},
		{Name: "created_at", Sort: true},
		{Name: "started_at", Sort: true},
		{Name: "heartbeat_timestamp", Sort: true},
		{Name: "description", Put: true, Check: attributes.OrNull(attributes.String(255)), Filter: true, Sort: true},
		{Name: "resources_synced"},
		{Name: "availability_zone", Filter: true},
		{Name: "alive", Convert: attributes.Bool, Filter: true},
		{Name: "configurations"},
	}
}

func (a *API) agentResource() *resource[agentT, agentReq] {
	r := &resource[agentT, agentReq]{path: "/agents",
		Resource: &attributes.Resource{Name: "agent", Collection: "agents", Attributes: agentAttributes()},
		list:     a.svc.Agents, find: a.svc.Agent,
		update: func(ctx context.Context, id string, r agentReq, _ service.Match) (agentT, error) {
			return a.svc.UpdateAgent(ctx, id, r)
		},
		remove: func(ctx context.Context, id string, _ service.Match) error { return a.svc.DeleteAgent(ctx, id) },
		target: func(g *agentT) policy.Target { return policy.Target{"id": g.ID} },
	}
	return r.finish()
}

func (a *API) agentRoutes() httpapi.Table {
	one := a.agents.path + "/" + a.agents.param()
	return append(a.agents.routes(), httpapi.Table{
		{Method: "GET", Path: one + "/dhcp-networks", Status: 200, Rule: rule("get_dhcp-networks"),
			Do: httpapi.OnCall(a.agents.forShow, a.listAgentNetworks)},
		{Method: "POST", Path: one + "/dhcp-networks", Status: 201, Rule: rule("create_dhcp-network"),
			Do: httpapi.OnCall(a.agents.forShow, assign("network_id", a.svc.ServeNetwork))},
		{Method: "DELETE", Path: one + "/dhcp-networks/{network_id}", Status: 204, Rule: rule("delete_dhcp-network"),
			Do: httpapi.OnCall(a.agents.forShow, unassign("network_id", a.svc.UnserveNetwork))},
		{Method: "GET", Path: one + "/l3-routers", Status: 200, Rule: rule("get_l3-routers"),
			Do: httpapi.OnCall(a.agents.forShow, a.listAgentRouters)},
		{Method: "POST", Path: one + "/l3-routers", Status: 201, Rule: rule("create_l3-router"),
			Do: httpapi.OnCall(a.agents.forShow, assign("router_id", a.svc.HostRouter))},
		{Method: "DELETE", Path: one + "/l3-routers/{router_id}", Status: 204, Rule: rule("delete_l3-router"),
			Do: httpapi.OnCall(a.agents.forShow, unassign("router_id", a.svc.UnhostRouter))},
	}...)
}

func (a *API) listAgentNetworks(c *httpapi.Call, o owned[agentT]) (json.RawMessage, error) {
	rows, err := a.svc.NetworksOfAgent(c.Ctx(), o.row)
	if err != nil {
		return nil, err
	}
	return a.networks.page(c, neutron.Query{}, rows)
}

func (a *API) listAgentRouters(c *httpapi.Call, o owned[agentT]) (json.RawMessage, error) {
	rows, err := a.svc.RoutersOfAgent(c.Ctx(), o.row)
	if err != nil {
		return nil, err
	}
	return a.routers.page(c, neutron.Query{}, rows)
}

// assign gives what the body names to an agent; the answer is null.
func assign(key string, do func(context.Context, agentT, string) error) func(*httpapi.Call, owned[agentT]) (json.RawMessage, error) {
	return func(c *httpapi.Call, o owned[agentT]) (json.RawMessage, error) {
		m, err := object(c)
		if err != nil {
			return nil, err
		}
		id, ok := m[key].(string)
		if !ok {
			return nil, neutron.Invalid("Failed to parse request. Required attribute '%s' not specified", key)
		}
		return json.RawMessage("null"), do(c.Ctx(), o.row, id)
	}
}

func unassign(key string, do func(context.Context, agentT, string) error) func(*httpapi.Call, owned[agentT]) (httpapi.None, error) {
	return func(c *httpapi.Call, o owned[agentT]) (httpapi.None, error) {
		return httpapi.None{}, do(c.Ctx(), o.row, c.Param(key))
	}
}

// zoneRoutes list availability zones.
func (a *API) zoneRoutes() httpapi.Table {
	return httpapi.Table{{Method: "GET", Path: "/availability_zones", Status: 200, Rule: rule("get_availability_zone"), Do: httpapi.Get(a.listZones)}}
}

// zoneAttributes is the table of availability zones.
var zoneAttributes = &attributes.Resource{Name: "availability_zone", Collection: "availability_zones",
	Attributes: []attribute{{Name: "name", Filter: true}, {Name: "resource", Filter: true}, {Name: "state", Filter: true}}}

func (a *API) listZones(c *httpapi.Call) (map[string][]neutron.AvailabilityZone, error) {
	q, err := zoneAttributes.Query(c.Query)
	if err != nil {
		return nil, err
	}
	zones, err := a.svc.AvailabilityZones(c.Ctx())
	out := []neutron.AvailabilityZone{}
	for _, z := range zones {
		if passes(q, "name", z.Name) && passes(q, "resource", z.Resource) && passes(q, "state", z.State) {
			out = append(out, z)
		}
	}
	return map[string][]neutron.AvailabilityZone{"availability_zones": out}, err
}

// passes tells whether a value meets the query's filter on an attribute.
func passes(q neutron.Query, attr, value string) bool {
	values := q.Values(attr)
	for _, v := range values {
		if v == value {
			return true
		}
	}
	return values == nil
}
