package linux

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nacre/internal/neutron/rpcapi"
)

func TestLeaseGoesToTheRightMACOnly(t *testing.T) {
	h := newHost(t, func(c *Config) { c.Metadata = whoAsks{} })
	n := h.addNetwork(102, "10.0.0.0/24")
	serveDHCP(n, "10.0.0.2")
	group := h.addGroup()
	a, b := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group)
	n.DHCP.Hosts[1].Options = []rpcapi.DHCPOption{{Name: "bootfile-name", Value: "pxe.0", IPVersion: 4}, {Name: "67", Value: "x\nfa:16:3e:9:9:9,10.0.0.99"}}
	begin := time.Now()
	h.apply()
	t.Logf("a new network with DHCP applied in %v", time.Since(begin))
	ga, gb := h.boot(a), h.boot(b)

	la, ok := dhcp(t, ga.ns, a.MAC, patience)
	if !ok || la.ip.String() != "10.0.0.11" {
		t.Fatalf("a got %v", la)
	}
	if mtu := binary.BigEndian.Uint16(la.options[26]); mtu != 1450 {
		t.Errorf("MTU %d", mtu)
	}
	if want := []byte{10, 0, 0, 1}; !bytes.Equal(la.options[3], want) {
		t.Errorf("router %v", la.options[3])
	}
	if want := []byte{32, 169, 254, 169, 254, 10, 0, 0, 2, 0, 10, 0, 0, 1}; !bytes.Equal(la.options[121], want) {
		t.Errorf("routes %v", la.options[121])
	}
	if string(la.options[15]) != "openstacklocal" || !bytes.Equal(la.options[6], []byte{10, 0, 0, 2}) {
		t.Errorf("domain %q, name server %v", la.options[15], la.options[6])
	}
	if lb, ok := dhcp(t, gb.ns, b.MAC, patience); !ok || lb.ip.String() != "10.0.0.12" || string(lb.options[67]) != "pxe.0\x00" {
		t.Errorf("b got %v", lb)
	}
	if l, ok := dhcp(t, gb.ns, a.MAC, moment); ok {
		t.Errorf("b got a lease with a's MAC: %v", l)
	}
	gb.run("ip link set eth0 address fa:16:3e:ff:ff:01")
	if l, ok := dhcp(t, gb.ns, "fa:16:3e:ff:ff:01", moment); ok {
		t.Errorf("an unknown MAC got %v", l)
	}
	opts, _ := os.ReadFile(filepath.Join(h.dir, dhcpDir, n.ID, "opts"))
	if strings.Contains(string(opts), "10.0.0.99") {
		t.Errorf("an option's value wrote a line of its own: %s", opts)
	}
}

func TestAddressOfAPortThatLeftIsFree(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(103, "10.0.0.0/24")
	serveDHCP(n, "10.0.0.2")
	a := h.addPort(n, "10.0.0.11")
	h.apply()
	if _, ok := dhcp(t, h.boot(a).ns, a.MAC, patience); !ok {
		t.Fatal("no lease")
	}
	h.run("ip link del " + a.Tap)
	h.want.Ports, n.DHCP.Hosts = nil, nil
	b := h.addPort(n, "10.0.0.11")
	h.apply()
	gb := h.boot(b)
	if l, ok := dhcp(t, gb.ns, b.MAC, patience); !ok || l.ip.String() != "10.0.0.11" {
		t.Errorf("the next owner of the address got %v", l)
	}
}

// TestKilledBeforeItTold: a process that was killed after it wrote dnsmasq's files
// leaves the next one to tell dnsmasq.
func TestKilledBeforeItTold(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(106, "10.0.0.0/24")
	serveDHCP(n, "10.0.0.2")
	h.apply()
	a := h.addPort(n, "10.0.0.11")
	if err := newDnsmasq(h.driver.cfg, inOrder(h.want).Networks[0], filepath.Join(h.dir, dhcpDir, n.ID), "").write(); err != nil {
		t.Fatal(err)
	}
	h.stop()
	h.start()
	h.apply()
	if l, ok := dhcp(t, h.boot(a).ns, a.MAC, patience); !ok || l.ip.String() != "10.0.0.11" {
		t.Errorf("got %v", l)
	}
}

func TestDHCPv6(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(105, "fd00:5::/64")
	n.Subnets[0].IPv6AddressMode, n.Subnets[0].IPv6RAMode = "dhcpv6-stateful", "dhcpv6-stateful"
	serveDHCP(n, "fd00:5::2")
	group := h.addGroup()
	a := h.addPort(n, "fd00:5::11", group)
	h.apply()
	g := h.boot(a)
	h.wantActive(a.ID)
	var got string
	eventually(func() bool { got = dhcp6(t, g, a.MAC); return got != "" })
	if got != "fd00:5::11" {
		t.Errorf("DHCPv6 offered %q", got)
	}
}

// dhcp6 solicits an address and gives the one that is advertised.
func dhcp6(t *testing.T, g *testGuest, hw string) string {
	t.Helper()
	duid := append([]byte{0, 3, 0, 1}, mac(hw)...)
	message := append([]byte{1, 1, 2, 3, 0, 1, 0, 10}, duid...)                // SOLICIT, client id
	message = append(message, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) // IA_NA
	var conn *net.UDPConn
	err := inside(g.ns, func() (err error) {
		conn, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6unspecified, Port: 546, Zone: "eth0"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = inside(g.ns, func() error {
		_, err := conn.WriteTo(message, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547, Zone: "eth0"})
		return err
	})
	if err != nil {
		return "" // its link-local address is not ready yet
	}
	buf := make([]byte, 1500)
	conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	count, err := conn.Read(buf)
	if err != nil {
		return ""
	}
	i := bytes.Index(buf[:count], []byte{0, 5, 0, 24}) // IA address
	if i < 0 {
		return ""
	}
	addr, _ := netip.AddrFromSlice(buf[i+4 : i+20])
	return addr.String()
}
