// Package api is the Networking API v2.0: its routes, policy rules, attribute
// tables and views, one file per resource. What a call means is decided in
// package service.
package api

import (
	"slices"

	"nacre/internal/neutron/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// bodyLimit lets large bulks through, in bytes.
const bodyLimit = 4 << 20

// API binds the routes to the service.
type API struct {
	svc *service.Service

	networks           *resource[networkT, networkReq]
	subnets            *resource[subnetT, subnetReq]
	subnetpools        *resource[subnetpoolT, subnetpoolReq]
	ports              *resource[portT, portReq]
	routers            *resource[routerT, routerReq]
	floatingips        *resource[floatingipT, floatingipReq]
	securityGroups     *resource[groupT, groupReq]
	securityGroupRules *resource[ruleT, ruleReq]
	rbacPolicies       *resource[rbacT, rbacReq]
	agents             *resource[agentT, agentReq]
}

// New puts the service behind its door.
func New(svc *service.Service, d httpapi.Door) (*httpapi.API, error) {
	a := &API{svc: svc}
	a.networks, a.subnets, a.subnetpools = a.networkResource(), a.subnetResource(), a.subnetpoolResource()
	a.ports, a.routers, a.floatingips = a.portResource(), a.routerResource(), a.floatingipResource()
	a.securityGroups, a.securityGroupRules = a.securityGroupResource(), a.securityGroupRuleResource()
	a.rbacPolicies, a.agents = a.rbacResource(), a.agentResource()
	return httpapi.New(httpapi.Service{
		Name: "neutron", Type: "network", Prefix: "/v2.0", TrimSlash: true, HeadFromGet: true, BodyLimit: bodyLimit,
		Roots: a.rootRoutes(), Table: a.table(), Rules: rules, AdminRule: "context_is_admin",
		Fault: encodeFault, Malformed: malformed, NotFound: notFound, NotAllowed: notAllowed, Forbidden: forbidden,
	}, d)
}

// table is every route, by resource.
func (a *API) table() httpapi.Table {
	return slices.Concat(
		a.indexRoutes(), a.extensionRoutes(),
		a.networkRoutes(), a.subnets.routes(), a.subnetpoolRoutes(), a.portRoutes(),
		a.routerRoutes(), a.floatingipRoutes(), a.securityGroups.routes(), a.securityGroupRules.routes(),
		a.rbacPolicies.routes(), a.agentRoutes(), a.quotaRoutes(), a.zoneRoutes(), a.availabilityRoutes(), a.tagRoutes(),
	)
}

// guarded are the attributes of a resource that are hidden by a rule of their own.
func guarded(name string) []string {
	var out []string
	prefix := "get_" + name + ":"
	for _, r := range rules {
		if len(r.Name) > len(prefix) && r.Name[:len(prefix)] == prefix {
			out = append(out, r.Name[len(prefix):])
		}
	}
	return out
}

// known tells whether there is a policy rule of that name.
func known(name string) bool {
	return slices.ContainsFunc(rules, func(r policy.Rule) bool { return r.Name == name })
}
