package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/pprint"
)

//go:embed schemas/*.json schemas/metadefs/*.json
var schemaFiles embed.FS

func (a *API) schemaRoutes() httpapi.Table {
	var t httpapi.Table
	for _, name := range []string{"image", "images", "member", "members", "task", "tasks",
		"metadefs/namespace", "metadefs/namespaces", "metadefs/object", "metadefs/objects", "metadefs/property", "metadefs/properties",
		"metadefs/resource_type", "metadefs/resource_types", "metadefs/tag", "metadefs/tags"} {
		text := schemaText(name)
		t = append(t, httpapi.Route{Method: "GET", Path: "/schemas/" + name, Status: 200,
			Do: httpapi.Get(func(*httpapi.Call) (json.RawMessage, error) { return text, nil })})
	}
	return t
}

func schemaText(name string) json.RawMessage {
	text, err := schemaFiles.ReadFile("schemas/" + name + ".json")
	if err != nil {
		panic(err) // it is embedded
	}
	return text
}

// imageSchema is the document that images are checked against.
var imageSchema = loadSchema(schemaText("image"))

// schema checks the properties of an object.
type schema struct {
	name       string
	order      []string // of the properties, as in the document
	properties map[string]map[string]any
	additional map[string]any
}

func loadSchema(text []byte) schema {
	var order struct {
		Properties orderedKeys `json:"properties"`
	}
	var doc struct {
		Name       string                    `json:"name"`
		Properties map[string]map[string]any `json:"properties"`
		Additional map[string]any            `json:"additionalProperties"`
	}
	for _, into := range []any{&order, &doc} {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if err := dec.Decode(into); err != nil {
			panic(err) // it is embedded
		}
	}
	return schema{doc.Name, order.Properties, doc.Properties, doc.Additional}
}

// orderedKeys are the keys of an object in the order of its text.
type orderedKeys []string

func (k *orderedKeys) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		*k = append(*k, name.(string))
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
	}
	return nil
}

// check reports the first mistake in an object, as the original words it.
func (s schema) check(obj map[string]any) error {
	for _, name := range s.order {
		if v, ok := obj[name]; ok {
			if err := s.checkValue(s.properties[name], v, "['properties']["+pprint.Quote(name)+"]", "["+pprint.Quote(name)+"]"); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(obj)) {
		if s.properties[name] == nil {
			if err := s.checkValue(s.additional, obj[name], "['additionalProperties']", "["+pprint.Quote(name)+"]"); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkValue checks one value; path leads to its schema, where to the value.
func (s schema) checkValue(rule map[string]any, v any, path, where string) error {
	keyword, message := violation(rule, v)
	if message != "" {
		return fault.BadRequest("Provided object does not match schema '%s': %s\n\nFailed validating %s in schema%s:\n%s\n\nOn instance%s:\n%s",
			s.name, message, pprint.Quote(keyword), path, indented(pprint.Format(rule)), where, indented(pprint.Format(v)))
	}
	items, isItems := rule["items"].(map[string]any)
	list, isList := v.([]any)
	if !isItems || !isList {
		return nil
	}
	for i, e := range list {
		if err := s.checkValue(items, e, path+"['items']", fmt.Sprintf("%s[%d]", where, i)); err != nil {
			return err
		}
	}
	return nil
}

func indented(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// violation names the keyword that v does not meet and says so; "" if none.
func violation(rule map[string]any, v any) (keyword, message string) {
	if types := typesOf(rule["type"]); types != nil && !anyType(types, v) {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = pprint.Repr(t)
		}
		return "type", pprint.Repr(v) + " is not of type " + strings.Join(names, ", ")
	}
	if enum, ok := rule["enum"].([]any); ok && !contains(enum, v) {
		return "enum", pprint.Repr(v) + " is not one of " + pprint.Repr(enum)
	}
	text, isText := v.(string)
	if !isText {
		return "", ""
	}
	if pattern, ok := rule["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(text) {
		return "pattern", pprint.Repr(v) + " does not match " + pprint.Quote(pattern)
	}
	if limit, ok := rule["maxLength"].(json.Number); ok {
		if n, _ := limit.Int64(); int64(utf8.RuneCountInString(text)) > n {
			return "maxLength", pprint.Repr(v) + " is too long"
		}
	}
	return "", ""
}

func contains(enum []any, v any) bool {
	for _, e := range enum {
		if e == v {
			return true
		}
	}
	return false
}

func typesOf(v any) []any {
	switch t := v.(type) {
	case string:
		return []any{t}
	case []any:
		return t
	}
	return nil
}

func anyType(types []any, v any) bool {
	for _, t := range types {
		if isType(t, v) {
			return true
		}
	}
	return false
}

func isType(name, v any) bool {
	ok := false
	switch name {
	case "null":
		return v == nil
	case "string":
		_, ok = v.(string)
	case "boolean":
		_, ok = v.(bool)
	case "array":
		_, ok = v.([]any)
	case "object":
		_, ok = v.(map[string]any)
	case "integer":
		var n json.Number
		if n, ok = v.(json.Number); ok {
			_, err := n.Int64()
			ok = err == nil
		}
	}
	return ok
}
