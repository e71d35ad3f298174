package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

// flavorRoutes are flavors, their extra specs and who may use them.
func (a *API) flavorRoutes() httpapi.Table {
	list := httpapi.Schemas{"2.1": "flavor_list_query_2.1.json", "2.75": "flavor_list_query_2.75.json"}
	return httpapi.Table{
		{Method: "GET", Path: "/flavors", Status: 200, Queries: list, Do: httpapi.Get(a.listFlavors)},
		{Method: "GET", Path: "/flavors/detail", Status: 200, Queries: list, Do: httpapi.Get(a.listFlavorsDetail)},
		{Method: "POST", Path: "/flavors", Status: 200, Rule: rule("os_compute_api:os-flavor-manage:create", admin),
			Bodies: httpapi.Schemas{"2.1": "flavor_create_2.1.json", "2.55": "flavor_create_2.55.json"}, Do: httpapi.JSON(a.createFlavor)},
		{Method: "GET", Path: "/flavors/{flavor_id}", Status: 200, Do: httpapi.Get(a.showFlavor)},
		{Method: "PUT", Path: "/flavors/{flavor_id}", Status: 200, Min: "2.55", Rule: rule("os_compute_api:os-flavor-manage:update", admin),
			Bodies: httpapi.Schemas{"2.55": "flavor_update_2.55.json"}, Do: httpapi.JSON(a.updateFlavor)},
		{Method: "DELETE", Path: "/flavors/{flavor_id}", Status: 202, Rule: rule("os_compute_api:os-flavor-manage:delete", admin),
			Do: httpapi.Get(a.deleteFlavor)},
		{Method: "GET", Path: "/flavors/{flavor_id}/os-flavor-access", Status: 200, Rule: rule("os_compute_api:os-flavor-access", admin),
			Do: httpapi.Get(a.listFlavorAccess)},
		{Method: "POST", Path: "/flavors/{flavor_id}/action", Action: "addTenantAccess", Status: 200,
			Rule:   rule("os_compute_api:os-flavor-access:add_tenant_access", admin),
			Bodies: httpapi.Schemas{"2.1": "add_tenant_access.json"}, Do: httpapi.JSON(a.addTenantAccess)},
		{Method: "POST", Path: "/flavors/{flavor_id}/action", Action: "removeTenantAccess", Status: 200,
			Rule:   rule("os_compute_api:os-flavor-access:remove_tenant_access", admin),
			Bodies: httpapi.Schemas{"2.1": "remove_tenant_access.json"}, Do: httpapi.JSON(a.removeTenantAccess)},
	}
}

// specsRule lets a caller see extra specs, alone and inside flavors.
var specsRule = rule("os_compute_api:os-flavor-extra-specs:index", reader)

type flavorView struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	RAM         int               `json:"ram"`
	Disk        int               `json:"disk"`
	Swap        any               `json:"swap"` // "" for none before 2.75
	Ephemeral   int               `json:"OS-FLV-EXT-DATA:ephemeral"`
	Disabled    bool              `json:"OS-FLV-DISABLED:disabled"`
	VCPUs       int               `json:"vcpus"`
	IsPublic    bool              `json:"os-flavor-access:is_public"`
	RXTXFactor  float             `json:"rxtx_factor"`
	Links       []link            `json:"links"`
	Description **string          `json:"description,omitempty"`
	ExtraSpecs  map[string]string `json:"extra_specs,omitzero"`
}

// flavorChanges lists, newest first, what an older client must not see.
var flavorChanges = httpapi.Changes[flavorView]{
	httpapi.Since("2.75", "swap is 0, not an empty string", func(v *flavorView) {
		if v.Swap == 0 {
			v.Swap = ""
		}
	}),
	httpapi.Since("2.61", "extra specs in flavors", func(v *flavorView) { v.ExtraSpecs = nil }),
	httpapi.Since("2.55", "description", func(v *flavorView) { v.Description = nil }),
}

func newFlavorView(c *httpapi.Call, f nova.Flavor) flavorView {
	v := flavorView{ID: f.FlavorID, Name: f.Name, RAM: f.MemoryMB, Disk: f.RootGB, Swap: f.SwapMB, Ephemeral: f.EphemeralGB,
		Disabled: f.Disabled, VCPUs: f.VCPUs, IsPublic: f.IsPublic, RXTXFactor: float(f.RXTXFactor),
		Links: links(c, "flavors", f.FlavorID), Description: &f.Description}
	if c.Allowed(specsRule.Name, policy.Owned(c.Caller)) {
		v.ExtraSpecs = specsOf(f)
	}
	flavorChanges.Before(c.Version, &v)
	return v
}

