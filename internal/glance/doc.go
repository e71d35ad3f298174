// Package glance holds the nouns of the Image service: images, their members,
// their states and which transition is allowed; metadata definitions. It does no I/O.
//
//	format/   what an image file really is, found out while it streams by
//	blob/     the drivers that keep the bytes of images
//	signature/, keymanager/  what was signed of the bytes, and whose certificates say so
//	protection/  who may do what to which properties
//	store/    the database
//	service/  what each call means; uploads; the loops that heal
//	api/      routes, schemas, JSON patches, error shapes
//
// An image begins queued: a record without bytes. An upload makes it saving,
// then active; one that fails, is aborted or dies makes it queued again, with
// no bytes left. Its locations say which stores have the bytes.
//
//	queued ──▶ saving ──▶ active ◀──▶ deactivated
//	   ▲          │          │             │
//	   └──────────┘          ▼             ▼
//	   └──────────────────▶ deleted ◀──────┘
//
// API reference: https://docs.openstack.org/api-ref/image/v2/
package glance
