package linux

import (
	"strings"
	"testing"

	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/uuid"
)

func TestGuestsMakeTheirIPv6Addresses(t *testing.T) {
	h, public := publicHost(t)
	one, two := h.addNetwork(171, "fd00:1::/64"), h.addNetwork(172, "fd00:2::/64")
	ping := rpcapi.Rule{Direction: "ingress", EtherType: "IPv6", Protocol: "icmp"}
	group := h.addGroup(ping)
	var ports []rpcapi.Port
	for _, n := range []*rpcapi.Network{one, two} {
		n.Subnets[0].IPv6RAMode, n.Subnets[0].IPv6AddressMode = "slaac", "slaac"
		p := h.addPort(n, "::", group)
		eui := linkLocal(mac(p.MAC)).Addr().String()
		p.FixedIPs[0].IPAddress = strings.TrimSuffix(n.Subnets[0].CIDR, "/64") + strings.TrimPrefix(eui, "fe80::")
		*h.port(p.ID) = p
		ports = append(ports, p)
	}
	h.want.Routers = []rpcapi.Router{{ID: uuid.New(), AdminStateUp: true,
		Interfaces: []rpcapi.RouterInterface{routerPort(one, "fd00:1::1"), routerPort(two, "fd00:2::1")},
		Gateway:    &rpcapi.RouterGateway{RouterInterface: routerPort(public, "172.24.4.10")}}}
	h.apply()
	a, b := h.boot(ports[0]), h.boot(ports[1])
	to := ports[1].FixedIPs[0].IPAddress
	if !eventually(func() bool { return strings.Contains(b.run("ip -6 addr show dev eth0 scope global"), to) }) {
		t.Errorf("no address %s:\n%s", to, b.run("ip -6 addr show dev eth0"))
	}
	if !eventually(func() bool { return a.pings(to) }) {
		t.Errorf("%s does not answer", to)
	}
	h.want.SecurityGroups[0].Rules = nil
	h.apply()
	if a.pings(to) {
		t.Error("a group without rules lets IPv6 pass")
	}
	h.want.Routers[0].Interfaces = nil
	h.apply()
}
