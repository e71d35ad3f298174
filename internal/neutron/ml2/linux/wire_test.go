package linux

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// wire is a raw socket on a guest's eth0.
type wire struct {
	t  *testing.T
	fd int
	to unix.SockaddrLinklayer
}

func (g *testGuest) wire() *wire {
	g.t.Helper()
	w := &wire{t: g.t}
	err := inside(g.ns, func() (err error) {
		iface, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		w.to = unix.SockaddrLinklayer{Ifindex: iface.Index, Protocol: 0x0300, Halen: 6}
		if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0x0300); err != nil {
			return err
		}
		unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300_000})
		unix.SetsockoptInt(w.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
		return unix.Bind(w.fd, &w.to)
	})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

func (w *wire) send(frame []byte) {
	w.t.Helper()
	if err := unix.Sendto(w.fd, frame, 0, &w.to); err != nil {
		w.t.Fatal(err)
	}
}

// hears sends a frame, then one that surely passes, and says whether the frame
// arrived before that one.
func hears(from, to *wire, frame []byte, another func() []byte) bool {
	from.t.Helper()
	from.send(frame)
	fence := another()
	buf := make([]byte, 2000)
	for begin := time.Now(); time.Since(begin) < patience; {
		from.send(fence)
		for {
			n, _, err := unix.Recvfrom(to.fd, buf, 0)
			if err != nil {
				break
			}
			if bytes.Contains(buf[:n], frame[14:]) {
				return true
			}
			if bytes.HasPrefix(buf[:n], fence) {
				return false
			}
		}
	}
	from.t.Fatal("even the fence was not heard")
	return false
}

// frame puts layers together, with lengths and checksums.
func frame(t *testing.T, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func mac(s string) net.HardwareAddr { m, _ := net.ParseMAC(s); return m }

func ether(src, dst string, typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: mac(src), DstMAC: mac(dst), EthernetType: typ}
}

var frames byte

// udp4 is a datagram whose payload is unlike any other's.
func udp4(t *testing.T, src, dst, srcIP, dstIP string, sport, dport int) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP(srcIP), DstIP: net.ParseIP(dstIP)}
	udp := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}
	udp.SetNetworkLayerForChecksum(ip)
	frames++
	return frame(t, ether(src, dst, layers.EthernetTypeIPv4), ip, udp, gopacket.Payload(fmt.Sprintf("payload %03d, longer than what Ethernet would fill up", frames)))
}

func arpReply(t *testing.T, src, dst, sender, senderIP, targetIP string) []byte {
	return frame(t, ether(src, dst, layers.EthernetTypeARP), &layers.ARP{AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: 2, SourceHwAddress: mac(sender), SourceProtAddress: net.ParseIP(senderIP).To4(),
		DstHwAddress: mac(dst), DstProtAddress: net.ParseIP(targetIP).To4()})
}

func icmp6(t *testing.T, src, srcIP, dstIP string, kind uint8, body []byte) []byte {
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: net.ParseIP(srcIP), DstIP: net.ParseIP(dstIP)}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	icmp.SetNetworkLayerForChecksum(ip)
	return frame(t, ether(src, "33:33:00:00:00:01", layers.EthernetTypeIPv6), ip, icmp, gopacket.Payload(body))
}

// neighbourAdvert says that target is at the sender's.
func neighbourAdvert(t *testing.T, src, srcIP, target string) []byte {
	body := append([]byte{0x20, 0, 0, 0}, net.ParseIP(target)...)
	return icmp6(t, src, srcIP, "ff02::1", 136, append(append(body, 2, 1), mac(src)...))
}

func gopacketPayload(s string) gopacket.Payload { return gopacket.Payload(s) }

// drain reads what has come and counts what that MAC sent.
func (w *wire) drain(from string) (n int) {
	buf := make([]byte, 2000)
	for {
		size, _, err := unix.Recvfrom(w.fd, buf, 0)
		if err != nil {
			return n
		}
		if size > 12 && bytes.Equal(buf[6:12], mac(from)) {
			n++
		}
	}
}
