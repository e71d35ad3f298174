package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"nacre/internal/glance"
	"nacre/internal/glance/service"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) namespaceRoutes() httpapi.Table {
	shown := a.namespaceOr(service.NoNamespace, func(string) error { return absent() })
	find := a.namespaceOr(namespaceNotFound, namespaceNotFound)
	return httpapi.Table{
		{Method: "GET", Path: "/metadefs/namespaces", Status: 200,
			Rule: metadefRule("get_metadef_namespaces", "rule:context_is_admin or (role:reader and project_id:%(project_id)s)", "List namespace."),
			Do:   httpapi.Get(a.listNamespaces)},
		{Method: "POST", Path: "/metadefs/namespaces", Status: 201, Bodies: metadefBodies("namespace"),
			Rule: metadefRule("add_metadef_namespace", metadefAdmin, "Create a namespace."),
			Do:   httpapi.JSON(a.createNamespace)},
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}", Status: 200,
			Rule: metadefRule("get_metadef_namespace", metadefSeen, "Get a specific namespace."),
			Do:   httpapi.On(shown, a.showNamespace)},
		{Method: "PUT", Path: "/metadefs/namespaces/{namespace_name}", Status: 200, Bodies: metadefBodies("namespace"),
			Rule: metadefRule("modify_metadef_namespace", metadefAdmin, "Modify an existing namespace."),
			Do:   httpapi.OnJSON(find, a.updateNamespace)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}", Status: 204,
			Rule: policy.Rule{Name: "delete_metadef_namespace"}, Do: httpapi.On(find, a.deleteNamespace)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/objects", Status: 204,
			Rule: policy.Rule{Name: "delete_metadef_namespace"}, Do: httpapi.On(find, a.clearObjects)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/properties", Status: 204,
			Rule: policy.Rule{Name: "delete_metadef_namespace"}, Do: httpapi.On(find, a.clearProperties)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/tags", Status: 204,
			Rule: metadefRule("delete_metadef_tags", metadefAdmin, "Delete tag definitions."),
			Do:   httpapi.On(find, a.clearTags)},
	}
}

type namespaceBody struct {
	Namespace    string                     `json:"namespace"`
	DisplayName  *string                    `json:"display_name"`
	Description  *string                    `json:"description"`
	Visibility   string                     `json:"visibility"`
	Protected    bool                       `json:"protected"`
	Owner        string                     `json:"owner"`
	Associations []associationBody          `json:"resource_type_associations"`
	Properties   map[string]json.RawMessage `json:"properties"`
	Objects      []objectBody               `json:"objects"`
	Tags         []struct {
		Name string `json:"name"`
	} `json:"tags"`
}

func (b namespaceBody) namespace() glance.MetadefNamespace {
	return glance.MetadefNamespace{Name: b.Namespace, DisplayName: b.DisplayName, Description: b.Description,
		Visibility: glance.Visibility(b.Visibility), Protected: b.Protected, Owner: b.Owner}
}

func (b namespaceBody) content() (c glance.MetadefContent, err error) {
	for _, o := range b.Objects {
		object, err := o.object()
		if err != nil {
			return c, err
		}
		c.Objects = append(c.Objects, object)
	}
	types, err := glance.ParsePropertyTypes(b.Properties)
	for _, name := range slices.Sorted(maps.Keys(types)) {
		c.Properties = append(c.Properties, glance.MetadefProperty{Name: name, Type: types[name]})
	}
	for _, t := range b.Tags {
		c.Tags = append(c.Tags, glance.MetadefTag{Name: t.Name})
	}
	for _, as := range b.Associations {
		c.Associations = append(c.Associations, as.association())
	}
	return c, err
}

type namespaceView struct {
	Namespace    string                         `json:"namespace"`
	DisplayName  *string                        `json:"display_name,omitempty"`
	Description  *string                        `json:"description,omitempty"`
	Visibility   string                         `json:"visibility"`
	Protected    bool                           `json:"protected"`
	Owner        string                         `json:"owner"`
	CreatedAt    string                         `json:"created_at"`
	UpdatedAt    string                         `json:"updated_at,omitempty"`
	Associations []associationView              `json:"resource_type_associations,omitempty"`
	Properties   map[string]glance.PropertyType `json:"properties,omitempty"`
	Objects      []objectView                   `json:"objects,omitempty"`
	Tags         []tagView                      `json:"tags,omitempty"`
	Self         string                         `json:"self"`
	Schema       string                         `json:"schema"`
}

func namespaceHref(name string) string { return "/v2/metadefs/namespaces/" + name }

func newNamespaceView(n glance.MetadefNamespace) namespaceView {
	return namespaceView{Namespace: n.Name, DisplayName: n.DisplayName, Description: n.Description, Visibility: string(n.Visibility),
		Protected: n.Protected, Owner: n.Owner, CreatedAt: isoTime(n.CreatedAt), UpdatedAt: maybeTime(n.UpdatedAt),
		Self: namespaceHref(n.Name), Schema: "/v2/schemas/metadefs/namespace"}
}

// with adds what is in the namespace.
func (v namespaceView) with(c glance.MetadefContent) namespaceView {
	for _, as := range c.Associations {
		v.Associations = append(v.Associations, newAssociationView(as))
	}
	for _, p := range c.Properties {
		if v.Properties == nil {
			v.Properties = map[string]glance.PropertyType{}
		}
		v.Properties[p.Name] = p.Type
	}
	for _, o := range c.Objects {
		v.Objects = append(v.Objects, newObjectView(v.Namespace, o).stored())
	}
	for _, t := range c.Tags {
		v.Tags = append(v.Tags, tagView{Name: t.Name})
	}
	return v
}

