package api

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/uuid"
	"nacre/internal/placement"
	"nacre/internal/placement/service"
)

func (a *API) allocationRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/allocations/{consumer_uuid}", Status: 200, Rule: may("allocations:list"), Do: httpapi.Get(a.consumerAllocations)},
		{Method: "PUT", Path: "/allocations/{consumer_uuid}", Status: 204, Rule: may("allocations:update"),
			Bodies: httpapi.Schemas{"1.0": "allocations_set.json", "1.8": "allocations_set_1.8.json", "1.12": "allocations_set_1.12.json",
				"1.28": "allocations_set_1.28.json", "1.34": "allocations_set_1.34.json", "1.38": "allocations_set_1.38.json"},
			Do: httpapi.JSON(a.setAllocations)},
		{Method: "DELETE", Path: "/allocations/{consumer_uuid}", Status: 204, Rule: may("allocations:delete"), Do: httpapi.Get(a.deleteAllocations)},
		{Method: "POST", Path: "/allocations", Status: 204, Min: "1.13", Rule: may("allocations:manage"),
			Bodies: httpapi.Schemas{"1.13": "allocations_manage_1.13.json", "1.28": "allocations_manage_1.28.json",
				"1.34": "allocations_manage_1.34.json", "1.38": "allocations_manage_1.38.json"}, Do: httpapi.JSON(a.manageAllocations)},
		{Method: "GET", Path: "/resource_providers/{uuid}/allocations", Status: 200, Rule: may("resource_providers:allocations:list"),
			Do: onSaying(a, "Resource provider '%s' not found: %s", a.providerAllocations)},
	}
}

type allocationView struct {
	Resources          map[string]int64 `json:"resources"`
	Generation         *int64           `json:"generation,omitempty"`
	ConsumerGeneration *int64           `json:"consumer_generation,omitempty"`
}

type allocationsView struct {
	Allocations        map[string]*allocationView `json:"allocations"`
	ProjectID          string                     `json:"project_id,omitempty"`
	UserID             string                     `json:"user_id,omitempty"`
	ConsumerGeneration *int64                     `json:"consumer_generation,omitempty"`
	ConsumerType       string                     `json:"consumer_type,omitempty"`
	ProviderGeneration *int64                     `json:"resource_provider_generation,omitempty"`
}

func (a *API) consumerAllocations(c *httpapi.Call) (allocationsView, error) {
	rows, who, generations, err := a.svc.Allocations(c.Ctx(), dashed(c.Param("consumer_uuid")))
	v := allocationsView{Allocations: map[string]*allocationView{}}
	if err != nil || len(rows) == 0 {
		fresh(c, time.Time{})
		return v, err
	}
	fresh(c, rows[0].UpdatedAt)
	for _, r := range rows {
		if v.Allocations[r.ProviderUUID] == nil {
			g := generations[r.ProviderUUID]
			v.Allocations[r.ProviderUUID] = &allocationView{Resources: map[string]int64{}, Generation: &g}
		}
		v.Allocations[r.ProviderUUID].Resources[r.ResourceClass] = r.Used
	}
	if c.Version.AtLeast("1.12") {
		v.ProjectID, v.UserID = who.ProjectID, who.UserID
	}
	if c.Version.AtLeast("1.28") {
		v.ConsumerGeneration = &who.Generation
	}
	if c.Version.AtLeast("1.38") {
		v.ConsumerType = who.ConsumerType
		if v.ConsumerType == "" {
			v.ConsumerType = "unknown"
		}
	}
	return v, nil
}

func (a *API) providerAllocations(c *httpapi.Call, p owned) (allocationsView, error) {
	use, err := a.svc.AllocationsOn(c.Ctx(), p.UUID)
	v := allocationsView{Allocations: map[string]*allocationView{}, ProviderGeneration: &use.Generation}
	var last time.Time
	for _, r := range use.Allocations {
		if v.Allocations[r.ConsumerUUID] == nil {
			one := &allocationView{Resources: map[string]int64{}}
			if c.Version.AtLeast("1.28") {
				g := use.Consumers[r.ConsumerUUID].Generation
				one.ConsumerGeneration = &g
			}
			v.Allocations[r.ConsumerUUID] = one
		}
		v.Allocations[r.ConsumerUUID].Resources[r.ResourceClass] = r.Used
		last = r.UpdatedAt
	}
	fresh(c, last)
	return v, err
}

