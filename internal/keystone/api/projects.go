package api

import (
	"slices"
	"strings"

	"nacre/internal/keystone"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
	"nacre/internal/oslo/pprint"
)

func (a *API) projectRoutes() httpapi.Table {
	read := "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s) or project_id:%(target.project.id)s"
	manage := "(rule:admin_required) or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)"
	return httpapi.Table{
		{Method: "GET", Path: "/projects", Status: 200,
			Rule: anyScope("identity:list_projects", "(rule:admin_required) or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain_id)s)"),
			Do:   on(callerDomain("target.domain_id"), a.listProjects)},
		{Method: "POST", Path: "/projects", Status: 201, Rule: anyScope("identity:create_project", manage),
			Bodies: httpapi.Schemas{"": "project_create.json"}, Do: onJSON(of(newProjectTarget), a.createProject)},
		{Method: "GET", Path: "/projects/{project_id}", Status: 200, Rule: anyScope("identity:get_project", read), Do: on(a.project, a.showProject)},
		{Method: "PATCH", Path: "/projects/{project_id}", Status: 200, Rule: anyScope("identity:update_project", manage),
			Bodies: httpapi.Schemas{"": "project_update.json"}, Do: onJSON(a.project, a.updateProject)},
		{Method: "DELETE", Path: "/projects/{project_id}", Status: 204, Rule: anyScope("identity:delete_project", manage), Do: on(a.project, a.deleteProject)},

		{Method: "GET", Path: "/projects/{project_id}/tags", Status: 200, Rule: anyScope("identity:list_project_tags", read), Do: on(a.project, a.listTags)},
		{Method: "PUT", Path: "/projects/{project_id}/tags", Status: 200, Rule: anyScope("identity:update_project_tags", manage),
			Bodies: httpapi.Schemas{"": "project_tags.json"}, Do: onJSON(a.project, a.replaceTags)},
		{Method: "DELETE", Path: "/projects/{project_id}/tags", Status: 204, Rule: anyScope("identity:delete_project_tags", manage), Do: on(a.project, a.deleteTags)},
		{Method: "GET", Path: "/projects/{project_id}/tags/{value}", Status: 204, Rule: anyScope("identity:get_project_tag", read), Do: on(a.project, a.checkTag)},
		{Method: "PUT", Path: "/projects/{project_id}/tags/{value}", Status: 201, Rule: anyScope("identity:create_project_tag", manage), Do: on(a.project, a.addTag)},
		{Method: "DELETE", Path: "/projects/{project_id}/tags/{value}", Status: 204, Rule: anyScope("identity:delete_project_tag", manage), Do: on(a.project, a.deleteTag)},
	}
}

// project finds the project that the path names.
func (a *API) project(c *httpapi.Call) (keystone.Project, policy.Target, error) {
	p, err := a.svc.Project(c.Ctx(), c.Param("project_id"))
	target := policy.Target{}
	if err == nil {
		addProject(target, p)
	}
	return p, target, err
}

func addProject(t policy.Target, p keystone.Project) {
	t["target.project.id"], t["target.project.domain_id"] = p.ID, nullable(p.DomainID)
}

func newProjectTarget(c *httpapi.Call) policy.Target {
	t := policy.Target{}
	if p := attributesIn(c, "project"); p.Has("domain_id") {
		t["target.project.domain_id"] = nullable(p.Text("domain_id"))
	}
	return t
}

func projectView(p keystone.Project) view {
	return withExtra(p.Extra, view{"id": p.ID, "name": p.Name, "domain_id": nullable(p.DomainID), "parent_id": nullable(p.ParentID),
		"is_domain": p.IsDomain, "enabled": p.Enabled, "description": p.Description, "tags": tagList(p.Tags), "options": orEmpty(p.Options)})
}

func tagList(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return tags
}

func (a *API) listProjects(c *httpapi.Call, _ nothing) (view, error) {
	fs := keystone.NewFilters(c.Query, "domain_id", "enabled", "name", "parent_id", "is_domain")
	if !c.Query.Has("is_domain") {
		fs = append(fs, keystone.Filter{Name: "is_domain", Value: "0"})
	}
	if d := c.Caller.DomainID; d != "" {
		fs = append(fs, keystone.Filter{Name: "domain_id", Value: d})
	}
	tags := keystone.TagFilter{All: commas(c, "tags"), Any: commas(c, "tags-any"), NotAll: commas(c, "not-tags"), NotAny: commas(c, "not-tags-any")}
	rows, err := a.svc.Projects(c.Ctx(), fs, tags)
	return limited(c, a.svc.ListLimit("resource"), "projects", rows, projectView), err
}

// commas splits a query parameter at its commas.
func commas(c *httpapi.Call, name string) []string {
	if v := c.Query.Get(name); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}

type projectBody struct {
	Project keystone.Attributes `json:"project"`
}

func (a *API) createProject(c *httpapi.Call, _ nothing, b projectBody) (view, error) {
	p, err := a.svc.CreateProject(c.Ctx(), b.Project)
	return member(c, "project", "projects", projectView(p)), err
}

func (a *API) showProject(c *httpapi.Call, p keystone.Project) (view, error) {
	v := projectView(p)
	return member(c, "project", "projects", v), a.addFamily(c, p, v)
}

