package keystone

import "slices"

// DomainOption is one option that a domain has of its own: how its users are
// looked up.
type DomainOption struct {
	DomainID string `bun:"domain_id,pk"`
	Group    string `bun:"option_group,pk"`
	Option   string `bun:"option_name,pk"`
	Value    string `bun:"value"`  // JSON
	Secret   bool   `bun:"secret"` // never shown
}

// DomainConfig is options by group and name.
type DomainConfig map[string]map[string]any

// domainDefaults are the options that a domain may have of its own, with what
// holds for one that has not.
var domainDefaults = DomainConfig{
	"identity": {"driver": "sql", "list_limit": nil},
	"ldap": {
		"url": "ldap://localhost", "user": nil, "suffix": "cn=example,cn=com", "query_scope": "one", "page_size": 0,
		"alias_dereferencing": "default", "debug_level": nil, "chase_referrals": nil,
		"user_tree_dn": nil, "user_filter": nil, "user_objectclass": "inetOrgPerson", "user_id_attribute": "cn", "user_name_attribute": "sn",
		"user_mail_attribute": "mail", "user_description_attribute": "description", "user_pass_attribute": "userPassword",
		"user_enabled_attribute": "enabled", "user_enabled_invert": false, "user_enabled_mask": 0, "user_enabled_default": "True",
		"user_attribute_ignore": []any{"default_project_id"}, "user_default_project_id_attribute": nil, "user_enabled_emulation": false,
		"user_enabled_emulation_dn": nil, "user_enabled_emulation_use_group_config": false, "user_additional_attribute_mapping": []any{},
		"group_tree_dn": nil, "group_filter": nil, "group_objectclass": "groupOfNames", "group_id_attribute": "cn", "group_name_attribute": "ou",
		"group_members_are_ids": false, "group_member_attribute": "member", "group_desc_attribute": "description",
		"group_attribute_ignore": []any{}, "group_additional_attribute_mapping": []any{},
		"tls_cacertfile": nil, "tls_cacertdir": nil, "use_tls": false, "tls_req_cert": "demand",
		"use_pool": true, "pool_size": 10, "pool_retry_max": 3, "pool_retry_delay": 0.1, "pool_connection_timeout": -1,
		"pool_connection_lifetime": 600, "use_auth_pool": true, "auth_pool_size": 100, "auth_pool_connection_lifetime": 60,
	},
}

// sensitiveDomainOptions are those that a domain may have but nobody is shown.
var sensitiveDomainOptions = map[string][]string{"ldap": {"password"}}

// SensitiveDomainOption reports whether an option must not be shown.
func SensitiveDomainOption(group, option string) bool {
	return slices.Contains(sensitiveDomainOptions[group], option)
}

// DomainGroupKnown reports whether a domain may have options of that group.
func DomainGroupKnown(group string) bool { return domainDefaults[group] != nil }

// DomainOptionKnown reports whether a domain may have that option.
func DomainOptionKnown(group, option string) bool {
	_, ok := domainDefaults[group][option]
	return ok || SensitiveDomainOption(group, option)
}

// DomainDefaults are the options of a group, or of all ("") that may be shown.
func DomainDefaults(group string) DomainConfig {
	if group == "" {
		return domainDefaults
	}
	return DomainConfig{group: domainDefaults[group]}
}
