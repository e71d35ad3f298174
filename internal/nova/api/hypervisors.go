package api

import (
	"encoding/json"
	"strconv"

	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
	"nacre/internal/oslo/uuid"
)

// hypervisorRoutes are the compute nodes.
func (a *API) hypervisorRoutes() httpapi.Table {
	const path, one = "/os-hypervisors", "/os-hypervisors/{hypervisor_id}"
	list := httpapi.Schemas{"2.33": "hypervisor_list_query_2.33.json", "2.53": "hypervisor_list_query_2.53.json"}
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: rule("os_compute_api:os-hypervisors:list", admin), Queries: list, Do: httpapi.Get(a.listHypervisors)},
		{Method: "GET", Path: path + "/detail", Status: 200, Rule: rule("os_compute_api:os-hypervisors:list-detail", admin), Queries: list,
			Do: httpapi.Get(a.listHypervisorsDetail)},
		{Method: "GET", Path: path + "/statistics", Status: 200, Max: "2.87", Rule: rule("os_compute_api:os-hypervisors:statistics", admin),
			Do: httpapi.Get(a.showHypervisorStatistics)},
		{Method: "GET", Path: one, Status: 200, Rule: rule("os_compute_api:os-hypervisors:show", admin),
			Queries: httpapi.Schemas{"2.53": "hypervisor_show_query_2.53.json"}, Do: httpapi.Get(a.showHypervisor)},
		{Method: "GET", Path: one + "/uptime", Status: 200, Max: "2.87", Rule: rule("os_compute_api:os-hypervisors:uptime", admin), Do: httpapi.Get(a.showUptime)},
		{Method: "GET", Path: one + "/search", Status: 200, Max: "2.52", Rule: rule("os_compute_api:os-hypervisors:search", admin), Do: httpapi.Get(a.searchHypervisors)},
		{Method: "GET", Path: one + "/servers", Status: 200, Max: "2.52", Rule: rule("os_compute_api:os-hypervisors:servers", admin),
			Do: httpapi.Get(a.listHypervisorServers)},
	}
}

// hypervisorView begins with what a list shows; the rest is detail.
type hypervisorView struct {
	ID       serviceID           `json:"id"`
	Hostname string              `json:"hypervisor_hostname"`
	State    string              `json:"state"`
	Status   string              `json:"status"`
	Uptime   **string            `json:"uptime,omitempty"` // in details since 2.88
	Servers  *[]hypervisorServer `json:"servers,omitempty"`
	*hypervisorDetail
	*hypervisorUsage
}

type hypervisorServer struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

type hypervisorDetail struct {
	Type    string            `json:"hypervisor_type"`
	Version int               `json:"hypervisor_version"`
	HostIP  string            `json:"host_ip"`
	Service hypervisorService `json:"service"`
}

type hypervisorService struct {
	ID             serviceID `json:"id"`
	Host           string    `json:"host"`
	DisabledReason *string   `json:"disabled_reason"`
}

// hypervisorUsage was told until 2.87.
type hypervisorUsage struct {
	hypervisorAmounts
	CPUInfo any `json:"cpu_info"` // text before 2.28
}

type hypervisorAmounts struct {
	VCPUs              int `json:"vcpus"`
	MemoryMB           int `json:"memory_mb"`
	LocalGB            int `json:"local_gb"`
	VCPUsUsed          int `json:"vcpus_used"`
	MemoryMBUsed       int `json:"memory_mb_used"`
	LocalGBUsed        int `json:"local_gb_used"`
	FreeRAMMB          int `json:"free_ram_mb"`
	FreeDiskGB         int `json:"free_disk_gb"`
	CurrentWorkload    int `json:"current_workload"`
	RunningVMs         int `json:"running_vms"`
	DiskAvailableLeast int `json:"disk_available_least"`
}

