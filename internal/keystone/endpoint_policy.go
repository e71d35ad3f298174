package keystone

// Policy is a text that a service may ask for: rules, mostly. Identity does
// not look into it.
type Policy struct {
	ID    string         `bun:"id,pk"`
	Type  string         `bun:"type"` // media type
	Blob  string         `bun:"content"`
	Extra map[string]any `bun:"extra"`
}

// PolicyAssociation says which policy an endpoint goes by: an endpoint alone,
// a service alone, or a service in a region; "" for the others.
type PolicyAssociation struct {
	EndpointID string `bun:"endpoint_id,pk"`
	ServiceID  string `bun:"service_id,pk"`
	RegionID   string `bun:"region_id,pk"`
	PolicyID   string `bun:"policy_id"`
}

// Attribute is what a list can be filtered by.
func (p Policy) Attribute(name string) any {
	if name == "type" {
		return p.Type
	}
	return nil
}
