package keystone

// Region is a place that endpoints are in.
type Region struct {
	ID          string         `bun:"id,pk"`
	Description string         `bun:"description"`
	ParentID    string         `bun:"parent_region_id"` // "" for none
	Extra       map[string]any `bun:"extra"`
}

// Service is a kind of API that the cloud offers. Its name and description are in Extra.
type Service struct {
	ID      string         `bun:"id,pk"`
	Type    string         `bun:"type"`
	Enabled bool           `bun:"enabled"`
	Extra   map[string]any `bun:"extra"`
}

// Endpoint is an address of a service.
type Endpoint struct {
	ID        string         `bun:"id,pk"`
	ServiceID string         `bun:"service_id"`
	Interface string         `bun:"interface"` // public, internal or admin
	RegionID  string         `bun:"region_id"` // "" for none
	URL       string         `bun:"url"`       // may hold %(project_id)s, %(tenant_id)s, %(user_id)s
	Enabled   bool           `bun:"enabled"`
	Extra     map[string]any `bun:"extra"`
}

// Name is the service's name, or "".
func (s Service) Name() string {
	name, _ := s.Extra["name"].(string)
	return name
}

// Attribute is what a list can be filtered by.
func (r Region) Attribute(name string) any {
	if name == "parent_region_id" {
		return r.ParentID
	}
	return nil
}

// Attribute is what a list can be filtered by.
func (s Service) Attribute(name string) any {
	switch name {
	case "type":
		return s.Type
	case "name":
		return s.Extra["name"]
	}
	return nil
}

// Attribute is what a list can be filtered by.
func (e Endpoint) Attribute(name string) any {
	switch name {
	case "interface":
		return e.Interface
	case "service_id":
		return e.ServiceID
	case "region_id":
		return e.RegionID
	}
	return nil
}
