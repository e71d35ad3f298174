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
	return append(a.floatingips.routes(), httpapi.Route{Method: "GET", Path: "/floatingip_pools", Status: 200,
		Rule: rule("get_floatingip_pool"), Do: httpapi.Get(a.listFloatingIPPools)})
}

func (a *API) listFloatingIPPools(c *httpapi.Call) (map[string][]service.FloatingIPPool, error) {
	pools, err := a.svc.FloatingIPPools(c.Ctx())
	return map[string][]service.FloatingIPPool{"floatingip_pools": pools}, err
}
