package agent

import (
	"slices"
	"testing"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// TestServicePorts: the ports of DHCP servers and routers fare as their owners.
func TestServicePorts(t *testing.T) {
	inner := rpcapi.RouterInterface{PortID: "inner", AdminStateUp: true}
	off := rpcapi.RouterInterface{PortID: "off"}
	state := rpcapi.HostState{
		Networks: []rpcapi.Network{{ID: "n", DHCP: &rpcapi.DHCP{Port: rpcapi.Port{ID: "dhcp", AdminStateUp: true}}}, {ID: "plain"}},
		Routers: []rpcapi.Router{{ID: "r", Interfaces: []rpcapi.RouterInterface{inner, off},
			Gateway: &rpcapi.RouterGateway{RouterInterface: rpcapi.RouterInterface{PortID: "outer", AdminStateUp: true}}},
			{ID: "unheard", Interfaces: []rpcapi.RouterInterface{{PortID: "unheard", AdminStateUp: true}}}}}
	status := ml2.Status{DHCP: []rpcapi.Status{{ID: "n", Status: rpcapi.StatusActive}}, Routers: []rpcapi.Status{{ID: "r", Status: rpcapi.StatusError, Error: "e"}}}
	want := []rpcapi.PortStatus{{ID: "dhcp", Status: "ACTIVE"}, {ID: "inner", Status: "ERROR", Error: "e"}, {ID: "off", Status: "DOWN", Error: "e"},
		{ID: "outer", Status: "ERROR", Error: "e"}}
	if got := servicePorts(state, status); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}
