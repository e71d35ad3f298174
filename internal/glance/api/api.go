// Package api is the Image API v2: routes, rules, bodies, views and the shapes
// of its errors. Bodies are checked by the image schema itself, since one
// document describes what may be created, what may be patched and what is
// published under /v2/schemas.
package api

import (
	"net/http"
	"slices"
	"strings"

	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// API is the Image API's handlers.
type API struct {
	svc *service.Service
}

// New makes the API of a service.
func New(svc *service.Service, d httpapi.Door) (*httpapi.API, error) {
	a := &API{svc: svc}
	h, err := httpapi.New(httpapi.Service{
		Name: "glance", Type: "image", Prefix: "/v2", AdminRule: "context_is_admin",
		Roots: a.versionRoutes(), Table: a.routes(), Rules: append(baseRules[:len(baseRules):len(baseRules)], taskRules...),
		Fault: failure, Malformed: malformed, NotFound: a.notFound, NotAllowed: notAllowed,
		Unauthorized: unauthorized, Forbidden: a.forbidden, Admit: admit,
		Schemas: schemaFiles, SchemaFault: schemaFault, ShallowFirst: true, UnknownFirst: true,
		Formats: map[string]func(any) error{"regex": anyFormat, "date-time": anyFormat},
	}, d)
	if err == nil && svc != nil {
		err = svc.ProtectBy(h.Policy())
	}
	return h, err
}

// admit refuses bodies for what they are, before any rule is asked.
func admit(c *httpapi.Call) error {
	if err := bodiless(c); err != nil {
		return err
	}
	return readOnlyMetadef(c)
}

// bodiless refuses a body where none is expected: what it asks for would be dropped.
func bodiless(c *httpapi.Call) error {
	reads := c.Route.Method == http.MethodPatch || slices.Contains([]string{"/images", "/images/{image_id}/import", "/images/{image_id}/locations", "/tasks"}, c.Route.Path) ||
		strings.HasPrefix(c.Route.Path, "/images/{image_id}/members") &&
			(c.Route.Method == http.MethodPost || c.Route.Method == http.MethodPut)
	if len(c.Body) > 0 && !reads && !c.Route.TakesBody() {
		return fault.BadRequest("A body is not expected with this request.")
	}
	return nil
}

func (a *API) routes() httpapi.Table {
	var all httpapi.Table
	for _, t := range []httpapi.Table{a.imageRoutes(), a.dataRoutes(), a.tagRoutes(), a.memberRoutes(),
		a.schemaRoutes(), a.infoRoutes(), a.locationRoutes(), a.cacheRoutes(), a.importRoutes(), a.taskRoutes(), a.metadefRoutes()} {
		all = append(all, t...)
	}
	return all
}

// scope is that of every rule: images belong to projects.
var scope = []string{"project"}

const (
	ownImage  = "rule:context_is_admin or (role:member and project_id:%(project_id)s)"
	seenImage = "(project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or " +
		"'public':%(visibility)s or 'shared':%(visibility)s)"
	ownMembers = "rule:context_is_admin or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)"
)

// baseRules are the rules that no row has, or that more than rows ask for.
var baseRules = []policy.Rule{
	{Name: "default", Check: "", Description: "Defines the default rule used for policies that historically had an empty policy in the supplied policy.json file."},
	{Name: "context_is_admin", Check: "role:admin", Description: "Defines the rule for the is_admin:True check."},
	{Name: "service_api", Check: "role:service or role:admin", Description: "Default rule for the service-to-service API."},
	{Name: "add_image", Check: "rule:context_is_admin or (role:member and project_id:%(project_id)s and project_id:%(owner)s)",
		Scope: scope, Description: "Create new image", Operations: []string{"POST /v2/images"}},
	{Name: "get_image", Check: "rule:context_is_admin or (role:reader and " + seenImage + ")",
		Scope: scope, Description: "Get specified image", Operations: []string{"GET /v2/images/{image_id}"}},
	{Name: "modify_image", Check: ownImage,
		Scope: scope, Description: "Updates given image", Operations: []string{"PATCH /v2/images/{image_id}"}},
	{Name: "publicize_image", Check: "rule:context_is_admin",
		Scope: scope, Description: "Publicize given image", Operations: []string{"PATCH /v2/images/{image_id}"}},
	{Name: "communitize_image", Check: ownImage,
		Scope: scope, Description: "Communitize given image", Operations: []string{"PATCH /v2/images/{image_id}"}},
	{Name: "set_image_location", Check: ownImage,
		Scope: scope, Description: "Sets location URI to given image", Operations: []string{"PATCH /v2/images/{image_id}"}},
	{Name: "get_image_location", Check: "rule:context_is_admin or (role:reader and project_id:%(project_id)s)",
		Scope: scope, Description: "Reads the location of the image", Operations: []string{"GET /v2/images/{image_id}"}},
	{Name: "manage_image_cache", Check: "rule:context_is_admin", Scope: scope, Description: "Manage image cache"},
	{Name: "delete_image_location", Check: "rule:context_is_admin",
		Scope: scope, Description: "Deletes the location of given image", Operations: []string{"PATCH /v2/images/{image_id}"}},
	{Name: "copy_image", Check: "rule:context_is_admin",
		Scope: scope, Description: "Copy existing image to other stores", Operations: []string{"POST /v2/images/{image_id}/import"}},
	{Name: "download_from_store", Check: "rule:context_is_admin or (role:member and " + seenImage + ")",
		Scope: scope, Description: "Downloads image from specific store using store selection parameters",
		Operations: []string{"GET /v2/images/{image_id}/file"}},
	{Name: "metadef_default", Check: "", Description: "Not a rule of any call: what older files of rules refer to."},
	{Name: "metadef_admin", Check: "rule:context_is_admin", Description: "Whoever may change metadata definitions."},
	{Name: "delete_metadef_namespace", Check: metadefAdmin, Scope: scope, Description: "Delete a namespace.",
		Operations: []string{"DELETE /v2/metadefs/namespaces/{namespace_name}", "DELETE /v2/metadefs/namespaces/{namespace_name}/objects",
			"DELETE /v2/metadefs/namespaces/{namespace_name}/properties", "DELETE /v2/metadefs/namespaces/{namespace_name}/tags"}},
	{Name: "list_metadef_resource_types", Check: metadefSeen, Scope: scope, Description: "List meta definition resource types.",
		Operations: []string{"GET /v2/metadefs/resource_types"}},
	{Name: "get_metadef_resource_type", Check: metadefSeen, Scope: scope, Description: "Get meta definition resource types associations.",
		Operations: []string{"GET /v2/metadefs/namespaces/{namespace_name}/resource_types"}},
}
