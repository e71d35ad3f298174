package neutron

import (
	"encoding/json"
	"time"
)

// DefaultGroup is the name of the security group that every project has.
const DefaultGroup = "default"

// SecurityGroup is a set of rules that ports carry.
type SecurityGroup struct {
	ID        string              `bun:"id,pk" json:"id"`
	Name      string              `bun:"name" json:"name"`
	Stateful  bool                `bun:"stateful" json:"stateful"`
	ProjectID string              `bun:"project_id" json:"project_id"`
	Shared    bool                `bun:"-" json:"shared"`
	Rules     []SecurityGroupRule `bun:"-" json:"security_group_rules"`
	IsDefault bool                `bun:"is_default" json:"-"`
	Standard
}

// SecurityGroupRule lets traffic through; null matches everything.
type SecurityGroupRule struct {
	ID              string    `bun:"id,pk" json:"id"`
	ProjectID       string    `bun:"project_id" json:"project_id"`
	SecurityGroupID string    `bun:"security_group_id" json:"security_group_id"`
	EtherType       string    `bun:"ethertype" json:"ethertype"` // IPv4, IPv6
	Direction       string    `bun:"direction" json:"direction"` // ingress, egress
	Protocol        *string   `bun:"protocol" json:"protocol"`
	PortRangeMin    *int      `bun:"port_range_min" json:"port_range_min"`
	PortRangeMax    *int      `bun:"port_range_max" json:"port_range_max"`
	RemoteIPPrefix  *string   `bun:"remote_ip_prefix" json:"remote_ip_prefix"`
	NormalizedCIDR  *string   `bun:"normalized_cidr" json:"normalized_cidr"`
	RemoteGroupID   *string   `bun:"remote_group_id" json:"remote_group_id"`
	Description     *string   `bun:"description" json:"description"`
	CreatedAt       time.Time `bun:"created_at" json:"created_at"`
	UpdatedAt       time.Time `bun:"updated_at" json:"updated_at"`
	Revision        int       `bun:"revision_number" json:"revision_number"`

	GroupProjectID string `bun:"-" json:"-"` // owner of the group, for the policy
}

// SecurityGroupRequest creates or changes a security group.
type SecurityGroupRequest struct {
	Name        Opt[string] `json:"name"`
	ProjectID   Opt[string] `json:"project_id"`
	Stateful    Opt[bool]   `json:"stateful"`
	Description Opt[string] `json:"description"`
}

// SecurityGroupRuleRequest creates a rule.
type SecurityGroupRuleRequest struct {
	ProjectID       Opt[string]  `json:"project_id"`
	SecurityGroupID Opt[string]  `json:"security_group_id"`
	EtherType       Opt[string]  `json:"ethertype"`
	Direction       Opt[string]  `json:"direction"`
	Protocol        Opt[*string] `json:"protocol"`
	PortRangeMin    Opt[*int]    `json:"port_range_min"`
	PortRangeMax    Opt[*int]    `json:"port_range_max"`
	RemoteIPPrefix  Opt[*string] `json:"remote_ip_prefix"`
	RemoteGroupID   Opt[*string] `json:"remote_group_id"`
	Description     Opt[string]  `json:"description"`
}

// MarshalJSON writes a rule as part of its group: with its project under both
// names and times in seconds.
func (r SecurityGroupRule) MarshalJSON() ([]byte, error) {
	type plain SecurityGroupRule
	const layout = "2006-01-02T15:04:05Z"
	return json.Marshal(struct {
		plain
		TenantID  string `json:"tenant_id"`
		CreatedAt string `json:"created_at"`
		UpdatedAt string `json:"updated_at"`
	}{plain(r), r.ProjectID, r.CreatedAt.UTC().Format(layout), r.UpdatedAt.UTC().Format(layout)})
}
