package api

import (
	"context"
	"time"

	"nacre/internal/nova/service"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// usageRoutes are how long servers ran.
func (a *API) usageRoutes() httpapi.Table {
	const path = "/os-simple-tenant-usage"
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: rule("os_compute_api:os-simple-tenant-usage:list", admin),
			Queries: httpapi.Schemas{"2.1": "usage_list_query_2.1.json", "2.40": "usage_list_query_2.40.json", "2.75": "usage_list_query_2.75.json"},
			Do:      httpapi.Get(a.listUsages)},
		{Method: "GET", Path: path + "/{tenant_id}", Status: 200, Rule: rule("os_compute_api:os-simple-tenant-usage:show", reader),
			Queries: httpapi.Schemas{"2.1": "usage_show_query_2.1.json", "2.40": "usage_show_query_2.40.json", "2.75": "usage_show_query_2.75.json"},
			Do:      httpapi.On(findProject, a.showUsage)},
	}
}

type usageView struct {
	TenantID string            `json:"tenant_id"`
	Servers  []serverUsageView `json:"server_usages,omitzero"`
	LocalGB  float             `json:"total_local_gb_usage"` // GB hours
	VCPUs    float             `json:"total_vcpus_usage"`
	MemoryMB float             `json:"total_memory_mb_usage"`
	Hours    float             `json:"total_hours"`
	Start    stamp             `json:"start"`
	Stop     stamp             `json:"stop"`
}

type serverUsageView struct {
	Hours      float  `json:"hours"`
	Flavor     string `json:"flavor"`
	InstanceID string `json:"instance_id"`
	Name       string `json:"name"`
	TenantID   string `json:"tenant_id"`
	MemoryMB   int    `json:"memory_mb"`
	LocalGB    int    `json:"local_gb"`
	VCPUs      int    `json:"vcpus"`
	StartedAt  *stamp `json:"started_at"`
	EndedAt    *stamp `json:"ended_at"`
	State      string `json:"state"`
	Uptime     int    `json:"uptime"` // seconds
}

func newServerUsageView(u service.ServerUsage) serverUsageView {
	v := serverUsageView{Hours: float(u.Hours), Flavor: u.Flavor.Name, InstanceID: u.ID, Name: u.Name, TenantID: u.ProjectID,
		MemoryMB: u.Flavor.MemoryMB, LocalGB: u.Flavor.RootGB + u.Flavor.EphemeralGB, VCPUs: u.Flavor.VCPUs,
		StartedAt: stampOf(u.LaunchedAt), EndedAt: stampOf(u.TerminatedAt), State: string(u.VMState), Uptime: int(u.Uptime.Seconds())}
	if u.TerminatedAt != nil {
		v.State = "terminated"
	}
	return v
}

// add counts one server in.
func (v *usageView) add(s serverUsageView, detailed bool) {
	v.LocalGB += float(s.LocalGB) * s.Hours
	v.VCPUs += float(s.VCPUs) * s.Hours
	v.MemoryMB += float(s.MemoryMB) * s.Hours
	v.Hours += s.Hours
	if detailed {
		v.Servers = append(v.Servers, s)
	}
}

// period is what a request asks about.
type period struct {
	start, stop time.Time
	page        db.Page
}

// periodOf reads start, end and, from 2.40, the page. What is absent is now, and the end just after it.
func (a *API) periodOf(c *httpapi.Call) (p period, err error) {
	now := a.svc.Now()
	if p.start, err = usageTime(first(c.Query, "start"), now); err != nil {
		return p, err
	}
	if p.stop, err = usageTime(first(c.Query, "end"), now.Add(time.Microsecond)); err != nil {
		return p, err
	}
	if !p.start.Before(p.stop) {
		return p, fault.BadRequest("Invalid start time. The start time cannot occur after the end time.")
	}
	if latest := now.Add(time.Microsecond); p.stop.After(latest) {
		p.stop = latest
	}
	p.page.Limit = MaxLimit
	if c.Version.AtLeast("2.40") {
		p.page.Limit, p.page.Marker, err = pageOf(c)
	}
	return p, err
}

func usageTime(text string, def time.Time) (time.Time, error) {
	if text == "" {
		return def, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return def, fault.BadRequest("Invalid datetime string: Datetime is in invalid format")
}

// usages adds up a page of servers by project.
func (a *API) usages(ctx context.Context, p period, projectID string, detailed bool) (sums []usageView, servers []service.ServerUsage, err error) {
	sums = []usageView{}
	if p.page.Limit == 0 {
		return sums, nil, nil
	}
	servers, err = a.svc.Usages(ctx, p.start, p.stop, projectID, p.page)
	for _, u := range servers {
		if len(sums) == 0 || sums[len(sums)-1].TenantID != u.ProjectID {
			sums = append(sums, usageView{TenantID: u.ProjectID, Start: stamp(p.start), Stop: stamp(p.stop)})
		}
		sums[len(sums)-1].add(newServerUsageView(u), detailed)
	}
	return sums, servers, err
}

// usageLinks came with 2.40.
func usageLinks(c *httpapi.Call, path string, p period, servers []service.ServerUsage) []link {
	if len(servers) == 0 || !c.Version.AtLeast("2.40") {
		return nil
	}
	return nextLinks(c, path, p.page.Limit, len(servers), servers[len(servers)-1].ID)
}

type usageList struct {
	Usages []usageView `json:"tenant_usages"`
	Links  []link      `json:"tenant_usages_links,omitempty"`
}

func (a *API) listUsages(c *httpapi.Call) (usageList, error) {
	p, err := a.periodOf(c)
	if err != nil {
		return usageList{}, err
	}
	sums, servers, err := a.usages(c.Ctx(), p, "", first(c.Query, "detailed") == "1")
	return usageList{Usages: sums, Links: usageLinks(c, "os-simple-tenant-usage", p, servers)}, err
}

type usageAnswer struct {
	Usage any    `json:"tenant_usage"` // {} for a project without servers
	Links []link `json:"tenant_usage_links,omitempty"`
}

func (a *API) showUsage(c *httpapi.Call, of project) (usageAnswer, error) {
	p, err := a.periodOf(c)
	if err != nil {
		return usageAnswer{}, err
	}
	sums, servers, err := a.usages(c.Ctx(), p, string(of), true)
	v := usageAnswer{Usage: struct{}{}, Links: usageLinks(c, "os-simple-tenant-usage/"+string(of), p, servers)}
	if len(sums) > 0 {
		v.Usage = sums[0]
	}
	return v, err
}
