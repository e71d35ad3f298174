package httpapi

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/pprint"
)

// SchemaError is the first thing about a body or query that its schema does
// not allow, in the words of Python's jsonschema.
type SchemaError struct {
	Path    []string // to the wrong value, from the top of the body
	Value   string   // the wrong value, as Python prints it
	Message string   // "'' is too short"
	Keyword string   // "minLength"
	Query   bool     // it is about the query string
	Schema  string   // the file of the schema
	Body    []byte

	rules    any      // the whole schema
	where    []string // to the part of the schema that was not met
	document any      // the whole value that was checked
}

// Field is the last step of the path, or "".
func (e SchemaError) Field() string {
	if len(e.Path) == 0 {
		return ""
	}
	return e.Path[len(e.Path)-1]
}

// checkBody validates a JSON text.
func (s *Service) checkBody(sch *jsonschema.Schema, body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errEmptyBody
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return errBadJSON.Cause(err)
	}
	return s.check(sch, doc, body, false)
}

// checkQuery validates a query string as an object of arrays of strings, or of
// the last string of each key.
func (s *Service) checkQuery(sch *jsonschema.Schema, q url.Values) error {
	doc := make(map[string]any, len(q))
	for k, vs := range q {
		if s.PlainQuery {
			doc[k] = vs[len(vs)-1]
			continue
		}
		list := make([]any, len(vs))
		for i, v := range vs {
			list[i] = v
		}
		doc[k] = list
	}
	return s.check(sch, doc, nil, true)
}

func (s *Service) check(sch *jsonschema.Schema, doc any, body []byte, query bool) error {
	err := sch.Validate(doc)
	if err == nil {
		return nil
	}
	ve, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return fmt.Errorf("schema: %w", err)
	}
	first := firstError(ve)
	if s.ShallowFirst {
		first = s.shallowest(ve)
	}
	value := at(doc, first.InstanceLocation)
	e := SchemaError{Path: first.InstanceLocation, Value: pprint.Repr(value), Query: query, Body: body, Schema: fileOf(sch),
		rules: readSchema(s.Schemas, fileOf(sch)), where: pointer(first.SchemaURL), document: doc}
	if body != nil {
		e.Value = reprAt(body, first.InstanceLocation, e.Value)
	}
	e.Keyword, e.Message = sentence(first, at(e.rules, e.where), e.Value)
	return s.schemaFault(e)
}

// fileOf is the name of the file that a schema was compiled from.
func fileOf(sch *jsonschema.Schema) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(sch.Location, "embed:///"), "#")
	return name
}

func (s *Service) schemaFault(e SchemaError) *fault.Fault {
	if s.SchemaFault != nil {
		return s.SchemaFault(e)
	}
	return fault.BadRequest("%s", e.Message)
}

// firstError is the one that Python's validator meets first: it goes down the
// properties before it looks at required and additional ones, and does not
// look into alternatives.
func firstError(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	if opaque(e) || len(e.Causes) == 0 {
		return e
	}
	causes := slices.Clone(e.Causes)
	slices.SortStableFunc(causes, func(a, b *jsonschema.ValidationError) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return slices.Compare(a.InstanceLocation, b.InstanceLocation)
	})
	return firstError(causes[0])
}

// shallowest is the error that is nearest the top of the document, of several
// the one that firstError would tell.
func (s *Service) shallowest(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	if opaque(e) || len(e.Causes) == 0 {
		return e
	}
	var best *jsonschema.ValidationError
	for _, c := range e.Causes {
		c = s.shallowest(c)
		if best == nil || s.compareDepth(c, best) < 0 {
			best = c
		}
	}
	return best
}

func (s *Service) compareDepth(a, b *jsonschema.ValidationError) int {
	if d := len(a.InstanceLocation) - len(b.InstanceLocation); d != 0 {
		return d
	}
	if d := rank(a) - rank(b); d != 0 {
		if unknown := min(rank(a), rank(b)) == requiredRank; unknown && s.UnknownFirst {
			return -d
		}
		return d
	}
	return slices.Compare(a.InstanceLocation, b.InstanceLocation)
}
