package linux

import (
	"net"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"nacre/internal/neutron/rpcapi"
)

func TestWhatAGuestMayNotSay(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(104, "10.0.0.0/24")
	all6 := rpcapi.Rule{Direction: "ingress", EtherType: "IPv6"}
	group := h.addGroup(rpcapi.Rule{Direction: "ingress", EtherType: "IPv4"}, all6)
	a, b := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group)
	ll := linkLocal(mac(a.MAC)).Addr().String()
	pa := h.port(a.ID)
	pa.FixedIPs = append(pa.FixedIPs, rpcapi.FixedIP{IPAddress: "2001:db8::11", PrefixLen: 64})
	pa.AddressPairs = []rpcapi.AddressPair{
		{MAC: a.MAC, IPAddress: "10.9.0.0/16"}, {MAC: "fa:16:3e:aa:aa:aa", IPAddress: "10.0.0.77"}, {MAC: a.MAC, IPAddress: "2001:db8:9::/64"}}
	a = *pa
	h.apply()
	from, to := h.boot(a).setIP().wire(), h.boot(b).setIP().wire()
	h.wantEvent(b.ID, "ACTIVE")
	fence := func() []byte { return udp4(t, a.MAC, b.MAC, "10.0.0.11", "10.0.0.12", 1, 2) }

	const other, all = "fa:16:3e:66:66:66", "ff:ff:ff:ff:ff:ff"
	udp6 := func(src, srcIP string, sport, dport int) []byte {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: net.ParseIP(srcIP), DstIP: net.ParseIP("ff02::1")}
		udp := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}
		udp.SetNetworkLayerForChecksum(ip)
		return frame(t, ether(src, "33:33:00:00:00:01", layers.EthernetTypeIPv6), ip, udp)
	}
	tagged := frame(t, ether(a.MAC, b.MAC, layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Type: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: 17, SrcIP: net.ParseIP("10.6.6.6"), DstIP: net.ParseIP("10.0.0.12")})
	for name, tc := range map[string]struct {
		frame []byte
		heard bool
	}{
		"own address":                  {udp4(t, a.MAC, b.MAC, "10.0.0.11", "10.0.0.12", 5, 6), true},
		"foreign MAC":                  {udp4(t, other, b.MAC, "10.0.0.11", "10.0.0.12", 5, 6), false},
		"foreign IP":                   {udp4(t, a.MAC, b.MAC, "10.0.0.66", "10.0.0.12", 5, 6), false},
		"address pair":                 {udp4(t, a.MAC, b.MAC, "10.9.1.2", "10.0.0.12", 5, 6), true},
		"address pair with MAC":        {udp4(t, "fa:16:3e:aa:aa:aa", b.MAC, "10.0.0.77", "10.0.0.12", 5, 6), true},
		"pair's MAC with other IP":     {udp4(t, "fa:16:3e:aa:aa:aa", b.MAC, "10.0.0.11", "10.0.0.12", 5, 6), false},
		"pair's IP with other MAC":     {udp4(t, a.MAC, b.MAC, "10.0.0.77", "10.0.0.12", 5, 6), false},
		"no address":                   {udp4(t, a.MAC, all, "0.0.0.0", "255.255.255.255", 5, 6), false},
		"own ARP":                      {arpReply(t, a.MAC, b.MAC, a.MAC, "10.0.0.11", "10.0.0.12"), true},
		"ARP for foreign IP":           {arpReply(t, a.MAC, b.MAC, a.MAC, "10.0.0.1", "10.0.0.12"), false},
		"ARP with foreign MAC within":  {arpReply(t, a.MAC, b.MAC, other, "10.0.0.11", "10.0.0.12"), false},
		"ARP for address pair":         {arpReply(t, a.MAC, b.MAC, a.MAC, "10.9.3.3", "10.0.0.12"), true},
		"DHCP server":                  {udp4(t, a.MAC, all, "10.0.0.11", "255.255.255.255", 67, 68), false},
		"DHCPv6 server":                {udp6(a.MAC, ll, 547, 546), false},
		"own IPv6":                     {udp6(a.MAC, "2001:db8::11", 5, 6), true},
		"IPv6 pair":                    {udp6(a.MAC, "2001:db8:9::5", 5, 6), true},
		"foreign IPv6":                 {udp6(a.MAC, "2001:db8::66", 5, 6), false},
		"foreign link-local":           {udp6(a.MAC, "fe80::66", 5, 6), false},
		"router advertisement":         {icmp6(t, a.MAC, ll, "ff02::1", 134, make([]byte, 12)), false},
		"neighbour advert":             {neighbourAdvert(t, a.MAC, ll, "2001:db8::11"), true},
		"neighbour advert for pair":    {neighbourAdvert(t, a.MAC, ll, "2001:db8:9::7"), true},
		"neighbour advert for foreign": {neighbourAdvert(t, a.MAC, ll, "2001:db8::1"), false},
		"VLAN tag":                     {tagged, false},
		"unknown protocol":             {frame(t, ether(a.MAC, b.MAC, 0x9999), gopacketPayload("sixty bytes are the least that Ethernet carries ......")), false},
		"not for the receiver":         {udp4(t, a.MAC, "fa:16:3e:77:77:77", "10.0.0.11", "10.0.0.99", 5, 6), false},
	} {
		got := hears(from, to, tc.frame, fence)
		if !got && tc.heard { // where the processors are busy the fence may overtake the frame
			got = eventually(func() bool { return hears(from, to, tc.frame, fence) })
		}
		if got != tc.heard {
			t.Errorf("%s: heard %v, want %v", name, got, tc.heard)
		}
	}

	h.port(a.ID).PortSecurity = false
	h.port(a.ID).SecurityGroups = nil
	h.apply()
	if !eventually(func() bool { return hears(from, to, udp4(t, other, b.MAC, "10.0.0.66", "10.0.0.12", 5, 6), fence) }) {
		t.Error("a port without port security is held to its address")
	}
	h.port(b.ID).AdminStateUp = false
	h.apply()
	h.wantEvent(b.ID, "DOWN")
	to.drain(a.MAC)
	from.send(udp4(t, a.MAC, b.MAC, "10.0.0.11", "10.0.0.12", 7, 8))
	if n := to.drain(a.MAC); n != 0 {
		t.Errorf("a port that is down heard %d frames", n)
	}
}
