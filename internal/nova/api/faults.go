package api

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// schemaFiles are the schemas by bare file name.
func schemaFiles() fs.FS {
	sub, err := fs.Sub(schemas, "schemas")
	if err != nil {
		panic(err) // the directory is embedded
	}
	return sub
}

// faultNames are the keys of the error envelope by status.
var faultNames = map[int]string{400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound",
	405: "badMethod", 409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 429: "overLimit",
	501: "notImplemented", 503: "serviceUnavailable"}

// encodeFault writes {"itemNotFound": {"code": 404, "message": …}}.
func encodeFault(c *httpapi.Call, f *fault.Fault) httpapi.Response {
	if f.Type == "version" && f.Status == http.StatusBadRequest {
		forgetVersion(c)
	}
	name := faultNames[f.Status]
	if name == "" {
		name = "computeFault"
	}
	body, err := json.Marshal(map[string]any{name: map[string]any{"code": f.Status, "message": f.Message}})
	if err != nil {
		body = []byte(`{}`)
	}
	return httpapi.Response{Status: f.Status, Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, Body: body}
}

// notFound answers for a path that nothing serves, and for one that this
// microversion does not have.
func notFound(c *httpapi.Call) httpapi.Response {
	if c.Route != nil {
		return encodeFault(c, fault.NotFound("The resource could not be found."))
	}
	forgetVersion(c)
	return httpapi.Response{Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(`{"message": "The resource could not be found.<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}`)}
}

// forgetVersion takes the version headers off an answer that the original gives before it looks at versions.
func forgetVersion(c *httpapi.Call) {
	for _, name := range []string{"OpenStack-API-Version", "X-OpenStack-Nova-API-Version", "Vary"} {
		c.Header().Del(name)
	}
}

// schemaFault words what a schema refuses.
func schemaFault(e httpapi.SchemaError) *fault.Fault {
	msg := e.Message
	if e.Keyword == "format" && e.Value == "''" {
		msg = "'' is too short" // what the original looks at first
	} else if _, format, ok := strings.Cut(msg, " is not a '"); ok && e.Keyword == "format" {
		if must := nameRules[strings.TrimSuffix(format, "'")]; must != "" {
			return fault.BadRequest("An invalid 'name' value was provided. The name must be: %s", must)
		}
	}
	switch {
	case len(e.Path) == 0:
		return fault.BadRequest("%s", msg)
	case e.Query:
		return fault.BadRequest("Invalid input for query parameters %s. Value: %s. %s", e.Path[0], plain(e.Value), msg)
	}
	return fault.BadRequest("Invalid input for field/attribute %s. Value: %s. %s", e.Field(), plain(e.Value), msg)
}

// plain is a Python value as str() prints it: text without its quotes.
func plain(repr string) string {
	if len(repr) < 2 || repr[0] != '\'' && repr[0] != '"' || repr[len(repr)-1] != repr[0] {
		return repr
	}
	inner := repr[1 : len(repr)-1]
	if !strings.Contains(inner, `\`) {
		return inner
	}
	if text, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.ReplaceAll(inner, `\'`, `'`), `"`, `\"`) + `"`); err == nil {
		return text
	}
	return inner
}

// malformed words what is wrong with a body or version as a whole.
func malformed(f *fault.Fault) *fault.Fault {
	switch f.Type {
	case "body-empty":
		return fault.BadRequest("None is not of type 'object'")
	case "body-json", "media":
		return fault.BadRequest("Malformed request body").Cause(f)
	case "body":
		return fault.TooLarge("Request is too large.")
	}
	return f
}
