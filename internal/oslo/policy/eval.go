package policy

import (
	"fmt"
	"strings"

	"nacre/internal/oslo/auth"
)

// question is one evaluation: who asks, about what, under which rules.
type question struct {
	id     auth.Identity
	target Target
	rules  map[string]node
	depth  int
}

// node is a compiled check.
type node interface{ holds(q *question) bool }

type (
	always    bool
	anyOf     []node
	allOf     []node
	negation  struct{ of node }
	reference string
	role      match
	compare   struct {
		kind  string
		match match
	}
)

func (a always) holds(*question) bool { return bool(a) }

func (a anyOf) holds(q *question) bool {
	for _, n := range a {
		if n.holds(q) {
			return true
		}
	}
	return false
}

func (a allOf) holds(q *question) bool {
	for _, n := range a {
		if !n.holds(q) {
			return false
		}
	}
	return true
}

func (n negation) holds(q *question) bool { return !n.of.holds(q) }

func (r reference) holds(q *question) bool {
	n, ok := q.rules[string(r)]
	if !ok || q.depth > maxDepth {
		return false
	}
	q.depth++
	defer func() { q.depth-- }()
	return n.holds(q)
}

func (r role) holds(q *question) bool {
	want, ok := match(r).value(q)
	if !ok {
		return false
	}
	for _, name := range q.id.Roles {
		if strings.EqualFold(name, want) {
			return true
		}
	}
	return false
}

// holds compares a credential (or a literal, or a target attribute) with the match.
func (c compare) holds(q *question) bool {
	want, ok := c.match.value(q)
	if !ok {
		return false
	}
	if lit, isLit := literal(c.kind); isLit {
		return lit == want
	}
	have, ok := credential(q.id, c.kind)
	if !ok {
		return c.match.field == "" && c.match.text == "None" // domain_id:None asks whether it is absent
	}
	for _, h := range have {
		if h == want {
			return true
		}
	}
	return false
}

// match is the right side of a check: a literal or %(name)s.
type match struct {
	text  string
	field string // set when the text is exactly %(field)s
}

func newMatch(s string) match {
	if strings.HasPrefix(s, "%(") && strings.HasSuffix(s, ")s") {
		return match{text: s, field: s[2 : len(s)-2]}
	}
	if lit, ok := literal(s); ok && strings.ContainsAny(s, `'"`) {
		return match{text: lit}
	}
	return match{text: s}
}

// value is the match with the target's attribute filled in; false when the target has none.
func (m match) value(q *question) (string, bool) {
	if m.field == "" {
		return m.text, true
	}
	v, ok := q.target[m.field]
	if !ok {
		return "", false
	}
	return text(v), true
}

func text(v any) string {
	switch t := v.(type) {
	case string:
		return t
	case bool:
		if t {
			return "True"
		}
		return "False"
	case nil:
		return "None"
	}
	return fmt.Sprint(v)
}

// literal reads 'text', "text", True, False, None and numbers.
func literal(s string) (string, bool) {
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1], true
	}
	switch s {
	case "True", "False", "None":
		return s, true
	}
	if s != "" && strings.Trim(s, "0123456789") == "" {
		return s, true
	}
	return "", false
}

// credential gives the values an identity has under a name; unset names are absent,
// so that an empty project never equals a target's empty project.
func credential(id auth.Identity, kind string) ([]string, bool) {
	switch kind {
	case "user_id", "user", "token.user.id":
		return nonEmpty(id.UserID)
	case "project_id", "tenant", "tenant_id", "project", "token.project.id":
		return nonEmpty(id.ProjectID)
	case "domain_id", "token.domain.id":
		return nonEmpty(id.DomainID)
	case "user_domain_id", "token.user.domain.id":
		return nonEmpty(id.UserDomainID)
	case "project_domain_id", "token.project.domain.id":
		return nonEmpty(id.ProjectDomainID)
	case "system_scope", "system":
		if id.System {
			return []string{"all"}, true
		}
		return nil, false
	case "is_admin":
		return []string{text(id.Admin)}, true
	case "is_admin_project":
		return []string{"True"}, true
	case "roles":
		return id.Roles, true
	case "service_roles":
		return id.ServiceRoles, true
	}
	return nil, false
}

func nonEmpty(s string) ([]string, bool) { return []string{s}, s != "" }
