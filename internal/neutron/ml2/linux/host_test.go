package linux

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/uuid"
)

// testHost is a network namespace that plays a host, with a driver in it.
type testHost struct {
	t      *testing.T
	ns     netns.NsHandle
	path   string
	dir    string
	cfg    Config
	driver *Driver
	want   rpcapi.HostState
	events chan rpcapi.PortStatus
	stop   func()
}

// newHost makes a host whose namespace, and everything below it, is gone after
// the test. It fails if the driver leaves anything behind.
func newHost(t *testing.T, change func(*Config)) *testHost {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	name := "nt" + uuid.Hex()[:8]
	ns, _, err := ensureNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	h := &testHost{t: t, ns: ns, path: filepath.Join(netnsDir, name), dir: t.TempDir(), events: make(chan rpcapi.PortStatus, 100)}
	h.run("ip link set lo up")
	h.cfg = Config{StateDir: h.dir, Namespace: h.path, Prefix: name + "-"}
	if change != nil {
		change(&h.cfg)
	}
	h.start()
	t.Cleanup(func() {
		h.want = rpcapi.HostState{}
		h.apply()
		h.nothingLeft()
		h.stop()
		ns.Close()
		deleteNamed(name)
	})
	return h
}

// start runs a driver as a freshly started process would.
func (h *testHost) start() {
	h.t.Helper()
	d, err := New(h.cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Watch(ctx, func(s rpcapi.PortStatus) { h.events <- s }); err != nil {
			h.t.Error(err)
		}
	}()
	h.driver = d
	h.stop = func() { cancel(); <-done; d.Close() }
}

// apply applies the wanted state and fails on any error.
func (h *testHost) apply() ml2.Status {
	h.t.Helper()
	status, err := h.driver.Apply(context.Background(), h.want, false)
	if err != nil || len(status.Errors) > 0 {
		h.t.Fatalf("apply: %v %+v", err, status.Errors)
	}
	return status
}

