// Package attributes turns bodies and queries of the Networking API into
// values that a service may trust, and resources into what a caller may see.
//
// Each resource has one table of attributes; the table says what may be sent,
// how it is converted and checked, what is shown, what can be filtered and
// sorted by, and which attributes have a policy rule of their own. The
// sentences are the original's.
package attributes

import (
	"maps"
	"slices"
	"strings"

	"nacre/internal/neutron"
)

// Attribute is one attribute of a resource.
type Attribute struct {
	Name      string
	Post, Put bool // may be sent on create, on update
	Required  bool // must be sent on create
	Default   any  // used on create when nothing was sent; nil leaves it unsaid

	Convert func(any) (any, error) // before Check; its error is the answer
	Check   func(any) string       // why the value is refused, "" if it is not
	Refuse  func(any) error        // like Check, with an error of its own

	Hidden bool     // an input only, never shown
	Filter bool     // ?name=value selects by it
	Sort   bool     // ?sort_key=name
	Policy bool     // has rules of its own, create_network:shared
	Parts  []string // of a dictionary or list of them, with rules of their own

	Field string // JSON name in the noun, if it is not Name
}

// Values are the attributes of one request, converted and checked.
type Values map[string]any

// Resource is the table of one kind.
type Resource struct {
	Name       string // network
	Collection string // networks
	Attributes []Attribute
	Tagged     bool // has tags and can be filtered by them
}

func (r *Resource) attribute(name string) *Attribute {
	for i := range r.Attributes {
		if r.Attributes[i].Name == name {
			return &r.Attributes[i]
		}
	}
	return nil
}

// Owner is who sends a body.
type Owner struct {
	ProjectID string
	Admin     bool
}

// Create prepares the body of a create: owner, defaults, conversion, checks.
func (r *Resource) Create(body map[string]any, who Owner) (Values, error) {
	v := Values(maps.Clone(body))
	if err := r.own(v, who); err != nil {
		return nil, err
	}
	if err := r.unknown(v); err != nil {
		return nil, err
	}
	for _, a := range r.Attributes {
		_, sent := v[a.Name]
		switch {
		case sent && !a.Post:
			return nil, neutron.Invalid("Attribute '%s' not allowed in POST", a.Name)
		case !sent && a.Required:
			return nil, neutron.Invalid("Failed to parse request. Required attribute '%s' not specified", a.Name)
		case !sent && a.Post && a.Default != nil:
			v[a.Name] = a.Default
		}
	}
	return v, r.convert(v)
}

// Update prepares the body of a change.
func (r *Resource) Update(body map[string]any, who Owner) (Values, error) {
	v := Values(maps.Clone(body))
	if err := r.unknown(v); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if !r.attribute(name).Put {
			return nil, neutron.Invalid("Cannot update read-only attribute %s", name)
		}
	}
	return v, r.convert(v)
}

// own fills in the project; only an administrator may name another one.
func (r *Resource) own(v Values, who Owner) error {
	if r.attribute("project_id") == nil {
		return nil
	}
	project, hasProject := v["project_id"]
	tenant, hasTenant := v["tenant_id"]
	if hasProject && hasTenant && project != tenant {
		return neutron.Invalid("'project_id' and 'tenant_id' do not match")
	}
	if hasTenant {
		project = tenant
	}
	delete(v, "tenant_id")
	if !hasProject && !hasTenant {
		if who.ProjectID == "" {
			return neutron.Invalid("Running without keystone AuthN requires that project_id is specified")
		}
		project = who.ProjectID
	}
	if project != who.ProjectID && !who.Admin {
		return neutron.Invalid("Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges")
	}
	v["project_id"] = project
	return nil
}

func (r *Resource) unknown(v Values) error {
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if r.attribute(name) == nil {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		return neutron.Invalid("Unrecognized attribute(s) '%s'", strings.Join(extra, ", "))
	}
	return nil
}

func (r *Resource) convert(v Values) error {
	for i := range r.Attributes {
		a := &r.Attributes[i]
		value, sent := v[a.Name]
		if !sent {
			continue
		}
		value, err := a.accept(value)
		if err != nil {
			return err
		}
		v[a.Name] = value
	}
	return nil
}

// accept converts and checks one value.
func (a *Attribute) accept(value any) (any, error) {
	if a.Convert != nil {
		var err error
		if value, err = a.Convert(value); err != nil {
			return nil, err
		}
	}
	if a.Refuse != nil {
		if err := a.Refuse(value); err != nil {
			return nil, err
		}
	}
	if a.Check != nil {
		if why := a.Check(value); why != "" {
			return nil, neutron.Invalid("Invalid input for %s. Reason: %s.", a.Name, why)
		}
	}
	return value, nil
}

// Rules names the policy rules that a request must pass: action itself
// (create_network), then one for each attribute with rules of its own that was
// sent with another value than its default, and those of its parts. sent is
// the body as it came, v what was made of it.
func (r *Resource) Rules(action string, sent map[string]any, v Values) []string {
	rules := []string{action}
	create := strings.HasPrefix(action, "create_")
	for _, a := range r.Attributes {
		if _, ok := sent[a.Name]; !ok || !a.Policy || create && same(v[a.Name], a.Default) {
			continue
		}
		rules = append(rules, action+":"+a.Name)
		for _, part := range a.Parts {
			if hasPart(v[a.Name], part) {
				rules = append(rules, action+":"+a.Name+":"+part)
			}
		}
	}
	return rules
}

func same(a, b any) bool {
	switch a.(type) {
	case nil, string, bool:
		return a == b
	}
	return Repr(a) == Repr(b)
}

// hasPart tells whether a dictionary, or one of a list of them, has the key.
func hasPart(value any, key string) bool {
	switch t := value.(type) {
	case map[string]any:
		_, ok := t[key]
		return ok
	case []any:
		return slices.ContainsFunc(t, func(v any) bool { return hasPart(v, key) })
	}
	return false
}
