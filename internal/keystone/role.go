package keystone

// Role names a set of rights. A role of a domain only implies others.
type Role struct {
	ID          string         `bun:"id,pk"`
	Name        string         `bun:"name"`      // unique in the domain, or among global roles
	DomainID    string         `bun:"domain_id"` // "" is global
	Description *string        `bun:"description"`
	Options     map[string]any `bun:"options"`
	Extra       map[string]any `bun:"extra"`
}

// Implication says that who has the prior role has the implied one too.
type Implication struct {
	PriorID   string `bun:"prior_role_id,pk"`
	ImpliedID string `bun:"implied_role_id,pk"`
}

// Attribute is what a list can be filtered by.
func (r Role) Attribute(name string) any {
	switch name {
	case "name":
		return r.Name
	case "domain_id":
		return r.DomainID
	}
	return nil
}

// Implied gives, for each prior role, the roles it implies directly.
type Implied map[string][]string

// Closure adds to roles all that they imply, however far, each once and in
// the order found; cycles do no harm.
func (i Implied) Closure(roles []string) []string {
	seen := map[string]bool{}
	var out []string
	var add func(id string)
	add = func(id string) {
		if seen[id] {
			return
		}
		seen[id] = true
		out = append(out, id)
		for _, next := range i[id] {
			add(next)
		}
	}
	for _, id := range roles {
		add(id)
	}
	return out
}

// Reaches reports whether prior implies role, directly or not, or is it.
func (i Implied) Reaches(prior, role string) bool {
	for _, id := range i.Closure([]string{prior}) {
		if id == role {
			return true
		}
	}
	return false
}
