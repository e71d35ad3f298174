package nova

// The resources a quota limits, in the API's words.
const (
	QuotaInstances                = "instances"
	QuotaCores                    = "cores"
	QuotaRAM                      = "ram" // MB
	QuotaKeyPairs                 = "key_pairs"
	QuotaMetadataItems            = "metadata_items"
	QuotaServerGroups             = "server_groups"
	QuotaServerGroupMembers       = "server_group_members"
	QuotaInjectedFiles            = "injected_files"
	QuotaInjectedFileContentBytes = "injected_file_content_bytes"
	QuotaInjectedFilePathBytes    = "injected_file_path_bytes"
)

// The resources of Neutron whose limits old microversions still show. They limit nothing here.
const (
	QuotaFixedIPs           = "fixed_ips"
	QuotaFloatingIPs        = "floating_ips"
	QuotaSecurityGroups     = "security_groups"
	QuotaSecurityGroupRules = "security_group_rules"
)

// Unlimited is the limit of what has none.
const Unlimited = -1

// Limits says how much there may be of each resource; Unlimited is no limit.
type Limits map[string]int

// DefaultLimits hold where neither the default quota class nor the project says otherwise.
func DefaultLimits() Limits {
	return Limits{
		QuotaInstances:                10,
		QuotaCores:                    20,
		QuotaRAM:                      51200,
		QuotaKeyPairs:                 100,
		QuotaMetadataItems:            128,
		QuotaServerGroups:             10,
		QuotaServerGroupMembers:       10,
		QuotaInjectedFiles:            5,
		QuotaInjectedFileContentBytes: 10240,
		QuotaInjectedFilePathBytes:    255,
		QuotaFixedIPs:                 Unlimited,
		QuotaFloatingIPs:              Unlimited,
		QuotaSecurityGroups:           Unlimited,
		QuotaSecurityGroupRules:       Unlimited,
	}
}

// Allows reports whether want more fit beside used.
func (l Limits) Allows(resource string, used, want int) bool {
	limit, limited := l[resource]
	return !limited || limit == Unlimited || want <= 0 || used+want <= limit
}

// Quota is one limit that was set for a project, or for one user in it (UserID is "" for the project).
type Quota struct {
	ProjectID string `bun:"project_id,pk"`
	UserID    string `bun:"user_id,pk"`
	Resource  string `bun:"resource,pk"`
	Limit     int    `bun:"hard_limit"`
}

// QuotaClass is one limit that was set for a class; only the class "default" is ever used.
type QuotaClass struct {
	Class    string `bun:"class_name,pk"`
	Resource string `bun:"resource,pk"`
	Limit    int    `bun:"hard_limit"`
}

// Usage is what a project, or one user in it, has now.
type Usage struct {
	Instances int `bun:"instances"`
	Cores     int `bun:"cores"`
	RAM       int `bun:"ram"` // MB
}

// Of is how much of a resource is in use; 0 for what is not counted by project.
func (u Usage) Of(resource string) int {
	switch resource {
	case QuotaInstances:
		return u.Instances
	case QuotaCores:
		return u.Cores
	case QuotaRAM:
		return u.RAM
	}
	return 0
}
