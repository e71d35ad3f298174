package glance

import "time"

// MetadefTag is a word that a resource may be tagged with.
type MetadefTag struct {
	ID          int64      `bun:"id,pk,autoincrement"`
	NamespaceID int64      `bun:"namespace_id"`
	Name        string     `bun:"name"`
	CreatedAt   time.Time  `bun:"created_at"`
	UpdatedAt   *time.Time `bun:"updated_at"`
}
