package api

import (
	"encoding/json"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type (
	networkT   = neutron.Network
	networkReq = neutron.NetworkRequest
)

// networkAttributes is the table of networks.
func networkAttributes() []attribute {
	return join([]attribute{
		idAttribute(), nameAttribute(), adminStateAttribute(),
		{Name: "subnets"},
		{Name: "status", Filter: true, Sort: true},
		{Name: "mtu", Post: true, Put: true, Default: 0, Convert: attributes.Int, Check: attributes.NonNegative, Filter: true, Sort: true, Policy: true},
		{Name: "shared", Post: true, Put: true, Default: false, Convert: attributes.Bool, Filter: true, Policy: true},
		{Name: "availability_zone_hints", Post: true, Check: attributes.ListOf(attributes.String(0))},
		{Name: "availability_zones"},
		{Name: "router:external", Post: true, Put: true, Default: false, Convert: attributes.Bool, Filter: true, Policy: true},
		{Name: "is_default", Post: true, Put: true, Default: false, Convert: attributes.Bool, Filter: true, Policy: true},
		{Name: "port_security_enabled", Post: true, Put: true, Default: true, Convert: attributes.Bool, Filter: true, Policy: true},
		{Name: "provider:network_type", Post: true, Put: true, Check: attributes.String(32), Filter: true, Policy: true},
		{Name: "provider:physical_network", Post: true, Put: true, Check: attributes.OrNull(attributes.String(64)), Filter: true, Policy: true},
		{Name: "provider:segmentation_id", Post: true, Put: true, Convert: attributes.IntOrNull, Filter: true, Policy: true},
		{Name: "dns_domain", Post: true, Put: true, Default: "", Convert: attributes.Lower, Check: attributes.DNSDomain, Filter: true},
	}, ownerAttributes(), standardAttributes())
}

func (a *API) networkResource() *resource[networkT, networkReq] {
	r := &resource[networkT, networkReq]{path: "/networks",
		Resource: &attributes.Resource{Name: "network", Collection: "networks", Tagged: true, Attributes: networkAttributes()},
		list:     a.svc.Networks, find: a.svc.Network, create: a.svc.CreateNetworks, update: a.svc.UpdateNetwork, remove: a.svc.DeleteNetwork,
		target: networkTarget,
	}
	return r.finish()
}

func networkTarget(n *networkT) policy.Target {
	return policy.Target{"id": n.ID, "project_id": n.ProjectID, "tenant_id": n.ProjectID, "shared": n.Shared, "router:external": n.External}
}

func (a *API) networkRoutes() httpapi.Table {
	return append(a.networks.routes(), httpapi.Route{Method: "GET", Path: "/networks/{network_id}/dhcp-agents", Status: 200,
		Rule: rule("get_dhcp-agents"), Do: httpapi.OnCall(a.networks.forShow, a.listDHCPAgents)})
}

func (a *API) listDHCPAgents(c *httpapi.Call, o owned[networkT]) (json.RawMessage, error) {
	rows, err := a.svc.DHCPAgentsOf(c.Ctx(), o.row)
	if err != nil {
		return nil, err
	}
	return a.agents.page(c, neutron.Query{}, rows)
}
