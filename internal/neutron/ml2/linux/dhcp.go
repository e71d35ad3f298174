package linux

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
)

// dhcpDir below StateDir has a directory for each DHCP server of ours.
const dhcpDir = "dhcp"

// metadataAddress is where guests ask about themselves.
const metadataAddress = "169.254.169.254"

func (r *round) dhcpNamespace(networkID string) string { return r.cfg.Prefix + "qdhcp-" + networkID }

// applyDHCP makes each wanted DHCP server: namespace, veth, dnsmasq, metadata.
func (r *round) applyDHCP(ctx context.Context) {
	for _, n := range r.want.Networks {
		if n.DHCP == nil {
			continue
		}
		status := rpcapi.Status{ID: n.ID, Status: rpcapi.StatusActive}
		err := r.unlessDone("dhcp "+n.ID, n, func() error { return r.ensureDHCP(ctx, n) })
		if err != nil {
			r.failed("dhcp", n.ID, err)
			status.Status, status.Error = rpcapi.StatusError, err.Error()
		}
		r.status.DHCP = append(r.status.DHCP, status)
	}
}

func (r *round) ensureDHCP(ctx context.Context, n rpcapi.Network) error {
	dir := filepath.Join(r.cfg.StateDir, dhcpDir, n.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ns, err := ensureNamespace(r.dhcpNamespace(n.ID))
	if err != nil {
		return err
	}
	defer ns.close()
	inner, err := r.ensureDHCPPort(ns, n)
	if err != nil {
		return err
	}
	if err := r.meta.listen(ns, ml2.Scope{NetworkID: n.ID}, metadataAddress+":80"); err != nil {
		return fmt.Errorf("listen for metadata requests: %w", err)
	}
	server := newDnsmasq(r.cfg, n, dir, inner.Attrs().Name)
	return server.ensure(ctx, ns)
}

// ensureDHCPPort makes the server's port: the veth and its addresses.
func (r *round) ensureDHCPPort(ns *namespace, n rpcapi.Network) (netlink.Link, error) {
	p := n.DHCP.Port
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return nil, err
	}
	if err := ns.loopbackUp(); err != nil {
		return nil, err
	}
	inner, err := r.ensurePair(ns, pair{outer: rpcapi.TapName(p.ID), inner: "ns-" + short(p.ID), mac: mac,
		mtu: n.MTU, bridge: n.Bridge, owner: "dhcp " + n.ID})
	if err != nil {
		return nil, err
	}
	name := inner.Attrs().Name
	if err := ns.checksums(name); err != nil {
		return nil, fmt.Errorf("checksums of %s: %w", name, err)
	}
	// Router advertisements are for guests: the server has its addresses already.
	if err := sysctls(ns.ns, map[string]string{"ipv6/conf/" + name + "/accept_ra": "0"}); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	cidrs := []string{metadataAddress + "/32"}
	for _, ip := range p.FixedIPs {
		cidrs = append(cidrs, fmt.Sprintf("%s/%d", ip.IPAddress, ip.PrefixLen))
	}
	if _, err := ns.setAddresses(inner, cidrs); err != nil {
		return nil, err
	}
	return inner, ns.setRoutes(defaultRoutes(inner, gateways(n)))
}

// gateways of a network's subnets: the server asks other name servers through
// the first one of each family.
func gateways(n rpcapi.Network) []string {
	var out []string
	seen := map[bool]bool{}
	for _, s := range n.Subnets {
		a, err := netip.ParseAddr(s.GatewayIP)
		if err == nil && !seen[a.Is6()] && !a.IsLinkLocalUnicast() {
			seen[a.Is6()] = true
			out = append(out, s.GatewayIP)
		}
	}
	return out
}
