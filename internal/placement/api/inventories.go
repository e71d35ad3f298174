package api

import (
	"math"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/placement"
)

func (a *API) inventoryRoutes() httpapi.Table {
	const all, one = "/resource_providers/{uuid}/inventories", "/resource_providers/{uuid}/inventories/{resource_class}"
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Rule: may("resource_providers:inventories:list"), Do: onSaying(a, "No resource provider with uuid %s found : %s", a.listInventories)},
		{Method: "PUT", Path: all, Status: 200, Rule: may("resource_providers:inventories:update"),
			Bodies: httpapi.Schemas{"1.0": "inventories_set.json"}, Do: onJSON(a, a.setInventories)},
		{Method: "POST", Path: all, Status: 201, Rule: may("resource_providers:inventories:create"),
			Bodies: httpapi.Schemas{"1.0": "inventory_create.json"}, Do: onJSON(a, a.createInventory)},
		{Method: "DELETE", Path: all, Status: 204, Min: "1.5", Rule: may("resource_providers:inventories:delete"), Do: on(a, a.deleteInventories)},
		{Method: "GET", Path: one, Status: 200, Rule: may("resource_providers:inventories:show"), Do: onSaying(a, "No resource provider with uuid %s found : %s", a.showInventory)},
		{Method: "PUT", Path: one, Status: 200, Rule: may("resource_providers:inventories:update"),
			Bodies: httpapi.Schemas{"1.0": "inventory_set.json"}, Do: onJSON(a, a.setInventory)},
		{Method: "DELETE", Path: one, Status: 204, Rule: may("resource_providers:inventories:delete"), Do: on(a, a.deleteInventory)},
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

// inventories answers with what the provider has now.
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

func (b inventoryBody) inventory(uuid, class string) placement.Inventory {
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
	return i
}

// wholly says whether what is reserved may be all there is.
func wholly(c *httpapi.Call) bool { return c.Version.AtLeast("1.26") }

type inventoriesBody struct {
	Generation  int64                    `json:"resource_provider_generation"`
	Inventories map[string]inventoryBody `json:"inventories"`
}

func (b inventoriesBody) inventories(uuid string) map[string]placement.Inventory {
	out := map[string]placement.Inventory{}
	for class, one := range b.Inventories {
		out[class] = one.inventory(uuid, class)
	}
	return out
}

func (a *API) setInventories(c *httpapi.Call, p owned, b inventoriesBody) (inventoriesView, error) {
	if err := a.svc.SetInventories(c.Ctx(), p.UUID, b.Generation, b.inventories(p.UUID), wholly(c)); err != nil {
		return inventoriesView{}, err
	}
	return a.inventories(c, p.UUID)
}

func (a *API) createInventory(c *httpapi.Call, p owned, b inventoryBody) (inventoryView, error) {
	if err := a.svc.AddInventory(c.Ctx(), p.UUID, b.inventory(p.UUID, b.ResourceClass), wholly(c)); err != nil {
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
	class := c.Param("resource_class")
	if err := a.svc.SetInventory(c.Ctx(), p.UUID, *b.Generation, b.inventory(p.UUID, class), wholly(c)); err != nil {
		return inventoryView{}, err
	}
	return a.inventory(c, p.UUID, class)
}

func (a *API) deleteInventories(c *httpapi.Call, p owned) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteInventories(c.Ctx(), p.UUID)
}

func (a *API) deleteInventory(c *httpapi.Call, p owned) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteInventory(c.Ctx(), p.UUID, c.Param("resource_class"))
}
