package api

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// tagRoutes are the tags of servers.
func (a *API) tagRoutes() httpapi.Table {
	const all, one = "/servers/{server_id}/tags", "/servers/{server_id}/tags/{tag}"
	named := func(verb string) string { return "os_compute_api:os-server-tags:" + verb }
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Min: "2.26", Rule: rule(named("index"), reader), Do: httpapi.On(a.svc.Server, a.listTags)},
		{Method: "PUT", Path: all, Status: 200, Min: "2.26", Rule: rule(named("update_all"), member),
			Bodies: httpapi.Schemas{"2.26": "server_tags_update_all.json"}, Do: httpapi.OnJSON(a.svc.Server, a.replaceTags)},
		{Method: "DELETE", Path: all, Status: 204, Min: "2.26", Rule: rule(named("delete_all"), member), Do: httpapi.On(a.mappedServer, a.deleteTags)},
		{Method: "GET", Path: one, Status: 204, Min: "2.26", Rule: rule(named("show"), reader), Do: httpapi.On(a.svc.Server, a.showTag)},
		{Method: "PUT", Path: one, Status: 201, Min: "2.26", Rule: rule(named("update"), member),
			Bodies: httpapi.Schemas{"2.26": "server_tag_update.json"}, Do: httpapi.OnCall(a.forTag, a.addTag)},
		{Method: "DELETE", Path: one, Status: 204, Min: "2.26", Rule: rule(named("delete"), member), Do: httpapi.On(a.mappedServer, a.deleteTag)},
	}
}

type tagsBody struct {
	Tags []string `json:"tags"`
}

func (a *API) listTags(_ *httpapi.Call, srv nova.Server) (tagsBody, error) {
	return tagsBody{append([]string{}, srv.Tags...)}, nil
}

func (a *API) replaceTags(c *httpapi.Call, srv nova.Server, body tagsBody) (tagsBody, error) {
	now, err := a.svc.ReplaceServerTags(c.Ctx(), srv, body.Tags)
	return tagsBody{append([]string{}, now...)}, err
}

func (a *API) deleteTags(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteServerTags(c.Ctx(), srv)
}

func (a *API) showTag(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	if tag := c.Param("tag"); !slices.Contains(srv.Tags, tag) {
		return httpapi.None{}, fault.NotFound("Server %s has no tag '%s'", srv.ID, tag)
	}
	return httpapi.None{}, nil
}

// forTag refuses a body: the tag is in the path.
func (a *API) forTag(c *httpapi.Call) (nova.Server, error) {
	if len(bytes.TrimSpace(c.Body)) > 0 {
		if err := c.CheckBody("server_tag_update.json", c.Body); err != nil {
			return nova.Server{}, err
		}
	}
	return a.svc.Server(c.Ctx(), c.Param("server_id"))
}

// addTag answers 201 and where the tag is, or 204 when the server had it.
func (a *API) addTag(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	tag := c.Param("tag")
	if err := checkTag(tag); err != nil {
		return httpapi.None{}, err
	}
	added, err := a.svc.AddServerTag(c.Ctx(), srv, tag)
	if err != nil {
		return httpapi.None{}, err
	}
	if !added {
		c.SetStatus(http.StatusNoContent)
		return httpapi.None{}, nil
	}
	c.Header().Set("Location", c.BaseURL()+"/v2.1/servers/"+srv.ID+"/tags/"+url.PathEscape(tag))
	return httpapi.None{}, nil
}

// checkTag is the schema of a tag in a path.
func checkTag(tag string) error {
	why := ""
	switch {
	case tag == "":
		why = "'' is too short"
	case utf8.RuneCountInString(tag) > 60:
		why = "'" + tag + "' is too long"
	case strings.ContainsAny(tag, ",/"):
		why = "'" + tag + "' does not match '^[^,/]*$'"
	default:
		return nil
	}
	return fault.BadRequest("Tag '%s' is invalid. It must be a non empty string without characters '/' and ','. Validation error message: %s", tag, why)
}

func (a *API) deleteTag(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteServerTag(c.Ctx(), srv, c.Param("tag"))
}
