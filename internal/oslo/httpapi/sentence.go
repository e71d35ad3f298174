package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"nacre/internal/oslo/pprint"
)

// opaque errors are told as a whole, not by what is wrong inside their alternatives.
func opaque(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not:
		return true
	}
	return false
}

// requiredRank is the rank of properties that are missing; unknown ones come after.
const requiredRank = 2

// rank orders the errors of one object.
func rank(e *jsonschema.ValidationError) int {
	switch e.ErrorKind.(type) {
	case *kind.Type:
		return 0
	case *kind.Required:
		return requiredRank
	case *kind.AdditionalProperties:
		return requiredRank + 1
	}
	return 1
}

// sentence words an error as Python's jsonschema does. rules is the part of the
// schema that was not met, repr the wrong value as Python prints it.
func sentence(e *jsonschema.ValidationError, rules any, repr string) (keyword, msg string) {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "type", repr + " is not of type " + quoted(usual(k.Want))
	case *kind.Enum:
		return "enum", repr + " is not one of " + pprint.Repr(k.Want)
	case *kind.Const:
		return "const", pprint.Repr(k.Want) + " was expected"
	case *kind.Required:
		return "required", pprint.Repr(k.Missing[0]) + " is a required property"
	case *kind.AdditionalProperties:
		return "additionalProperties", additional(k.Properties, rules)
	case *kind.MinLength:
		return "minLength", repr + " is too short"
	case *kind.MinItems:
		return "minItems", repr + " is too short"
	case *kind.MaxLength:
		return "maxLength", repr + " is too long"
	case *kind.MaxItems:
		return "maxItems", repr + " is too long"
	case *kind.MinProperties:
		return "minProperties", repr + " does not have enough properties"
	case *kind.MaxProperties:
		return "maxProperties", repr + " has too many properties"
	case *kind.Pattern:
		return "pattern", repr + " does not match " + pprint.Repr(k.Want)
	case *kind.Format:
		return "format", repr + " is not a " + pprint.Repr(k.Want)
	case *kind.Minimum:
		return "minimum", repr + " is less than the minimum of " + number(k.Want.RatString())
	case *kind.Maximum:
		return "maximum", repr + " is greater than the maximum of " + number(k.Want.RatString())
	case *kind.UniqueItems:
		return "uniqueItems", repr + " has non-unique elements"
	case *kind.AnyOf:
		return "anyOf", repr + " is not valid under any of the given schemas"
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return "oneOf", repr + " is not valid under any of the given schemas"
		}
		return "oneOf", repr + " is valid under each of the alternatives"
	case *kind.Not:
		return "not", repr + " should not be valid under the given schema"
	}
	return "schema", repr + " is not valid: " + fmt.Sprint(e.ErrorKind)
}

// usual puts type names in the order in which OpenStack's schemas list them;
// the compiled schema has forgotten its own.
func usual(types []string) []string {
	order := []string{"boolean", "integer", "number", "string", "array", "object", "null"}
	out := slices.Clone(types)
	slices.SortFunc(out, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return out
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = pprint.Repr(w)
	}
	return strings.Join(out, ", ")
}

// additional names the properties that an object must not have; where the
// schema tells their form, it names the forms that they do not have.
func additional(names []string, rules any) string {
	slices.Sort(names)
	schema, _ := rules.(map[string]any)
	if forms, ok := schema["patternProperties"].(map[string]any); ok {
		verb := "does"
		if len(names) > 1 {
			verb = "do"
		}
		return quoted(names) + " " + verb + " not match any of the regexes: " + quoted(slices.Sorted(maps.Keys(forms)))
	}
	verb := "was"
	if len(names) > 1 {
		verb = "were"
	}
	return "Additional properties are not allowed (" + quoted(names) + " " + verb + " unexpected)"
}

// at follows a path into a decoded document; nil when it leads nowhere.
func at(doc any, path []string) any {
	for _, step := range path {
		switch d := doc.(type) {
		case map[string]any:
			doc = d[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(d) {
				return nil
			}
			doc = d[i]
		default:
			return nil
		}
	}
	return doc
}

// reprAt is the repr of the value at a path of a JSON text, objects in the order sent.
func reprAt(body []byte, path []string, fallback string) string {
	raw := json.RawMessage(body)
	for _, step := range path {
		var obj map[string]json.RawMessage
		var arr []json.RawMessage
		if json.Unmarshal(raw, &obj) == nil && obj != nil {
			raw = obj[step]
			continue
		}
		i, err := strconv.Atoi(step)
		if json.Unmarshal(raw, &arr) != nil || err != nil || i < 0 || i >= len(arr) {
			return fallback
		}
		raw = arr[i]
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	out, err := reprTokens(dec)
	if err != nil {
		return fallback
	}
	return out
}

func reprTokens(dec *json.Decoder) (string, error) {
	tok, err := dec.Token()
	if err != nil {
		return "", err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return pprint.Repr(tok), nil
	}
	var parts []string
	for dec.More() {
		part, err := reprTokens(dec)
		if err != nil {
			return "", err
		}
		if delim == '{' {
			value, err := reprTokens(dec)
			if err != nil {
				return "", err
			}
			part += ": " + value
		}
		parts = append(parts, part)
	}
	if _, err := dec.Token(); err != nil {
		return "", err
	}
	if delim == '{' {
		return "{" + strings.Join(parts, ", ") + "}", nil
	}
	return "[" + strings.Join(parts, ", ") + "]", nil
}
