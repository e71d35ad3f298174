package api

import (
	"nacre/internal/glance"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) tagRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "PUT", Path: "/images/{image_id}/tags/{tag_value}", Status: 204, Rule: policy.Rule{Name: "modify_image"},
			Do: httpapi.On(a.missing("Image %s not found."), a.addTag)},
		{Method: "DELETE", Path: "/images/{image_id}/tags/{tag_value}", Status: 204, Rule: policy.Rule{Name: "modify_image"},
			Do: httpapi.On(a.missing("Image %s not found."), a.deleteTag)},
	}
}

func (a *API) addTag(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	tag := c.Param("tag_value")
	if err := imageSchema.check(map[string]any{"tags": []any{tag}}); err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.AddTag(c.Ctx(), img.ID, tag)
}

func (a *API) deleteTag(c *httpapi.Call, img glance.Image) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteTag(c.Ctx(), img.ID, c.Param("tag_value"))
}