type namespacesView struct {
	Namespaces []namespaceView `json:"namespaces"`
	Next       string          `json:"next,omitempty"`
	Schema     string          `json:"schema"`
	First      string          `json:"first"`
}

func (a *API) listNamespaces(c *httpapi.Call) (namespacesView, error) {
	params := parseParams(c.R.URL.RawQuery)
	view := namespacesView{Namespaces: []namespaceView{}, Schema: "/v2/schemas/metadefs/namespaces", First: params.linkTo("/v2/metadefs/namespaces", "")}
	if err := a.metadefEnforce(c, policy.Owned(c.Caller), "list_metadef_resource_types"); err != nil {
		return view, err
	}
	page, err := pageOfMetadefs(c.Query, "namespace", "display_name", "description", "visibility", "protected", "owner", "created_at", "updated_at", "id")
	if err != nil {
		return view, err
	}
	visibility, err := oneVisibility(c.Query, "public", "private")
	if err != nil {
		return view, err
	}
	config := a.svc.Config()
	if !c.Query.Has("limit") {
		page.Limit = config.LimitParamDefault
	}
	if page.Limit = min(page.Limit, config.APILimitMax); page.Limit == 0 {
		return view, nil
	}
	filter := glance.MetadefFilter{Visibility: glance.Visibility(visibility)}
	if c.Query.Has("resource_types") {
		filter.ResourceTypes = strings.Split(last(c.Query, "resource_types", ""), ",")
	}
	found, err := a.svc.MetadefNamespaces(c.Ctx(), filter, page)
	if err != nil {
		return view, err
	}
	types, err := a.svc.MetadefAssociations(c.Ctx(), found...)
	for _, n := range found {
		if c.Allowed("get_metadef_namespace", n.PolicyTarget()) {
			view.Namespaces = append(view.Namespaces, newNamespaceView(n).with(glance.MetadefContent{Associations: types[n.ID]}))
		}
	}
	if n := len(view.Namespaces); n > 0 && n == page.Limit {
		view.Next = params.linkTo("/v2/metadefs/namespaces", view.Namespaces[n-1].Namespace)
	}
	return view, err
}

// createdNamespace is a new namespace and where it is.
type createdNamespace struct {
	namespaceView
	href string
}

// Headers say where it is.
func (v createdNamespace) Headers() http.Header { return http.Header{"Location": {v.href}} }

func (a *API) createNamespace(c *httpapi.Call, b namespaceBody) (createdNamespace, error) {
	var none createdNamespace
	var rules []string
	for _, of := range []struct {
		rule string
		n    int
	}{{"add_metadef_resource_type_association", len(b.Associations)}, {"add_metadef_object", len(b.Objects)},
		{"add_metadef_property", len(b.Properties)}, {"add_metadef_tag", len(b.Tags)}} {
		if of.n > 0 {
			rules = append(rules, of.rule)
		}
	}
	if err := a.metadefEnforce(c, policy.Owned(c.Caller), rules...); err != nil {
		return none, err
	}
	content, err := b.content()
	if err != nil {
		return none, err
	}
	n, err := a.svc.CreateMetadefNamespace(c.Ctx(), b.namespace(), content)
	if err != nil {
		return none, err
	}
	view := newNamespaceView(n).with(content)
	view.Associations, view.Objects = nil, nil
	for _, as := range b.Associations {
		view.Associations = append(view.Associations, newAssociationView(as.association()))
	}
	for _, o := range content.Objects {
		view.Objects = append(view.Objects, objectView{Name: o.Name, Required: o.Required, Description: o.Description, Properties: o.Properties})
	}
	return createdNamespace{view, c.BaseURL() + namespaceHref(n.Name)}, nil
}

func (a *API) showNamespace(c *httpapi.Call, n glance.MetadefNamespace) (namespaceView, error) {
	view := newNamespaceView(n)
	err := a.metadefEnforce(c, n.PolicyTarget(), "list_metadef_resource_types", "get_metadef_objects", "get_metadef_properties", "get_metadef_tags")
	if err != nil {
		return view, err
	}
	if _, err := oneVisibility(c.Query, "public", "private"); err != nil {
		return view, err
	}
	content, err := a.svc.MetadefContent(c.Ctx(), n)
	view = view.with(content)
	for _, as := range content.Associations {
		if as.Name == last(c.Query, "resource_type", "") && as.Prefix != nil {
			view = view.prefixed(*as.Prefix)
		}
	}
	return view, err
}

// prefixed puts prefix before the names of all properties.
func (v namespaceView) prefixed(prefix string) namespaceView {
	v.Properties = prefixed(v.Properties, prefix)
	for i, o := range v.Objects {
		v.Objects[i].Properties = prefixed(o.Properties, prefix)
		for j, name := range o.Required {
			v.Objects[i].Required[j] = prefix + name
		}
	}
	return v
}

func prefixed(ps map[string]glance.PropertyType, prefix string) map[string]glance.PropertyType {
	out := make(map[string]glance.PropertyType, len(ps))
	for name, p := range ps {
		out[prefix+name] = p
	}
	return out
}

func (a *API) updateNamespace(c *httpapi.Call, n glance.MetadefNamespace, b namespaceBody) (namespaceView, error) {
	n, err := a.svc.UpdateMetadefNamespace(c.Ctx(), n, b.namespace())
	return newNamespaceView(n), err
}

func (a *API) deleteNamespace(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteMetadefNamespace(c.Ctx(), n)
}

func (a *API) clearObjects(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.ClearMetadefObjects(c.Ctx(), n)
}

func (a *API) clearProperties(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.ClearMetadefProperties(c.Ctx(), n)
}

func (a *API) clearTags(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	if err := a.metadefEnforce(c, n.PolicyTarget(), "delete_metadef_namespace"); err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.ClearMetadefTags(c.Ctx(), n)
}
