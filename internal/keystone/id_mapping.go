package keystone

// IDMapping says where the user or group of a public ID is kept, if not here,
// and which ID it has there.
type IDMapping struct {
	PublicID   string `bun:"public_id,pk"`
	DomainID   string `bun:"domain_id"`
	LocalID    string `bun:"local_id"`
	EntityType string `bun:"entity_type"` // ActorUser or ActorGroup
}

// IDMappingFilter selects mappings; empty fields select all.
type IDMappingFilter struct{ DomainID, PublicID, LocalID, EntityType string }