// specsOf is never nil, for an empty set is shown.
func specsOf(f nova.Flavor) map[string]string {
	if f.ExtraSpecs == nil {
		return map[string]string{}
	}
	return f.ExtraSpecs
}

type flavorAnswer struct {
	Flavor flavorView `json:"flavor"`
}

type flavorList[V any] struct {
	Flavors []V    `json:"flavors"`
	Links   []link `json:"flavors_links,omitempty"`
}

type flavorBrief struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Links       []link   `json:"links"`
	Description **string `json:"description,omitempty"`
}

func (a *API) listFlavors(c *httpapi.Call) (flavorList[flavorBrief], error) {
	return listFlavorsAs(a, c, "flavors", func(f nova.Flavor) flavorBrief {
		v := flavorBrief{ID: f.FlavorID, Name: f.Name, Links: links(c, "flavors", f.FlavorID)}
		if c.Version.AtLeast("2.55") {
			v.Description = &f.Description
		}
		return v
	})
}

func (a *API) listFlavorsDetail(c *httpapi.Call) (flavorList[flavorView], error) {
	return listFlavorsAs(a, c, "flavors/detail", func(f nova.Flavor) flavorView { return newFlavorView(c, f) })
}

func listFlavorsAs[V any](a *API, c *httpapi.Call, path string, view func(nova.Flavor) V) (flavorList[V], error) {
	list := flavorList[V]{Flavors: []V{}}
	filter, page, err := flavorQuery(c)
	if err != nil {
		return list, err
	}
	if page.Limit == 0 {
		return list, nil
	}
	found, err := a.svc.Flavors(c.Ctx(), filter, page)
	if err != nil {
		return list, err
	}
	for _, f := range found {
		list.Flavors = append(list.Flavors, view(f))
	}
	if len(found) > 0 {
		list.Links = nextLinks(c, path, page.Limit, len(found), found[len(found)-1].FlavorID)
	}
	return list, nil
}

// flavorColumns are the sort keys that are not columns' names.
var flavorColumns = map[string]string{"": "flavor_id", "flavorid": "flavor_id", "id": "number"}

// flavorQuery reads filters and page; only administrators see beyond public and enabled flavors.
func flavorQuery(c *httpapi.Call) (f nova.FlavorFilter, p db.Page, err error) {
	if p.Limit, p.Marker, err = pageOf(c); err != nil {
		return f, p, err
	}
	key := last(c.Query, "sort_key")
	if column, renamed := flavorColumns[key]; renamed {
		key = column
	}
	desc := last(c.Query, "sort_dir") == "desc"
	p.Sort = []db.Sort{{Column: key, Desc: desc}, {Column: "number", Desc: desc}}
	f.ProjectID = c.Caller.ProjectID
	yes, no := true, false
	f.IsPublic = &yes
	if !c.Caller.Admin {
		f.Disabled = &no
	} else if f.IsPublic, err = isPublic(last(c.Query, "is_public")); err != nil {
		return f, p, err
	}
	if f.MinRAM, err = flavorNumber(c, "minRam"); err == nil {
		f.MinDisk, err = flavorNumber(c, "minDisk")
	}
	return f, p, err
}

// isPublic reads the filter of administrators: nil, both kinds, is written "none".
func isPublic(text string) (*bool, error) {
	yes := true
	if text == "" {
		return &yes, nil
	}
	if strings.EqualFold(text, "none") {
		return nil, nil
	}
	v, ok := boolOf(text)
	if !ok {
		return nil, fault.BadRequest("Invalid is_public filter [%s]", text)
	}
	return &v, nil
}

func flavorNumber(c *httpapi.Call, name string) (int, error) {
	if !c.Query.Has(name) {
		return 0, nil
	}
	n, err := strconv.Atoi(last(c.Query, name))
	if err != nil {
		return 0, fault.BadRequest("Invalid %s filter [%s]", name, last(c.Query, name))
	}
	return n, nil
}

func (a *API) showFlavor(c *httpapi.Call) (flavorAnswer, error) {
	f, err := a.svc.Flavor(c.Ctx(), c.Param("flavor_id"))
	if err != nil {
		return flavorAnswer{}, err
	}
	return flavorAnswer{newFlavorView(c, f)}, nil
}

