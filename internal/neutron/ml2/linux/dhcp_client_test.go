package linux

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// lease is what a DHCP server offered: the address and the raw options.
type lease struct {
	ip      netip.Addr
	options map[byte][]byte
}

// What a DHCP message is (option 53).
const discover, offer, request, ack = 1, 2, 3, 5

// dhcp asks for an address as a guest with that MAC does: DISCOVER, then
// REQUEST. ok is false if nobody answers within wait.
func dhcp(t *testing.T, ns netns.NsHandle, mac string, wait time.Duration) (l lease, ok bool) {
	t.Helper()
	fd := udpInside(t, ns, 68)
	defer unix.Close(fd)
	hw, _ := net.ParseMAC(mac)
	if l, ok = exchange(t, fd, dhcpMessage(hw, discover), offer, wait); !ok {
		return l, false
	}
	ip := l.ip.As4()
	return exchange(t, fd, dhcpMessage(hw, request, append([]byte{50, 4}, ip[:]...), append([]byte{54, 4}, l.options[54]...)), ack, wait)
}

// udpInside opens a broadcasting UDP socket on eth0 of a namespace.
func udpInside(t *testing.T, ns netns.NsHandle, port int) (fd int) {
	t.Helper()
	err := inside(ns, func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		unix.BindToDevice(fd, "eth0")
		return unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	})
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// exchange sends a message until it is answered. What a slow server says twice,
// or to others, is no answer.
func exchange(t *testing.T, fd int, message []byte, answer byte, wait time.Duration) (l lease, ok bool) {
	t.Helper()
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 250_000})
	for begin := time.Now(); time.Since(begin) < wait; { // an interface that came up just now may still drop
		if err := unix.Sendto(fd, message, 0, &unix.SockaddrInet4{Port: 67, Addr: [4]byte{255, 255, 255, 255}}); err != nil {
			t.Fatal(err)
		}
		for buf := make([]byte, 2000); ; {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				break
			}
			if n < 240 || !bytes.Equal(buf[4:8], message[4:8]) || !bytes.Equal(buf[28:34], message[28:34]) {
				continue
			}
			if l = parseDHCP(buf[:n]); bytes.Equal(l.options[53], []byte{answer}) {
				return l, true
			}
		}
	}
	return lease{}, false
}

// dhcpMessage is a request of a type (option 53), with the broadcast flag.
func dhcpMessage(mac net.HardwareAddr, kind byte, options ...[]byte) []byte {
	m := make([]byte, 236)
	m[0], m[1], m[2] = 1, 1, 6
	binary.BigEndian.PutUint32(m[4:], rand.Uint32())
	m[10] = 0x80
	copy(m[28:], mac)
	m = append(m, 99, 130, 83, 99, 53, 1, kind, 55, 7, 1, 3, 6, 15, 26, 67, 121)
	m = append(m, slices.Concat(options...)...)
	return append(m, 255)
}

func parseDHCP(m []byte) lease {
	l := lease{ip: netip.AddrFrom4([4]byte(m[16:20])), options: map[byte][]byte{}}
	for o := m[240:]; len(o) > 1 && o[0] != 255; {
		if o[0] == 0 {
			o = o[1:]
			continue
		}
		l.options[o[0]] = o[2 : 2+int(o[1])]
		o = o[2+int(o[1]):]
	}
	return l
}
