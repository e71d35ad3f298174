package linux

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"nacre/internal/neutron/rpcapi"
)

// source is what one MAC address of a port may call itself.
type source struct {
	mac    string
	v4, v6 []netip.Prefix
	any    bool // every address
}

// sources of a port: its own MAC and those of its address pairs. A port
// without any fixed address is held to its MAC only.
func sources(p rpcapi.Port) ([]source, error) {
	byMAC := map[string]*source{}
	add := func(mac, address string) error {
		hw, err := net.ParseMAC(mac)
		if err != nil || len(hw) != 6 {
			return fmt.Errorf("MAC address %q", mac)
		}
		s := byMAC[hw.String()]
		if s == nil {
			s = &source{mac: hw.String(), v6: []netip.Prefix{linkLocal(hw)}}
			byMAC[hw.String()] = s
		}
		if address == "" {
			return nil
		}
		prefix, err := parsePrefix(address)
		if err != nil {
			return err
		}
		if prefix.Addr().Is6() {
			s.v6 = append(s.v6, prefix)
		} else {
			s.v4 = append(s.v4, prefix)
		}
		return nil
	}
	if err := add(p.MAC, ""); err != nil {
		return nil, err
	}
	for _, ip := range p.FixedIPs {
		if err := add(p.MAC, ip.IPAddress); err != nil {
			return nil, err
		}
	}
	for _, pair := range p.AddressPairs {
		mac := pair.MAC
		if mac == "" {
			mac = p.MAC
		}
		if err := add(mac, pair.IPAddress); err != nil {
			return nil, err
		}
	}
	var out []source
	for _, mac := range slices.Sorted(maps.Keys(byMAC)) {
		s := *byMAC[mac]
		s.v4, s.v6 = distinct(s.v4), distinct(s.v6)
		s.any = len(p.FixedIPs) == 0 && strings.EqualFold(mac, p.MAC) && len(s.v4) == 0 && len(s.v6) == 1
		out = append(out, s)
	}
	return out, nil
}

// linkLocal is the IPv6 address that an interface makes of its MAC (RFC 4291).
func linkLocal(mac net.HardwareAddr) netip.Prefix {
	a := [16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}
	return netip.PrefixFrom(netip.AddrFrom16(a), 128)
}

// spoofRules drop, in family bridge, what a port may not send: foreign MAC, ARP,
// IP and neighbour addresses, DHCP servers' and routers' words, and anything
// but ARP and IP (a VLAN tag would hide a packet from the filters). All other
// frames get the port's mark.
func spoofRules(srcs []source, mark uint32) []string {
	macs, raw := make([]string, len(srcs)), make([]string, len(srcs))
	for i, s := range srcs {
		macs[i], raw[i] = s.mac, "0x"+strings.ReplaceAll(s.mac, ":", "")
	}
	rules := []string{
		fmt.Sprintf("ether saddr != { %s } drop", strings.Join(macs, ", ")),
		"ether type != { arp, ip, ip6 } drop",
		fmt.Sprintf("arp saddr ether != { %s } drop", strings.Join(macs, ", ")),
		"udp sport 67 udp dport 68 drop",
		fmt.Sprintf("udp sport 68 udp dport 67 @th,288,48 != { %s } drop", strings.Join(raw, ", ")), // the client in the message
		"udp sport 547 udp dport 546 drop",
		"icmpv6 type { nd-router-advert, nd-redirect } drop",
	}
	for _, s := range srcs {
		if !s.any {
			rules = append(rules, spoofIPv4(s)...)
			rules = append(rules, spoofIPv6(s)...)
		}
	}
	return append(rules, fmt.Sprintf("meta mark set 0x%08x", mark))
}

