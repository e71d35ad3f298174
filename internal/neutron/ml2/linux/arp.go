package linux

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// announce tells the neighbours of an interface that addresses are here now
// (gratuitous ARP), for they may remember another place.
func (n *namespace) announce(name string, mac net.HardwareAddr, ips []net.IP) error {
	if !slices.ContainsFunc(ips, func(ip net.IP) bool { return ip.To4() != nil }) {
		return nil
	}
	return inside(n.ns, func() error {
		iface, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: iface.Index, Protocol: 0x0608, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
		for _, ip := range ips {
			if ip4 := ip.To4(); ip4 != nil {
				if err := unix.Sendto(fd, gratuitousARP(mac, ip4), 0, to); err != nil {
					return fmt.Errorf("announce %s: %w", ip, err)
				}
			}
		}
		return nil
	})
}

// gratuitousARP is the frame by which a host says its own address to all.
func gratuitousARP(mac net.HardwareAddr, ip net.IP) []byte {
	all := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	frame := slices.Concat(all, mac)
	for _, v := range []uint16{unix.ETH_P_ARP, 1, unix.ETH_P_IP, 0x0604, 1} { // Ethernet, IPv4, lengths, request
		frame = binary.BigEndian.AppendUint16(frame, v)
	}
	return slices.Concat(frame, mac, []byte(ip), make([]byte, 6), []byte(ip))
}
