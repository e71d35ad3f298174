package linux

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nacre/internal/neutron/rpcapi"
)

// defaultRoutes lead everything through gateways on a link, also through those
// that lie in none of its subnets.
func defaultRoutes(l netlink.Link, gateways []string) []netlink.Route {
	var routes []netlink.Route
	for _, g := range gateways {
		ip := net.ParseIP(g)
		if ip == nil {
			continue
		}
		all := &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		if ip.To4() != nil {
			all = &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
		}
		routes = append(routes, netlink.Route{LinkIndex: l.Attrs().Index, Dst: all, Gw: ip, Flags: int(netlink.FLAG_ONLINK)})
	}
	return routes
}

// extraRoutes turns a router's routes into the kernel's.
func extraRoutes(routes []rpcapi.Route) ([]netlink.Route, error) {
	var out []netlink.Route
	for _, r := range routes {
		prefix, err := parsePrefix(r.Destination)
		gw := net.ParseIP(r.NextHop)
		if err != nil || gw == nil {
			return nil, fmt.Errorf("route to %q by %q is malformed", r.Destination, r.NextHop)
		}
		dst := &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
		out = append(out, netlink.Route{Dst: dst, Gw: gw})
	}
	return out, nil
}

// setRoutes makes the routes of ours in a namespace exactly these. Ours are
// those of protocol "static"; the kernel's own stay.
func (n *namespace) setRoutes(wanted []netlink.Route) error {
	have, err := n.nl.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Protocol: unix.RTPROT_STATIC}, netlink.RT_FILTER_PROTOCOL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("list routes: %w", err)
	}
	left := map[string]netlink.Route{}
	for _, r := range have {
		left[routeKey(r)] = r
	}
	var errs error
	for _, r := range wanted {
		r.Protocol = unix.RTPROT_STATIC
		if _, ok := left[routeKey(r)]; ok {
			delete(left, routeKey(r))
		} else if err := n.nl.RouteReplace(&r); err != nil {
			errs = errors.Join(errs, fmt.Errorf("route to %v by %v: %w", r.Dst, r.Gw, err))
		}
		for key, old := range left { // replaced by another next hop
			if old.Dst.String() == r.Dst.String() {
				delete(left, key)
			}
		}
	}
	for _, r := range left {
		if err := n.nl.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = errors.Join(errs, fmt.Errorf("remove route to %v: %w", r.Dst, err))
		}
	}
	return errs
}

func routeKey(r netlink.Route) string { return fmt.Sprint(r.Dst, " ", r.Gw) }
