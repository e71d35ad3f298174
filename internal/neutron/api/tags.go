package api

import (
	"context"
	"net/http"
	"slices"

	"nacre/internal/neutron"
	"nacre/internal/neutron/attributes"
	"nacre/internal/neutron/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// maxTag is the longest tag, in characters.
const maxTag = 255

// tagRoutes serve the tags of all resources that have some.
func (a *API) tagRoutes() httpapi.Table {
	return slices.Concat(
		tagsOf(a, a.networks, func(n *networkT) []string { return n.Tags }),
		tagsOf(a, a.subnets, func(s *subnetT) []string { return s.Tags }),
		tagsOf(a, a.subnetpools, func(p *subnetpoolT) []string { return p.Tags }),
		tagsOf(a, a.ports, func(p *portT) []string { return p.Tags }),
		tagsOf(a, a.routers, func(r *routerT) []string { return r.Tags }),
		tagsOf(a, a.floatingips, func(f *floatingipT) []string { return f.Tags }),
		tagsOf(a, a.securityGroups, func(g *groupT) []string { return g.Tags }),
	)
}

type tagList struct {
	Tags []string `json:"tags"`
}

// tagger serves the tags of one kind.
type tagger[T, R any] struct {
	svc  *service.Service
	r    *resource[T, R]
	tags func(*T) []string
}

func tagsOf[T, R any](a *API, r *resource[T, R], tags func(*T) []string) httpapi.Table {
	g := tagger[T, R]{a.svc, r, tags}
	all := r.path + "/" + r.param() + "/tags"
	one := all + "/{tag}"
	get, update, remove := rule("get_"+r.Name+":tags"), rule("update_"+r.Name+":tags"), rule("delete_"+r.Name+":tags")
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Rule: get, Do: httpapi.OnCall(g.find, g.list)},
		{Method: "PUT", Path: all, Status: 200, Rule: update, Do: httpapi.OnCall(g.forBody, g.replace)},
		{Method: "POST", Path: all, Status: 201, Rule: update, Do: httpapi.OnCall(g.find, g.extend)},
		{Method: "DELETE", Path: all, Status: 204, Rule: remove, Do: httpapi.OnCall(g.find, g.clear)},
		{Method: "GET", Path: one, Status: 204, Rule: get, Do: httpapi.OnCall(g.find, g.has)},
		{Method: "PUT", Path: one, Status: 201, Rule: update, Do: httpapi.OnCall(g.find, g.add)},
		{Method: "DELETE", Path: one, Status: 204, Rule: remove, Do: httpapi.OnCall(g.find, g.drop)},
	}
}

// find finds what the tags are of; the 404 is one of its own.
func (g tagger[T, R]) find(c *httpapi.Call) (owned[T], error) {
	o, err := g.r.forShow(c)
	if fault.Is(err, http.StatusNotFound) {
		err = fault.NotFound("Resource %s %s could not be found.", g.r.Collection, c.Param(g.r.Name+"_id")).As("TagResourceNotFound").Cause(err)
	}
	return o, err
}

// forBody is find for a list of tags, which is looked at first.
func (g tagger[T, R]) forBody(c *httpapi.Call) (owned[T], error) {
	if _, err := sent(c); err != nil {
		return owned[T]{}, err
	}
	return g.find(c)
}

func (g tagger[T, R]) list(_ *httpapi.Call, o owned[T]) (tagList, error) {
	tags := g.tags(&o.row)
	if tags == nil {
		tags = []string{}
	}
	return tagList{tags}, nil
}

func (g tagger[T, R]) has(c *httpapi.Call, o owned[T]) (httpapi.None, error) {
	if !slices.Contains(g.tags(&o.row), c.Param("tag")) {
		return httpapi.None{}, service.TagNotFound(c.Param("tag"))
	}
	return httpapi.None{}, nil
}

// sent reads {"tags": […]}.
func sent(c *httpapi.Call) ([]string, error) {
	m, err := object(c)
	if err != nil {
		return nil, err
	}
	list, ok := m["tags"]
	if !ok {
		return nil, neutron.InvalidInput("Invalid tags body")
	}
	if why := attributes.ListOf(attributes.String(maxTag))(list); why != "" {
		return nil, neutron.InvalidInput("%s", why)
	}
	out := []string{}
	for _, v := range list.([]any) {
		out = append(out, attributes.Text(v))
	}
	return out, nil
}

func (g tagger[T, R]) replace(c *httpapi.Call, o owned[T]) (tagList, error) {
	tags, err := sent(c)
	if err != nil {
		return tagList{}, err
	}
	return tagList{tags}, g.svc.SetTags(c.Ctx(), g.r.Collection, o.id, tags)
}

func (g tagger[T, R]) extend(c *httpapi.Call, o owned[T]) (tagList, error) {
	tags, err := sent(c)
	if err != nil {
		return tagList{}, err
	}
	return tagList{tags}, g.svc.AddTags(c.Ctx(), g.r.Collection, o.id, tags...)
}

func (g tagger[T, R]) clear(c *httpapi.Call, o owned[T]) (httpapi.None, error) {
	return httpapi.None{}, g.svc.SetTags(c.Ctx(), g.r.Collection, o.id, nil)
}

func (g tagger[T, R]) add(c *httpapi.Call, o owned[T]) (httpapi.None, error) {
	return httpapi.None{}, g.single(c.Ctx(), c.Param("tag"), func(ctx context.Context, tag string) error {
		return g.svc.AddTags(ctx, g.r.Collection, o.id, tag)
	})
}

func (g tagger[T, R]) drop(c *httpapi.Call, o owned[T]) (httpapi.None, error) {
	return httpapi.None{}, g.svc.RemoveTag(c.Ctx(), g.r.Collection, o.id, c.Param("tag"))
}

func (g tagger[T, R]) single(ctx context.Context, tag string, do func(context.Context, string) error) error {
	if why := attributes.String(maxTag)(tag); why != "" {
		return neutron.InvalidInput("%s", why)
	}
	return do(ctx, tag)
}
