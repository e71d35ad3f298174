package linux

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/uuid"
)

func TestNetworksWithTheSameAddressesDoNotMeet(t *testing.T) {
	h := newHost(t, nil)
	h.want.Networks = make([]rpcapi.Network, 0, 2)
	var guests []*testGuest
	group := h.addGroup(allow(""))
	for vni := 131; vni < 133; vni++ {
		n := h.addNetwork(vni, "10.0.0.0/24")
		a, b := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group)
		h.apply()
		guests = append(guests, h.boot(a).setIP(), h.boot(b).setIP())
		h.wantActive(a.ID)
		h.wantActive(b.ID)
	}
	for i := 0; i < 4; i += 2 { // the very same five-tuple on both networks at once
		c, err := connect(t, guests[i].ns, guests[i+1].ns, "10.0.0.12:80", patience)
		if err != nil || !c.alive(patience) {
			t.Fatal(err)
		}
		local := c.client.LocalAddr().(*net.TCPAddr).Port
		h.wantFlows(strconv.Itoa(local), 1)
	}
	guests[1].run("ip link set eth0 down")
	if guests[0].pings("10.0.0.12") {
		t.Error("a guest of the other network answered")
	}
}

func (h *testHost) wantFlows(sport string, count int) {
	h.t.Helper()
	c, err := openConntrack(h.ns)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	all, err := flows(c)
	if err != nil {
		h.t.Fatal(err)
	}
	n, zones := 0, map[uint16]bool{}
	for _, f := range all {
		if strconv.Itoa(int(f.sport)) == sport {
			n++
			zones[f.zone] = true
		}
	}
	if n < count || zones[0] {
		h.t.Errorf("%d flows in zones %v", n, zones)
	}
}

func TestVXLANBetweenHosts(t *testing.T) {
	left, right := newHost(t, func(c *Config) { c.TunnelIP = "192.0.2.1" }), newHost(t, func(c *Config) { c.TunnelIP = "192.0.2.2" })
	left.run("ip link add u0 mtu 1600 type veth peer name u1 mtu 1600")
	left.run("ip link set u1 netns " + right.path[len(netnsDir)+1:])
	left.run("ip addr add 192.0.2.1/24 dev u0")
	right.run("ip addr add 192.0.2.2/24 dev u1")
	left.run("ip link set u0 up")
	right.run("ip link set u1 up")

	id, subnet := uuid.New(), uuid.New()
	var ports []rpcapi.Port
	for i, h := range []*testHost{left, right} {
		n := h.addNetwork(140, "10.0.0.0/24")
		n.ID, n.Bridge, n.Subnets[0].ID = id, rpcapi.BridgeName(id), subnet
		ports = append(ports, h.addPort(n, fmt.Sprintf("10.0.0.%d", 11+i), h.addGroup(allow("icmp"))))
		if i == 0 { // DHCP is served by one of them
			serveDHCP(n, "10.0.0.2")
		}
		h.want.Peers = []rpcapi.Peer{{NetworkID: id, VNI: 140, Addresses: []string{fmt.Sprintf("192.0.2.%d", 2-i)}}}
	}
	left.want.Networks[0].DHCP.Hosts = []rpcapi.DHCPHost{{PortID: ports[1].ID, MAC: ports[1].MAC, FixedIPs: ports[1].FixedIPs}}
	left.apply()
	right.apply()
	gl, gr := left.boot(ports[0]).setIP(), right.boot(ports[1])
	right.wantActive(ports[1].ID)
	if l, ok := dhcp(t, gr.ns, ports[1].MAC, patience); !ok || l.ip.String() != "10.0.0.12" {
		t.Errorf("lease from the other host: %v", l)
	}
	gr.setIP()
	if !eventually(func() bool { return gl.pings("10.0.0.12") }) {
		t.Error("the guest of the other host does not answer")
	}
	gl.run("ping -n -c1 -W60 -M do -s 1422 10.0.0.12") // as large as the network's MTU allows

	right.want.Peers, left.want.Peers = nil, nil
	forgotten := eventually(func() bool { // a frame under way teaches one host about the other once more
		for _, h := range []*testHost{left, right} {
			if _, err := h.driver.Apply(t.Context(), h.want, true); err != nil {
				t.Fatal(err)
			}
		}
		return !gl.pings("10.0.0.12")
	})
	if !forgotten {
		t.Error("a host that is no peer any more is still reached")
	}
}

