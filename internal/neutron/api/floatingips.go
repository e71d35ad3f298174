package api

import (
	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/neutron/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type (
	floatingipT   = neutron.FloatingIP
	floatingipReq = neutron.FloatingIPRequest
)

// floatingipAttributes is the table of floating IPs.
func floatingipAttributes() []attribute {
	return join([]attribute{
		idAttribute(),
		{Name: "floating_ip_address", Post: true, Check: attributes.OrNull(attributes.Address), Filter: true, Sort: true, Policy: true},
		{Name: "subnet_id", Post: true, Check: attributes.OrNull(attributes.UUID), Hidden: true},
		{Name: "floating_network_id", Post: true, Required: true, Check: attributes.UUID, Filter: true, Sort: true},
		{Name: "router_id", Filter: true, Sort: true},
		{Name: "port_id", Post: true, Put: true, Check: attributes.OrNull(attributes.UUID), Filter: true},
		{Name: "fixed_ip_address", Post: true, Put: true, Check: attributes.OrNull(attributes.Address), Filter: true, Sort: true},
		{Name: "status", Filter: true, Sort: true},
		{Name: "dns_name", Post: true, Default: "", Convert: attributes.Lower, Check: attributes.DNSLabel},
		{Name: "dns_domain", Post: true, Default: "", Convert: attributes.Lower, Check: attributes.DNSDomain},
		{Name: "port_details"},
	}, ownerAttributes(), standardAttributes())
}

func (a *API) floatingipResource() *resource[floatingipT, floatingipReq] {
	r := &resource[floatingipT, floatingipReq]{path: "/floatingips",
		Resource: &attributes.Resource{Name: "floatingip", Collection: "floatingips", Tagged: true, Attributes: floatingipAttributes()},
		list:     a.svc.FloatingIPs, find: a.svc.FloatingIP, create: a.svc.CreateFloatingIPs, update: a.svc.UpdateFloatingIP, remove: a.svc.DeleteFloatingIP,
		target: func(f *floatingipT) policy.Target {
			return policy.Target{"id": f.ID, "project_id": f.ProjectID, "tenant_id": f.ProjectID}
		},
	}
	return r.finish()
}

func (a *API) floatingipRoutes() httpapi.Table {
	pools := httpapi.Route{Method: "GET", Path: "/floatingip_pools", Status: 200, Rule: rule("get_floatingip_pool"), Do: httpapi.Get(a.listFloatingIPPools)}
	dashed := pools
	dashed.Path = "/floatingip-pools" // what clients ask for
	return append(a.floatingips.routes(), pools, dashed)
}

// poolAttributes are the filters of floating IP pools.
var poolAttributes = &attributes.Resource{Name: "floatingip_pool", Collection: "floatingip_pools", Attributes: []attribute{
	{Name: "subnet_id", Filter: true}, {Name: "subnet_name", Filter: true}, {Name: "cidr", Filter: true}, {Name: "network_id", Filter: true},
	{Name: "project_id", Filter: true}, {Name: "tenant_id", Field: "project_id", Filter: true}}}

func (a *API) listFloatingIPPools(c *httpapi.Call) (map[string][]service.FloatingIPPool, error) {
	q, err := poolAttributes.Query(c.Query)
	if err != nil {
		return nil, err
	}
	pools, err := a.svc.FloatingIPPools(c.Ctx())
	out := []service.FloatingIPPool{}
	for _, p := range pools {
		if passes(q, "subnet_id", p.SubnetID) && passes(q, "subnet_name", p.SubnetName) && passes(q, "cidr", p.CIDR) &&
			passes(q, "network_id", p.NetworkID) && passes(q, "project_id", p.ProjectID) {
			out = append(out, p)
		}
	}
	return map[string][]service.FloatingIPPool{"floatingip_pools": out}, err
}
