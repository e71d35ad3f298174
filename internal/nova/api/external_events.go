package api

import (
	"nacre/internal/nova/service"
	"nacre/internal/oslo/httpapi"
)

// externalEventRoutes take what other services say of servers.
func (a *API) externalEventRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "POST", Path: "/os-server-external-events", Status: 200,
			Rule:   rule("os_compute_api:os-server-external-events:create", serviceOrAdmin),
			Bodies: versioned("server_external_events", "2.1", "2.51", "2.76", "2.82", "2.93"),
			Do:     httpapi.JSON(a.createExternalEvents)},
	}
}

type externalEvent struct {
	Name     string `json:"name"`
	ServerID string `json:"server_uuid"`
	Tag      string `json:"tag,omitempty"`
	Status   string `json:"status"`
	Code     int    `json:"code"`
}

type externalEvents struct {
	Events []externalEvent `json:"events"`
}

func (a *API) createExternalEvents(c *httpapi.Call, b externalEvents) (externalEvents, error) {
	asked := make([]service.ExternalEvent, len(b.Events))
	for i, e := range b.Events {
		asked[i] = service.ExternalEvent{Name: e.Name, ServerID: e.ServerID, Tag: e.Tag, Status: e.Status}
	}
	codes, err := a.svc.ExternalEvents(c.Ctx(), asked)
	if err != nil {
		return b, err
	}
	for i, code := range codes {
		b.Events[i].Code = code
		switch {
		case code != service.EventTaken:
			b.Events[i].Status = "failed"
			c.SetStatus(207)
		case b.Events[i].Status == "":
			b.Events[i].Status = "completed"
		}
	}
	return b, nil
}
