package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"nacre/internal/neutron"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// envelope is the error body of the API.
type envelope struct {
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Detail  string `json:"detail"`
	} `json:"NeutronError"`
}

// names are the types of faults that have none of their own.
var names = map[int]string{400: "HTTPBadRequest", 403: "HTTPForbidden", 404: "HTTPNotFound", 405: "HTTPMethodNotAllowed",
	406: "HTTPNotAcceptable", 409: "HTTPConflict", 413: "HTTPRequestEntityTooLarge", 414: "HTTPRequestURITooLong", 500: "HTTPInternalServerError"}

func encodeFault(c *httpapi.Call, f *fault.Fault) httpapi.Response {
	if f.Body != nil {
		body, _ := json.Marshal(f.Body)
		return httpapi.Response{Status: f.Status, Body: body}
	}
	var e envelope
	e.Error.Type, e.Error.Message, e.Error.Detail = f.Type, f.Message, f.Detail
	if e.Error.Type == "" {
		e.Error.Type = names[f.Status]
	}
	if f.Status == http.StatusInternalServerError {
		e.Error.Message = "Request Failed: internal server error while processing your request."
	}
	body, _ := json.Marshal(e)
	return httpapi.Response{Status: f.Status, Body: body}
}

// malformed words what is wrong with a body as a whole.
func malformed(f *fault.Fault) *fault.Fault {
	if f.Status == http.StatusBadRequest {
		return neutron.Invalid("Body contains invalid data")
	}
	return f.As("")
}

// notFound answers paths that nothing serves; outside the API in another form.
func notFound(c *httpapi.Call) httpapi.Response {
	if !strings.HasPrefix(c.R.URL.Path, "/v2.0") {
		return httpapi.Response{Status: 404, Body: []byte(`{"code": 404, "title": "Not Found", "description": null}`)}
	}
	return encodeFault(c, fault.NotFound("The resource could not be found.").As("HTTPNotFound"))
}

// notAllowed answers methods that a path does not have. Changing or deleting
// a whole collection is asking for a resource without a name.
func notAllowed(c *httpapi.Call, _ []string) httpapi.Response {
	path := strings.Trim(strings.TrimPrefix(c.R.URL.Path, "/v2.0"), "/")
	if m := c.R.Method; m == http.MethodDelete || m == http.MethodPut {
		if kind, ok := collections[path]; ok {
			return encodeFault(c, neutron.NotFound(kind, "None"))
		}
	}
	return encodeFault(c, fault.New(405, "The server could not comply with the request since it is either malformed or otherwise incorrect.").As("HTTPMethodNotAllowed"))
}

// collections are the kinds by the path of their lists.
var collections = map[string]string{"networks": "network", "subnets": "subnet", "subnetpools": "subnetpool", "ports": "port", "routers": "router",
	"floatingips": "floatingip", "security-groups": "security_group", "security-group-rules": "security_group_rule",
	"rbac-policies": "rbac_policy", "agents": "agent"}

// forbidden names the rule as the original does.
func forbidden(_ *httpapi.Call, rule string, f *fault.Fault) *fault.Fault {
	f.Message = "rule:" + rule + " is disallowed by policy"
	return f.As("PolicyNotAuthorized")
}
