package api

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement"
)

func (a *API) inventoryRoutes() httpapi.Table {
	const all, one = "/resource_providers/{uuid}/inventories", "/resource_providers/{uuid}/inventories/{resource_class}"
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Rule: may("resource_providers:inventories:list"), Do: httpapi.On(a.provider, a.listInventories)},
		{Method: "PUT", Path: all, Status: 200, Rule: may("resource_providers:inventories:update"),
			Bodies: httpapi.Schemas{"1.0": "inventories_set.json"}, Do: httpapi.OnJSON(a.provider, a.setInventories)},
		{Method: "POST", Path: all, Status: 201, Rule: may("resource_providers:inventories:create"),
			Bodies: httpapi.Schemas{"1.0": "inventory_create.json"}, Do: httpapi.OnJSON(a.provider, a.createInventory)},
		{Method: "DELETE", Path: all, Status: 204, Min: "1.5", Rule: may("resource_providers:inventories:delete"), Do: httpapi.On(a.provider, a.deleteInventories)},
		{Method: "GET", Path: one, Status: 200, Rule: may("resource_providers:inventories:show"), Do: httpapi.On(a.provider, a.showInventory)},
		{Method: "PUT", Path: one, Status: 200, Rule: may("resource_providers:inventories:update"),
			Bodies: httpapi.Schemas{"1.0": "inventory_set.json"}, Do: httpapi.OnJSON(a.provider, a.setInventory)},
		{Method: "DELETE", Path: one, Status: 204, Rule: may("resource_providers:inventories:delete"), Do: httpapi.On(a.provider, a.deleteInventory)},
	}
}

type inventoryView struct {
	Generation      *int64  `json:"resource_provider_generation,omitempty"`
	Total           int64   `json:"total"`
	Reserved        int64   `json:"reserved"`
	MinUnit         int64   `json:"min_unit"`
	MaxUnit         int64   `json:"max_unit"`
	StepSize        int64   `json:"step_size"`
	AllocationRatio float64 `json:"allocation_ratio"`
}

func newInventoryView(i placement.Inventory) inventoryView {
	return inventoryView{Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit, MaxUnit: i.MaxUnit, StepSize: i.StepSize, AllocationRatio: i.AllocationRatio}
}

type inventoriesView struct {
	Generation  int64                    `json:"resource_provider_generation"`
	Inventories map[string]inventoryView `json:"inventories"`
}

func newInventoriesView(st placement.ProviderState) inventoriesView {
	v := inventoriesView{Generation: st.Generation, Inventories: map[string]inventoryView{}}
	for class, i := range st.Inventories {
		v.Inventories[class] = newInventoryView(i)
	}
	return v
}

// state answers with what the provider has now.
func (a *API) inventories(c *httpapi.Call, uuid string) (inventoriesView, error) {
	st, err := a.svc.State(c.Ctx(), uuid)
	if err != nil {
		return inventoriesView{}, err
	}
	fresh(c, lastInventory(st))
	return newInventoriesView(st), nil
}

func lastInventory(st placement.ProviderState) (last time.Time) {
	for _, i := range st.Inventories {
		if i.UpdatedAt.After(last) {
			last = i.UpdatedAt
		}
	}
	return last
}

func (a *API) listInventories(c *httpapi.Call, p owned) (inventoriesView, error) {
	return a.inventories(c, p.UUID)
}

// inventoryBody is an inventory as sent; what is absent has a default.
type inventoryBody struct {
	Generation      *int64   `json:"resource_provider_generation"`
	ResourceClass   string   `json:"resource_class"`
	Total           int64    `json:"total"`
	Reserved        int64    `json:"reserved"`
	MinUnit         *int64   `json:"min_unit"`
	MaxUnit         *int64   `json:"max_unit"`
	StepSize        *int64   `json:"step_size"`
	AllocationRatio *float64 `json:"allocation_ratio"`
}

