package api

import (
	"bytes"
	"encoding/json"
	"io"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// body is the request's body as decoded JSON, an object or a list, numbers as
// json.Number.
func body(c *httpapi.Call) (any, error) {
	if len(c.Body) == 0 {
		return nil, fault.BadRequest("Body expected in request.")
	}
	dec := json.NewDecoder(bytes.NewReader(c.Body))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if _, rest := dec.Token(); err != nil || rest != io.EOF {
		return nil, fault.BadRequest("Malformed JSON in request body.").Cause(err)
	}
	switch v.(type) {
	case map[string]any, []any:
		return v, nil
	}
	return nil, fault.BadRequest("Unexpected body type. Expected list/dict.")
}
