package keystone

// IdentityProvider is somebody elsewhere who says who users are.
type IdentityProvider struct {
	ID               string  `bun:"id,pk"`
	DomainID         string  `bun:"domain_id"` // of its users
	Enabled          bool    `bun:"enabled"`
	Description      *string `bun:"description"`
	AuthorizationTTL *int    `bun:"authorization_ttl"` // minutes that group memberships last; nil is the service's default

	RemoteIDs []string `bun:"-"` // what it calls itself, sorted
}

// RemoteID is one name by which an identity provider calls itself.
type RemoteID struct {
	RemoteID string `bun:"remote_id,pk"`
	IDPID    string `bun:"idp_id"`
}

// Protocol is a way in which an identity provider speaks to us, with the
// mapping that its assertions go through.
type Protocol struct {
	ID                string  `bun:"id,pk"`
	IDPID             string  `bun:"idp_id,pk"`
	MappingID         string  `bun:"mapping_id"`
	RemoteIDAttribute *string `bun:"remote_id_attribute"` // of an assertion: holds the provider's remote ID
}

// Attribute is what a list can be filtered by.
func (p IdentityProvider) Attribute(name string) any {
	switch name {
	case "id":
		return p.ID
	case "enabled":
		return p.Enabled
	case "domain_id":
		return p.DomainID
	}
	return nil
}
