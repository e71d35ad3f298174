package api

import (
	"time"

	"nacre/internal/nova"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// instanceActionRoutes are what was asked of servers; from 2.21 of deleted ones too.
func (a *API) instanceActionRoutes() httpapi.Table {
	const all, one = "/servers/{server_id}/os-instance-actions", "/servers/{server_id}/os-instance-actions/{request_id}"
	list := rule("os_compute_api:os-instance-actions:list", reader)
	show := rule("os_compute_api:os-instance-actions:show", reader)
	return httpapi.Table{
		{Method: "GET", Path: all, Status: 200, Max: "2.20", Rule: list, Do: httpapi.On(a.svc.Server, a.listInstanceActions)},
		{Method: "GET", Path: all, Status: 200, Min: "2.21", Rule: list,
			Queries: httpapi.Schemas{"2.58": "instance_action_list_query_2.58.json", "2.66": "instance_action_list_query_2.66.json"},
			Do:      httpapi.On(a.svc.AnyServer, a.listInstanceActions)},
		{Method: "GET", Path: one, Status: 200, Max: "2.20", Rule: show, Do: httpapi.On(a.svc.Server, a.showInstanceAction)},
		{Method: "GET", Path: one, Status: 200, Min: "2.21", Rule: show, Do: httpapi.On(a.svc.AnyServer, a.showInstanceAction)},
	}
}

// Who may see more of an action than that it was asked for.
var (
	actionEvents  = rule("os_compute_api:os-instance-actions:events", admin)
	actionDetails = rule("os_compute_api:os-instance-actions:events:details", admin)
)

type instanceActionView struct {
	Action       string               `json:"action"`
	InstanceUUID string               `json:"instance_uuid"`
	RequestID    string               `json:"request_id"`
	UserID       string               `json:"user_id"`
	ProjectID    string               `json:"project_id"`
	StartTime    stamp                `json:"start_time"`
	Message      *string              `json:"message"`
	UpdatedAt    **stamp              `json:"updated_at,omitempty"` // since 2.58
	Events       *[]instanceEventView `json:"events,omitempty"`
}

type instanceEventView struct {
	Event      string   `json:"event"`
	StartTime  stamp    `json:"start_time"`
	FinishTime *stamp   `json:"finish_time"`
	Result     *string  `json:"result"`
	Traceback  **string `json:"traceback,omitempty"`
	Host       **string `json:"host,omitempty"`    // since 2.62
	HostID     *string  `json:"hostId,omitempty"`  // since 2.62
	Details    **string `json:"details,omitempty"` // since 2.84
}

func newInstanceActionView(c *httpapi.Call, a nova.InstanceAction) instanceActionView {
	v := instanceActionView{Action: a.Action, InstanceUUID: a.InstanceUUID, RequestID: a.RequestID, UserID: a.UserID, ProjectID: a.ProjectID,
		StartTime: stamp(a.StartTime), Message: a.Message}
	if c.Version.AtLeast("2.58") {
		updated := stampOf(a.UpdatedAt)
		v.UpdatedAt = &updated
	}
	return v
}

type instanceActionList struct {
	Actions []instanceActionView `json:"instanceActions"`
	Links   []link               `json:"links,omitempty"`
}

func (a *API) listInstanceActions(c *httpapi.Call, srv nova.Server) (instanceActionList, error) {
	list := instanceActionList{Actions: []instanceActionView{}}
	filter, page := nova.InstanceActionFilter{InstanceUUID: srv.ID}, db.Page{}
	if c.Version.AtLeast("2.58") {
		if err := actionQuery(c, &filter, &page); err != nil || page.Limit == 0 {
			return list, err
		}
	}
	found, err := a.svc.InstanceActions(c.Ctx(), filter, page)
	for _, action := range found {
		list.Actions = append(list.Actions, newInstanceActionView(c, action))
	}
	if n := len(found); n > 0 && page.Limit > 0 {
		list.Links = nextLinks(c, "servers/"+srv.ID+"/os-instance-actions", page.Limit, n, found[n-1].RequestID)
	}
	return list, err
}

// actionQuery reads the times and the page that came with 2.58 and 2.66.
func actionQuery(c *httpapi.Call, f *nova.InstanceActionFilter, p *db.Page) (err error) {
	if p.Limit, p.Marker, err = pageOf(c); err != nil {
		return err
	}
	f.ChangesSince, f.ChangesBefore = parseISO(last(c.Query, "changes-since")), parseISO(last(c.Query, "changes-before"))
	if !f.ChangesBefore.IsZero() && f.ChangesBefore.Before(f.ChangesSince) {
		return fault.BadRequest("The value of changes-since must be less than or equal to changes-before.")
	}
	return nil
}

// parseISO reads a time that a schema has let through; without a zone it is UTC.
func parseISO(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func (a *API) showInstanceAction(c *httpapi.Call, srv nova.Server) (map[string]instanceActionView, error) {
	action, events, err := a.svc.InstanceAction(c.Ctx(), srv, c.Param("request_id"))
	if err != nil {
		return nil, err
	}
	v := newInstanceActionView(c, action)
	all := c.Allowed(actionEvents.Name, srv.PolicyTarget())
	if all || c.Version.AtLeast("2.51") {
		views := []instanceEventView{}
		for _, e := range events {
			views = append(views, newInstanceEventView(c, srv, e, all))
		}
		v.Events = &views
	}
	return map[string]instanceActionView{"instanceAction": v}, nil
}

// newInstanceEventView shows traceback and host to those who may see all.
func newInstanceEventView(c *httpapi.Call, srv nova.Server, e nova.InstanceEvent, all bool) instanceEventView {
	v := instanceEventView{Event: e.Event, StartTime: stamp(e.StartTime), FinishTime: stampOf(e.FinishTime), Result: e.Result}
	if all {
		v.Traceback = &e.Traceback
	}
	if c.Version.AtLeast("2.62") {
		id := ""
		if e.Host != nil {
			id = hostID(nova.Server{ProjectID: srv.ProjectID, Host: *e.Host})
		}
		v.HostID = &id
		if all {
			v.Host = &e.Host
		}
	}
	if c.Version.AtLeast("2.84") && c.Allowed(actionDetails.Name, srv.PolicyTarget()) {
		v.Details = &e.Details
	}
	return v
}
