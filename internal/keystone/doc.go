// Package keystone is the identity service: who there is (users, groups), what
// they may act on (projects, domains, the system), with which roles, and where
// the services of the cloud are (services, endpoints, regions).
//
// Resources and tables:
//
//	users, user_groups, memberships     who
//	projects                            projects, and domains (is_domain)
//	roles, implied_roles, assignments   with which roles, on what
//	regions, services, endpoints        the catalogue
//	id_mapping                          users and groups that are kept elsewhere (package identity)
//	revocation_events                   tokens that are no longer good
//	revisions                           one counter that every change moves
//
// Tokens are Fernet tokens (package token) and are not stored. A token is
// resolved against the tables each time it is validated; what was resolved is
// remembered for as long as the revision stands, which is read from the
// database every time, so a change holds at the next call on every replica.
// What hangs on users who are kept elsewhere is asked again after a while.
//
// API reference: https://docs.openstack.org/api-ref/identity/v3/
package keystone
