package glance

import "time"

// MetadefObject is a group of properties that belong together.
type MetadefObject struct {
	ID          int64                   `bun:"id,pk,autoincrement"`
	NamespaceID int64                   `bun:"namespace_id"`
	Name        string                  `bun:"name"`
	Description *string                 `bun:"description"`
	Required    []string                `bun:"required"` // names of properties
	Properties  map[string]PropertyType `bun:"properties"`
	CreatedAt   time.Time               `bun:"created_at"`
	UpdatedAt   *time.Time              `bun:"updated_at"`
}