// nothingLeft fails if the empty host still has anything of the driver's.
func (h *testHost) nothingLeft() {
	h.t.Helper()
	links, err := h.driver.nl.LinkList()
	if err != nil {
		h.t.Error(err)
	}
	for _, l := range links {
		name := l.Attrs().Name
		if strings.HasPrefix(name, "brq") || strings.HasPrefix(name, "vxlan") || strings.HasPrefix(name, "ph") || ours(l) {
			h.t.Errorf("link %s is left", name)
		}
	}
	names, _ := os.ReadDir(netnsDir)
	for _, n := range names {
		if strings.HasPrefix(n.Name(), h.cfg.Prefix) {
			h.t.Errorf("namespace %s is left", n.Name())
		}
	}
	for _, dir := range []string{dhcpDir, routerDir} {
		if left, _ := os.ReadDir(filepath.Join(h.dir, dir)); len(left) > 0 {
			h.t.Errorf("%s has %v left", dir, left)
		}
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if data, _ := os.ReadFile(p); strings.Contains(string(data), h.dir) {
			h.t.Errorf("process %s is left", strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	for _, table := range []string{bridgeTable, inetTable} {
		rules := h.run("nft list table " + table)
		if strings.Contains(rules, "tap") || strings.Contains(rules, "brq") || strings.Contains(rules, "sg-") {
			h.t.Errorf("filters are left: %s", rules)
		}
	}
}

// run runs a command in the host and fails if the command does.
func (h *testHost) run(command string) string {
	h.t.Helper()
	return runIn(h.t, h.ns, command)
}

func runIn(t *testing.T, ns netns.NsHandle, command string) string {
	t.Helper()
	out, err := tryIn(ns, command)
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return out
}

func tryIn(ns netns.NsHandle, command string) (string, error) {
	args := strings.Fields(command)
	var out []byte
	err := inside(ns, func() (err error) {
		out, err = exec.Command(args[0], args[1:]...).CombinedOutput()
		return err
	})
	return string(out), err
}

// addNetwork adds a VXLAN network with one subnet whose gateway is .1.
func (h *testHost) addNetwork(vni int, cidr string) *rpcapi.Network {
	id := uuid.New()
	prefix := netip.MustParsePrefix(cidr)
	h.want.Networks = append(h.want.Networks, rpcapi.Network{
		ID: id, ProjectID: "p", Name: "net", Type: "vxlan", SegmentationID: vni, MTU: 1450, Bridge: rpcapi.BridgeName(id), AdminStateUp: true,
		Subnets: []rpcapi.Subnet{{ID: uuid.New(), IPVersion: pickInt(prefix.Addr().Is6(), 6, 4), CIDR: cidr,
			GatewayIP: prefix.Addr().Next().String(), EnableDHCP: true}}})
	return &h.want.Networks[len(h.want.Networks)-1]
}

func pickInt(first bool, a, b int) int {
	if first {
		return a
	}
	return b
}

// fixed is an address in the network's first subnet.
func fixed(n *rpcapi.Network, ip string) []rpcapi.FixedIP {
	return []rpcapi.FixedIP{{SubnetID: n.Subnets[0].ID, IPAddress: ip, PrefixLen: netip.MustParsePrefix(n.Subnets[0].CIDR).Bits()}}
}

// serveDHCP adds a DHCP server to a network.
func serveDHCP(n *rpcapi.Network, ip string) {
	p := newPort(n, ip)
	n.DHCP = &rpcapi.DHCP{Port: p}
}

var lastMAC byte

func newPort(n *rpcapi.Network, ip string) rpcapi.Port {
	id := uuid.New()
	lastMAC++
	return rpcapi.Port{ID: id, ProjectID: "p", NetworkID: n.ID, MAC: fmt.Sprintf("fa:16:3e:00:%02x:%02x", os.Getpid()&0xff, lastMAC), FixedIPs: fixed(n, ip),
		PortSecurity: true, DeviceID: uuid.New(), DeviceOwner: "compute:nova", AdminStateUp: true, Status: "DOWN", Tap: rpcapi.TapName(id), VNICType: "normal"}
}

// addPort adds a guest's port in a security group and its reserved lease.
func (h *testHost) addPort(n *rpcapi.Network, ip string, groups ...string) rpcapi.Port {
	p := newPort(n, ip)
	p.SecurityGroups = groups
	h.want.Ports = append(h.want.Ports, p)
	if n.DHCP != nil {
		n.DHCP.Hosts = append(n.DHCP.Hosts, rpcapi.DHCPHost{PortID: p.ID, MAC: p.MAC, FixedIPs: p.FixedIPs, Hostname: "vm-" + p.ID[:4]})
	}
	return p
}

func (h *testHost) port(id string) *rpcapi.Port {
	i := slices.IndexFunc(h.want.Ports, func(p rpcapi.Port) bool { return p.ID == id })
	return &h.want.Ports[i]
}

// addGroup adds a security group that lets everything out, and rules.
func (h *testHost) addGroup(rules ...rpcapi.Rule) string {
	id := uuid.New()
	all := []rpcapi.Rule{{Direction: "egress", EtherType: "IPv4"}, {Direction: "egress", EtherType: "IPv6"}}
	h.want.SecurityGroups = append(h.want.SecurityGroups, rpcapi.SecurityGroup{ID: id, Stateful: true, Rules: append(all, rules...)})
	return id
}

func (h *testHost) group(id string) *rpcapi.SecurityGroup {
	i := slices.IndexFunc(h.want.SecurityGroups, func(g rpcapi.SecurityGroup) bool { return g.ID == id })
	return &h.want.SecurityGroups[i]
}

func allow(proto string, ports ...int) rpcapi.Rule {
	r := rpcapi.Rule{ID: uuid.New(), Direction: "ingress", EtherType: "IPv4", Protocol: proto}
	if len(ports) > 0 {
		r.PortMin, r.PortMax = &ports[0], &ports[len(ports)-1]
	}
	return r
}

// testGuest is a namespace that plays a guest: eth0 is the other end of its tap.
type testGuest struct {
	t    *testing.T
	host *testHost
	port rpcapi.Port
	ns   netns.NsHandle
}

// boot plugs a guest as the hypervisor does: the tap appears and is put on the
// network's bridge.
func (h *testHost) boot(p rpcapi.Port) *testGuest {
	h.t.Helper()
	name := "ng" + uuid.Hex()[:8]
	ns, _, err := ensureNamed(name)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { ns.Close(); deleteNamed(name) })
	g := &testGuest{t: h.t, host: h, port: p, ns: ns}
	mac, _ := net.ParseMAC(p.MAC)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = p.Tap
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerHardwareAddr: mac, PeerNamespace: netlink.NsFd(ns)}
	if err := h.driver.nl.LinkAdd(veth); err != nil {
		h.t.Fatal(err)
	}
	g.run("ip link set lo up")
	g.run("ip link set eth0 up mtu 1450")
	h.run("ip link set " + p.Tap + " master " + rpcapi.BridgeName(p.NetworkID) + " up")
	// The kernel drops what is sent before it has taken note of the carrier.
	if !eventually(func() bool {
		return strings.Contains(g.run("ip link show eth0"), "state UP") && strings.Contains(h.run("ip link show "+p.Tap), "state UP")
	}) {
		h.t.Fatal("the guest's interface does not come up")
	}
	return g
}

// setIP gives the guest its address without asking DHCP.
func (g *testGuest) setIP() *testGuest {
	g.t.Helper()
	ip := g.port.FixedIPs[0]
	family := pick(strings.Contains(ip.IPAddress, ":"), "nodad", "")
	g.run(fmt.Sprintf("ip addr add %s/%d dev eth0 %s", ip.IPAddress, ip.PrefixLen, family))
	return g
}

func (g *testGuest) run(command string) string { g.t.Helper(); return runIn(g.t, g.ns, command) }

// A test waits for what must come as long as the slowest machine may take, and
// for what must not come only a moment.
const (
	patience = time.Minute
	moment   = 700 * time.Millisecond
)

// reaches says whether an address answers a single packet, however late.
func (g *testGuest) reaches(ip string) bool { return reaches(g.ns, ip) }

func reaches(ns netns.NsHandle, ip string) bool { return ping(ns, ip, patience) }

// pings says whether an address answers at once.
func (g *testGuest) pings(ip string) bool { return pings(g.ns, ip) }

func pings(ns netns.NsHandle, ip string) bool { return ping(ns, ip, time.Second) }

func ping(ns netns.NsHandle, ip string, wait time.Duration) bool {
	_, err := tryIn(ns, fmt.Sprintf("ping -n -c1 -W%d %s", int(wait.Seconds()), ip))
	return err == nil
}

// wantEvent waits for a port to get a status, and says how long that took.
func (h *testHost) wantEvent(id, status string) time.Duration {
	h.t.Helper()
	begin := time.Now()
	timeout := time.After(patience)
	for {
		select {
		case s := <-h.events:
			if s.ID == id && s.Status == status {
				return time.Since(begin)
			}
		case <-timeout:
			h.t.Fatalf("port %s did not become %s", id, status)
		}
	}
}

// lookFor looks for a word in the host's rules.
func (h *testHost) lookFor(word string) (string, bool) {
	rules := h.run("nft list ruleset")
	return rules, strings.Contains(rules, word)
}

func runNamed(t *testing.T, name, command string) {
	t.Helper()
	ns, err := openNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	runIn(t, ns, command)
}
