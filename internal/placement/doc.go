// Package placement is the book-keeper of resources: what providers have
// (inventories), who uses it (allocations), and which providers could serve a
// request (allocation candidates).
//
// Resources: resource providers (a tree), inventories, resource classes,
// traits, aggregates, allocations, consumers, usages. Tables: see
// store/migrations. Process: placement-api. Reference:
// https://docs.openstack.org/api-ref/placement/
//
// Invariant: the allocations of a provider never exceed its capacity, and
// every change of a provider raises its generation; a writer who read an older
// one gets 409.
package placement
