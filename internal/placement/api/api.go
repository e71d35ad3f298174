// Package api is Placement's HTTP API, microversions 1.0 to 1.39.
package api

import (
	"embed"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
	"nacre/internal/placement/service"
)

//go:embed schemas/*.json
var schemas embed.FS

// MaxVersion is the newest microversion.
const MaxVersion = "1.39"

// API answers Placement's routes.
type API struct{ svc *service.Service }

// New puts the API behind its door.
func New(svc *service.Service, d httpapi.Door) (*httpapi.API, error) {
	a := &API{svc: svc}
	var table httpapi.Table
	for _, t := range []httpapi.Table{a.providerRoutes(), a.inventoryRoutes(), a.classRoutes(), a.traitRoutes(), a.aggregateRoutes(),
		a.allocationRoutes(), a.candidateRoutes(), a.usageRoutes(), a.reshaperRoutes()} {
		table = append(table, t...)
	}
	return httpapi.New(httpapi.Service{Name: "placement", Type: "placement", Table: table, Schemas: sub{schemas},
		Roots:      httpapi.Table{{Method: "GET", Path: "/", Status: 200, Public: true, Do: httpapi.Get(a.root)}},
		MinVersion: "1.0", MaxVersion: MaxVersion, StrictJSON: true, AdminRule: "admin_api", Rules: rules,
		Fault: encode, SchemaFault: schemaFault, Malformed: malformed, NotAllowed: notAllowed, Forbidden: forbidden, Before: acceptable, NotFound: notFound,
		BodyLimit: 4 << 20}, d)
}

// rules are what the rows refer to.
var rules = []policy.Rule{
	{Name: "admin_api", Check: "role:admin", Scope: []string{"project"}},
	{Name: "service_api", Check: "role:service", Scope: []string{"project"}},
	{Name: "admin_or_service_api", Check: "role:admin or role:service", Scope: []string{"project"}},
	{Name: "project_reader_api", Check: "role:reader and project_id:%(project_id)s"},
	{Name: "admin_or_project_reader_or_service_api", Check: "role:admin or rule:project_reader_api or role:service", Scope: []string{"project"}},
	usagesRule,
}

// may is the rule of a row that only administrators and services use.
func may(what string) policy.Rule {
	return policy.Rule{Name: "placement:" + what, Check: "rule:admin_or_service_api", Scope: []string{"project"}}
}

type versionsView struct {
	Versions []versionView `json:"versions"`
}

type versionView struct {
	ID         string `json:"id"`
	MaxVersion string `json:"max_version"`
	MinVersion string `json:"min_version"`
	Status     string `json:"status"`
	Links      []link `json:"links"`
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

func (a *API) root(c *httpapi.Call) (versionsView, error) {
	c.Header().Set("OpenStack-API-Version", "placement 1.0")
	c.Header().Set("Vary", "OpenStack-API-Version")
	return versionsView{[]versionView{{ID: "v1.0", MaxVersion: MaxVersion, MinVersion: "1.0", Status: "CURRENT", Links: []link{{Rel: "self"}}}}}, nil
}

// fresh says when the answer's subject last changed, from 1.15 on.
func fresh(c *httpapi.Call, at time.Time) {
	if !c.Version.AtLeast("1.15") {
		return
	}
	if at.IsZero() {
		at = time.Now()
	}
	c.Header().Set("Last-Modified", at.UTC().Format(http.TimeFormat))
	c.Header().Set("Cache-Control", "no-cache")
}

type errorsView struct {
	Errors []errorView `json:"errors"`
}

type errorView struct {
	Status     int    `json:"status"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	Code       string `json:"code,omitempty"`
	RequestID  string `json:"request_id"`
	MaxVersion string `json:"max_version,omitempty"`
	MinVersion string `json:"min_version,omitempty"`
}

// explanations are WebOb's sentences before the service's own.
var explanations = map[int]string{
	400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
	403: "Access was denied to this resource.",
	404: "The resource could not be found.",
	409: "There was a conflict when trying to complete your request.",
	413: "The body of your request was too large for this server.",
	500: "The server has either erred or is incapable of performing the requested operation.",
}

// encode is Placement's error envelope.
func encode(c *httpapi.Call, f *fault.Fault) httpapi.Response {
	e := errorView{Status: f.Status, Title: http.StatusText(f.Status), Detail: f.Message, Code: "placement.undefined_code", RequestID: auth.RequestID(c.Ctx())}
	if text := explanations[f.Status]; text != "" {
		e.Detail = text + "\n\n " + f.Message + "  "
	}
	if strings.HasPrefix(f.Type, "placement.") {
		e.Code = f.Type
	}
	if f.Type == "version" {
		e.Code = ""
		if f.Status == http.StatusNotAcceptable {
			e.MaxVersion, e.MinVersion = MaxVersion, "1.0"
		}
	}
	if !c.Version.AtLeast("1.23") {
		e.Code = ""
	}
	body, _ := json.Marshal(errorsView{[]errorView{e}})
	return httpapi.Response{Status: f.Status, Body: body}
}

func schemaFault(e httpapi.SchemaError) *fault.Fault {
	return fault.BadRequest("JSON does not validate: %s", e.Message)
}

// malformed rewords what is wrong with a request as a whole.
func malformed(f *fault.Fault) *fault.Fault {
	switch f.Type {
	case "body-json", "body-empty":
		return fault.BadRequest("Malformed JSON: the body is not a JSON document.")
	case "media":
		return fault.Unsupported("The request media type %s is not supported by this server. \n\n The media type %s is not supported, use application/json", f.Detail, f.Detail)
	case "version":
		return versionFault(f)
	}
	return f
}

func versionFault(f *fault.Fault) *fault.Fault {
	words := strings.Fields(f.Message)
	if f.Status == http.StatusNotAcceptable {
		return fault.New(f.Status, "The resource could not be generated that was acceptable to your browser (content of type application/json. \n\n Invalid microversion: Unacceptable version header: %s", words[1]).As("version")
	}
	return fault.BadRequest("Invalid microversion: invalid version string: %s; it is not MAJOR.MINOR", words[3]).As("version")
}

func notFound(c *httpapi.Call) httpapi.Response { return encode(c, fault.NotFound("")) }

func notAllowed(c *httpapi.Call, allow []string) httpapi.Response {
	r := encode(c, fault.New(http.StatusMethodNotAllowed, "The method %s is not allowed for this resource. \n\n The method specified is not allowed for this resource.", c.R.Method))
	r.Header = http.Header{"Allow": {strings.Join(allow, ", ")}}
	return r
}

func forbidden(_ *httpapi.Call, rule string, _ *fault.Fault) *fault.Fault {
	return fault.Forbidden("Policy does not allow %s to be performed.", rule)
}

// acceptable refuses clients that do not want JSON.
func acceptable(c *httpapi.Call) *httpapi.Response {
	accept := c.R.Header.Get("Accept")
	if accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, "application/*") || strings.Contains(accept, "application/json") {
		return nil
	}
	kind, _, _ := strings.Cut(accept, ";")
	return &httpapi.Response{Status: http.StatusNotAcceptable, Header: http.Header{"Content-Type": {"text/plain; charset=UTF-8"}},
		Body: []byte("406 Not Acceptable\n\nThe resource could not be generated that was acceptable to your browser (content of type " + kind +
			". \n\n Only application/json is provided")}
}
