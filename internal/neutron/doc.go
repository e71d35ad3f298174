// Package neutron holds the nouns of the network service: networks, subnets,
// ports, routers, floating IPs, security groups and the agents that wire them.
//
// # Map
//
//	resource        table                 file in every layer
//	network         networks              networks.go
//	subnet          subnets               subnets.go
//	subnet pool     subnetpools           subnetpools.go
//	port            ports, ip_allocations, port_security_groups   ports.go
//	router          routers, router_ports router.go, routers.go
//	floating IP     floatingips           floatingips.go
//	security group  security_groups, security_group_rules         security_groups.go
//	quota           quotas                quotas.go
//	RBAC policy     rbac_policies         rbac_policies.go
//	agent           agents, hosts         agents.go
//
// # Processes
//
// neutron-server answers the API (api → service → store), tells the agents of
// hosts what their host should look like (rpcapi) and tells nova when a port
// is wired (peers). neutron-agent renders that state (agent).
//
// # A port
//
//	DOWN --the agent has wired and filtered it--> ACTIVE
//	ACTIVE --the tap is gone or the port is unbound--> DOWN
//
// # Invariants
//
// An address belongs to one port of a subnet, a MAC to one port of a network,
// a segmentation id to one network: unique indexes say so. Counting against a
// quota happens under the project's lock in the transaction that inserts.
// Every change bumps the revision of the hosts it concerns in its own
// transaction; hints to the agents are only hints.
//
// API: https://docs.openstack.org/api-ref/network/v2/
package neutron
