package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nacre/internal/oslo/pprint"
)

// schema is the part of JSON schema that mappings need, worded as the
// original's validator words it.
type schema struct {
	kind       string // object, array, string, boolean
	required   []string
	properties map[string]*schema
	closed     bool // no properties but these
	items      *schema
	minItems   int
	enum       []any
	oneOf      []*schema
}

var (
	textSchema   = &schema{kind: "string"}
	listSchema   = &schema{kind: "array"}
	domainSchema = object(nil, map[string]*schema{"id": textSchema, "name": textSchema})
	rolesSchema  = &schema{kind: "array", items: object([]string{"name"}, map[string]*schema{"name": textSchema})}

	projectsSchema  = projectsOf(map[string]*schema{"name": textSchema, "roles": rolesSchema})
	projectsSchema2 = projectsOf(map[string]*schema{"name": textSchema, "roles": rolesSchema, "domain": domainSchema})

	userSchema = object(nil, map[string]*schema{"id": textSchema, "name": textSchema, "email": textSchema, "domain": domainSchema,
		"type": {kind: "string", enum: []any{Ephemeral, Local}}})
	groupSchema = &schema{kind: "object", oneOf: []*schema{object([]string{"id"}, map[string]*schema{"id": textSchema}),
		object([]string{"name", "domain"}, map[string]*schema{"name": textSchema, "domain": domainSchema})}}
	remoteSchema = &schema{kind: "object", oneOf: []*schema{object([]string{"type"}, map[string]*schema{"type": textSchema}),
		condition("any_one_of"), condition("not_any_of"), condition("blacklist"), condition("whitelist")}}

	schemas = map[string]*schema{Version1: mappingOf(projectsSchema, false), Version2: mappingOf(projectsSchema2, false), Version3: mappingOf(projectsSchema2, true)}
)

func object(required []string, properties map[string]*schema) *schema {
	return &schema{kind: "object", required: required, properties: properties, closed: true}
}

func projectsOf(properties map[string]*schema) *schema {
	return &schema{kind: "array", items: object([]string{"name", "roles"}, properties)}
}

func condition(name string) *schema {
	return object([]string{"type", name}, map[string]*schema{"type": textSchema, name: listSchema, "regex": {kind: "boolean"}})
}

func mappingOf(projects *schema, asJSON bool) *schema {
	local := map[string]*schema{"user": userSchema, "projects": projects, "group": groupSchema, "groups": textSchema, "group_ids": textSchema, "domain": domainSchema}
	if asJSON {
		local["projects_json"] = textSchema
	}
	rule := object([]string{"local", "remote"}, map[string]*schema{"local": {kind: "array", items: object(nil, local)},
		"remote": {kind: "array", minItems: 1, items: remoteSchema}})
	return &schema{kind: "object", required: []string{"rules"}, properties: map[string]*schema{
		"rules": {kind: "array", minItems: 1, items: rule}, "schema_version": textSchema}}
}

// Check tells every mistake of a mapping, a sentence a line; "" is none.
func Check(version string, mapping map[string]any) string {
	s, ok := schemas[version]
	if !ok {
		return fmt.Sprintf("%s is not one of %s\n", pprint.Repr(version), pprint.Repr([]any{Version1, Version2, Version3}))
	}
	return s.check(mapping)
}

func (s *schema) check(v any) string {
	mistakes := s.mistakes(v)
	slices.Sort(mistakes)
	var b strings.Builder
	for _, m := range mistakes {
		b.WriteString(m + "\n")
	}
	return b.String()
}

func kindOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return ""
}

func (s *schema) mistakes(v any) (out []string) {
	if kindOf(v) != s.kind {
		out = append(out, fmt.Sprintf("%s is not of type '%s'", pprint.Repr(v), s.kind))
	}
	if s.enum != nil && !slices.ContainsFunc(s.enum, func(e any) bool { return e == v }) {
		out = append(out, fmt.Sprintf("%s is not one of %s", pprint.Repr(v), pprint.Repr(s.enum)))
	}
	switch t := v.(type) {
	case map[string]any:
		out = append(out, s.objectMistakes(t)...)
	case []any:
		out = append(out, s.arrayMistakes(t)...)
	}
	if s.oneOf != nil && !slices.ContainsFunc(s.oneOf, func(o *schema) bool { return len(o.mistakes(v)) == 0 }) {
		out = append(out, pprint.Repr(v)+" is not valid under any of the given schemas")
	}
	return out
}

func (s *schema) objectMistakes(m map[string]any) (out []string) {
	for _, name := range s.required {
		if _, ok := m[name]; !ok {
			out = append(out, pprint.Repr(name)+" is a required property")
		}
	}
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if p, ok := s.properties[name]; ok {
			out = append(out, p.mistakes(m[name])...)
		} else if s.closed {
			extra = append(extra, pprint.Repr(name))
		}
	}
	if len(extra) > 0 {
		verb := "were"
		if len(extra) == 1 {
			verb = "was"
		}
		out = append(out, fmt.Sprintf("Additional properties are not allowed (%s %s unexpected)", strings.Join(extra, ", "), verb))
	}
	return out
}

func (s *schema) arrayMistakes(list []any) (out []string) {
	if len(list) < s.minItems {
		out = append(out, pprint.Repr(list)+" is too short")
	}
	if s.items != nil {
		for _, v := range list {
			out = append(out, s.items.mistakes(v)...)
		}
	}
	return out
}
