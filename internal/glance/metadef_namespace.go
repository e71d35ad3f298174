package glance

import (
	"time"

	"nacre/internal/oslo/policy"
)

// MetadefNamespace is a group of definitions of what images, volumes, flavors
// and the like may be told, for people and programs to choose from. Nothing is
// checked against them.
type MetadefNamespace struct {
	ID          int64      `bun:"id,pk,autoincrement"`
	Name        string     `bun:"namespace"`
	DisplayName *string    `bun:"display_name"`
	Description *string    `bun:"description"`
	Visibility  Visibility `bun:"visibility"` // Public or Private
	Protected   bool       `bun:"protected"`  // nothing in it may be deleted
	Owner       string     `bun:"owner"`      // a project
	CreatedAt   time.Time  `bun:"created_at"`
	UpdatedAt   *time.Time `bun:"updated_at"` // nil: since it came from a file
}

// PolicyTarget is what policy rules are asked about.
func (n MetadefNamespace) PolicyTarget() policy.Target {
	return policy.Target{"project_id": n.Owner, "visibility": string(n.Visibility)}
}

// MetadefContent is everything in a namespace.
type MetadefContent struct {
	Objects      []MetadefObject
	Properties   []MetadefProperty
	Tags         []MetadefTag
	Associations []MetadefAssociation
}

// MetadefFilter narrows a list of namespaces. A zero field does not.
type MetadefFilter struct {
	Visibility    Visibility
	ResourceTypes []string // with an association to any of them; nil: all
}
