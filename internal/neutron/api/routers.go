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
	routerT   = neutron.Router
	routerReq = neutron.RouterRequest
)

// routerAttributes is the table of routers.
func routerAttributes() []attribute {
	return join([]attribute{
		idAttribute(), nameAttribute(), adminStateAttribute(),
		{Name: "status", Filter: true, Sort: true},
		{Name: "external_gateway_info", Post: true, Put: true, Refuse: attributes.Gateway, Policy: true,
			Parts: []string{"network_id", "enable_snat", "external_fixed_ips"}},
		{Name: "availability_zone_hints", Post: true, Check: attributes.ListOf(attributes.String(0))},
		{Name: "availability_zones"},
		{Name: "routes", Put: true, Convert: attributes.ListIfNull, Check: attributes.Routes},
	}, ownerAttributes(), standardAttributes())
}

func (a *API) routerResource() *resource[routerT, routerReq] {
	r := &resource[routerT, routerReq]{path: "/routers",
		Resource: &attributes.Resource{Name: "router", Collection: "routers", Tagged: true, Attributes: routerAttributes()},
		list:     a.svc.Routers, find: a.svc.Router, create: a.svc.CreateRouters, update: a.svc.UpdateRouter, remove: a.svc.DeleteRouter,
		target: func(rt *routerT) policy.Target {
			return policy.Target{"id": rt.ID, "project_id": rt.ProjectID, "tenant_id": rt.ProjectID}
		},
	}
	return r.finish()
}

func (a *API) routerRoutes() httpapi.Table {
	one := a.routers.path + "/" + a.routers.param()
	return append(a.routers.routes(), httpapi.Table{
		{Method: "PUT", Path: one + "/add_router_interface", Status: 200, Rule: rule("add_router_interface"),
			Do: httpapi.OnCall(a.routers.forShow, changeInterface(a.svc.AddInterface))},
		{Method: "PUT", Path: one + "/remove_router_interface", Status: 200, Rule: rule("remove_router_interface"),
			Do: httpapi.OnCall(a.routers.forShow, changeInterface(a.svc.RemoveInterface))},
		{Method: "PUT", Path: one + "/add_extraroutes", Status: 200, Rule: rule("add_extraroutes"),
			Do: httpapi.OnCall(a.routers.forShow, a.changeRoutes(a.svc.AddRoutes))},
		{Method: "PUT", Path: one + "/remove_extraroutes", Status: 200, Rule: rule("remove_extraroutes"),
			Do: httpapi.OnCall(a.routers.forShow, a.changeRoutes(a.svc.RemoveRoutes))},
		{Method: "GET", Path: one + "/l3-agents", Status: 200, Rule: rule("get_l3-agents"),
			Do: httpapi.OnCall(a.routers.forShow, a.listL3Agents)},
	}...)
}

// changeInterface reads the subnet or port of an interface.
func changeInterface(change func(context.Context, string, service.InterfaceRequest) (neutron.RouterInterface, error)) func(*httpapi.Call, owned[routerT]) (neutron.RouterInterface, error) {
	return func(c *httpapi.Call, o owned[routerT]) (neutron.RouterInterface, error) {
		m, err := object(c)
		if err != nil {
			return neutron.RouterInterface{}, err
		}
		var req service.InterfaceRequest
		for name, into := range map[string]*string{"subnet_id": &req.SubnetID, "port_id": &req.PortID} {
			v, sent := m[name]
			if !sent || v == nil {
				continue
			}
			if attributes.UUID(v) != "" {
				return neutron.RouterInterface{}, neutron.InvalidInput("'%s' is not a valid UUID", attributes.Text(v))
			}
			*into = v.(string)
		}
		return change(c.Ctx(), o.id, req)
	}
}

// changeRoutes reads the routes to add or remove.
func (a *API) changeRoutes(change func(context.Context, string, []neutron.Route) (routerT, error)) func(*httpapi.Call, owned[routerT]) (json.RawMessage, error) {
	return func(c *httpapi.Call, o owned[routerT]) (json.RawMessage, error) {
		item, err := body(c, "router")
		if err != nil {
			return nil, err
		}
		values, err := a.routers.Update(item, attributes.Owner{})
		if err != nil {
			return nil, err
		}
		req, err := decode[routerReq](values)
		if err != nil {
			return nil, err
		}
		rt, err := change(c.Ctx(), o.id, req.Routes.Value)
		if err != nil {
			return nil, err
		}
		return a.routers.one(c, &rt, false)
	}
}

func (a *API) listL3Agents(c *httpapi.Call, o owned[routerT]) (json.RawMessage, error) {
	rows, err := a.svc.L3AgentsOf(c.Ctx(), o.row)
	if err != nil {
		return nil, err
	}
	return a.agents.page(c, neutron.Query{}, rows)
}
