package api

import (
	"strconv"
	"strings"

	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// aggregateRoutes are host aggregates.
func (a *API) aggregateRoutes() httpapi.Table {
	const path, one = "/os-aggregates", "/os-aggregates/{aggregate_id}"
	named := func(verb string) string { return "os_compute_api:os-aggregates:" + verb }
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: rule(named("index"), admin), Do: httpapi.Get(a.listAggregates)},
		{Method: "POST", Path: path, Status: 200, Rule: rule(named("create"), admin), Bodies: httpapi.Schemas{"2.1": "aggregate_create.json"},
			Do: httpapi.JSON(a.createAggregate)},
		{Method: "GET", Path: one, Status: 200, Rule: rule(named("show"), admin), Do: httpapi.Get(a.showAggregate)},
		{Method: "PUT", Path: one, Status: 200, Rule: rule(named("update"), admin), Bodies: httpapi.Schemas{"2.1": "aggregate_update.json"},
			Do: httpapi.JSON(a.updateAggregate)},
		{Method: "DELETE", Path: one, Status: 200, Rule: rule(named("delete"), admin), Do: httpapi.Get(a.deleteAggregate)},
		{Method: "POST", Path: one + "/action", Action: "add_host", Status: 200, Rule: rule(named("add_host"), admin),
			Bodies: httpapi.Schemas{"2.1": "aggregate_add_host.json"}, Do: httpapi.JSON(a.addAggregateHost)},
		{Method: "POST", Path: one + "/action", Action: "remove_host", Status: 200, Rule: rule(named("remove_host"), admin),
			Bodies: httpapi.Schemas{"2.1": "aggregate_remove_host.json"}, Do: httpapi.JSON(a.removeAggregateHost)},
		{Method: "POST", Path: one + "/action", Action: "set_metadata", Status: 200, Rule: rule(named("set_metadata"), admin),
			Bodies: httpapi.Schemas{"2.1": "aggregate_set_metadata.json"}, Do: httpapi.JSON(a.setAggregateMetadata)},
	}
}

type aggregateView struct {
	ID        int64             `json:"id"`
	UUID      string            `json:"uuid,omitempty"` // since 2.41
	Name      string            `json:"name"`
	Hosts     []string          `json:"hosts,omitzero"`
	Metadata  map[string]string `json:"metadata,omitzero"`
	Zone      *string           `json:"availability_zone"`
	CreatedAt stamp             `json:"created_at"`
	UpdatedAt *stamp            `json:"updated_at"`
	DeletedAt *stamp            `json:"deleted_at"`
	Deleted   bool              `json:"deleted"`
}

func newAggregateView(c *httpapi.Call, a nova.Aggregate) aggregateView {
	v := aggregateView{ID: a.ID, Name: a.Name, Hosts: append([]string{}, a.Hosts...), Metadata: a.Metadata, Zone: orNil(a.Zone()),
		CreatedAt: stamp(a.CreatedAt), UpdatedAt: stampOf(a.UpdatedAt)}
	if v.Metadata == nil {
		v.Metadata = map[string]string{}
	}
	if c.Version.AtLeast("2.41") {
		v.UUID = a.UUID
	}
	return v
}

type aggregateAnswer struct {
	Aggregate aggregateView `json:"aggregate"`
}

func answerAggregate(c *httpapi.Call, a nova.Aggregate, err error) (aggregateAnswer, error) {
	return aggregateAnswer{newAggregateView(c, a)}, err
}

func (a *API) listAggregates(c *httpapi.Call) (map[string][]aggregateView, error) {
	found, err := a.svc.Aggregates(c.Ctx())
	out := []aggregateView{}
	for _, one := range found {
		out = append(out, newAggregateView(c, one))
	}
	return map[string][]aggregateView{"aggregates": out}, err
}

type aggregateBody struct {
	Aggregate struct {
		Name *string  `json:"name"`
		Zone optional `json:"availability_zone"`
	} `json:"aggregate"`
}

// createAggregate shows neither hosts nor metadata, as there can be none but the zone.
func (a *API) createAggregate(c *httpapi.Call, body aggregateBody) (aggregateAnswer, error) {
	zone := ""
	if asked := body.Aggregate.Zone.Value; asked != nil {
		zone = strings.TrimSpace(*asked)
	}
	made, err := a.svc.CreateAggregate(c.Ctx(), strings.TrimSpace(*body.Aggregate.Name), zone)
	v, err := answerAggregate(c, made, err)
	v.Aggregate.Hosts, v.Aggregate.Metadata = nil, nil
	return v, err
}

// aggregateID is the number in the path.
func aggregateID(c *httpapi.Call) (int64, error) {
	id, err := strconv.ParseInt(c.Param("aggregate_id"), 10, 64)
	if err != nil {
		return 0, fault.BadRequest("Invalid input received: id must be an integer")
	}
	return id, nil
}

func (a *API) showAggregate(c *httpapi.Call) (aggregateAnswer, error) {
	id, err := aggregateID(c)
	if err != nil {
		return aggregateAnswer{}, err
	}
	found, err := a.svc.Aggregate(c.Ctx(), id)
	return answerAggregate(c, found, err)
}

func (a *API) updateAggregate(c *httpapi.Call, body aggregateBody) (aggregateAnswer, error) {
	id, err := aggregateID(c)
	if err != nil {
		return aggregateAnswer{}, err
	}
	if body.Aggregate.Name != nil {
		name := strings.TrimSpace(*body.Aggregate.Name)
		body.Aggregate.Name = &name
	}
	changed, err := a.svc.UpdateAggregate(c.Ctx(), id, body.Aggregate.Name, body.Aggregate.Zone.or(""))
	return answerAggregate(c, changed, err)
}

func (a *API) deleteAggregate(c *httpapi.Call) (httpapi.None, error) {
	id, err := aggregateID(c)
	if err == nil {
		err = a.svc.DeleteAggregate(c.Ctx(), id)
	}
	return httpapi.None{}, err
}

type hostBody struct {
	Host string `json:"host"`
}

func (a *API) addAggregateHost(c *httpapi.Call, body struct {
	Add hostBody `json:"add_host"`
}) (aggregateAnswer, error) {
	id, err := aggregateID(c)
	if err != nil {
		return aggregateAnswer{}, err
	}
	changed, err := a.svc.AddAggregateHost(c.Ctx(), id, body.Add.Host)
	return answerAggregate(c, changed, err)
}

func (a *API) removeAggregateHost(c *httpapi.Call, body struct {
	Remove hostBody `json:"remove_host"`
}) (aggregateAnswer, error) {
	id, err := aggregateID(c)
	if err != nil {
		return aggregateAnswer{}, err
	}
	changed, err := a.svc.RemoveAggregateHost(c.Ctx(), id, body.Remove.Host)
	return answerAggregate(c, changed, err)
}

func (a *API) setAggregateMetadata(c *httpapi.Call, body struct {
	Set struct {
		Metadata map[string]*string `json:"metadata"`
	} `json:"set_metadata"`
}) (aggregateAnswer, error) {
	id, err := aggregateID(c)
	if err != nil {
		return aggregateAnswer{}, err
	}
	changed, err := a.svc.SetAggregateMetadata(c.Ctx(), id, body.Set.Metadata)
	return answerAggregate(c, changed, err)
}
