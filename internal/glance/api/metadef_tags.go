package api

import (
	"strings"

	"nacre/internal/glance"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) metadefTagRoutes() httpapi.Table {
	find := a.namespaceOr(namespaceNotFound, namespaceNotFound)
	return httpapi.Table{
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/tags", Status: 200,
			Rule: metadefRule("get_metadef_tags", metadefSeen, "List tag definitions."),
			Do:   httpapi.On(find, a.listMetadefTags)},
		{Method: "POST", Path: "/metadefs/namespaces/{namespace_name}/tags", Status: 201, Bodies: metadefBodies("tags_create"),
			Rule: metadefRule("add_metadef_tags", metadefAdmin, "Create tag definitions."),
			Do:   httpapi.OnJSON(find, a.createMetadefTags)},
		{Method: "GET", Path: "/metadefs/namespaces/{namespace_name}/tags/{tag_name}", Status: 200,
			Rule: metadefRule("get_metadef_tag", metadefSeen, "Get tag definition."),
			Do:   httpapi.On(find, a.showMetadefTag)},
		{Method: "POST", Path: "/metadefs/namespaces/{namespace_name}/tags/{tag_name}", Status: 201,
			Rule: metadefRule("add_metadef_tag", metadefAdmin, "Add tag definition."),
			Do:   httpapi.On(find, a.createMetadefTag)},
		{Method: "PUT", Path: "/metadefs/namespaces/{namespace_name}/tags/{tag_name}", Status: 200, Bodies: metadefBodies("tag"),
			Rule: metadefRule("modify_metadef_tag", metadefAdmin, "Update tag definition."),
			Do:   httpapi.OnJSON(find, a.updateMetadefTag)},
		{Method: "DELETE", Path: "/metadefs/namespaces/{namespace_name}/tags/{tag_name}", Status: 204,
			Rule: metadefRule("delete_metadef_tag", metadefAdmin, "Delete tag definition."),
			Do:   httpapi.On(find, a.deleteMetadefTag)},
	}
}

type tagView struct {
	Name      string `json:"name"`
	CreatedAt string `json:"created_at,omitempty"`
	UpdatedAt string `json:"updated_at,omitempty"`
}

func newTagView(t glance.MetadefTag) tagView {
	return tagView{t.Name, isoTime(t.CreatedAt), maybeTime(t.UpdatedAt)}
}

type tagsView struct {
	Tags []tagView `json:"tags"`
}

func newTagsView(tags []glance.MetadefTag) tagsView {
	view := tagsView{[]tagView{}}
	for _, t := range tags {
		view.Tags = append(view.Tags, tagView{Name: t.Name})
	}
	return view
}

func (a *API) listMetadefTags(c *httpapi.Call, n glance.MetadefNamespace) (tagsView, error) {
	page, err := pageOfMetadefs(c.Query, "name", "created_at", "updated_at", "id")
	if err != nil {
		return tagsView{}, err
	}
	if _, err := oneVisibility(c.Query, "public", "private", "shared"); err != nil {
		return tagsView{}, err
	}
	if c.Query.Has("limit") && page.Limit == 0 && last(c.Query, "limit", "") != "" {
		return newTagsView(nil), nil
	}
	tags, err := a.svc.MetadefTags(c.Ctx(), n, page)
	return newTagsView(tags), err
}

type tagsBody struct {
	Tags *[]struct {
		Name string `json:"name"`
	} `json:"tags"`
}

func (a *API) createMetadefTags(c *httpapi.Call, n glance.MetadefNamespace, b tagsBody) (tagsView, error) {
	if b.Tags == nil {
		return tagsView{}, fault.BadRequest(`Expected tags in the form: {"tags": [{"name": "tag"}]}`)
	}
	var names []string
	for _, t := range *b.Tags {
		names = append(names, t.Name)
	}
	tags, err := a.svc.CreateMetadefTags(c.Ctx(), n, !isTrue(c.R.Header.Get("X-Openstack-Append")), names...)
	return newTagsView(tags), err
}

// isTrue reads a boolean as oslo.utils does: what it does not know is false.
func isTrue(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "on", "y", "yes":
		return true
	}
	return false
}

func (a *API) showMetadefTag(c *httpapi.Call, n glance.MetadefNamespace) (tagView, error) {
	t, err := a.svc.MetadefTag(c.Ctx(), n, c.Param("tag_name"))
	return newTagView(t), err
}

func (a *API) createMetadefTag(c *httpapi.Call, n glance.MetadefNamespace) (tagView, error) {
	tags, err := a.svc.CreateMetadefTags(c.Ctx(), n, false, c.Param("tag_name"))
	if err != nil {
		return tagView{}, err
	}
	return newTagView(tags[0]), nil
}

func (a *API) updateMetadefTag(c *httpapi.Call, n glance.MetadefNamespace, b tagView) (tagView, error) {
	t, err := a.svc.MetadefTag(c.Ctx(), n, c.Param("tag_name"))
	if err != nil {
		return tagView{}, err
	}
	t, err = a.svc.RenameMetadefTag(c.Ctx(), n, t, b.Name)
	return newTagView(t), err
}

func (a *API) deleteMetadefTag(c *httpapi.Call, n glance.MetadefNamespace) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteMetadefTag(c.Ctx(), n, c.Param("tag_name"))
}
