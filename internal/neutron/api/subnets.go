package api

import (
	"context"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

type (
	subnetT       = neutron.Subnet
	subnetReq     = neutron.SubnetRequest
	subnetpoolT   = neutron.Subnetpool
	subnetpoolReq = neutron.SubnetpoolRequest
)

// modes are those of IPv6 addresses and router advertisements.
var modes = attributes.OneOf(neutron.ModeSLAAC, neutron.ModeStateful, neutron.ModeStateless)

// subnetAttributes is the table of subnets.
func subnetAttributes() []attribute {
	return join([]attribute{
		idAttribute(), nameAttribute(),
		{Name: "ip_version", Post: true, Convert: attributes.Int, Check: attributes.OneOf(4, 6), Required: true, Filter: true, Sort: true},
		{Name: "network_id", Post: true, Required: true, Check: attributes.UUID, Filter: true, Sort: true},
		{Name: "subnetpool_id", Post: true, Check: attributes.OrNull(attributes.UUID), Filter: true, Sort: true},
		{Name: "use_default_subnetpool", Post: true, Default: false, Convert: attributes.Bool, Hidden: true},
		{Name: "prefixlen", Post: true, Convert: attributes.Int, Check: attributes.NonNegative, Hidden: true},
		{Name: "cidr", Post: true, Convert: attributes.CIDR, Check: attributes.OrNull(attributes.Prefix), Filter: true, Sort: true},
		{Name: "gateway_ip", Post: true, Put: true, Convert: attributes.IP, Check: attributes.OrNull(attributes.Address), Filter: true, Sort: true},
		{Name: "allocation_pools", Post: true, Put: true, Convert: attributes.Pools, Check: attributes.AllocationPools},
		{Name: "dns_nameservers", Post: true, Put: true, Convert: attributes.ListIfNull, Check: attributes.Nameservers},
		{Name: "host_routes", Post: true, Put: true, Convert: attributes.ListIfNull, Check: attributes.Routes},
		{Name: "enable_dhcp", Post: true, Put: true, Default: true, Convert: attributes.Bool, Filter: true, Sort: true},
		{Name: "ipv6_ra_mode", Post: true, Check: modes, Filter: true, Sort: true},
		{Name: "ipv6_address_mode", Post: true, Check: modes, Filter: true, Sort: true},
		{Name: "service_types", Post: true, Put: true, Refuse: attributes.ServiceTypes},
		{Name: "shared", Convert: attributes.Bool, Filter: true, Hidden: true},
	}, ownerAttributes(), standardAttributes())
}

func (a *API) subnetResource() *resource[subnetT, subnetReq] {
	r := &resource[subnetT, subnetReq]{path: "/subnets",
		Resource: &attributes.Resource{Name: "subnet", Collection: "subnets", Tagged: true, Attributes: subnetAttributes()},
		list:     a.svc.Subnets, find: a.svc.Subnet, create: a.svc.CreateSubnets, update: a.svc.UpdateSubnet, remove: a.svc.DeleteSubnet,
		target: func(s *subnetT) policy.Target {
			return withAccess(policy.Target{"id": s.ID, "project_id": s.ProjectID, "tenant_id": s.ProjectID, "network_id": s.NetworkID}, s.Network)
		},
		prepare: a.onNetwork,
	}
	return r.finish()
}

// withAccess adds what rules ask of a resource's network.
func withAccess(t policy.Target, n neutron.NetworkAccess) policy.Target {
	t["network:project_id"], t["network:tenant_id"] = n.ProjectID, n.ProjectID
	t["shared"], t["router:external"] = n.Shared, n.External
	return t
}

// onNetwork completes the target of what is to be made on a network.
func (a *API) onNetwork(ctx context.Context, t policy.Target) error {
	id, _ := t["network_id"].(string)
	n, err := a.svc.NetworkAccess(ctx, id)
	if err == nil {
		withAccess(t, n)
	}
	return err
}

// subnetpoolAttributes is the table of subnet pools.
func subnetpoolAttributes() []attribute {
	return join([]attribute{
		idAttribute(),
		{Name: "name", Post: true, Put: true, Required: true, Check: attributes.NotEmptyName, Filter: true, Sort: true},
		{Name: "prefixes", Post: true, Put: true, Required: true, Check: attributes.ListOf(attributes.Prefix)},
		{Name: "default_quota", Post: true, Put: true, Convert: attributes.IntOrNull, Check: attributes.OrNull(attributes.NonNegative), Filter: true, Sort: true},
		{Name: "ip_version", Convert: attributes.Int, Filter: true, Sort: true},
		{Name: "default_prefixlen", Post: true, Put: true, Convert: attributes.Int, Check: attributes.NonNegative, Filter: true, Sort: true},
		{Name: "min_prefixlen", Post: true, Put: true, Convert: attributes.Int, Check: attributes.NonNegative, Filter: true, Sort: true},
		{Name: "max_prefixlen", Post: true, Put: true, Convert: attributes.Int, Check: attributes.NonNegative, Filter: true, Sort: true},
		{Name: "is_default", Post: true, Put: true, Default: false, Convert: attributes.Bool, Filter: true, Sort: true, Policy: true},
		{Name: "shared", Post: true, Default: false, Convert: attributes.Bool, Filter: true, Sort: true, Policy: true},
	}, ownerAttributes(), standardAttributes())
}

func (a *API) subnetpoolResource() *resource[subnetpoolT, subnetpoolReq] {
	r := &resource[subnetpoolT, subnetpoolReq]{path: "/subnetpools",
		Resource: &attributes.Resource{Name: "subnetpool", Collection: "subnetpools", Tagged: true, Attributes: subnetpoolAttributes()},
		list:     a.svc.Subnetpools, find: a.svc.Subnetpool, create: a.svc.CreateSubnetpools, update: a.svc.UpdateSubnetpool, remove: a.svc.DeleteSubnetpool,
		target: func(p *subnetpoolT) policy.Target {
			return policy.Target{"id": p.ID, "project_id": p.ProjectID, "tenant_id": p.ProjectID, "shared": p.Shared}
		},
	}
	return r.finish()
}

func (a *API) subnetpoolRoutes() httpapi.Table {
	one := a.subnetpools.path + "/" + a.subnetpools.param()
	return append(a.subnetpools.routes(), httpapi.Table{
		{Method: "PUT", Path: one + "/add_prefixes", Status: 200, Rule: rule("add_prefixes"),
			Do: httpapi.OnCall(a.subnetpools.forShow, a.changePrefixes(a.svc.AddPrefixes))},
		{Method: "PUT", Path: one + "/remove_prefixes", Status: 200, Rule: rule("remove_prefixes"),
			Do: httpapi.OnCall(a.subnetpools.forShow, a.changePrefixes(a.svc.RemovePrefixes))},
	}...)
}

// changePrefixes answers with the pool's new prefixes.
func (a *API) changePrefixes(change func(context.Context, string, []string) (subnetpoolT, error)) func(*httpapi.Call, owned[subnetpoolT]) (any, error) {
	return func(c *httpapi.Call, o owned[subnetpoolT]) (any, error) {
		m, err := object(c)
		if err != nil {
			return nil, err
		}
		if why := attributes.ListOf(attributes.Prefix)(m["prefixes"]); why != "" {
			return nil, neutron.Invalid("Invalid input for prefixes. Reason: %s.", why)
		}
		var list []string
		for _, v := range m["prefixes"].([]any) {
			list = append(list, attributes.Text(v))
		}
		p, err := change(c.Ctx(), o.id, list)
		return map[string]any{"prefixes": p.Prefixes}, err
	}
}
