package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// routerDir below StateDir has a directory for each router of ours.
const routerDir = "routers"

// metadataPort is where a router's metadata listener waits; guests' requests
// to 169.254.169.254:80 are sent there.
const metadataPort = 9697

func (r *round) routerNamespace(id string) string { return r.cfg.Prefix + "qrouter-" + id }

// applyRouters makes each wanted router. One that is down is not there at all.
func (r *round) applyRouters(ctx context.Context) {
	for _, w := range r.want.Routers {
		status := rpcapi.Status{ID: w.ID, Status: rpcapi.StatusActive}
		if w.AdminStateUp {
			err := r.unlessDone("router "+w.ID, []any{w, r.advertised(w)}, func() error { return r.ensureRouter(ctx, w) })
			if err != nil {
				r.failed("router", w.ID, err)
				status.Status, status.Error = rpcapi.StatusError, err.Error()
			}
		} else {
			status.Status = rpcapi.StatusDown
		}
		r.status.Routers = append(r.status.Routers, status)
		for _, f := range w.FloatingIPs {
			r.status.FloatingIPs = append(r.status.FloatingIPs, rpcapi.Status{ID: f.ID, Status: status.Status, Error: status.Error})
		}
	}
}

// ensureRouter makes namespace, ports, addresses, routes and translation. What
// can be done is done even where a part fails.
func (r *round) ensureRouter(ctx context.Context, w rpcapi.Router) error {
	if err := os.MkdirAll(filepath.Join(r.cfg.StateDir, routerDir, w.ID), 0o755); err != nil {
		return err
	}
	ns, err := ensureNamespace(r.routerNamespace(w.ID))
	if err != nil {
		return err
	}
	defer ns.close()
	if err := ns.becomeRouter(); err != nil {
		return err
	}
	// Translation first: no packet leaves with an inner address.
	errs := []error{r.translate(ctx, ns, w)}
	inner := map[string]bool{"lo": true}
	for _, i := range w.Interfaces {
		name := "qr-" + short(i.PortID)
		inner[name] = true
		_, err := r.ensureRouterPort(ns, w, i, name, interfaceCIDRs(i.FixedIPs))
		errs = append(errs, err)
	}
	routes, err := extraRoutes(w.Routes)
	errs = append(errs, err)
	if w.Gateway != nil {
		name := gatewayName(w)
		inner[name] = true
		link, err := r.ensureRouterPort(ns, w, w.Gateway.RouterInterface, name, gatewayCIDRs(w))
		errs = append(errs, err)
		if err == nil && w.Gateway.AdminStateUp {
			routes = append(defaultRoutes(link, w.Gateway.NextHops), routes...)
		}
	}
	errs = append(errs, r.removePorts(ns, inner), ns.setRoutes(routes), r.advertise(ctx, ns, w))
	if r.cfg.Metadata != nil {
		errs = append(errs, r.meta.listen(ns, ml2.Scope{RouterID: w.ID}, fmt.Sprintf("0.0.0.0:%d", metadataPort)))
	}
	return errors.Join(errs...)
}

func gatewayName(w rpcapi.Router) string { return "qg-" + short(w.Gateway.PortID) }

func (n *namespace) becomeRouter() error {
	if err := n.loopbackUp(); err != nil {
		return err
	}
	return sysctls(n.ns, map[string]string{
		"ipv4/ip_forward":              "1",
		"ipv6/conf/all/forwarding":     "1",
		"ipv6/conf/default/accept_ra":  "0",
		"ipv4/conf/all/arp_ignore":     "1", // answer only for addresses of the interface asked
		"ipv4/conf/all/arp_announce":   "2",
		"ipv4/conf/all/send_redirects": "0",
		// A router's MAC is its own: it may advertise at once.
		"ipv6/conf/default/accept_dad":    "0",
		"ipv6/conf/default/dad_transmits": "0",
	})
}

