package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/pprint"
)

// schemaDocs are the schemas by file: that of the resource inside the body's
// one key, since the original checks the resource only.
type schemaDocs map[string]map[string]any

func readSchemas(files fs.FS) (schemaDocs, error) {
	docs := schemaDocs{}
	names, err := fs.Glob(files, "*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var doc struct{ Properties map[string]map[string]any }
		if err := json.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		if len(doc.Properties) != 1 {
			return nil, fmt.Errorf("schema %s: the body of a resource has one key", name)
		}
		for _, inner := range doc.Properties {
			docs[name] = inner
		}
	}
	return docs, nil
}

// schemaFault words what a schema refuses as the original does: the sentence,
// then the part of the schema and the value.
func (a *API) schemaFault(e httpapi.SchemaError) *fault.Fault {
	inner := a.schemas[e.Schema]
	if len(e.Path) == 0 {
		if e.Keyword == "required" {
			return emptyResource(inner)
		}
		return expecting("valid JSON", "request body")
	}
	dec := json.NewDecoder(bytes.NewReader(e.Body))
	dec.UseNumber()
	var body any
	if err := dec.Decode(&body); err != nil {
		return expecting("valid JSON", "request body")
	}
	return refusal(e.Message, e.Keyword, inner, e.Path[1:], follow(body, e.Path))
}

// emptyResource is the refusal of a body without the resource: the original
// then looks at an empty one.
func emptyResource(schema map[string]any) *fault.Fault {
	if schema["type"] == "array" {
		return refusal("{} is not of type 'array'", "type", schema, nil, view{})
	}
	if required, _ := schema["required"].([]any); len(required) > 0 {
		return refusal(pprint.Repr(required[0])+" is a required property", "required", schema, nil, view{})
	}
	return refusal("{} does not have enough properties", "minProperties", schema, nil, view{})
}

// refusal explains why the value at path is against the schema.
func refusal(message, keyword string, schema map[string]any, path []string, value any) *fault.Fault {
	part, schemaPath := subschema(schema, path)
	text := fmt.Sprintf("%s\n\nFailed validating '%s' in schema%s:\n%s\n\nOn instance%s:\n%s", message, keyword,
		indices(schemaPath), indent(pprint.Format(part)), indices(path), indent(pprint.Format(value)))
	if len(path) > 0 {
		text = fmt.Sprintf("Invalid input for field '%s': %s", strings.Join(path, "/"), text)
	}
	return fault.BadRequest("%s", text)
}

// subschema follows the path of a value through the schema.
func subschema(schema map[string]any, path []string) (part map[string]any, schemaPath []string) {
	for _, step := range path {
		properties, _ := schema["properties"].(map[string]any)
		next, ok := properties[step].(map[string]any)
		if ok {
			schemaPath = append(schemaPath, "properties", step)
		} else if next, ok = schema["items"].(map[string]any); ok {
			schemaPath = append(schemaPath, "items")
		} else {
			break
		}
		schema = next
	}
	return schema, schemaPath
}

// follow gives the value at path.
func follow(v any, path []string) any {
	for _, step := range path {
		switch t := v.(type) {
		case map[string]any:
			v = t[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(t) {
				return nil
			}
			v = t[i]
		default:
			return nil
		}
	}
	return v
}

// indices writes a path as Python indexes: ['a'][0].
func indices(path []string) string {
	var b strings.Builder
	for _, step := range path {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
		} else {
			b.WriteString("[" + pprint.Repr(step) + "]")
		}
	}
	return b.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