func newHypervisorView(c *httpapi.Call, h service.HostedHypervisor, detail bool) hypervisorView {
	v := hypervisorView{ID: idOf(c, h.Number, h.ID), Hostname: h.Hostname, State: upOrDown(h.Up), Status: h.Service.Status()}
	if detail {
		v.hypervisorDetail = &hypervisorDetail{Type: h.Type, Version: h.Version, HostIP: h.HostIP,
			Service: hypervisorService{ID: idOf(c, h.Service.Number, h.Service.ID), Host: h.Host, DisabledReason: h.Service.DisabledReason}}
		if c.Version.AtLeast("2.88") {
			uptime := orNil(h.Uptime)
			v.Uptime = &uptime
		} else {
			v.hypervisorUsage = &hypervisorUsage{newAmounts(h.Hypervisor), cpuInfo(c, h.CPUInfo)}
		}
	}
	return v
}

func newAmounts(h nova.Hypervisor) hypervisorAmounts {
	return hypervisorAmounts{VCPUs: h.VCPUs, MemoryMB: h.MemoryMB, LocalGB: h.LocalGB, VCPUsUsed: h.VCPUsUsed,
		MemoryMBUsed: h.MemoryMBUsed, LocalGBUsed: h.LocalGBUsed, FreeRAMMB: h.MemoryMB - h.MemoryMBUsed,
		FreeDiskGB: h.LocalGB - h.LocalGBUsed, CurrentWorkload: h.CurrentWorkload, RunningVMs: h.RunningVMs,
		DiskAvailableLeast: h.DiskAvailableLeast}
}

// withServers adds the servers; when there are none the field came with 2.75.
func (v hypervisorView) withServers(c *httpapi.Call, h service.HostedHypervisor) hypervisorView {
	servers := []hypervisorServer{}
	for _, s := range h.Servers {
		servers = append(servers, hypervisorServer{Name: s.Name, UUID: s.ID})
	}
	if len(servers) > 0 || c.Version.AtLeast("2.75") {
		v.Servers = &servers
	}
	return v
}

func cpuInfo(c *httpapi.Call, text string) any {
	if !c.Version.AtLeast("2.28") {
		return text
	}
	if !json.Valid([]byte(text)) {
		return struct{}{}
	}
	return json.RawMessage(text)
}

type hypervisorList struct {
	Hypervisors []hypervisorView `json:"hypervisors"`
	Links       []link           `json:"hypervisors_links,omitempty"`
}

func (a *API) listHypervisors(c *httpapi.Call) (hypervisorList, error) {
	return a.hypervisors(c, "os-hypervisors", false)
}

func (a *API) listHypervisorsDetail(c *httpapi.Call) (hypervisorList, error) {
	return a.hypervisors(c, "os-hypervisors/detail", true)
}

