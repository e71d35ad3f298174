package glance

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
)

// MetadefProperty is a property that a resource may have.
type MetadefProperty struct {
	ID          int64        `bun:"id,pk,autoincrement"`
	NamespaceID int64        `bun:"namespace_id"`
	Name        string       `bun:"name"`
	Type        PropertyType `bun:"type"`
}

// PropertyType describes a property's values in words of JSON schema. What is
// nil was not said.
type PropertyType struct {
	Name            *string    `json:"name,omitempty"`
	Type            string     `json:"type"`
	Title           string     `json:"title"`
	Description     *string    `json:"description,omitempty"`
	Operators       []string   `json:"operators,omitzero"`
	Default         *asText    `json:"default,omitempty"`
	ReadOnly        *bool      `json:"readonly,omitempty"`
	Minimum         *wholePart `json:"minimum,omitempty"`
	Maximum         *wholePart `json:"maximum,omitempty"`
	Enum            []string   `json:"enum,omitzero"`
	Pattern         *string    `json:"pattern,omitempty"`
	MinLength       *wholePart `json:"minLength,omitempty"`
	MaxLength       *wholePart `json:"maxLength,omitempty"`
	Confidential    *bool      `json:"confidential,omitempty"`
	Items           *ItemType  `json:"items,omitempty"`
	UniqueItems     *bool      `json:"uniqueItems,omitempty"`
	MinItems        *wholePart `json:"minItems,omitempty"`
	MaxItems        *wholePart `json:"maxItems,omitempty"`
	AdditionalItems *bool      `json:"additionalItems,omitempty"`
}

// ItemType describes the elements of a property that is an array.
type ItemType struct {
	Type string   `json:"type"`
	Enum []string `json:"enum,omitzero"`
}

// ParsePropertyTypes reads properties by their names; nil stays nil.
func ParsePropertyTypes(sent map[string]json.RawMessage) (map[string]PropertyType, error) {
	if sent == nil {
		return nil, nil
	}
	types := map[string]PropertyType{}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		p, err := ParsePropertyType(name, sent[name])
		if err != nil {
			return nil, err
		}
		types[name] = p
	}
	return types, nil
}

// ParsePropertyType reads the description of the property called name, or of
// the property that it names itself. The fault is a 400.
func ParsePropertyType(name string, text []byte) (PropertyType, error) {
	var p PropertyType
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(&p)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return p, fault.BadRequest("Invalid input for field/attribute %s of property %s. It may not be a JSON %s.", wrong.Field, name, wrong.Value)
	case err != nil && strings.HasPrefix(err.Error(), "json: unknown field "):
		return p, fault.BadRequest("Unknown attribute of property %s: %s", name, strings.TrimPrefix(err.Error(), "json: unknown field "))
	case err != nil:
		return p, fault.BadRequest("Invalid input for property %s.", name).Cause(err)
	case p.Type == "" || p.Title == "":
		return p, fault.BadRequest("Property %s needs a type and a title.", name)
	}
	return p, nil
}

// asText is a value that may be sent as a string, a number or a boolean, and is
// kept and told as a string.
type asText string

// UnmarshalJSON reads it in any of these forms.
func (t *asText) UnmarshalJSON(text []byte) error {
	switch {
	case string(text) == "null":
		return nil
	case string(text) == "true":
		*t = "True"
	case string(text) == "false":
		*t = "False"
	case text[0] == '"':
		return json.Unmarshal(text, (*string)(t))
	case text[0] == '[' || text[0] == '{':
		return &json.UnmarshalTypeError{Value: map[byte]string{'[': "array", '{': "object"}[text[0]], Field: "default"}
	default:
		*t = asText(text)
	}
	return nil
}

// wholePart is an integer that may be sent as any number; a fraction is cut off.
type wholePart int64

// UnmarshalJSON reads a number.
func (n *wholePart) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f >= 1<<63 || f < -1<<63 {
		return errors.New("not a number, or out of range")
	}
	if whole, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		*n = wholePart(whole)
		return nil
	}
	*n = wholePart(f)
	return nil
}