type flavorCreate struct {
	Flavor struct {
		Name        string      `json:"name"`
		ID          flavorID    `json:"id"`
		RAM         number      `json:"ram"`
		VCPUs       number      `json:"vcpus"`
		Disk        number      `json:"disk"`
		Ephemeral   number      `json:"OS-FLV-EXT-DATA:ephemeral"`
		Swap        number      `json:"swap"`
		RXTXFactor  *looseFloat `json:"rxtx_factor"`
		IsPublic    *boolish    `json:"os-flavor-access:is_public"`
		Description *string     `json:"description"`
	} `json:"flavor"`
}

// flavorID is a string that may be written as a number.
type flavorID string

// UnmarshalJSON keeps a number's digits.
func (id *flavorID) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	if data[0] != '"' {
		*id = flavorID(data)
		return nil
	}
	return json.Unmarshal(data, (*string)(id))
}

// looseFloat is a number that may be written as a string.
type looseFloat float64

// UnmarshalJSON reads 1.5 and "1.5".
func (f *looseFloat) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	*f = looseFloat(v)
	return err
}

func (a *API) createFlavor(c *httpapi.Call, body flavorCreate) (flavorAnswer, error) {
	in := body.Flavor
	for _, n := range []struct {
		field string
		value number
		low   int
	}{{"ram", in.RAM, 1}, {"vcpus", in.VCPUs, 1}, {"disk", in.Disk, 0}, {"OS-FLV-EXT-DATA:ephemeral", in.Ephemeral, 0}, {"swap", in.Swap, 0}} {
		if err := n.value.within(n.field, n.low, maxInt); err != nil {
			return flavorAnswer{}, err
		}
	}
	f := nova.Flavor{FlavorID: string(in.ID), Name: in.Name, MemoryMB: int(in.RAM), VCPUs: int(in.VCPUs), RootGB: int(in.Disk),
		EphemeralGB: int(in.Ephemeral), SwapMB: int(in.Swap), Description: in.Description,
		RXTXFactor: 1, IsPublic: in.IsPublic == nil || bool(*in.IsPublic)}
	if in.RXTXFactor != nil {
		f.RXTXFactor = float64(*in.RXTXFactor)
	}
	f, err := a.svc.CreateFlavor(c.Ctx(), f)
	if err != nil {
		return flavorAnswer{}, err
	}
	return flavorAnswer{newFlavorView(c, f)}, nil
}

type flavorUpdate struct {
	Flavor struct {
		Description *string `json:"description"`
	} `json:"flavor"`
}

func (a *API) updateFlavor(c *httpapi.Call, body flavorUpdate) (flavorAnswer, error) {
	f, err := a.svc.DescribeFlavor(c.Ctx(), c.Param("flavor_id"), body.Flavor.Description)
	if err != nil {
		return flavorAnswer{}, err
	}
	return flavorAnswer{newFlavorView(c, f)}, nil
}

func (a *API) deleteFlavor(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteFlavor(c.Ctx(), c.Param("flavor_id"))
}

type flavorAccessView struct {
	FlavorID string `json:"flavor_id"`
	TenantID string `json:"tenant_id"`
}

type flavorAccessList struct {
	Access []flavorAccessView `json:"flavor_access"`
}

func newFlavorAccessList(found []nova.FlavorAccess, err error) (flavorAccessList, error) {
	list := flavorAccessList{Access: []flavorAccessView{}}
	for _, a := range found {
		list.Access = append(list.Access, flavorAccessView{a.FlavorID, a.ProjectID})
	}
	return list, err
}

func (a *API) listFlavorAccess(c *httpapi.Call) (flavorAccessList, error) {
	return newFlavorAccessList(a.svc.FlavorAccess(c.Ctx(), c.Param("flavor_id")))
}

type tenantAccess struct {
	Tenant string `json:"tenant"`
}

func (a *API) addTenantAccess(c *httpapi.Call, body struct {
	Add tenantAccess `json:"addTenantAccess"`
}) (flavorAccessList, error) {
	refusePublic := c.Version.AtLeast("2.7")
	return newFlavorAccessList(a.svc.AddFlavorAccess(c.Ctx(), c.Param("flavor_id"), body.Add.Tenant, refusePublic))
}

func (a *API) removeTenantAccess(c *httpapi.Call, body struct {
	Remove tenantAccess `json:"removeTenantAccess"`
}) (flavorAccessList, error) {
	return newFlavorAccessList(a.svc.RemoveFlavorAccess(c.Ctx(), c.Param("flavor_id"), body.Remove.Tenant))
}
