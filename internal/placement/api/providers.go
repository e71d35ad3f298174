package api

import (
	"context"
	"net/http"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
	"nacre/internal/placement"
	"nacre/internal/placement/service"
)

func (a *API) providerRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/resource_providers", Status: 200, Rule: may("resource_providers:list"),
			Queries: httpapi.Schemas{"1.0": "providers_query_1.0.json", "1.3": "providers_query_1.3.json", "1.4": "providers_query_1.4.json",
				"1.14": "providers_query_1.14.json", "1.18": "providers_query_1.18.json"}, Do: httpapi.Get(a.listProviders)},
		{Method: "POST", Path: "/resource_providers", Status: 201, Rule: may("resource_providers:create"),
			Bodies: httpapi.Schemas{"1.0": "provider_create.json", "1.14": "provider_create_1.14.json"}, Do: httpapi.JSON(a.createProvider)},
		{Method: "GET", Path: "/resource_providers/{uuid}", Status: 200, Rule: may("resource_providers:show"), Do: on(a, a.showProvider)},
		{Method: "PUT", Path: "/resource_providers/{uuid}", Status: 200, Rule: may("resource_providers:update"),
			Bodies: httpapi.Schemas{"1.0": "provider_update.json", "1.14": "provider_update_1.14.json"}, Do: onJSON(a, a.updateProvider)},
		{Method: "DELETE", Path: "/resource_providers/{uuid}", Status: 204, Rule: may("resource_providers:delete"), Do: httpapi.Get(a.deleteProvider)},
	}
}

// owned is a provider as the target of a rule: the rules look at roles alone.
type owned struct{ placement.ResourceProvider }

// PolicyTarget implements httpapi.Owned.
func (owned) PolicyTarget() policy.Target { return policy.Target{} }

func (a *API) provider(ctx context.Context, uuid string) (owned, error) {
	p, err := a.svc.ResourceProvider(ctx, uuid)
	return owned{p}, err
}

// on handles a call on the provider in the path, which is looked for once its
// rule was asked.
func on[V any](a *API, f func(*httpapi.Call, owned) (V, error)) httpapi.Handler {
	return httpapi.On(a.provider, f).RuleFirst()
}

// onJSON is on with a JSON body.
func onJSON[B, V any](a *API, f func(*httpapi.Call, owned, B) (V, error)) httpapi.Handler {
	return httpapi.OnJSON(a.provider, f).RuleFirst()
}

// onSaying is on with a sentence of its own when there is no such provider;
// words is a format of its UUID.
func onSaying[V any](a *API, words string, f func(*httpapi.Call, owned) (V, error)) httpapi.Handler {
	find := func(ctx context.Context, uuid string) (owned, error) {
		p, err := a.provider(ctx, uuid)
		if f, ok := fault.Of(err); ok {
			err = fault.New(f.Status, words, uuid, f.Message)
		}
		return p, err
	}
	return httpapi.On(find, f).RuleFirst()
}

type providerView struct {
	UUID       string   `json:"uuid"`
	Name       string   `json:"name"`
	Generation int64    `json:"generation"`
	Links      []link   `json:"links"`
	Parent     **string `json:"parent_provider_uuid,omitempty"` // null for a root
	Root       string   `json:"root_provider_uuid,omitempty"`
	changed    time.Time
}

// links lists what can be asked about a provider, by the version it came with.
var links = []struct{ since, rel, path string }{{"1.0", "self", ""}, {"1.0", "inventories", "/inventories"}, {"1.0", "usages", "/usages"},
	{"1.1", "aggregates", "/aggregates"}, {"1.6", "traits", "/traits"}, {"1.11", "allocations", "/allocations"}}

func newProviderView(c *httpapi.Call, p placement.ResourceProvider) providerView {
	v := providerView{UUID: p.UUID, Name: p.Name, Generation: p.Generation, changed: p.UpdatedAt}
	for _, l := range links {
		if c.Version.AtLeast(l.since) {
			v.Links = append(v.Links, link{l.rel, "/resource_providers/" + p.UUID + l.path})
		}
	}
	if c.Version.AtLeast("1.14") {
		v.Parent, v.Root = &p.ParentUUID, p.RootUUID
	}
	return v
}

type providersView struct {
	ResourceProviders []providerView `json:"resource_providers"`
}

func (a *API) listProviders(c *httpapi.Call) (providersView, error) {
	f, err := a.providerFilter(c)
	if err != nil {
		return providersView{}, err
	}
	found, err := a.svc.ResourceProviders(c.Ctx(), f)
	if err != nil {
		return providersView{}, err
	}
	v := providersView{ResourceProviders: []providerView{}}
	var last time.Time
	for _, p := range found {
		v.ResourceProviders = append(v.ResourceProviders, newProviderView(c, p))
		if p.UpdatedAt.After(last) {
			last = p.UpdatedAt
		}
	}
	fresh(c, last)
	return v, nil
}

type providerBody struct {
	Name   string            `json:"name"`
	UUID   string            `json:"uuid"`
	Parent optional[*string] `json:"parent_provider_uuid"`
}

// optional tells a field that is null from one that is absent.
type optional[T any] struct {
	Set   bool
	Value T
}

func (o *optional[T]) UnmarshalJSON(data []byte) error {
	o.Set = true
	return unmarshal(data, &o.Value)
}

func (b providerBody) parent() string {
	if b.Parent.Value == nil {
		return ""
	}
	return dashed(*b.Parent.Value)
}

func (a *API) createProvider(c *httpapi.Call, b providerBody) (any, error) {
	p, err := a.svc.CreateResourceProvider(c.Ctx(), dashed(b.UUID), b.Name, b.parent())
	if err != nil {
		return nil, err
	}
	c.Header().Set("Location", c.BaseURL()+"/resource_providers/"+p.UUID)
	if !c.Version.AtLeast("1.20") {
		return nil, nil
	}
	fresh(c, p.UpdatedAt)
	c.SetStatus(http.StatusOK)
	return newProviderView(c, p), nil
}

func (a *API) showProvider(c *httpapi.Call, p owned) (providerView, error) {
	fresh(c, p.UpdatedAt)
	return newProviderView(c, p.ResourceProvider), nil
}

func (a *API) updateProvider(c *httpapi.Call, p owned, b providerBody) (providerView, error) {
	out, err := a.svc.UpdateResourceProvider(c.Ctx(), p.UUID, b.Name, b.Parent.Set, b.parent(), c.Version.AtLeast("1.37"))
	if err != nil {
		return providerView{}, err
	}
	fresh(c, out.UpdatedAt)
	return newProviderView(c, out), nil
}

func (a *API) deleteProvider(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteResourceProvider(c.Ctx(), c.Param("uuid"))
}

// providerFilter reads the query of a list of providers.
func (a *API) providerFilter(c *httpapi.Call) (service.ProviderFilter, error) {
	f := service.ProviderFilter{Name: c.Query.Get("name"), UUID: dashed(c.Query.Get("uuid"))}
	g, err := group(c, "")
	if err != nil {
		return f, err
	}
	f.Filter, f.Resources = g.Filter, g.Resources
	err = a.svc.CheckTraits(c.Ctx(), named(g.Filter))
	if told, ok := fault.Of(err); ok {
		return f, fault.BadRequest("Invalid trait(s) in \"required\" parameter: %s", told.Message)
	} else if err != nil {
		return f, err
	}
	return f, a.svc.CheckClasses(c.Ctx(), g.Resources)
}
