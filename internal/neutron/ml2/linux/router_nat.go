package linux

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"nacre/internal/neutron/rpcapi"
)

const (
	natOfRouter    = "ip nacre_router"
	filterOfRouter = "inet nacre_router"
)

// renderRouter writes a router's tables. In the order of the rules: a floating
// address is its guest's in both directions; guests of the router meet each
// other untranslated, unless they do so by floating address; everything else
// that leaves by the gateway bears the gateway's address.
func renderRouter(w rpcapi.Router, metadata bool) ruleset {
	nat, filter := newTable(), newTable()
	nat.base("prerouting", "{ type nat hook prerouting priority -100; policy accept; }")
	nat.base("output", "{ type nat hook output priority -100; policy accept; }")
	nat.base("postrouting", "{ type nat hook postrouting priority 100; policy accept; }")
	filter.base("input", "{ type filter hook input priority 0; policy accept; }")
	if metadata {
		nat.add("prerouting", fmt.Sprintf(`iifname "qr-*" ip daddr %s tcp dport 80 redirect to :%d`, metadataAddress, metadataPort))
		filter.add("input", fmt.Sprintf(`iifname "qg-*" tcp dport %d drop`, metadataPort))
	}
	if w.Gateway == nil {
		return ruleset{natOfRouter: nat, filterOfRouter: filter}
	}
	floats := floating(w)
	for _, f := range sortedAddrs(floats) {
		rule := fmt.Sprintf("ip daddr %s dnat to %s", f, floats[f])
		nat.add("prerouting", rule)
		nat.add("output", rule)
	}
	gateway := gatewayName(w)
	nat.add("postrouting", fmt.Sprintf(`iifname != "%s" oifname != "%s" ct status ! dnat accept`, gateway, gateway))
	for _, f := range sortedAddrs(floats) {
		nat.add("postrouting", fmt.Sprintf("ip saddr %s snat to %s", floats[f], f))
	}
	if ip := firstIPv4(w.Gateway.FixedIPs); ip != "" && w.Gateway.EnableSNAT {
		nat.add("postrouting", fmt.Sprintf(`oifname "%s" snat to %s`, gateway, ip),
			fmt.Sprintf(`iifname != "%s" ct status dnat snat to %s`, gateway, ip))
	}
	return ruleset{natOfRouter: nat, filterOfRouter: filter}
}

func firstIPv4(ips []rpcapi.FixedIP) string {
	for _, ip := range ips {
		if p, err := parsePrefix(ip.IPAddress); err == nil && p.Addr().Is4() {
			return ip.IPAddress
		}
	}
	return ""
}

func sortedAddrs(m map[netip.Addr]netip.Addr) []netip.Addr {
	return slices.SortedFunc(maps.Keys(m), netip.Addr.Compare)
}
