package attributes

import (
	"encoding/json"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// View writes resources of type T as JSON objects.
type View[T any] struct{ fields []field }

type field struct {
	name  string
	key   []byte // `"name":`
	index []int
	write func(b []byte, v reflect.Value) ([]byte, error)
}

// NewView shows the attributes of r that are not hidden, in the table's order.
// It panics when T lacks one of them, for that is a mistake in the table.
func NewView[T any](r *Resource) *View[T] {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name := f.Tag.Get("json"); name != "" && name != "-" {
			fields[name] = f
		}
	}
	v := &View[T]{}
	for _, a := range r.Attributes {
		if a.Hidden {
			continue
		}
		name := a.Field
		if name == "" {
			name = a.Name
		}
		f, ok := fields[name]
		if !ok {
			panic("attribute " + a.Name + " of " + r.Name + " has no field " + name)
		}
		v.fields = append(v.fields, field{name: a.Name, key: append(strconv.AppendQuote(nil, a.Name), ':'), index: f.Index, write: writer(f)})
	}
	return v
}

// Append writes row as an object with the attributes that show lets through.
func (v *View[T]) Append(b []byte, row *T, show func(name string) bool) ([]byte, error) {
	rv := reflect.ValueOf(row).Elem()
	b = append(b, '{')
	first := true
	for i := range v.fields {
		f := &v.fields[i]
		if show != nil && !show(f.name) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.key...)
		var err error
		if b, err = f.write(b, rv.FieldByIndex(f.index)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// Time formats of the API: most resources, and agents.
const (
	isoTime   = "2006-01-02T15:04:05Z"
	spaceTime = "2006-01-02 15:04:05"
)

// writer chooses how a field is written, once.
func writer(f reflect.StructField) func([]byte, reflect.Value) ([]byte, error) {
	api := f.Tag.Get("api")
	write := plain(f.Type, api)
	if api != "null" {
		return write
	}
	return func(b []byte, v reflect.Value) ([]byte, error) {
		if v.IsZero() {
			return append(b, "null"...), nil
		}
		return write(b, v)
	}
}

func plain(t reflect.Type, api string) func([]byte, reflect.Value) ([]byte, error) {
	if t == reflect.TypeFor[time.Time]() {
		layout := isoTime
		if api == "space" {
			layout = spaceTime
		}
		return func(b []byte, v reflect.Value) ([]byte, error) {
			b = append(b, '"')
			b = v.Interface().(time.Time).UTC().AppendFormat(b, layout)
			return append(b, '"'), nil
		}
	}
	switch {
	case t.Kind() == reflect.String:
		return func(b []byte, v reflect.Value) ([]byte, error) { return appendString(b, v.String()), nil }
	case t.Kind() == reflect.Bool:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendBool(b, v.Bool()), nil }
	case t.Kind() == reflect.Int && api == "text":
		return func(b []byte, v reflect.Value) ([]byte, error) {
			return append(strconv.AppendInt(append(b, '"'), v.Int(), 10), '"'), nil
		}
	case t.Kind() == reflect.Int:
		return func(b []byte, v reflect.Value) ([]byte, error) { return strconv.AppendInt(b, v.Int(), 10), nil }
	}
	return func(b []byte, v reflect.Value) ([]byte, error) {
		if k := v.Kind(); (k == reflect.Slice || k == reflect.Map) && v.Len() == 0 {
			if k == reflect.Map {
				return append(b, "{}"...), nil
			}
			return append(b, "[]"...), nil
		}
		text, err := json.Marshal(v.Interface())
		return append(b, text...), err
	}
}

// appendString is a JSON string; the rare one with special characters goes the long way.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s)
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
