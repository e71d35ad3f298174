// Package fake is a host's half of networking that wires nothing: every port
// is up as soon as it is wanted. It serves scale tests of the control plane,
// together with nova's fake hypervisor.
package fake

import (
	"context"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// Driver implements ml2.Driver.
type Driver struct {
	Gateway bool // plays DHCP and L3 as well; one host of a cloud is enough
}

// Apply implements ml2.Driver: all that is wanted is there.
func (d *Driver) Apply(_ context.Context, want rpcapi.HostState, _ bool) (ml2.Status, error) {
	var s ml2.Status
	for _, p := range want.Ports {
		s.Ports = append(s.Ports, rpcapi.PortStatus{ID: p.ID, Status: rpcapi.StatusActive})
	}
	for _, n := range want.Networks {
		if n.DHCP != nil {
			s.DHCP = append(s.DHCP, rpcapi.Status{ID: n.ID, Status: rpcapi.StatusActive})
		}
	}
	for _, r := range want.Routers {
		s.Routers = append(s.Routers, rpcapi.Status{ID: r.ID, Status: rpcapi.StatusActive})
		for _, f := range r.FloatingIPs {
			s.FloatingIPs = append(s.FloatingIPs, rpcapi.Status{ID: f.ID, Status: rpcapi.StatusActive})
		}
	}
	return s, nil
}

// Watch implements ml2.Driver: nothing changes behind the agent's back.
func (d *Driver) Watch(ctx context.Context, _ func(rpcapi.PortStatus)) error {
	<-ctx.Done()
	return ctx.Err()
}

// Agents implements ml2.Driver.
func (d *Driver) Agents() []rpcapi.Agent {
	agents := []rpcapi.Agent{{Type: rpcapi.AgentL2, Binary: "neutron-linuxbridge-agent", Configurations: map[string]any{
		"bridge_mappings": map[string]string{"public": "br-ex"}, "tunnel_types": []string{"vxlan"}, "tunneling_ip": "127.0.0.1"}}}
	if d.Gateway {
		agents = append(agents,
			rpcapi.Agent{Type: rpcapi.AgentDHCP, Binary: "neutron-dhcp-agent", AvailabilityZone: "nova", Configurations: map[string]any{}},
			rpcapi.Agent{Type: rpcapi.AgentL3, Binary: "neutron-l3-agent", AvailabilityZone: "nova", Configurations: map[string]any{"agent_mode": "legacy"}})
	}
	return agents
}

// TunnelIP implements ml2.Driver.
func (d *Driver) TunnelIP() string { return "127.0.0.1" }

// Close implements ml2.Driver.
func (d *Driver) Close() {}

// Blind implements ml2.Blind.
func (d *Driver) Blind() {}
