package linux

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"nacre/internal/neutron/rpcapi"
)

// protocols are Neutron's names of IP protocols.
var protocols = map[string]uint8{
	"icmp": protoICMP, "igmp": 2, "ipip": 4, "tcp": protoTCP, "egp": 8, "udp": protoUDP, "dccp": protoDCCP,
	"ipv6-encap": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
	"icmpv6": protoICMPv6, "ipv6-icmp": protoICMPv6, "ipv6-nonxt": 59, "ipv6-opts": 60, "ospf": 89,
	"vrrp": 112, "pgm": 113, "sctp": protoSCTP, "udplite": protoUDPLite,
}

const (
	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoDCCP    = 33
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)

// filterRule is a security group rule made ready: it can be written as an
// nftables match, and asked whether it allows a flow.
type filterRule struct {
	ingress bool
	v6      bool
	proto   int // -1 for any
	low     int // port or ICMP type, -1 for any
	high    int // port or ICMP code, -1 for any
	remotes []netip.Prefix
	remote  bool   // only remotes, which may be none
	set     string // that has the remotes, "" when the rule itself does
}

// rule makes a security group's rule ready.
func (w *rendering) rule(r rpcapi.Rule) (filterRule, error) {
	if r.RemoteGroup == "" {
		return parseRule(r)
	}
	name, m, err := w.membersOf(r)
	if err != nil {
		return filterRule{}, err
	}
	r.RemoteIPs = nil
	f, err := parseRule(r)
	f.set, f.remotes, f.remote = name, m.prefixes, true
	return f, err
}

func parseRule(r rpcapi.Rule) (filterRule, error) {
	f := filterRule{ingress: r.Direction == "ingress", v6: r.EtherType == "IPv6", proto: -1, low: -1, high: -1, remote: r.HasRemote}
	if !f.ingress && r.Direction != "egress" {
		return f, fmt.Errorf("rule %s: unknown direction %q", r.ID, r.Direction)
	}
	var err error
	if f.proto, err = parseProtocol(r.Protocol, f.v6); err != nil {
		return f, fmt.Errorf("rule %s: %w", r.ID, err)
	}
	if r.PortMin != nil {
		f.low = *r.PortMin
	}
	if r.PortMax != nil {
		f.high = *r.PortMax
	}
	for _, cidr := range r.RemoteIPs {
		p, err := parsePrefix(cidr)
		if err != nil {
			return f, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		if p.Addr().Is6() == f.v6 {
			f.remotes = append(f.remotes, p)
		}
	}
	f.remotes = distinct(f.remotes)
	if len(f.remotes) == 1 && f.remotes[0].Bits() == 0 {
		f.remote, f.remotes = false, nil
	}
	return f, nil
}

// parseProtocol gives the number of a protocol, -1 for any. Neutron means
// ICMPv6 by "icmp" in an IPv6 rule.
func parseProtocol(name string, v6 bool) (int, error) {
	if name == "" || name == "any" || name == "0" {
		return -1, nil
	}
	n, known := protocols[strings.ToLower(name)]
	if !known {
		v, err := strconv.ParseUint(name, 10, 8)
		if err != nil {
			return 0, fmt.Errorf("unknown protocol %q", name)
		}
		n = uint8(v)
	}
	if v6 && n == protoICMP {
		n = protoICMPv6
	}
	return int(n), nil
}

// parsePrefix reads an address or a CIDR.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// distinct sorts prefixes and drops those that lie within another: nftables
// refuses intervals that overlap.
func distinct(ps []netip.Prefix) []netip.Prefix {
	slices.SortFunc(ps, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var out []netip.Prefix
	for _, p := range ps {
		if n := len(out); n == 0 || !out[n-1].Contains(p.Addr()) {
			out = append(out, p)
		}
	}
	return out
}

// hasPorts tells the protocols whose header begins with two ports.
func hasPorts(proto int) bool {
	switch proto {
	case protoTCP, protoUDP, protoDCCP, protoSCTP, protoUDPLite:
		return true
	}
	return false
}

// match is the rule in nft's words; ok is false for one that matches nothing.
func (f filterRule) match() (text string, ok bool) {
	if f.remote && f.set == "" && len(f.remotes) == 0 {
		return "", false
	}
	words := []string{"meta nfproto " + pick(f.v6, "ipv6", "ipv4")}
	if f.set != "" {
		words = append(words, fmt.Sprintf("%s %s @%s", pick(f.v6, "ip6", "ip"), pick(f.ingress, "saddr", "daddr"), f.set))
	} else if f.remote {
		words = append(words, fmt.Sprintf("%s %s { %s }", pick(f.v6, "ip6", "ip"), pick(f.ingress, "saddr", "daddr"), join(f.remotes)))
	}
	if f.proto >= 0 {
		words = append(words, fmt.Sprintf("meta l4proto %d", f.proto))
	}
	words = append(words, f.matchPorts()...)
	return strings.Join(words, " "), true
}

func (f filterRule) matchPorts() []string {
	var words []string
	switch {
	case hasPorts(f.proto) && f.low >= 0 && f.high > f.low:
		words = append(words, fmt.Sprintf("th dport %d-%d", f.low, f.high))
	case hasPorts(f.proto) && f.low >= 0:
		words = append(words, fmt.Sprintf("th dport %d", f.low))
	case f.proto == protoICMP || f.proto == protoICMPv6:
		family := pick(f.proto == protoICMPv6, "icmpv6", "icmp")
		if f.low >= 0 {
			words = append(words, fmt.Sprintf("%s type %d", family, f.low))
		}
		if f.high >= 0 {
			words = append(words, fmt.Sprintf("%s code %d", family, f.high))
		}
	}
	return words
}

// allows says whether the rule lets a flow begin.
func (f filterRule) allows(w flow, ingress bool) bool {
	if f.ingress != ingress || f.v6 != w.src.Is6() || f.proto >= 0 && f.proto != int(w.proto) {
		return false
	}
	if f.remote && !within(f.remotes, pickAddr(ingress, w.src, w.dst)) {
		return false
	}
	switch {
	case hasPorts(f.proto) && f.low >= 0:
		return int(w.dport) >= f.low && int(w.dport) <= max(f.low, f.high)
	case f.proto == protoICMP || f.proto == protoICMPv6:
		return (f.low < 0 || f.low == int(w.icmpType)) && (f.high < 0 || f.high == int(w.icmpCode))
	}
	return true
}

// within looks an address up in distinct prefixes.
func within(ps []netip.Prefix, a netip.Addr) bool {
	i, _ := slices.BinarySearchFunc(ps, a, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	return i < len(ps) && ps[i].Contains(a) || i > 0 && ps[i-1].Contains(a)
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func pickAddr(first bool, a, b netip.Addr) netip.Addr {
	if first {
		return a
	}
	return b
}

// join writes prefixes as elements of a set, whole addresses without length.
func join(ps []netip.Prefix) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = word(p)
	}
	return strings.Join(words, ", ")
}

func word(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
