package api

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"nacre/internal/oslo/httpapi"
)

func (a *API) aggregateRoutes() httpapi.Table {
	const of = "/resource_providers/{uuid}/aggregates"
	return httpapi.Table{
		{Method: "GET", Path: of, Status: 200, Min: "1.1", Rule: may("resource_providers:aggregates:list"), Do: on(a, a.providerAggregates)},
		{Method: "PUT", Path: of, Status: 200, Min: "1.1", Rule: may("resource_providers:aggregates:update"),
			Bodies: httpapi.Schemas{"1.1": "aggregates_set.json", "1.19": "aggregates_set_1.19.json"}, Do: onJSON(a, a.setAggregates)},
	}
}

type aggregatesView struct {
	Aggregates []string `json:"aggregates"`
	Generation *int64   `json:"resource_provider_generation,omitempty"`
}

// aggregatesOf answers with the aggregates given, or those that the provider has.
func (a *API) aggregatesOf(c *httpapi.Call, uuid string, given []string) (aggregatesView, error) {
	st, err := a.svc.State(c.Ctx(), uuid)
	if err != nil {
		return aggregatesView{}, err
	}
	fresh(c, time.Time{})
	if given == nil {
		given = slices.AppendSeq([]string{}, maps.Keys(st.Aggregates))
		slices.Sort(given)
	}
	v := aggregatesView{Aggregates: given}
	if c.Version.AtLeast("1.19") {
		v.Generation = &st.Generation
	}
	return v, nil
}

func (a *API) providerAggregates(c *httpapi.Call, p owned) (aggregatesView, error) {
	return a.aggregatesOf(c, p.UUID, nil)
}

// aggregatesBody is a list before 1.19, an object from then on.
type aggregatesBody struct {
	Generation *int64   `json:"resource_provider_generation"`
	Aggregates []string `json:"aggregates"`
}

// UnmarshalJSON reads either form; the schema of the version has admitted it.
func (b *aggregatesBody) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &b.Aggregates) == nil {
		return nil
	}
	type plain aggregatesBody
	return json.Unmarshal(data, (*plain)(b))
}

func (a *API) setAggregates(c *httpapi.Call, p owned, b aggregatesBody) (aggregatesView, error) {
	uuids := make([]string, len(b.Aggregates))
	for i, u := range b.Aggregates {
		uuids[i] = dashed(u)
	}
	if err := a.svc.SetAggregates(c.Ctx(), p.UUID, b.Generation, uuids); err != nil {
		return aggregatesView{}, err
	}
	return a.aggregatesOf(c, p.UUID, uuids)
}
