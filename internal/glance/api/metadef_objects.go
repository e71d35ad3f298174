package api

import (
	"encoding/json"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) objectRoutes() httpapi.Table {
	find := a.namespaceOr(service.NoNamespace, namespaceNotFound)
	return httpapi.Table{
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/objects", Status: 200,
			Rule: metadefRule("get_metadef_objects", metadefSeen, "Get objects from a namespace."),
			Do:   httpapi.On(find, a.listObjects)},
		{Method: "POST", Path: "/metadefs/namespaces/{namespace_name}/objects", Status: 201, Bodies: metadefBodies("object"),
			Rule: metadefRule("add_metadef_object", metadefAdmin, "Create an object within a namespace."),
			Do:   httpapi.OnJSON(find, a.createObject)},
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/objects/{object_name}", Status: 200,
			Rule: metadefRule("get_metadef_object", metadefSeen, "Get a specific object from a namespace."),
			Do:   httpapi.On(find, a.showObject)},
		{Method: "PUT", Path: "/metadefs/namespaces/{namespace_name}/objects/{object_name}", Status: 200, Bodies: metadefBodies("object"),
			Rule: metadefRule("modify_metadef_object", metadefAdmin, "Update an object within a namespace."),
			Do:   httpapi.OnJSON(find, a.updateObject)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/objects/{object_name}", Status: 204,
			Rule: metadefRule("delete_metadef_object", metadefAdmin, "Delete an object within a namespace."),
			Do:   httpapi.On(find, a.deleteObject)},
	}
}

type objectBody struct {
	Name        string                     `json:"name"`
	Description *string                    `json:"description"`
	Required    []string                   `json:"required"`
	Properties  map[string]json.RawMessage `json:"properties"`
}

func (b objectBody) object() (glance.MetadefObject, error) {
	types, err := glance.ParsePropertyTypes(b.Properties)
	return glance.MetadefObject{Name: b.Name, Description: b.Description, Required: b.Required, Properties: types}, err
}

type objectView struct {
	Name        string                         `json:"name"`
	Required    []string                       `json:"required,omitzero"`
	Description *string                        `json:"description,omitempty"`
	Properties  map[string]glance.PropertyType `json:"properties,omitzero"`
	CreatedAt   string                         `json:"created_at,omitempty"`
	UpdatedAt   string                         `json:"updated_at,omitempty"`
	Self        string                         `json:"self,omitempty"`
	Schema      string                         `json:"schema,omitempty"`
}

func newObjectView(namespace string, o glance.MetadefObject) objectView {
	return objectView{Name: o.Name, Required: o.Required, Description: o.Description, Properties: o.Properties, CreatedAt: isoTime(o.CreatedAt),
		UpdatedAt: maybeTime(o.UpdatedAt), Self: namespaceHref(namespace) + "/objects/" + o.Name, Schema: "/v2/schemas/metadefs/object"}
}

// stored is the view of an object that was read again: it always has both lists.
func (v objectView) stored() objectView {
	if v.Required == nil {
		v.Required = []string{}
	}
	if v.Properties == nil {
		v.Properties = map[string]glance.PropertyType{}
	}
	return v
}

type objectsView struct {
	Objects []objectView `json:"objects"`
	Schema  string       `json:"schema"`
}

// listObjects lists all objects: like the original it checks what it is asked
// about pages, and has none.
func (a *API) listObjects(c *httpapi.Call, n glance.MetadefNamespace) (objectsView, error) {
	view := objectsView{Objects: []objectView{}, Schema: "v2/schemas/metadefs/objects"}
	page, err := pageOfMetadefs(c.Query, last(c.Query, "sort_key", "created_at"))
	if err != nil {
		return view, err
	}
	if c.Query.Has("limit") && page.Limit == 0 {
		return view, fault.BadRequest("limit param must be positive")
	}
	if _, err := oneVisibility(c.Query, "public", "private", "shared"); err != nil {
		return view, err
	}
	objects, err := a.svc.MetadefObjects(c.Ctx(), n)
	for _, o := range objects {
		if c.Allowed("get_metadef_object", n.PolicyTarget()) {
			view.Objects = append(view.Objects, newObjectView(n.Name, o).stored())
		}
	}
	return view, err
}

func (a *API) createObject(c *httpapi.Call, n glance.MetadefNamespace, b objectBody) (objectView, error) {
	o, err := b.object()
	if err != nil {
		return objectView{}, err
	}
	o, err = a.svc.CreateMetadefObject(c.Ctx(), n, o)
	return newObjectView(n.Name, o), err
}

func (a *API) showObject(c *httpapi.Call, n glance.MetadefNamespace) (objectView, error) {
	o, err := a.svc.MetadefObject(c.Ctx(), n, c.Param("object_name"))
	return newObjectView(n.Name, o).stored(), err
}

func (a *API) updateObject(c *httpapi.Call, n glance.MetadefNamespace, b objectBody) (objectView, error) {
	was, err := a.svc.MetadefObject(c.Ctx(), n, c.Param("object_name"))
	if err != nil {
		return objectView{}, err
	}
	o, err := b.object()
	if err != nil {
		return objectView{}, err
	}
	o, err = a.svc.UpdateMetadefObject(c.Ctx(), n, was, o)
	return newObjectView(n.Name, o), err
}

func (a *API) deleteObject(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteMetadefObject(c.Ctx(), n, c.Param("object_name"))
}
