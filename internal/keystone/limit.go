package keystone

// RegisteredLimit is how much of a resource every project has that has no
// limit of its own.
type RegisteredLimit struct {
	ID           string  `bun:"id,pk"`
	ServiceID    string  `bun:"service_id"`
	RegionID     string  `bun:"region_id"` // "" for none
	ResourceName string  `bun:"resource_name"`
	DefaultLimit int     `bun:"default_limit"` // -1 is unlimited
	Description  *string `bun:"description"`
}

// Limit is how much of a resource one project or domain has. What it shares
// with its registered limit is kept in both: a registered limit cannot change
// while a limit refers to it.
type Limit struct {
	ID            string  `bun:"id,pk"`
	RegisteredID  string  `bun:"registered_limit_id"`
	ProjectID     string  `bun:"project_id"` // either this
	DomainID      string  `bun:"domain_id"`  // or that
	ServiceID     string  `bun:"service_id"`
	RegionID      string  `bun:"region_id"`
	ResourceName  string  `bun:"resource_name"`
	ResourceLimit int     `bun:"resource_limit"` // -1 is unlimited
	Description   *string `bun:"description"`
}

// LimitModel says how limits relate to the tree of projects.
type LimitModel struct {
	Name, Description string
	MaxDepth          int // of the tree of projects below a domain; 0 is any
}

// The models, [unified_limit] enforcement_model.
var (
	FlatLimits = LimitModel{Name: "flat",
		Description: "Limit enforcement and validation does not take project hierarchy into consideration."}
	StrictTwoLevelLimits = LimitModel{Name: "strict_two_level", MaxDepth: 2,
		Description: "This model requires project hierarchy never exceeds a depth of two"}
)

// LimitModelNamed is the model of that name, or false.
func LimitModelNamed(name string) (LimitModel, bool) {
	for _, m := range []LimitModel{FlatLimits, StrictTwoLevelLimits} {
		if m.Name == name {
			return m, true
		}
	}
	return LimitModel{}, false
}

// Attribute is what a list can be filtered by.
func (l RegisteredLimit) Attribute(name string) any {
	switch name {
	case "service_id":
		return l.ServiceID
	case "region_id":
		return l.RegionID
	case "resource_name":
		return l.ResourceName
	}
	return nil
}

// Attribute is what a list can be filtered by.
func (l Limit) Attribute(name string) any {
	switch name {
	case "project_id":
		return l.ProjectID
	case "domain_id":
		return l.DomainID
	case "service_id":
		return l.ServiceID
	case "region_id":
		return l.RegionID
	case "resource_name":
		return l.ResourceName
	}
	return nil
}