func (a *API) hypervisors(c *httpapi.Call, path string, detail bool) (list hypervisorList, err error) {
	byUUID := c.Version.AtLeast("2.53")
	withServers, _ := boolOf(last(c.Query, "with_servers"))
	withServers = withServers && byUUID
	list.Hypervisors = []hypervisorView{}
	var found []service.HostedHypervisor
	page := db.Page{}
	if pattern := last(c.Query, "hypervisor_hostname_pattern"); byUUID && c.Query.Has("hypervisor_hostname_pattern") {
		if c.Query.Has("limit") || c.Query.Has("marker") {
			return list, fault.BadRequest("Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
		}
		found, err = a.svc.HypervisorsNamed(c.Ctx(), pattern, withServers)
	} else {
		if page, err = hypervisorPage(c, byUUID); err != nil || page.Limit == 0 && c.Version.AtLeast("2.33") {
			return list, err
		}
		found, err = a.svc.Hypervisors(c.Ctx(), page, !byUUID, withServers)
	}
	for _, h := range found {
		v := newHypervisorView(c, h, detail)
		if withServers {
			v = v.withServers(c, h)
		}
		list.Hypervisors = append(list.Hypervisors, v)
	}
	if n := len(found); n > 0 && page.Limit > 0 {
		list.Links = nextLinks(c, path, page.Limit, n, markerOf(found[n-1], byUUID))
	}
	return list, err
}

// hypervisorPage is everything before 2.33; a marker that is no number is none before 2.53.
func hypervisorPage(c *httpapi.Call, byUUID bool) (p db.Page, err error) {
	if !c.Version.AtLeast("2.33") {
		return p, nil
	}
	if p.Limit, p.Marker, err = pageOf(c); err != nil || p.Marker == "" || byUUID {
		return p, err
	}
	if _, bad := strconv.ParseInt(p.Marker, 10, 64); bad != nil {
		return p, fault.BadRequest("marker [%s] not found", p.Marker)
	}
	return p, nil
}

func markerOf(h service.HostedHypervisor, byUUID bool) string {
	if byUUID {
		return h.ID
	}
	return strconv.FormatInt(h.Number, 10)
}

type hypervisorAnswer struct {
	Hypervisor hypervisorView `json:"hypervisor"`
}

// hypervisor finds the one in the path by UUID or, before 2.53, by number.
func (a *API) hypervisor(c *httpapi.Call, withServers bool) (service.HostedHypervisor, error) {
	id := c.Param("hypervisor_id")
	if c.Version.AtLeast("2.53") {
		if !uuid.Valid(id) {
			return service.HostedHypervisor{}, fault.BadRequest("Invalid uuid %s", id)
		}
		return a.svc.Hypervisor(c.Ctx(), id, withServers)
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return service.HostedHypervisor{}, service.NoHypervisor(id)
	}
	return a.svc.HypervisorNumbered(c.Ctx(), number, id)
}

func (a *API) showHypervisor(c *httpapi.Call) (v hypervisorAnswer, err error) {
	withServers, _ := boolOf(last(c.Query, "with_servers"))
	withServers = withServers && c.Version.AtLeast("2.53")
	h, err := a.hypervisor(c, withServers)
	if err != nil {
		return v, err
	}
	v.Hypervisor = newHypervisorView(c, h, true)
	if withServers {
		v.Hypervisor = v.Hypervisor.withServers(c, h)
	}
	return v, nil
}

func (a *API) showUptime(c *httpapi.Call) (v hypervisorAnswer, err error) {
	h, err := a.hypervisor(c, false)
	if err != nil {
		return v, err
	}
	if h.Uptime == "" {
		return v, fault.New(501, "Unable to get the uptime of this hypervisor: function not implemented.")
	}
	if !h.Up {
		return v, fault.BadRequest("Compute service of %s is unavailable at this time.", h.Host)
	}
	v.Hypervisor = newHypervisorView(c, h, false)
	uptime := orNil(h.Uptime)
	v.Hypervisor.Uptime = &uptime
	return v, nil
}

func (a *API) searchHypervisors(c *httpapi.Call) (hypervisorList, error) {
	list := hypervisorList{Hypervisors: []hypervisorView{}}
	found, err := a.svc.HypervisorsNamed(c.Ctx(), c.Param("hypervisor_id"), false)
	for _, h := range found {
		list.Hypervisors = append(list.Hypervisors, newHypervisorView(c, h, false))
	}
	return list, err
}

func (a *API) listHypervisorServers(c *httpapi.Call) (hypervisorList, error) {
	list := hypervisorList{Hypervisors: []hypervisorView{}}
	found, err := a.svc.HypervisorsNamed(c.Ctx(), c.Param("hypervisor_id"), true)
	for _, h := range found {
		list.Hypervisors = append(list.Hypervisors, newHypervisorView(c, h, false).withServers(c, h))
	}
	return list, err
}

type hypervisorStatistics struct {
	Statistics struct {
		Count int `json:"count"`
		hypervisorAmounts
	} `json:"hypervisor_statistics"`
}

func (a *API) showHypervisorStatistics(c *httpapi.Call) (v hypervisorStatistics, err error) {
	count, sum, err := a.svc.HypervisorStatistics(c.Ctx())
	v.Statistics.Count, v.Statistics.hypervisorAmounts = count, newAmounts(sum)
	return v, err
}
