// Package api is the identity API, version 3, on the wire: routes, policy
// rules, bodies and views.
package api

import (
	"embed"
	"io/fs"
	"net/http"
	"slices"

	"nacre/internal/keystone/service"
	"nacre/internal/oslo/httpapi"
)

//go:embed schemas/*.json
var schemaFiles embed.FS

// API turns calls of the wire into calls of the service.
type API struct {
	svc     *service.Service
	schemas schemaDocs
	v2      V2 // "" where version 2.0 is not served
}

// New is the handler of the identity service: discovery at /, the API below /v3.
func New(svc *service.Service, d httpapi.Door) (*httpapi.API, error) { return newAPI(svc, d, "") }

func newAPI(svc *service.Service, d httpapi.Door, v2 V2) (*httpapi.API, error) {
	files, err := fs.Sub(schemaFiles, "schemas")
	if err != nil {
		return nil, err
	}
	docs, err := readSchemas(files)
	if err != nil {
		return nil, err
	}
	a := &API{svc: svc, schemas: docs, v2: v2}
	roots := a.discoveryRoutes()
	if v2 != "" {
		roots = slices.Concat(roots, a.v2Routes(v2))
	}
	return httpapi.New(httpapi.Service{
		Name: "keystone", Type: "identity", Prefix: "/v3",
		Roots: roots,
		Table: a.fixed(slices.Concat(a.authRoutes(), a.tokenRoutes(), a.userRoutes(), a.groupRoutes(), a.projectRoutes(), a.domainRoutes(),
			a.roleRoutes(), a.grantRoutes(), a.systemGrantRoutes(), a.assignmentRoutes(),
			a.regionRoutes(), a.serviceRoutes(), a.endpointRoutes(), a.revocationRoutes(),
			a.limitRoutes(), a.endpointGroupRoutes(), a.policyRoutes(), a.domainConfigRoutes(),
			a.credentialRoutes(), a.ec2Routes(), a.applicationCredentialRoutes(), a.accessRuleRoutes(), a.trustRoutes(),
			a.consumerRoutes(), a.accessTokenRoutes(), a.oauth2Routes(),
			a.identityProviderRoutes(), a.mappingRoutes(), a.serviceProviderRoutes(), a.ssoRoutes(), a.samlRoutes())),
		Schemas: files, Rules: slices.Concat(baseRules, trustListRules), AdminRule: "admin_required",
		RouteFirst: true, PolicyFirst: true, StrictJSON: true, HeadFromGet: true, TrimSlash: true, EmptyBody: "{}",
		Headers: http.Header{"Vary": {"X-Auth-Token"}}, Before: refuseEC2,
		Fault: envelope, SchemaFault: a.schemaFault, Malformed: malformed, Forbidden: forbidden,
		NotFound: notFound, NotAllowed: notAllowed, Options: options, Unauthorized: unauthorized,
	}, d)
}
