// Package nova holds the nouns of the Compute service: servers, flavors, key
// pairs, hosts, their states and the transitions that are allowed. It does no
// I/O and imports only oslo.
//
// The map of the service:
//
//	api/       routes, policy rules, bodies and microversions
//	service/   what a call means; the flows that build, delete and switch
//	           servers; the loops that compare rows with guests
//	scheduler/ a pure function: request and hosts in, ranking and refusals out
//	store/     SQL, one file per resource
//	peers/     Nova as a client of Glance, Neutron and Placement
//	rpcapi/    the messages between conductor and nova-compute
//	agent/     nova-compute, one per host; virt/ are its hypervisor drivers
//
// Processes: nova-api serves the routes, nova-conductor runs flows and loops,
// nova-compute runs on each host and has no database.
//
// A server's life, by vm_state (task_state tells the way between):
//
//	building ─► active ◄─► stopped, paused, suspended
//	    │          │
//	    └► error ◄─┴─► deleted
//
// API reference: https://docs.openstack.org/api-ref/compute/
package nova
