package api

import "nacre/internal/neutron/attributes"

// attribute is short for the tables.
type attribute = attributes.Attribute

// The attributes that many resources have.

func idAttribute() attribute { return attribute{Name: "id", Filter: true, Sort: true} }

func nameAttribute() attribute {
	return attribute{Name: "name", Post: true, Put: true, Default: "", Check: attributes.Name(255), Filter: true, Sort: true}
}

// ownerAttributes are the project under both its names.
func ownerAttributes() []attribute {
	return []attribute{
		{Name: "project_id", Post: true, Check: attributes.String(255), Filter: true, Sort: true},
		{Name: "tenant_id", Field: "project_id", Filter: true, Sort: true},
	}
}

func adminStateAttribute() attribute {
	return attribute{Name: "admin_state_up", Post: true, Put: true, Default: true, Convert: attributes.Bool, Filter: true, Sort: true}
}

func descriptionAttribute() attribute {
	return attribute{Name: "description", Post: true, Put: true, Default: "", Check: attributes.String(255), Filter: true, Sort: true}
}

// timeAttributes tell when and how often a resource changed.
func timeAttributes() []attribute {
	return []attribute{
		{Name: "created_at", Filter: true, Sort: true},
		{Name: "updated_at", Filter: true, Sort: true},
		{Name: "revision_number", Filter: true, Sort: true},
	}
}

// standardAttributes are description, tags and times.
func standardAttributes() []attribute {
	return append([]attribute{descriptionAttribute(), {Name: "tags"}}, timeAttributes()...)
}

func join(parts ...[]attribute) []attribute {
	var out []attribute
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
