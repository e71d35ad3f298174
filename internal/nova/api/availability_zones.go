package api

import (
	"nacre/internal/nova"
	"nacre/internal/nova/service"
	"nacre/internal/oslo/httpapi"
)

// zoneRoutes are the availability zones.
func (a *API) zoneRoutes() httpapi.Table {
	return httpapi.Table{
		{Method: "GET", Path: "/os-availability-zone", Status: 200, Rule: rule("os_compute_api:os-availability-zone:list", "@"), Do: httpapi.Get(a.listZones)},
		{Method: "GET", Path: "/os-availability-zone/detail", Status: 200, Rule: rule("os_compute_api:os-availability-zone:detail", admin),
			Do: httpapi.Get(a.listZonesDetail)},
	}
}

type zoneView struct {
	Name  string `json:"zoneName"`
	State struct {
		Available bool `json:"available"`
	} `json:"zoneState"`
	Hosts map[string]map[string]zoneService `json:"hosts"` // by host and binary; null in the short list
}

type zoneService struct {
	Available bool  `json:"available"`
	Active    bool  `json:"active"`
	UpdatedAt stamp `json:"updated_at"`
}

type zoneList struct {
	Zones []zoneView `json:"availabilityZoneInfo"`
}

func newZoneView(z service.Zone) zoneView {
	v := zoneView{Name: z.Name}
	v.State.Available = z.Available
	return v
}

// listZones hides the zone of Nova's own processes.
func (a *API) listZones(c *httpapi.Call) (zoneList, error) {
	list := zoneList{Zones: []zoneView{}}
	zones, err := a.svc.Zones(c.Ctx())
	for _, z := range zones {
		if z.Name != nova.InternalZone {
			list.Zones = append(list.Zones, newZoneView(z))
		}
	}
	return list, err
}

func (a *API) listZonesDetail(c *httpapi.Call) (zoneList, error) {
	list := zoneList{Zones: []zoneView{}}
	zones, err := a.svc.Zones(c.Ctx())
	for _, z := range zones {
		v := newZoneView(z)
		if z.Available {
			v.Hosts = zoneHosts(z.Services)
		}
		list.Zones = append(list.Zones, v)
	}
	return list, err
}

func zoneHosts(services []service.ZonedService) map[string]map[string]zoneService {
	hosts := map[string]map[string]zoneService{}
	for _, s := range services {
		if hosts[s.Host] == nil {
			hosts[s.Host] = map[string]zoneService{}
		}
		hosts[s.Host][s.Binary] = zoneService{Available: s.Up, Active: !s.Disabled, UpdatedAt: stamp(s.Heard())}
	}
	return hosts
}
