package keystone

// EndpointGroup is the endpoints that have certain attributes.
type EndpointGroup struct {
	ID          string         `bun:"id,pk"`
	Name        string         `bun:"name"`
	Description *string        `bun:"description"`
	Filters     map[string]any `bun:"filters"` // of service_id, region_id, interface; all must hold
}

// EndpointFilters are what an endpoint group can be made by.
var EndpointFilters = []string{"service_id", "region_id", "interface"}

// ProjectEndpoint says that a project may see an endpoint. A project that is
// in none of these, and in no group, sees them all.
type ProjectEndpoint struct {
	ProjectID  string `bun:"project_id,pk"`
	EndpointID string `bun:"endpoint_id,pk"`
}

// ProjectEndpointGroup says that a project may see the endpoints of a group.
type ProjectEndpointGroup struct {
	ProjectID string `bun:"project_id,pk"`
	GroupID   string `bun:"endpoint_group_id,pk"`
}

// Holds reports whether an endpoint is in the group.
func (g EndpointGroup) Holds(e Endpoint) bool {
	for name, want := range g.Filters {
		have, _ := e.Attribute(name).(string)
		if text, _ := want.(string); have != text {
			return false
		}
	}
	return true
}

// Attribute is what a list can be filtered by.
func (g EndpointGroup) Attribute(name string) any {
	if name == "name" {
		return g.Name
	}
	return nil
}
