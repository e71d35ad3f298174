package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"nacre/internal/neutron"
	"nacre/internal/neutron/service"
)

// BenchmarkNetwork creates and deletes a network over the API.
func BenchmarkNetwork(b *testing.B) {
	c := newCloud(b, "h1")
	for b.Loop() {
		status, body := c.call("admin", "POST", "/v2.0/networks", nil, `{"network":{"name":"n"}}`)
		var v struct{ Network struct{ ID string } }
		if err := json.Unmarshal(body, &v); err != nil || status != 201 {
			b.Fatal(status, err)
		}
		if status, body = c.call("admin", "DELETE", "/v2.0/networks/"+v.Network.ID, nil, nil); status != 204 {
			b.Fatal(status, string(body))
		}
	}
}

// BenchmarkLists lists 10,000 networks and 10,000 ports.
func BenchmarkLists(b *testing.B) {
	c := newCloud(b, "h1")
	ctx := as(b.Context(), "admin")
	if _, err := c.svc.SetLimits(ctx, adminProject, map[string]int{"network": -1, "port": -1}, false); err != nil {
		b.Fatal(err)
	}
	n := fill(b, c.svc)
	for _, path := range []string{"/v2.0/networks", "/v2.0/ports", "/v2.0/ports?limit=1000", "/v2.0/ports?fields=id&fields=name",
		"/v2.0/ports?device_id=none", "/v2.0/subnets?network_id=" + n} {
		b.Run(strings.TrimPrefix(path, "/v2.0/"), func(b *testing.B) {
			for b.Loop() {
				if status, body := c.call("admin", "GET", path, nil, nil); status != 200 {
					b.Fatal(status, string(body))
				}
			}
		})
	}
}

// fill makes 10,000 networks, and 10,000 ports on the first, which it returns.
func fill(b *testing.B, svc *service.Service) string {
	ctx := as(b.Context(), "admin")
	first := ""
	for i := range 20 {
		var nets []neutron.NetworkRequest
		for j := range 500 {
			nets = append(nets, neutron.NetworkRequest{Name: neutron.Some(fmt.Sprint("n", i*500+j)), ProjectID: neutron.Some(adminProject)})
		}
		made, err := svc.CreateNetworks(ctx, nets)
		if err != nil {
			b.Fatal(err)
		}
		if first == "" {
			first = made[0].ID
			_, err = svc.CreateSubnets(ctx, []neutron.SubnetRequest{{NetworkID: neutron.Some(first), ProjectID: neutron.Some(adminProject),
				IPVersion: neutron.Some(4), CIDR: neutron.Some("10.0.0.0/16")}})
			if err != nil {
				b.Fatal(err)
			}
		}
		var ports []neutron.PortRequest
		for range 500 {
			ports = append(ports, neutron.PortRequest{NetworkID: neutron.Some(first), ProjectID: neutron.Some(adminProject)})
		}
		if _, err := svc.CreatePorts(ctx, ports); err != nil {
			b.Fatal(err)
		}
	}
	return first
}