func (b inventoryBody) inventory(c *httpapi.Call, uuid, class string) (placement.Inventory, error) {
	or := func(p *int64, d int64) int64 {
		if p == nil {
			return d
		}
		return *p
	}
	i := placement.Inventory{ProviderUUID: uuid, ResourceClass: class, Total: b.Total, Reserved: b.Reserved, MinUnit: or(b.MinUnit, 1),
		MaxUnit: or(b.MaxUnit, math.MaxInt32), StepSize: or(b.StepSize, 1), AllocationRatio: 1}
	if b.AllocationRatio != nil {
		i.AllocationRatio = *b.AllocationRatio
	}
	if i.Reserved > i.Total || i.Reserved == i.Total && !c.Version.AtLeast("1.26") {
		return i, fault.BadRequest("Unable to update inventory for resource provider %s: Invalid inventory for '%s' on resource provider '%s'. The reserved value is greater than or equal to total.", uuid, class, uuid)
	}
	return i, nil
}

type inventoriesBody struct {
	Generation  int64                    `json:"resource_provider_generation"`
	Inventories map[string]inventoryBody `json:"inventories"`
}

func (b inventoriesBody) inventories(c *httpapi.Call, uuid string) (map[string]placement.Inventory, error) {
	out := map[string]placement.Inventory{}
	for _, class := range slices.Sorted(maps.Keys(b.Inventories)) {
		i, err := b.Inventories[class].inventory(c, uuid, class)
		if err != nil {
			return nil, err
		}
		out[class] = i
	}
	return out, nil
}

func (a *API) setInventories(c *httpapi.Call, p owned, b inventoriesBody) (inventoriesView, error) {
	invs, err := b.inventories(c, p.UUID)
	if err != nil {
		return inventoriesView{}, err
	}
	if err := a.svc.SetInventories(c.Ctx(), p.UUID, b.Generation, invs); err != nil {
		return inventoriesView{}, err
	}
	return a.inventories(c, p.UUID)
}

func (a *API) createInventory(c *httpapi.Call, p owned, b inventoryBody) (inventoryView, error) {
	i, err := b.inventory(c, p.UUID, b.ResourceClass)
	if err != nil {
		return inventoryView{}, err
	}
	if err := a.svc.AddInventory(c.Ctx(), p.UUID, i); err != nil {
		return inventoryView{}, err
	}
	c.Header().Set("Location", c.BaseURL()+"/resource_providers/"+p.UUID+"/inventories/"+b.ResourceClass)
	return a.inventory(c, p.UUID, b.ResourceClass)
}

func (a *API) inventory(c *httpapi.Call, uuid, class string) (inventoryView, error) {
	st, err := a.svc.State(c.Ctx(), uuid)
	if err != nil {
		return inventoryView{}, err
	}
	i, ok := st.Inventories[class]
	if !ok {
		return inventoryView{}, fault.NotFound("No inventory of class %s for %s", class, uuid)
	}
	fresh(c, i.UpdatedAt)
	v := newInventoryView(i)
	v.Generation = &st.Generation
	return v, nil
}

func (a *API) showInventory(c *httpapi.Call, p owned) (inventoryView, error) {
	return a.inventory(c, p.UUID, c.Param("resource_class"))
}

func (a *API) setInventory(c *httpapi.Call, p owned, b inventoryBody) (inventoryView, error) {
	i, err := b.inventory(c, p.UUID, c.Param("resource_class"))
	if err != nil {
		return inventoryView{}, err
	}
	if err := a.svc.SetInventory(c.Ctx(), p.UUID, *b.Generation, i); err != nil {
		return inventoryView{}, err
	}
	return a.inventory(c, p.UUID, i.ResourceClass)
}

func (a *API) deleteInventories(c *httpapi.Call, p owned) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteInventories(c.Ctx(), p.UUID)
}

func (a *API) deleteInventory(c *httpapi.Call, p owned) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteInventory(c.Ctx(), p.UUID, c.Param("resource_class"))
}

// usageRoutes tell what is used of a provider and by a project.
func (a *API) usageRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/resource_providers/{uuid}/usages", Status: 200, Rule: may("resource_providers:usages"), Do: httpapi.On(a.provider, a.providerUsages)},
		{Method: "GET", Path: "/usages", Status: http.StatusOK, Min: "1.9", Do: httpapi.Get(a.projectUsages)},
	}
}
