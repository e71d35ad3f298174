package store

import (
	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var metadefProperties = db.Table[glance.MetadefProperty]("metadef_properties")

// MetadefProperties are the properties of namespaces.
func (s *Store) MetadefProperties() MetadefRows[glance.MetadefProperty] {
	return MetadefRows[glance.MetadefProperty]{s, metadefProperties}
}