// ensureRouterPort makes one port of a router and announces its new addresses.
func (r *round) ensureRouterPort(ns *namespace, w rpcapi.Router, i rpcapi.RouterInterface, name string, cidrs []string) (netlink.Link, error) {
	mac, err := net.ParseMAC(i.MAC)
	if err != nil {
		return nil, fmt.Errorf("port %s: %w", i.PortID, err)
	}
	link, err := r.ensurePair(ns, pair{outer: rpcapi.TapName(i.PortID), inner: name, mac: mac, mtu: i.MTU,
		bridge: rpcapi.BridgeName(i.NetworkID), owner: "router " + w.ID})
	if err != nil {
		return nil, err
	}
	if !i.AdminStateUp {
		return link, ns.nl.LinkSetDown(link)
	}
	added, err := ns.setAddresses(link, cidrs)
	if err != nil {
		return nil, fmt.Errorf("port %s: %w", i.PortID, err)
	}
	return link, ns.announce(name, mac, added)
}

func interfaceCIDRs(ips []rpcapi.FixedIP) []string {
	var out []string
	for _, ip := range ips {
		out = append(out, fmt.Sprintf("%s/%d", ip.IPAddress, ip.PrefixLen))
	}
	return out
}

// gatewayCIDRs are the gateway's own addresses and the floating ones.
func gatewayCIDRs(w rpcapi.Router) []string {
	cidrs := interfaceCIDRs(w.Gateway.FixedIPs)
	for _, f := range w.FloatingIPs {
		if a, err := netip.ParseAddr(f.Address); err == nil && f.FixedIP != "" {
			cidrs = append(cidrs, fmt.Sprintf("%s/%d", a, a.BitLen()))
		}
	}
	return cidrs
}

// removePorts removes a router's ports that are not wanted any more.
func (r *round) removePorts(ns *namespace, wanted map[string]bool) error {
	links, err := ns.nl.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return err
	}
	var errs error
	for _, l := range links {
		name := l.Attrs().Name
		if wanted[name] || !strings.HasPrefix(name, "qr-") && !strings.HasPrefix(name, "qg-") {
			continue
		}
		delete(r.links, "tap"+name[3:])
		errs = errors.Join(errs, ns.nl.LinkDel(l))
	}
	return errs
}

// translate keeps the router's address translation, leaves it alone where it
// stands since before a restart, and forgets connections of addresses that are
// translated otherwise now.
func (r *round) translate(ctx context.Context, ns *namespace, w rpcapi.Router) error {
	next := renderRouter(w, r.cfg.Metadata != nil)
	was := r.nats[w.ID]
	if !ns.made && was.gen != 0 && was.gen == generation(ns.ns) && reflect.DeepEqual(was.rules, next) {
		return nil
	}
	record := filepath.Join(r.cfg.StateDir, routerDir, w.ID, "translation.json")
	var err error
	if ns.made || was.rules != nil || !next.stand(ns.ns, record) {
		if err = runNft(ctx, ns.ns, next.script(nil)); err != nil {
			return err
		}
		err = next.remember(ns.ns, record)
	}
	now := translation{rules: next, gen: generation(ns.ns), floating: floating(w)}
	r.nats[w.ID] = now
	if changed := was.differs(now); len(changed) > 0 {
		err = errors.Join(err, deleteFlows(ns.ns, func(f flow) bool {
			return slices.Contains(changed, f.src) || slices.Contains(changed, f.dst)
		}))
	}
	return err
}

// translation is what a router's tables were made of.
type translation struct {
	rules    ruleset
	gen      uint32
	floating map[netip.Addr]netip.Addr // floating → fixed
}

func floating(w rpcapi.Router) map[netip.Addr]netip.Addr {
	m := map[netip.Addr]netip.Addr{}
	for _, f := range w.FloatingIPs {
		outer, err1 := netip.ParseAddr(f.Address)
		inner, err2 := netip.ParseAddr(f.FixedIP)
		if err1 == nil && err2 == nil {
			m[outer] = inner
		}
	}
	return m
}

// differs gives the addresses whose translation changed.
func (t translation) differs(now translation) []netip.Addr {
	if t.rules == nil {
		return nil // adopted after a restart: flows go on
	}
	var changed []netip.Addr
	for outer, inner := range t.floating {
		if now.floating[outer] != inner {
			changed = append(changed, outer, inner)
		}
	}
	for outer, inner := range now.floating {
		if t.floating[outer] != inner {
			changed = append(changed, outer, inner)
		}
	}
	return changed
}
