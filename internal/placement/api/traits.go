package api

import (
	"net/http"
	"strings"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

func (a *API) traitRoutes() httpapi.Table {
	const of = "/resource_providers/{uuid}/traits"
	return httpapi.Table{
		{Method: "GET", Path: "/traits", Status: 200, Min: "1.6", Rule: may("traits:list"),
			Queries: httpapi.Schemas{"1.6": "traits_query.json"}, Do: httpapi.Get(a.listTraits)},
		{Method: "GET", Path: "/traits/{name}", Status: 204, Min: "1.6", Rule: may("traits:show"), Do: httpapi.Get(a.showTrait)},
		{Method: "PUT", Path: "/traits/{name}", Status: 201, Min: "1.6", Rule: may("traits:update"), Do: httpapi.Get(a.ensureTrait)},
		{Method: "DELETE", Path: "/traits/{name}", Status: 204, Min: "1.6", Rule: may("traits:delete"), Do: httpapi.Get(a.deleteTrait)},
		{Method: "GET", Path: of, Status: 200, Min: "1.6", Rule: may("resource_providers:traits:list"),
			Do: onSaying(a, "No resource provider with uuid %s found: %s", a.providerTraits)},
		{Method: "PUT", Path: of, Status: 200, Min: "1.6", Rule: may("resource_providers:traits:update"),
			Bodies: httpapi.Schemas{"1.6": "traits_set.json"}, Do: httpapi.JSON(a.setTraits)},
		{Method: "DELETE", Path: of, Status: 204, Min: "1.6", Rule: may("resource_providers:traits:delete"), Do: on(a, a.deleteTraits)},
	}
}

type traitsView struct {
	Traits     []string `json:"traits"`
	Generation *int64   `json:"resource_provider_generation,omitempty"`
}

func (a *API) listTraits(c *httpapi.Call) (traitsView, error) {
	prefix, names, err := traitNames(c)
	if err != nil {
		return traitsView{}, err
	}
	var associated *bool
	if c.Query.Has("associated") {
		yes := strings.EqualFold(c.Query.Get("associated"), "true")
		if !yes && !strings.EqualFold(c.Query.Get("associated"), "false") {
			return traitsView{}, fault.BadRequest("The query parameter \"associated\" only accepts \"true\" or \"false\"")
		}
		associated = &yes
	}
	found, err := a.svc.Traits(c.Ctx(), prefix, names, associated)
	v := traitsView{Traits: []string{}}
	var last time.Time
	for _, t := range found {
		v.Traits = append(v.Traits, t.Name)
		if t.UpdatedAt.After(last) {
			last = t.UpdatedAt
		}
	}
	fresh(c, last)
	return v, err
}

// traitNames reads name=startswith:PREFIX or name=in:A,B; other operators choose nothing.
func traitNames(c *httpapi.Call) (prefix string, names []string, err error) {
	if !c.Query.Has("name") {
		return "", nil, nil
	}
	op, value, ok := strings.Cut(c.Query.Get("name"), ":")
	switch {
	case op == "startswith" && ok:
		return value, nil, nil
	case op == "in" && ok:
		return "", strings.Split(value, ","), nil
	case ok:
		return "", nil, nil
	}
	return "", nil, fault.BadRequest("Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: \"%s\"", c.Query.Get("name"))
}

func (a *API) showTrait(c *httpapi.Call) (httpapi.None, error) {
	t, err := a.svc.Trait(c.Ctx(), c.Param("name"))
	if err == nil {
		fresh(c, t.UpdatedAt)
	}
	return httpapi.None{}, err
}

func (a *API) ensureTrait(c *httpapi.Call) (httpapi.None, error) {
	name := c.Param("name")
	created, err := a.svc.CreateTrait(c.Ctx(), name)
	if err != nil {
		return httpapi.None{}, err
	}
	if !created {
		c.SetStatus(http.StatusNoContent)
	}
	fresh(c, time.Time{})
	c.Header().Set("Location", c.BaseURL()+"/traits/"+name)
	return httpapi.None{}, nil
}

func (a *API) deleteTrait(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteTrait(c.Ctx(), c.Param("name"))
}

func (a *API) traitsOf(c *httpapi.Call, uuid string) (traitsView, error) {
	st, err := a.svc.State(c.Ctx(), uuid)
	if err != nil {
		return traitsView{}, err
	}
	fresh(c, st.UpdatedAt)
	return traitsView{Traits: st.SortedTraits(), Generation: &st.Generation}, nil
}

func (a *API) providerTraits(c *httpapi.Call, p owned) (traitsView, error) {
	return a.traitsOf(c, p.UUID)
}

type traitsBody struct {
	Generation int64    `json:"resource_provider_generation"`
	Traits     []string `json:"traits"`
}

// setTraits looks for the provider after the body's schema, unlike other calls.
func (a *API) setTraits(c *httpapi.Call, b traitsBody) (traitsView, error) {
	uuid := c.Param("uuid")
	if err := a.svc.SetTraits(c.Ctx(), uuid, b.Generation, b.Traits); err != nil {
		return traitsView{}, err
	}
	return a.traitsOf(c, uuid)
}

func (a *API) deleteTraits(c *httpapi.Call, p owned) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteTraits(c.Ctx(), p.UUID)
}
