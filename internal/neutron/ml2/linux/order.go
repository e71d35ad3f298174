package linux

import (
	"cmp"
	"maps"
	"slices"

	"nacre/internal/neutron/rpcapi"
)

// inOrder sorts the lists of a state whose order means nothing, and forgets what
// does not concern the host, so that the same state always makes the same files and arguments.
func inOrder(s rpcapi.HostState) rpcapi.HostState {
	s.Networks = sorted(s.Networks, func(n rpcapi.Network) string { return n.ID })
	for i := range s.Networks {
		n := &s.Networks[i]
		n.Subnets = sorted(n.Subnets, func(s rpcapi.Subnet) string { return s.ID })
		n.RouterIPs = maps.Clone(n.RouterIPs)
		for id, ips := range n.RouterIPs {
			n.RouterIPs[id] = slices.Sorted(slices.Values(ips))
		}
		if n.DHCP != nil {
			dhcp := *n.DHCP
			dhcp.Port.Status = "" // what the server thinks of it changes nothing
			dhcp.Hosts = sorted(dhcp.Hosts, func(h rpcapi.DHCPHost) string { return h.PortID })
			n.DHCP = &dhcp
		}
	}
	s.Ports = sorted(s.Ports, func(p rpcapi.Port) string { return p.ID })
	s.SecurityGroups = sorted(s.SecurityGroups, func(g rpcapi.SecurityGroup) string { return g.ID })
	s.Routers = sorted(s.Routers, func(r rpcapi.Router) string { return r.ID })
	for i := range s.Routers {
		r := &s.Routers[i]
		r.Interfaces = sorted(r.Interfaces, func(i rpcapi.RouterInterface) string { return i.PortID })
		r.FloatingIPs = sorted(r.FloatingIPs, func(f rpcapi.FloatingIP) string { return f.ID })
		for j := range r.FloatingIPs {
			r.FloatingIPs[j].Status = ""
		}
		r.Routes = sorted(r.Routes, func(r rpcapi.Route) string { return r.Destination + r.NextHop })
	}
	return s
}

// sorted is a sorted copy.
func sorted[T any](list []T, key func(T) string) []T {
	return slices.SortedFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
