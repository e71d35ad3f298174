package api

import (
	"context"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/policy"
)

type (
	groupT   = neutron.SecurityGroup
	groupReq = neutron.SecurityGroupRequest
	ruleT    = neutron.SecurityGroupRule
	ruleReq  = neutron.SecurityGroupRuleRequest
)

// securityGroupAttributes is the table of security groups.
func securityGroupAttributes() []attribute {
	return join([]attribute{
		idAttribute(),
		{Name: "name", Post: true, Put: true, Default: "", Refuse: attributes.GroupName, Filter: true, Sort: true},
		{Name: "stateful", Post: true, Put: true, Default: true, Convert: attributes.Bool, Filter: true, Sort: true},
		{Name: "shared", Convert: attributes.Bool, Filter: true},
		{Name: "security_group_rules"},
	}, ownerAttributes(), standardAttributes())
}

func (a *API) securityGroupResource() *resource[groupT, groupReq] {
	r := &resource[groupT, groupReq]{path: "/security-groups",
		Resource: &attributes.Resource{Name: "security_group", Collection: "security_groups", Tagged: true, Attributes: securityGroupAttributes()},
		list:     a.svc.SecurityGroups, find: a.svc.SecurityGroup, create: a.svc.CreateSecurityGroups,
		update: a.svc.UpdateSecurityGroup, remove: a.svc.DeleteSecurityGroup,
		target: func(g *groupT) policy.Target {
			return policy.Target{"id": g.ID, "project_id": g.ProjectID, "tenant_id": g.ProjectID, "shared": g.Shared}
		},
	}
	return r.finish()
}

// securityGroupRuleAttributes is the table of their rules.
func securityGroupRuleAttributes() []attribute {
	return join([]attribute{
		idAttribute(),
		{Name: "security_group_id", Post: true, Required: true, Check: attributes.String(36), Filter: true, Sort: true},
		{Name: "remote_group_id", Post: true, Check: attributes.OrNull(attributes.String(36)), Filter: true, Sort: true},
		{Name: "direction", Post: true, Required: true, Check: attributes.OneOf("ingress", "egress"), Filter: true, Sort: true},
		{Name: "protocol", Post: true, Convert: attributes.Protocol, Filter: true, Sort: true},
		{Name: "port_range_min", Post: true, Convert: attributes.PortNumber, Filter: true, Sort: true},
		{Name: "port_range_max", Post: true, Convert: attributes.PortNumber, Filter: true, Sort: true},
		{Name: "ethertype", Post: true, Default: "IPv4", Convert: attributes.EtherType, Filter: true, Sort: true},
		{Name: "remote_ip_prefix", Post: true, Convert: attributes.RemotePrefix, Filter: true, Sort: true},
		{Name: "normalized_cidr"},
		{Name: "description", Post: true, Default: "", Check: attributes.String(255), Filter: true, Sort: true},
	}, ownerAttributes(), timeAttributes())
}

func (a *API) securityGroupRuleResource() *resource[ruleT, ruleReq] {
	r := &resource[ruleT, ruleReq]{path: "/security-group-rules",
		Resource: &attributes.Resource{Name: "security_group_rule", Collection: "security_group_rules", Attributes: securityGroupRuleAttributes()},
		list:     a.svc.SecurityGroupRules, find: a.svc.SecurityGroupRule, create: a.svc.CreateSecurityGroupRules, remove: a.svc.DeleteSecurityGroupRule,
		target: func(r *ruleT) policy.Target {
			return policy.Target{"id": r.ID, "project_id": r.ProjectID, "tenant_id": r.ProjectID,
				"security_group:project_id": r.GroupProjectID, "security_group:tenant_id": r.GroupProjectID}
		},
		prepare: a.inGroup,
	}
	return r.finish()
}

// inGroup completes the target of a rule to be made.
func (a *API) inGroup(ctx context.Context, t policy.Target) error {
	id, _ := t["security_group_id"].(string)
	owner, err := a.svc.GroupOwner(ctx, id)
	t["security_group:project_id"], t["security_group:tenant_id"] = owner, owner
	return err
}
