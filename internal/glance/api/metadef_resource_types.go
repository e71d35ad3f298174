package api

import (
	"nacre/internal/glance"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) resourceTypeRoutes() httpapi.Table {
	find := a.namespaceOr(namespaceNotFound, namespaceNotFound)
	return httpapi.Table{
		{Method: "GET", Path: "/metadefs/resource_types", Status: 200,
			Rule: policy.Rule{Name: "list_metadef_resource_types"}, Do: httpapi.Get(a.listResourceTypes)},
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/resource_types", Status: 200,
			Rule: policy.Rule{Name: "list_metadef_resource_types"}, Do: httpapi.On(find, a.listAssociations)},
		{Method: "POST", Path: "/metadefs/namespaces/{namespace_name}/resource_types", Status: 201, Bodies: metadefBodies("resource_type"),
			Rule: metadefRule("add_metadef_resource_type_association", metadefAdmin, "Create meta definition resource types association."),
			Do:   httpapi.OnJSON(find, a.createAssociation)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/resource_types/{name}", Status: 204,
			Rule: metadefRule("remove_metadef_resource_type_association", metadefAdmin, "Delete meta definition resource types association."),
			Do:   httpapi.On(find, a.deleteAssociation)},
	}
}

type associationBody struct {
	Name             string  `json:"name"`
	Prefix           *string `json:"prefix"`
	PropertiesTarget *string `json:"properties_target"`
}

func (b associationBody) association() glance.MetadefAssociation {
	return glance.MetadefAssociation{Name: b.Name, Prefix: b.Prefix, PropertiesTarget: b.PropertiesTarget}
}

type associationView struct {
	Name             string  `json:"name"`
	Prefix           *string `json:"prefix,omitempty"`
	PropertiesTarget *string `json:"properties_target,omitempty"`
	CreatedAt        string  `json:"created_at,omitempty"`
	UpdatedAt        string  `json:"updated_at,omitempty"`
}

// newAssociationView has no times for what is not recorded yet.
func newAssociationView(a glance.MetadefAssociation) associationView {
	v := associationView{a.Name, a.Prefix, a.PropertiesTarget, "", maybeTime(a.UpdatedAt)}
	if !a.CreatedAt.IsZero() {
		v.CreatedAt = isoTime(a.CreatedAt)
	}
	return v
}

type associationsView struct {
	Associations []associationView `json:"resource_type_associations"`
}

type resourceTypesView struct {
	ResourceTypes []associationView `json:"resource_types"`
}

func (a *API) listResourceTypes(c *httpapi.Call) (resourceTypesView, error) {
	view := resourceTypesView{[]associationView{}}
	types, err := a.svc.MetadefResourceTypes(c.Ctx())
	for _, t := range types {
		view.ResourceTypes = append(view.ResourceTypes, associationView{Name: t.Name, CreatedAt: isoTime(t.CreatedAt), UpdatedAt: maybeTime(t.UpdatedAt)})
	}
	return view, err
}

func (a *API) listAssociations(c *httpapi.Call, n glance.MetadefNamespace) (associationsView, error) {
	view := associationsView{[]associationView{}}
	found, err := a.svc.MetadefAssociations(c.Ctx(), n)
	for _, as := range found[n.ID] {
		if c.Allowed("get_metadef_resource_type", n.PolicyTarget()) {
			view.Associations = append(view.Associations, newAssociationView(as))
		}
	}
	return view, err
}

func (a *API) createAssociation(c *httpapi.Call, n glance.MetadefNamespace, b associationBody) (associationView, error) {
	as, err := a.svc.CreateMetadefAssociation(c.Ctx(), n, b.association())
	return newAssociationView(as), err
}

func (a *API) deleteAssociation(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteMetadefAssociation(c.Ctx(), n, c.Param("name"))
}
