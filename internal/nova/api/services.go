package api

import (
	"encoding/json"

	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/uuid"
)

// serviceRoutes are Nova's own processes. Before 2.53 the last part of PUT's path is what to do, since then whom to do it to.
func (a *API) serviceRoutes() httpapi.Table {
	update := rule("os_compute_api:os-services:update", admin)
	return httpapi.Table{
		{Method: "GET", Path: "/os-services", Status: 200, Rule: rule("os_compute_api:os-services:list", admin),
			Queries: httpapi.Schemas{"2.1": "service_list_query_2.1.json", "2.75": "service_list_query_2.75.json"}, Do: httpapi.Get(a.listServices)},
		{Method: "PUT", Path: "/os-services/{service_id}", Status: 200, Max: "2.52", Rule: update,
			Bodies: httpapi.Schemas{"2.1": "service_update_2.1.json", "2.11": "service_update_2.11.json"}, Do: httpapi.JSON(a.updateServiceByAction)},
		{Method: "PUT", Path: "/os-services/{service_id}", Status: 200, Min: "2.53", Rule: update,
			Bodies: httpapi.Schemas{"2.53": "service_update_2.53.json"}, Do: httpapi.JSON(a.updateService)},
	}
}

// serviceID is a number before 2.53 and a UUID since.
type serviceID struct {
	number int64
	uuid   string
}

// MarshalJSON writes whichever is set.
func (id serviceID) MarshalJSON() ([]byte, error) {
	if id.uuid != "" {
		return json.Marshal(id.uuid)
	}
	return json.Marshal(id.number)
}

func idOf(c *httpapi.Call, number int64, id string) serviceID {
	if c.Version.AtLeast("2.53") {
		return serviceID{uuid: id}
	}
	return serviceID{number: number}
}

type serviceView struct {
	Binary         string    `json:"binary"`
	Host           string    `json:"host"`
	ID             serviceID `json:"id"`
	Zone           string    `json:"zone"`
	Status         string    `json:"status"`
	State          string    `json:"state"`
	UpdatedAt      stamp     `json:"updated_at"`
	DisabledReason *string   `json:"disabled_reason"`
	ForcedDown     *bool     `json:"forced_down,omitempty"` // since 2.11
}

func newServiceView(c *httpapi.Call, s service.ZonedService) serviceView {
	v := serviceView{Binary: s.Binary, Host: s.Host, ID: idOf(c, s.Number, s.ID), Zone: s.Zone, Status: s.Status(),
		State: upOrDown(s.Up), UpdatedAt: stamp(s.Heard()), DisabledReason: s.DisabledReason}
	if c.Version.AtLeast("2.11") {
		v.ForcedDown = &s.ForcedDown
	}
	return v
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

type serviceAnswer[V any] struct {
	Service V `json:"service"`
}

func (a *API) listServices(c *httpapi.Call) (map[string][]serviceView, error) {
	found, err := a.svc.Services(c.Ctx(), nova.ServiceFilter{Host: last(c.Query, "host"), Binary: last(c.Query, "binary")})
	out := []serviceView{}
	for _, s := range found {
		out = append(out, newServiceView(c, s))
	}
	return map[string][]serviceView{"services": out}, err
}

type serviceUpdate struct {
	Status         string   `json:"status"`
	DisabledReason *string  `json:"disabled_reason"`
	ForcedDown     *boolish `json:"forced_down"`
}

func (a *API) updateService(c *httpapi.Call, body serviceUpdate) (v serviceAnswer[serviceView], err error) {
	id := c.Param("service_id")
	if !uuid.Valid(id) {
		return v, fault.BadRequest("Invalid uuid %s", id)
	}
	change := service.ServiceChange{DisabledReason: body.DisabledReason, ForcedDown: (*bool)(body.ForcedDown)}
	switch {
	case body.Status == "enabled" && body.DisabledReason != nil:
		return v, fault.BadRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.")
	case body.Status != "":
		disabled := body.Status == "disabled"
		change.Disabled = &disabled
	case body.ForcedDown == nil:
		return v, fault.BadRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
	}
	s, err := a.svc.ChangeService(c.Ctx(), id, change)
	v.Service = newServiceView(c, s)
	return v, err
}

type serviceAction struct {
	Host           string   `json:"host"`
	Binary         string   `json:"binary"`
	DisabledReason *string  `json:"disabled_reason"`
	ForcedDown     *boolish `json:"forced_down"`
}

// serviceActed tells what was done, not how the service is.
type serviceActed struct {
	Host           string  `json:"host"`
	Binary         string  `json:"binary"`
	Status         string  `json:"status,omitempty"`
	DisabledReason *string `json:"disabled_reason,omitempty"`
	ForcedDown     *bool   `json:"forced_down,omitempty"`
}

func (a *API) updateServiceByAction(c *httpapi.Call, body serviceAction) (v serviceAnswer[serviceActed], err error) {
	v.Service = serviceActed{Host: body.Host, Binary: body.Binary}
	change, err := v.Service.apply(c, c.Param("service_id"), body)
	if err == nil {
		_, err = a.svc.ChangeServiceOf(c.Ctx(), body.Host, body.Binary, change)
	}
	return v, err
}

// apply works out the change that an action means and notes it in the answer.
func (v *serviceActed) apply(c *httpapi.Call, action string, body serviceAction) (change service.ServiceChange, err error) {
	yes, no := true, false
	switch {
	case action == "enable":
		v.Status, change.Disabled = "enabled", &no
	case action == "disable":
		v.Status, change.Disabled = "disabled", &yes
	case action == "disable-log-reason":
		if body.DisabledReason == nil {
			return change, fault.BadRequest("Missing disabled reason field")
		}
		v.Status, v.DisabledReason = "disabled", body.DisabledReason
		change.Disabled, change.DisabledReason = &yes, body.DisabledReason
	case action == "force-down" && c.Version.AtLeast("2.11"):
		if body.ForcedDown == nil {
			return change, fault.BadRequest("Missing forced_down field")
		}
		v.ForcedDown = (*bool)(body.ForcedDown)
		change.ForcedDown = v.ForcedDown
	default:
		return change, fault.NotFound("Unknown action")
	}
	return change, nil
}