func TestRestartDisturbsNobody(t *testing.T) {
	h, public := publicHost(t)
	n := h.addNetwork(150, "10.0.0.0/24")
	serveDHCP(n, "10.0.0.2")
	group := h.addGroup(allow("tcp", 80), allow("icmp"))
	a, b := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group)
	h.want.Routers = []rpcapi.Router{{ID: uuid.New(), AdminStateUp: true, Interfaces: []rpcapi.RouterInterface{routerPort(n, "10.0.0.1")},
		Gateway:     &rpcapi.RouterGateway{RouterInterface: routerPort(public, "172.24.4.10"), NextHops: []string{"172.24.4.1"}, EnableSNAT: true},
		FloatingIPs: []rpcapi.FloatingIP{{ID: uuid.New(), Address: "172.24.4.20", FixedIP: "10.0.0.12"}}}}
	h.apply()
	ga, gb := h.boot(a).setIP(), h.boot(b).setIP()
	gb.run("ip route add default via 10.0.0.1")
	h.wantActive(a.ID)
	h.wantActive(b.ID)
	if !eventually(func() bool { return pings(h.ns, "172.24.4.20") }) {
		t.Fatal("the floating IP does not answer")
	}
	inner, err := connect(t, ga.ns, gb.ns, "10.0.0.12:80", patience)
	if err != nil {
		t.Fatal(err)
	}
	server := (&dnsmasq{dir: h.dir + "/dhcp/" + n.ID}).pid()
	index := strings.SplitN(h.run("ip -o link show "+n.Bridge), " ", 2)[0]

	router, err := openNamed(h.cfg.Prefix + "qrouter-" + h.want.Routers[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	filtered, translated := generation(h.ns), generation(router)

	h.stop()
	if !inner.alive(patience) || !reaches(h.ns, "172.24.4.20") {
		t.Error("traffic stops with the process")
	}
	h.start()
	lost := make(chan bool)
	stop := make(chan struct{})
	go func() {
		bad := false
		for {
			select {
			case <-stop:
				lost <- bad
				return
			default:
				bad = !reaches(h.ns, "172.24.4.20") || !inner.alive(patience) || bad
			}
		}
	}()
	begin := time.Now()
	status, err := h.driver.Apply(t.Context(), h.want, true)
	t.Logf("a running host adopted in %v", time.Since(begin))
	if err != nil || len(status.Errors) > 0 {
		t.Errorf("%v %+v", err, status.Errors)
	}
	time.Sleep(300 * time.Millisecond) // let the traffic above go on past the change
	close(stop)
	if <-lost {
		t.Error("traffic was interrupted by the restart")
	}
	if now := (&dnsmasq{dir: h.dir + "/dhcp/" + n.ID}).pid(); now != server || now == 0 {
		t.Errorf("dnsmasq was %d, is %d", server, now)
	}
	if now := strings.SplitN(h.run("ip -o link show "+n.Bridge), " ", 2)[0]; now != index {
		t.Error("the bridge was made anew")
	}
	if generation(h.ns) != filtered || generation(router) != translated {
		t.Error("tables were replaced by themselves, which can cost a packet")
	}
	begin = time.Now()
	h.driver.Apply(t.Context(), h.want, true)
	t.Logf("a full round without change took %v", time.Since(begin))
	begin = time.Now()
	h.driver.Apply(t.Context(), h.want, false)
	t.Logf("a round without change took %v", time.Since(begin))
}

// What the process does not see go while it is down must not count as standing.
func TestTablesChangedWhileDownAreMadeAgain(t *testing.T) {
	h, public := publicHost(t)
	n := h.addNetwork(151, "10.0.0.0/24")
	p := h.addPort(n, "10.0.0.12", h.addGroup(allow("icmp")))
	router := rpcapi.Router{ID: uuid.New(), AdminStateUp: true, Interfaces: []rpcapi.RouterInterface{routerPort(n, "10.0.0.1")},
		Gateway:     &rpcapi.RouterGateway{RouterInterface: routerPort(public, "172.24.4.10"), NextHops: []string{"172.24.4.1"}, EnableSNAT: true},
		FloatingIPs: []rpcapi.FloatingIP{{ID: uuid.New(), Address: "172.24.4.20", FixedIP: "10.0.0.12"}}}
	h.want.Routers = []rpcapi.Router{router}
	h.apply()
	ns, err := openNamed(h.cfg.Prefix + "qrouter-" + router.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	here := func() string {
		inner, _ := tryIn(ns, "nft list ruleset")
		return h.run("nft list ruleset") + inner
	}
	whole := here()
	for name, harm := range map[string]func(){
		"a table is gone": func() {
			h.run("nft delete table inet nacre_ports")
			tryIn(ns, "nft delete table ip nacre_router")
		},
		"a rule is gone": func() { h.run("nft flush chain inet nacre_ports to-" + p.ID) },
		"the records are torn": func() {
			for _, path := range []string{"filters.json", filepath.Join(routerDir, router.ID, "translation.json")} {
				if err := os.Truncate(filepath.Join(h.dir, path), 7); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		h.stop()
		harm()
		h.start()
		if status, err := h.driver.Apply(t.Context(), h.want, true); err != nil || len(status.Errors) > 0 {
			t.Errorf("%s: %v %+v", name, err, status.Errors)
		}
		if now := here(); now != whole {
			t.Errorf("%s: the tables are not what they were:\n%s", name, now)
		}
	}
	h.want.Ports[0].AdminStateUp = false // while nothing ran
	h.stop()
	h.start()
	h.apply()
	if strings.Contains(here(), "to-"+p.ID) {
		t.Error("the filters of before a restart stand in for those wanted now")
	}
}

func TestWhatIsBrokenIsMadeAgain(t *testing.T) {
	h, public := publicHost(t)
	n := h.addNetwork(160, "10.0.0.0/24")
	serveDHCP(n, "10.0.0.2")
	a := h.addPort(n, "10.0.0.11", h.addGroup(allow("icmp")))
	h.want.Routers = []rpcapi.Router{{ID: uuid.New(), AdminStateUp: true, Interfaces: []rpcapi.RouterInterface{routerPort(n, "10.0.0.1")},
		Gateway:     &rpcapi.RouterGateway{RouterInterface: routerPort(public, "172.24.4.10"), NextHops: []string{"172.24.4.1"}, EnableSNAT: true},
		FloatingIPs: []rpcapi.FloatingIP{{ID: uuid.New(), Address: "172.24.4.20", FixedIP: "10.0.0.11"}}}}
	router := h.driver.cfg.Prefix + "qrouter-" + h.want.Routers[0].ID
	h.apply()
	ga := h.boot(a).setIP()
	ga.run("ip route add default via 10.0.0.1")
	works := func() bool { return pings(h.ns, "172.24.4.20") }
	if !eventually(works) {
		t.Fatal("the floating IP does not answer")
	}
	for name, damage := range map[string]func(){
		"filters":         func() { h.run("nft flush ruleset") },
		"router":          func() { deleteNamed(router) },
		"router's rules":  func() { runNamed(t, router, "nft flush ruleset") },
		"router's port":   func() { runNamed(t, router, "ip link del qr-"+short(h.want.Routers[0].Interfaces[0].PortID)) },
		"router's routes": func() { runNamed(t, router, "ip route flush proto static") },
		"bridge":          func() { h.run("ip link del " + n.Bridge) },
		"way out":         func() { h.run("ip link del phy" + short(public.ID)) },
		"dnsmasq": func() {
			server := &dnsmasq{dir: h.dir + "/dhcp/" + n.ID}
			h.run("kill -9 " + strconv.Itoa(server.pid()))
			if !eventually(func() bool { return server.pid() == 0 }) { // a busy machine takes its time
				t.Fatal("dnsmasq does not end")
			}
		},
		"DHCP namespace": func() { deleteNamed(h.driver.cfg.Prefix + "qdhcp-" + n.ID) },
	} {
		damage()
		begin := time.Now()
		// More than once: a guest's tap that lost its bridge is put back when nobody else does.
		if !eventually(func() bool {
			status, err := h.driver.Apply(t.Context(), h.want, true)
			if err != nil || len(status.Errors) > 0 {
				t.Fatalf("%s: %v %+v", name, err, status.Errors)
			}
			return status.Ports[0].Status == "ACTIVE"
		}) {
			t.Errorf("%s: the port is not ACTIVE", name)
		}
		if !eventually(works) {
			t.Errorf("%s: the floating IP does not answer", name)
		}
		if _, ok := dhcp(t, ga.ns, a.MAC, patience); !ok {
			t.Errorf("%s: no lease", name)
		}
		if _, ok := h.lookFor("nacre_ports"); !ok {
			t.Errorf("%s: no filters", name)
		}
		t.Logf("%s: healed after %v", name, time.Since(begin))
	}
}