// allocationsBody is what one consumer is to have. Before 1.12 the allocations are a list.
type allocationsBody struct {
	Allocations  allocationSet `json:"allocations"`
	ProjectID    string        `json:"project_id"`
	UserID       string        `json:"user_id"`
	Generation   *int64        `json:"consumer_generation"`
	ConsumerType string        `json:"consumer_type"`
	Mappings     any           `json:"mappings"` // told for the reader's sake; what counts are the allocations
}

type allocationSet map[string]struct {
	Resources  map[string]int64 `json:"resources"`
	Generation *int64           `json:"generation"`
}

// UnmarshalJSON reads the object of 1.12 and the list before it.
func (s *allocationSet) UnmarshalJSON(data []byte) error {
	var list []struct {
		ResourceProvider struct{ UUID string } `json:"resource_provider"`
		Resources        map[string]int64
	}
	if json.Unmarshal(data, &list) != nil {
		type plain allocationSet
		return json.Unmarshal(data, (*plain)(s))
	}
	*s = allocationSet{}
	for _, e := range list { // of two for one provider the last counts
		one := (*s)[e.ResourceProvider.UUID]
		one.Resources = e.Resources
		(*s)[e.ResourceProvider.UUID] = one
	}
	return nil
}

// incomplete is the project and user of consumers made before 1.8.
const incomplete = "00000000-0000-0000-0000-000000000000"

func (b allocationsBody) claim(c *httpapi.Call, consumer string) (placement.Claim, error) {
	if !uuid.Valid(consumer) {
		return placement.Claim{}, fault.BadRequest("Malformed consumer_uuid: %s", consumer)
	}
	cl := placement.Claim{Consumer: dashed(consumer), ProjectID: b.ProjectID, UserID: b.UserID, Type: b.ConsumerType,
		Typed: c.Version.AtLeast("1.38"), Checked: c.Version.AtLeast("1.28"), Generation: b.Generation,
		Resources: map[string]map[string]int64{}}
	if !c.Version.AtLeast("1.8") {
		cl.ProjectID, cl.UserID = incomplete, incomplete
	}
	for provider, one := range b.Allocations {
		cl.Resources[dashed(provider)] = one.Resources
	}
	return cl, nil
}

func (a *API) setAllocations(c *httpapi.Call, b allocationsBody) (httpapi.None, error) {
	cl, err := b.claim(c, c.Param("consumer_uuid"))
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.Allocate(c.Ctx(), cl)
}

func (a *API) manageAllocations(c *httpapi.Call, b map[string]allocationsBody) (httpapi.None, error) {
	claims, err := claimsOf(c, b)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.AllocateAll(c.Ctx(), claims)
}

func claimsOf(c *httpapi.Call, b map[string]allocationsBody) ([]placement.Claim, error) {
	var claims []placement.Claim
	for _, consumer := range slices.Sorted(maps.Keys(b)) {
		cl, err := b[consumer].claim(c, consumer)
		if err != nil {
			return nil, err
		}
		claims = append(claims, cl)
	}
	return claims, nil
}

func (a *API) deleteAllocations(c *httpapi.Call) (httpapi.None, error) {
	return httpapi.None{}, a.svc.DeleteAllocations(c.Ctx(), dashed(c.Param("consumer_uuid")))
}

func (a *API) reshaperRoutes() httpapi.Table {
	rule := may("reshaper:reshape")
	rule.Check = "rule:service_api"
	return httpapi.Table{{Method: "POST", Path: "/reshaper", Status: 204, Min: "1.30", Rule: rule,
		Bodies: httpapi.Schemas{"1.30": "reshaper_1.30.json", "1.34": "reshaper_1.34.json", "1.38": "reshaper_1.38.json"}, Do: httpapi.JSON(a.reshape)}}
}

type reshapeBody struct {
	Inventories map[string]inventoriesBody `json:"inventories"`
	Allocations map[string]allocationsBody `json:"allocations"`
}

func (a *API) reshape(c *httpapi.Call, b reshapeBody) (httpapi.None, error) {
	invs := map[string]service.Inventories{}
	for id, set := range b.Inventories {
		invs[dashed(id)] = service.Inventories{Generation: set.Generation, Set: set.inventories(dashed(id))}
	}
	claims, err := claimsOf(c, b.Allocations)
	if err != nil {
		return httpapi.None{}, err
	}
	return httpapi.None{}, a.svc.Reshape(c.Ctx(), invs, claims)
}
