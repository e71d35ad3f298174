package api

import (
	"encoding/json"

	"nacre/internal/glance"
	"nacre/internal/oslo/httpapi"
)

func (a *API) propertyRoutes() httpapi.Table {
	find := a.namespaceOr(namespaceNotFound, namespaceNotFound)
	return httpapi.Table{
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/properties", Status: 200,
			Rule: metadefRule("get_metadef_properties", metadefSeen, "List meta definition properties."),
			Do:   httpapi.On(find, a.listProperties)},
		{Method: "POST", Path: "/metadefs/namespaces/{namespace_name}/properties", Status: 201, Bodies: metadefBodies("property"),
			Rule: metadefRule("add_metadef_property", metadefAdmin, "Create meta definition property."),
			Do:   httpapi.OnJSON(find, a.createProperty)},
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/properties/{property_name}", Status: 200,
			Rule: metadefRule("get_metadef_property", metadefSeen, "Get a specific meta definition property."),
			Do:   httpapi.On(find, a.showProperty)},
		{Method: "PUT", Path: "/metadefs/namespaces/{namespace_name}/properties/{property_name}", Status: 200, Bodies: metadefBodies("property"),
			Rule: metadefRule("modify_metadef_property", metadefAdmin, "Update meta definition property."),
			Do:   httpapi.OnJSON(find, a.updateProperty)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/properties/{property_name}", Status: 204,
			Rule: metadefRule("remove_metadef_property", metadefAdmin, "Delete meta definition property."),
			Do:   httpapi.On(find, a.deleteProperty)},
	}
}

// propertyOf is the property that a body describes and names.
func propertyOf(body json.RawMessage) (glance.MetadefProperty, error) {
	var named struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(body, &named); err != nil {
		return glance.MetadefProperty{}, err
	}
	p, err := glance.ParsePropertyType(named.Name, body)
	return glance.MetadefProperty{Name: named.Name, Type: p}, err
}

// newPropertyView is a property with its name.
func newPropertyView(p glance.MetadefProperty) glance.PropertyType {
	p.Type.Name = &p.Name
	return p.Type
}

type propertiesView struct {
	Properties map[string]glance.PropertyType `json:"properties"`
}

func (a *API) listProperties(c *httpapi.Call, n glance.MetadefNamespace) (propertiesView, error) {
	view := propertiesView{map[string]glance.PropertyType{}}
	properties, err := a.svc.MetadefProperties(c.Ctx(), n)
	for _, p := range properties {
		view.Properties[p.Name] = p.Type
	}
	return view, err
}

func (a *API) createProperty(c *httpapi.Call, n glance.MetadefNamespace, body json.RawMessage) (glance.PropertyType, error) {
	p, err := propertyOf(body)
	if err != nil {
		return p.Type, err
	}
	p, err = a.svc.CreateMetadefProperty(c.Ctx(), n, p)
	return newPropertyView(p), err
}

func (a *API) showProperty(c *httpapi.Call, n glance.MetadefNamespace) (glance.PropertyType, error) {
	kind := last(c.Query, "resource_type", "")
	if kind == "" {
		p, err := a.svc.MetadefProperty(c.Ctx(), n, c.Param("property_name"))
		return newPropertyView(p), err
	}
	if err := a.metadefEnforce(c, n.PolicyTarget(), "get_metadef_resource_type"); err != nil {
		return glance.PropertyType{}, err
	}
	p, err := a.svc.PrefixedMetadefProperty(c.Ctx(), n, c.Param("property_name"), kind)
	return newPropertyView(p), err
}

func (a *API) updateProperty(c *httpapi.Call, n glance.MetadefNamespace, body json.RawMessage) (glance.PropertyType, error) {
	was, err := a.svc.MetadefProperty(c.Ctx(), n, c.Param("property_name"))
	if err != nil {
		return glance.PropertyType{}, err
	}
	p, err := propertyOf(body)
	if err != nil {
		return glance.PropertyType{}, err
	}
	p, err = a.svc.UpdateMetadefProperty(c.Ctx(), n, was, p)
	return newPropertyView(p), err
}

func (a *API) deleteProperty(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteMetadefProperty(c.Ctx(), n, c.Param("property_name"))
}
