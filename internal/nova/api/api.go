// Package api is the Compute API, version 2.1 with microversions: its routes,
// policy rules, bodies and views, one file per resource. What a call means is
// decided in package service.
package api

import (
	"embed"
	"slices"

	"nacre/internal/nova/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// Min and Max are the microversions that are spoken.
const (
	Min = "2.1"
	Max = "2.93"
)

//go:embed schemas/*.json
var schemas embed.FS

// API binds the routes to the service.
type API struct {
	svc   *service.Service
	texts texts
}

// New puts the service behind its door. Serve it through Handler, which adds
// the address of API 2.0.
func New(svc *service.Service, d httpapi.Door) (*httpapi.API, error) {
	a := &API{svc: svc}
	return httpapi.New(httpapi.Service{
		Name: "nova", Type: "compute", Prefix: "/v2.1", OptionalProject: true,
		MinVersion: Min, MaxVersion: Max, VersionHeaders: []string{"X-OpenStack-Nova-API-Version"},
		RequestIDHeaders: []string{"x-compute-request-id"},
		Roots:            a.versionRoutes(), Table: a.table(),
		Schemas: schemaFiles(), Formats: formats,
		Rules: slices.Concat(baseRules, serverRules, detailRules), AdminRule: "context_is_admin",
		Fault: encodeFault, SchemaFault: schemaFault, Malformed: malformed, NotFound: notFound,
	}, d)
}

// table is every route, by resource.
func (a *API) table() httpapi.Table {
	return slices.Concat(
		a.serverRoutes(), a.serverActionRoutes(), a.consoleRoutes(), a.diagnosticsRoutes(), a.serverSecurityGroupRoutes(), a.externalEventRoutes(),
		a.flavorRoutes(), a.extraSpecRoutes(), a.keypairRoutes(), a.quotaRoutes(), a.limitRoutes(),
		a.serviceRoutes(), a.hypervisorRoutes(), a.zoneRoutes(), a.aggregateRoutes(),
		a.metadataRoutes(), a.tagRoutes(), a.ipRoutes(), a.instanceActionRoutes(), a.passwordRoutes(),
		a.interfaceRoutes(), a.volumeAttachmentRoutes(), a.usageRoutes(), a.extensionRoutes(), a.removedRoutes(),
	)
}

// baseRules are what the rules of the routes are made of.
var baseRules = []policy.Rule{
	{Name: "context_is_admin", Check: "role:admin", Description: "Decides who is an administrator of the Compute service."},
	{Name: "admin_or_owner", Check: "is_admin:True or project_id:%(project_id)s"},
	{Name: "admin_api", Check: "is_admin:True"},
	{Name: "project_manager_api", Check: "role:manager and project_id:%(project_id)s"},
	{Name: "project_member_api", Check: "role:member and project_id:%(project_id)s"},
	{Name: "project_reader_api", Check: "role:reader and project_id:%(project_id)s"},
	{Name: "service_api", Check: "role:service"},
	{Name: "project_manager_or_admin", Check: "rule:project_manager_api or rule:context_is_admin"},
	{Name: "project_member_or_admin", Check: "rule:project_member_api or rule:context_is_admin"},
	{Name: "project_reader_or_admin", Check: "rule:project_reader_api or rule:context_is_admin"},
	{Name: "service_or_admin", Check: "rule:service_api or rule:context_is_admin"},
}

// The checks that most rules default to.
const (
	admin          = "rule:context_is_admin"
	member         = "rule:project_member_or_admin"
	reader         = "rule:project_reader_or_admin"
	serviceOrAdmin = "rule:service_or_admin"
)

// rule is a policy of project scope with its default.
func rule(name, check string) policy.Rule {
	return policy.Rule{Name: name, Check: check, Scope: []string{"project"}}
}
