package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/oslo/httpapi"
)

// object reads the body as a JSON object; numbers stay as they were written.
func object(c *httpapi.Call) (map[string]any, error) {
	if len(bytes.TrimSpace(c.Body)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, neutron.Invalid("Body contains invalid data").Cause(err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, neutron.Invalid("Body contains invalid data")
	}
	return m, nil
}

// body is what the body holds under its one key.
func body(c *httpapi.Call, name string) (map[string]any, error) {
	all, err := object(c)
	if err != nil {
		return nil, err
	}
	v, ok := all[name]
	if !ok {
		return nil, neutron.Invalid("Unable to find '%s' in request body", name)
	}
	item, ok := v.(map[string]any)
	if !ok {
		return nil, neutron.Invalid("Object '%s' contains invalid data", name)
	}
	return item, nil
}

// bodies is body of one resource, or the list of a bulk.
func bodies(c *httpapi.Call, name, collection string) (items []map[string]any, bulk bool, err error) {
	all, err := object(c)
	if err != nil {
		return nil, false, err
	}
	list, ok := all[collection].([]any)
	if !ok {
		item, err := body(c, name)
		return []map[string]any{item}, false, err
	}
	if len(list) == 0 {
		return nil, true, neutron.Invalid("Resources required")
	}
	for _, v := range list {
		item, ok := v.(map[string]any)
		if inner, wrapped := item[name].(map[string]any); wrapped && len(item) == 1 {
			item = inner
		}
		if !ok {
			return nil, true, neutron.Invalid("Object '%s' contains invalid data", name)
		}
		items = append(items, item)
	}
	return items, true, nil
}

// decode turns checked values into a request.
func decode[R any](values attributes.Values) (R, error) {
	var req R
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, &req)
	}
	if err != nil {
		return req, neutron.Invalid("Body contains invalid data").Cause(fmt.Errorf("decode checked values: %w", err))
	}
	return req, nil
}
