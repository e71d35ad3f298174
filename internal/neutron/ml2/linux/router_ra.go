package linux

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"nacre/internal/neutron/rpcapi"
)

// advertised are the IPv6 subnets whose guests learn their router, and maybe
// their address, from the router's advertisements: by interface.
func (r *round) advertised(w rpcapi.Router) map[string][]rpcapi.Subnet {
	out := map[string][]rpcapi.Subnet{}
	for _, i := range w.Interfaces {
		n, _ := r.network(i.NetworkID)
		for _, s := range n.Subnets {
			if s.IPVersion == 6 && s.IPv6RAMode != "" && i.AdminStateUp && leadsTo(i, s.ID) {
				out["qr-"+short(i.PortID)] = append(out["qr-"+short(i.PortID)], s)
			}
		}
	}
	return out
}

func leadsTo(i rpcapi.RouterInterface, subnetID string) bool {
	for _, ip := range i.FixedIPs {
		if ip.SubnetID == subnetID {
			return true
		}
	}
	return false
}

// advertise keeps the router's advertisements going: by a dnsmasq that gives
// no leases, so that they outlive the process.
func (r *round) advertise(ctx context.Context, ns *namespace, w rpcapi.Router) error {
	dir := filepath.Join(r.cfg.StateDir, routerDir, w.ID)
	subnets := r.advertised(w)
	if len(subnets) == 0 {
		d := &dnsmasq{dir: dir}
		if pid := d.pid(); pid != 0 {
			return stop(pid)
		}
		return nil
	}
	d := &dnsmasq{dir: dir}
	d.args = []string{"dnsmasq", "--port=0", "--no-hosts", "--no-resolv", "--conf-file=", "--user=" + userFor(dir),
		"--except-interface=lo", "--bind-dynamic", "--pid-file=" + d.path("pid"), "--dhcp-optsfile=" + d.path("opts"),
		"--dhcp-leasefile=" + d.path("leases"), "--enable-ra", "--quiet-ra", "--quiet-dhcp6", "--dhcp-ignore=tag:!none"}
	for _, i := range w.Interfaces {
		name := "qr-" + short(i.PortID)
		if subnets[name] == nil {
			continue
		}
		d.args = append(d.args, "--interface="+name, fmt.Sprintf("--ra-param=%s,mtu:%d,60,1800", name, i.MTU))
		for _, s := range subnets[name] {
			d.args = append(d.args, raRange(s))
			if len(s.DNSNameservers) > 0 {
				d.files.opts += fmt.Sprintf("tag:%s,option6:dns-server,%s\n", subnetTag(s.ID), strings.Join(bracket(s.DNSNameservers), ","))
			}
		}
	}
	return d.ensure(ctx, ns)
}

// raRange says in dnsmasq's words what a subnet's advertisement tells guests:
// to make an address (slaac), that and to ask for options (dhcpv6-stateless),
// or to ask for everything (dhcpv6-stateful).
func raRange(s rpcapi.Subnet) string {
	mode := map[string]string{"slaac": "ra-only", "dhcpv6-stateless": "ra-stateless", "dhcpv6-stateful": "static"}[s.IPv6RAMode]
	prefix, _ := netip.ParsePrefix(s.CIDR)
	return fmt.Sprintf("--dhcp-range=set:%s,%s,%s,%d", subnetTag(s.ID), prefix.Masked().Addr(), mode, prefix.Bits())
}