// spoofIPv4 lets 0.0.0.0 through only in ARP probes and to DHCP servers.
func spoofIPv4(s source) []string {
	if everything(s.v4) {
		return nil
	}
	ips := join(append([]netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 32)}, s.v4...))
	return []string{
		fmt.Sprintf("ether saddr %s arp saddr ip != { %s } drop", s.mac, ips),
		fmt.Sprintf("ether saddr %s ip saddr != { %s } drop", s.mac, ips),
		fmt.Sprintf("ether saddr %s ip saddr 0.0.0.0 meta l4proto != udp drop", s.mac),
		fmt.Sprintf("ether saddr %s ip saddr 0.0.0.0 udp dport != 67 drop", s.mac),
	}
}

// spoofIPv6 lets :: through only in duplicate address detection and multicast
// reports, and holds neighbour advertisements to the port's addresses.
func spoofIPv6(s source) []string {
	if everything(s.v6) {
		return nil
	}
	return []string{
		fmt.Sprintf("ether saddr %s ip6 saddr != { ::, %s } drop", s.mac, join(s.v6)),
		fmt.Sprintf("ether saddr %s ip6 saddr :: meta l4proto != 58 drop", s.mac),
		fmt.Sprintf("ether saddr %s ip6 saddr :: icmpv6 type != { 131, 135, 143 } drop", s.mac),
		fmt.Sprintf("ether saddr %s icmpv6 type nd-neighbor-advert @th,64,128 != { %s } drop", s.mac, rawIPv6(s.v6)),
	}
}

func everything(ps []netip.Prefix) bool { return len(ps) > 0 && ps[0].Bits() == 0 }

// rawIPv6 writes prefixes as ranges of 128-bit numbers: nft knows no name for
// the target of a neighbour advertisement.
func rawIPv6(ps []netip.Prefix) string {
	words := make([]string, len(ps))
	for i, p := range ps {
		first, last := p.Addr().As16(), lastOf(p).As16()
		words[i] = fmt.Sprintf("0x%x", first)
		if !p.IsSingleIP() {
			words[i] += fmt.Sprintf("-0x%x", last)
		}
	}
	return strings.Join(words, ", ")
}

// lastOf is the highest address of an IPv6 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if p.Bits() < 64 {
		high |= ^uint64(0) >> p.Bits()
		low = ^uint64(0)
	} else {
		low |= ^uint64(0) >> (p.Bits() - 64)
	}
	binary.BigEndian.PutUint64(b[:8], high)
	binary.BigEndian.PutUint64(b[8:], low)
	return netip.AddrFrom16(b)
}

// hearRules run on what is about to reach a port: only frames for its MACs or
// for many, so that a flooded frame is not overheard.
func hearRules(srcs []source, mark uint32) []string {
	macs := make([]string, len(srcs))
	for i, s := range srcs {
		macs[i] = s.mac
	}
	return []string{
		fmt.Sprintf("ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether daddr != { %s } drop", strings.Join(macs, ", ")),
		fmt.Sprintf("meta mark set meta mark or 0x%08x", mark),
	}
}

// Packets that every port may send and hear, whatever its groups say: DHCP,
// neighbour discovery and multicast listening. Who may say what was decided in
// family bridge.
var (
	alwaysOut = []string{
		"udp sport 68 udp dport 67 accept",
		"udp sport 546 udp dport 547 accept",
		"icmpv6 type { 131, 132, 133, 135, 136, 143 } accept",
	}
	alwaysIn = []string{
		"udp sport 67 udp dport 68 accept",
		"udp sport 547 udp dport 546 accept",
		"icmpv6 type { 130, 134, 135, 136 } accept",
	}
)

// revoked is the conntrack mark of a flow that today's rules would not let
// begin: nothing of it passes as an answer any more.
const revoked = 1

// stateRules let answers pass. Packets in the direction in which a flow began
// are always held against the rules, so that a removed rule cuts at once.
var stateRules = []string{
	"ct state invalid drop",
	fmt.Sprintf("ct state established ct direction reply ct mark != %d accept", revoked),
	"ct state related accept",
}
