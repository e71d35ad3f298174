package linux

import (
	"bytes"
	"encoding/binary"
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

	la, ok := dhcp(t, ga.ns, a.MAC, 3*time.Second)
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
	if lb, ok := dhcp(t, gb.ns, b.MAC, 3*time.Second); !ok || lb.ip.String() != "10.0.0.12" || string(lb.options[67]) != "pxe.0\x00" {
		t.Errorf("b got %v", lb)
	}
	if l, ok := dhcp(t, gb.ns, a.MAC, 500*time.Millisecond); ok {
		t.Errorf("b got a lease with a's MAC: %v", l)
	}
	gb.run("ip link set eth0 address fa:16:3e:ff:ff:01")
	if l, ok := dhcp(t, gb.ns, "fa:16:3e:ff:ff:01", 500*time.Millisecond); ok {
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
	if _, ok := dhcp(t, h.boot(a).ns, a.MAC, 3*time.Second); !ok {
		t.Fatal("no lease")
	}
	h.run("ip link del " + a.Tap)
	h.want.Ports, n.DHCP.Hosts = nil, nil
	b := h.addPort(n, "10.0.0.11")
	h.apply()
	gb := h.boot(b)
	if l, ok := dhcp(t, gb.ns, b.MAC, 3*time.Second); !ok || l.ip.String() != "10.0.0.11" {
		t.Errorf("the next owner of the address got %v", l)
	}
}
