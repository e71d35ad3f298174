// Package policy is the language of oslo.policy: named rules over an
// identity and a target, with defaults in code and overrides in a file.
//
// A check is one of "" and "@" (anyone), "!" (nobody), "role:NAME",
// "rule:NAME", "KIND:MATCH" where MATCH may be %(target_field)s, joined by
// and, or, not and parentheses. Rules are compiled once to closures.
package policy

import "nacre/internal/oslo/auth"

// Rule is a named check with its default.
type Rule struct {
	Name        string
	Check       string   // default check string
	Scope       []string // token scopes that may use it: system, domain, project; none means any
	Description string
	Operations  []string // "GET /servers", for the printed sample
}

// Target is what a rule is asked about: the attributes of a resource.
// Dotted names such as target.user.id are keys as they stand.
type Target map[string]any

// Owned is the target of a call that is about the caller's own project.
func Owned(id auth.Identity) Target {
	return Target{"project_id": id.ProjectID, "user_id": id.UserID, "domain_id": id.DomainID, "tenant_id": id.ProjectID}
}
