package store

import (
	"nacre/internal/glance"
	"nacre/internal/oslo/db"
)

var objects = db.Table[glance.MetadefObject]("metadef_objects")

// MetadefObjects are the objects of namespaces.
func (s *Store) MetadefObjects() MetadefRows[glance.MetadefObject] {
	return MetadefRows[glance.MetadefObject]{s, objects}
}