// addFamily adds what lies above and below a project, as far as it was asked for.
func (a *API) addFamily(c *httpapi.Call, p keystone.Project, v view) error {
	for _, side := range []string{"parents", "subtree"} {
		asList, asIDs := flag(c, side+"_as_list"), flag(c, side+"_as_ids")
		if asList && asIDs {
			return fault.BadRequest("Cannot use %s_as_list and %s_as_ids query params at the same time.", side, side)
		}
		if !asList && !asIDs {
			continue
		}
		rows, err := a.family(c, p, side)
		if err != nil {
			return err
		}
		if asIDs {
			v[side] = idTree(p, rows, side == "parents")
			continue
		}
		if v[side], err = a.visible(c, rows); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) family(c *httpapi.Call, p keystone.Project, side string) ([]keystone.Project, error) {
	if side == "parents" {
		return a.svc.Parents(c.Ctx(), p)
	}
	return a.svc.Subtree(c.Ctx(), p.ID)
}

// visible shows those of rows on which the caller has a role, with their limits
// if those were asked for.
func (a *API) visible(c *httpapi.Call, rows []keystone.Project) ([]view, error) {
	own, err := a.svc.ProjectsOfUser(c.Ctx(), c.Caller.UserID)
	if err != nil {
		return nil, err
	}
	out := []view{}
	for _, p := range rows {
		if !slices.ContainsFunc(own, func(o keystone.Project) bool { return o.ID == p.ID }) {
			continue
		}
		v := projectView(p)
		if flag(c, "include_limits") {
			limits, err := a.svc.Limits(c.Ctx(), keystone.Filters{{Name: "project_id", Value: p.ID}})
			if err != nil {
				return nil, err
			}
			of := []view{}
			for _, l := range limits {
				of = append(of, limitView(l))
			}
			v["limits"] = of
		}
		out = append(out, member(c, "project", "projects", v))
	}
	return out, nil
}

// idTree nests the IDs of a project's parents or of its subtree; nil ends a branch.
func idTree(p keystone.Project, rows []keystone.Project, up bool) any {
	next := map[string][]string{}
	if up {
		below := p.ID
		for _, r := range rows {
			next[below] = []string{r.ID}
			below = r.ID
		}
	} else {
		for _, r := range rows {
			next[r.ParentID] = append(next[r.ParentID], r.ID)
		}
	}
	var build func(id string) any
	build = func(id string) any {
		if len(next[id]) == 0 {
			return nil
		}
		out := view{}
		for _, n := range next[id] {
			out[n] = build(n)
		}
		return out
	}
	return build(p.ID)
}

func (a *API) updateProject(c *httpapi.Call, p keystone.Project, b projectBody) (view, error) {
	p, err := a.svc.UpdateProject(c.Ctx(), p.ID, b.Project)
	v := projectView(p)
	v["extra"] = orEmpty(p.Extra) // the original tells them twice, here only
	return member(c, "project", "projects", v), err
}

func (a *API) deleteProject(c *httpapi.Call, p keystone.Project) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteProject(c.Ctx(), p.ID)
}

// tagsView links to the API, not to itself, as the original does.
func tagsView(c *httpapi.Call, tags []string) view {
	self := base(c)
	if q := c.R.URL.RawQuery; q != "" {
		self += "?" + q
	}
	return view{"links": view{"self": self}, "tags": tagList(tags)}
}

func (a *API) listTags(c *httpapi.Call, p keystone.Project) (view, error) {
	return tagsView(c, p.Tags), nil
}

type tagsBody struct {
	Tags []string `json:"tags"`
}

func (a *API) replaceTags(c *httpapi.Call, p keystone.Project, b tagsBody) (view, error) {
	tags, err := a.svc.SetTags(c.Ctx(), p.ID, b.Tags)
	return tagsView(c, tags), err
}

func (a *API) deleteTags(c *httpapi.Call, p keystone.Project) (httpapi.None, error) {
	_, err := a.svc.SetTags(c.Ctx(), p.ID, nil)
	return httpapi.None{}, err
}

func (a *API) checkTag(c *httpapi.Call, p keystone.Project) (httpapi.None, error) {
	if !slices.Contains(p.Tags, c.Param("value")) {
		return httpapi.None{}, fault.NotFound("Could not find project tag: %s.", c.Param("value"))
	}
	return httpapi.None{}, nil
}

func (a *API) addTag(c *httpapi.Call, p keystone.Project) (httpapi.None, error) {
	tag := c.Param("value")
	if err := a.tagFits(p.Tags, tag); err != nil {
		return httpapi.None{}, err
	}
	if err := a.svc.AddTag(c.Ctx(), p.ID, tag); err != nil {
		return httpapi.None{}, err
	}
	c.Header().Set("Location", base(c, p.ID, "tags", tag))
	c.Header().Set("Content-Type", "text/html; charset=utf-8")
	return httpapi.None{}, nil
}

// maxTags is how many tags a project may have.
const maxTags = 80

// tagFits asks of a tag in a path what the schema asks of those in a body.
func (a *API) tagFits(have []string, tag string) error {
	schema := a.schemas["project_tags.json"]
	one, _ := schema["items"].(map[string]any)
	switch {
	case strings.ContainsAny(tag, ",/"):
		return refusal(pprint.Repr(tag)+" does not match '^[^,/]*$'", "pattern", one, nil, tag)
	case len([]rune(tag)) > 255:
		return refusal(pprint.Repr(tag)+" is too long", "maxLength", one, nil, tag)
	case len(have) >= maxTags:
		all := make([]any, 0, len(have)+1)
		for _, t := range append(slices.Clone(have), tag) {
			all = append(all, t)
		}
		return refusal(pprint.Repr(all)+" is too long", "maxItems", schema, nil, all)
	}
	return nil
}

func (a *API) deleteTag(c *httpapi.Call, p keystone.Project) (httpapi.None, error) {
	return httpapi.None{}, a.svc.RemoveTag(c.Ctx(), p.ID, c.Param("value"))
}
