package httpapi

import (
	"bytes"
	"io/fs"
	"net/url"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"nacre/internal/oslo/pprint"
)

// Explain is the error as Python's str() tells it: the sentence, the part of
// the schema that was not met, and the value that does not meet it.
func (e SchemaError) Explain() string {
	const indent = "\n    "
	var b strings.Builder
	b.WriteString(e.Message + "\n\nFailed validating " + pprint.Quote(e.Keyword) + " in schema" + indices(e.rules, e.where) + ":")
	b.WriteString(indent + strings.ReplaceAll(pprint.Format(at(e.rules, e.where)), "\n", indent))
	b.WriteString("\n\nOn instance" + indices(e.document, e.Path) + ":")
	b.WriteString(indent + strings.ReplaceAll(pprint.Format(at(e.document, e.Path)), "\n", indent))
	return b.String()
}

// readSchema decodes a schema file as it is written.
func readSchema(files fs.FS, name string) any {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil
	}
	doc, _ := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	return doc
}

// pointer splits the fragment of a schema's URL into its steps.
func pointer(location string) []string {
	_, fragment, _ := strings.Cut(location, "#")
	if fragment == "" {
		return nil
	}
	steps := strings.Split(strings.TrimPrefix(fragment, "/"), "/")
	for i, s := range steps {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
	}
	return steps
}

// indices prints a path into a document as Python would index it: ['a'][0].
func indices(doc any, path []string) string {
	var b strings.Builder
	for i, step := range path {
		if _, list := at(doc, path[:i]).([]any); list {
			b.WriteString("[" + step + "]")
		} else {
			b.WriteString("[" + pprint.Quote(step) + "]")
		}
	}
	return b.String()
}

// number prints a limit of a schema as Python does.
func number(digits string) string {
	if len(digits) <= 20 {
		return digits
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return digits
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
