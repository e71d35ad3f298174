package api

import (
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/policy"
)

func (a *API) infoRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/info/import", Status: 200, Do: httpapi.Get(a.showImport)},
		{Method: "GET", Path: "/info/usage", Status: 200, Do: httpapi.Get(a.showUsage)},
		{Method: "GET", Path: "/info/stores", Status: 200, Do: httpapi.Get(a.listStores)},
		{Method: "GET", Path: "/info/stores/detail", Status: 200,
			Rule: policy.Rule{Name: "stores_info_detail", Check: "rule:context_is_admin or rule:service_api", Scope: scope},
			Do:   httpapi.Get(a.listStoresDetail)},
	}
}

type importView struct {
	Methods struct {
		Description string   `json:"description"`
		Type        string   `json:"type"`
		Value       []string `json:"value"`
	} `json:"import-methods"`
}

func (a *API) showImport(*httpapi.Call) (v importView, err error) {
	v.Methods.Description, v.Methods.Type, v.Methods.Value = "Import methods available.", "array", a.svc.ImportMethods()
	return v, nil
}

type usageView struct {
	Usage map[string]resourceView `json:"usage"`
}

type resourceView struct {
	Limit int64 `json:"limit"`
	Usage int64 `json:"usage"`
}

// showUsage tells of limits that are kept in Keystone, nothing of others.
func (a *API) showUsage(c *httpapi.Call) (usageView, error) {
	v := usageView{map[string]resourceView{}}
	usage, err := a.svc.Usage(c.Ctx())
	for resource, u := range usage {
		v.Usage[resource] = resourceView(u)
	}
	return v, err
}

type storeView struct {
	ID          string         `json:"id"`
	Description string         `json:"description,omitempty"`
	Default     string         `json:"default,omitempty"`   // "true" or left out
	ReadOnly    string         `json:"read-only,omitempty"` // "true" or left out
	Type        string         `json:"type,omitempty"`
	Properties  map[string]any `json:"properties,omitzero"`
	Weight      *int           `json:"weight,omitempty"`
}

type storesView struct {
	Stores []storeView `json:"stores"`
}

func (a *API) listStores(*httpapi.Call) (storesView, error) {
	var v storesView
	for i, b := range a.svc.Backends() {
		s := storeView{ID: b.ID, Description: b.Description}
		if i == 0 {
			s.Default = "true"
		}
		if b.ReadOnly() {
			s.ReadOnly = "true"
		}
		v.Stores = append(v.Stores, s)
	}
	return v, nil
}

func (a *API) listStoresDetail(c *httpapi.Call) (storesView, error) {
	v, err := a.listStores(c)
	for i, b := range a.svc.Backends() {
		info := b.Info()
		v.Stores[i].Type, v.Stores[i].Properties, v.Stores[i].Weight = info.Type, info.Properties, &b.Weight
	}
	return v, err
}
