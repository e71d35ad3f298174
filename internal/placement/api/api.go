// Package api is Placement's HTTP API, microversions 1.0 to 1.39.
package api

import (
	"embed"
	"net/http"
	"time"

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
	table := httpapi.Table{{Method: "GET", Path: "/", Status: 200, Public: true, Do: httpapi.Get(a.root)}}
	for _, t := range []httpapi.Table{a.providerRoutes(), a.inventoryRoutes(), a.classRoutes(), a.traitRoutes(), a.aggregateRoutes(),
		a.allocationRoutes(), a.candidateRoutes(), a.usageRoutes(), a.reshaperRoutes()} {
		table = append(table, t...)
	}
	return httpapi.New(httpapi.Service{Name: "placement", Type: "placement", Table: table, Schemas: sub{schemas},
		MinVersion: "1.0", MaxVersion: MaxVersion, Vary: "openstack-api-version", AdminRule: "admin_api", Rules: rules,
		PolicyFirst: true, PlainQuery: true, ShallowFirst: true, Before: declared, Admit: admit,
		Fault: encode, SchemaFault: schemaFault, Malformed: malformed, NotAllowed: notAllowed, Forbidden: forbidden, NotFound: notFound,
		BodyLimit: 4 << 20}, d)
}

// rules are what the rows refer to.
var rules = []policy.Rule{
	{Name: "admin_api", Check: "role:admin", Scope: []string{"project"}},
	{Name: "service_api", Check: "role:service", Scope: []string{"project"}},
	{Name: "admin_or_service_api", Check: "role:admin or role:service", Scope: []string{"project"}},
	{Name: "project_reader_api", Check: "role:reader and project_id:%(project_id)s"},
	{Name: "admin_or_project_reader_or_service_api", Check: "role:admin or rule:project_reader_api or role:service", Scope: []string{"project"}},
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
	fresh(c, time.Time{})
	return versionsView{[]versionView{{ID: "v1.0", MaxVersion: MaxVersion, MinVersion: "1.0", Status: "CURRENT", Links: []link{{Rel: "self"}}}}}, nil
}

// fresh says when the answer's subject last changed, from 1.15 on; a subject
// without a time of its own has changed now.
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
