package api

import (
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// baseRules are those that other rules refer to, and those that a handler
// asks besides the one in its row.
var baseRules = []policy.Rule{
	{Name: "admin_required", Check: "role:admin or is_admin:1"},
	{Name: "service_role", Check: "role:service"},
	{Name: "service_or_admin", Check: "rule:admin_required or rule:service_role"},
	{Name: "owner", Check: "user_id:%(user_id)s"},
	{Name: "admin_or_owner", Check: "rule:admin_required or rule:owner"},
	{Name: "token_subject", Check: "user_id:%(target.token.user_id)s"},
	{Name: "admin_or_token_subject", Check: "rule:admin_required or rule:token_subject"},
	{Name: "service_admin_or_token_subject", Check: "rule:service_or_admin or rule:token_subject"},
	{Name: "domain_managed_target_role", Check: "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s"},

	reading("identity:get_domain_role"), reading("identity:list_domain_roles"),
	administering("identity:create_domain_role"), administering("identity:update_domain_role"), administering("identity:delete_domain_role"),
	anyScope("identity:list_role_assignments_for_tree", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)"),
}

// administering is a rule for administrators.
func administering(name string) policy.Rule {
	return policy.Rule{Name: name, Check: "rule:admin_required", Scope: []string{"system", "project"}}
}

// reading is a rule for administrators and for readers of the system.
func reading(name string) policy.Rule {
	return policy.Rule{Name: name, Check: "rule:admin_required or (role:reader and system_scope:all)", Scope: []string{"system", "project"}}
}

// anyScope is a rule that tokens of every scope may pass.
func anyScope(name, check string) policy.Rule {
	return policy.Rule{Name: name, Check: check, Scope: []string{"system", "domain", "project"}}
}

// found is what a call is about: the resource, or why there is none, and what
// the rule is asked of. The rule is asked first either way, so that only who
// may see a resource learns that it is not there.
type found[T any] struct {
	value   T
	missing error
	target  policy.Target
}

// PolicyTarget is what the rule is asked of.
func (f found[T]) PolicyTarget() policy.Target { return f.target }

// finding gives a resource and its target; a target without a resource comes
// with its 404.
type finding[T any] func(c *httpapi.Call) (T, policy.Target, error)

func (find finding[T]) found(c *httpapi.Call) (found[T], error) {
	v, target, err := find(c)
	if err != nil && !fault.Is(err, 404) {
		return found[T]{}, err
	}
	if target == nil {
		target = policy.Target{}
	}
	return found[T]{v, err, target}, nil
}

// on handles a call on what find gives.
func on[T, V any](find finding[T], do func(c *httpapi.Call, v T) (V, error)) httpapi.Handler {
	return httpapi.OnCall(find.found, func(c *httpapi.Call, f found[T]) (v V, err error) {
		if f.missing != nil {
			return v, f.missing
		}
		return do(c, f.value)
	})
}

// onJSON is on with a body.
func onJSON[T, B, V any](find finding[T], do func(c *httpapi.Call, v T, body B) (V, error)) httpapi.Handler {
	return httpapi.OnCallJSON(find.found, func(c *httpapi.Call, f found[T], body B) (v V, err error) {
		if f.missing != nil {
			return v, f.missing
		}
		return do(c, f.value, body)
	})
}

// known finds what nobody needs a rule to learn the absence of.
func (find finding[T]) known(c *httpapi.Call) (found[T], error) {
	v, target, err := find(c)
	return found[T]{value: v, target: target}, err
}

// onKnown is on with the 404 before the rule, as the original has it where it
// looks a resource up for a rule that asks nothing of it.
func onKnown[T, V any](find finding[T], do func(c *httpapi.Call, v T) (V, error)) httpapi.Handler {
	return httpapi.OnCall(find.known, func(c *httpapi.Call, f found[T]) (V, error) { return do(c, f.value) })
}

// onKnownJSON is onKnown with a body.
func onKnownJSON[T, B, V any](find finding[T], do func(c *httpapi.Call, v T, body B) (V, error)) httpapi.Handler {
	return httpapi.OnCallJSON(find.known, func(c *httpapi.Call, f found[T], body B) (V, error) { return do(c, f.value, body) })
}

// nothing is the resource of a call that only has a target.
type nothing struct{}

// of makes a finding of a target alone.
func of(target func(c *httpapi.Call) policy.Target) finding[nothing] {
	return func(c *httpapi.Call) (nothing, policy.Target, error) { return nothing{}, target(c), nil }
}

// callerDomain is the target of a list: the domain that the token is for.
func callerDomain(key string) finding[nothing] {
	return of(func(c *httpapi.Call) policy.Target {
		if c.Caller.DomainID == "" {
			return policy.Target{}
		}
		return policy.Target{key: c.Caller.DomainID}
	})
}

// nullable is how an absent domain looks to a rule.
func nullable(id string) any {
	if id == "" {
		return nil
	}
	return id
}
