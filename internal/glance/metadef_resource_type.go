package glance

import "time"

// MetadefResourceType is a kind of resource, in Heat's words: OS::Nova::Flavor.
type MetadefResourceType struct {
	ID        int64      `bun:"id,pk,autoincrement"`
	Name      string     `bun:"name"`
	CreatedAt time.Time  `bun:"created_at"`
	UpdatedAt *time.Time `bun:"updated_at"`
}

// MetadefAssociation says that a namespace's properties may be given to
// resources of a type.
type MetadefAssociation struct {
	ID               int64      `bun:"id,pk,autoincrement"`
	NamespaceID      int64      `bun:"namespace_id"`
	Name             string     `bun:"name"`              // of the resource type
	Prefix           *string    `bun:"prefix"`            // goes before the names of properties
	PropertiesTarget *string    `bun:"properties_target"` // which of the resource's properties: "image" of a volume
	CreatedAt        time.Time  `bun:"created_at"`
	UpdatedAt        *time.Time `bun:"updated_at"`
}
