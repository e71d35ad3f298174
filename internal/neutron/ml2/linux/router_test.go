package linux

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/oslo/uuid"
)

// whoAsks answers with what the driver knows of a request.
type whoAsks struct{}

func (whoAsks) Handler(s ml2.Scope) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "%s %s%s %s", from, s.NetworkID, s.RouterID, r.URL.Path)
	})
}

// get asks over HTTP from within a namespace, and waits for a connection.
func get(ns netns.NsHandle, address, path string, wait time.Duration) (string, error) {
	var conn net.Conn
	err := inside(ns, func() (err error) {
		conn, err = net.DialTimeout("tcp4", address, wait)
		return err
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", path)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func routerPort(n *rpcapi.Network, ip string) rpcapi.RouterInterface {
	p := newPort(n, ip)
	return rpcapi.RouterInterface{PortID: p.ID, NetworkID: n.ID, MAC: p.MAC, MTU: n.MTU, FixedIPs: p.FixedIPs,
		SubnetCIDRs: []string{n.Subnets[0].CIDR}, AdminStateUp: true}
}

// publicHost has an external network on br-ex, on which the host is .1.
func publicHost(t *testing.T) (*testHost, *rpcapi.Network) {
	h := newHost(t, func(c *Config) {
		c.Metadata = whoAsks{}
		c.BridgeMappings = map[string]string{"public": "br-ex"}
		c.Bridges = []Bridge{{Name: "br-ex", Addresses: []string{"172.24.4.1/24"}, Masquerade: true}}
	})
	h.want.Networks = make([]rpcapi.Network, 0, 8) // pointers into it stay good
	n := h.addNetwork(0, "172.24.4.0/24")
	n.Type, n.PhysicalNetwork, n.External, n.MTU = "flat", "public", true, 1500
	return h, n
}

func TestRouter(t *testing.T) {
	h, public := publicHost(t)
	one, two := h.addNetwork(111, "10.0.0.0/24"), h.addNetwork(112, "10.1.0.0/24")
	group := h.addGroup(allow("icmp"))
	a, b, c := h.addPort(one, "10.0.0.11", group), h.addPort(one, "10.0.0.12", group), h.addPort(two, "10.1.0.11", group)
	router := rpcapi.Router{ID: uuid.New(), AdminStateUp: true,
		Interfaces:  []rpcapi.RouterInterface{routerPort(one, "10.0.0.1"), routerPort(two, "10.1.0.1")},
		Gateway:     &rpcapi.RouterGateway{RouterInterface: routerPort(public, "172.24.4.10"), NextHops: []string{"172.24.4.1"}, EnableSNAT: true},
		FloatingIPs: []rpcapi.FloatingIP{{ID: uuid.New(), Address: "172.24.4.20", FixedIP: "10.0.0.11", PortID: a.ID}},
		Routes:      []rpcapi.Route{{Destination: "192.168.77.0/24", NextHop: "10.1.0.11"}}}
	h.want.Routers = []rpcapi.Router{router}
	begin := time.Now()
	status := h.apply()
	t.Logf("three networks, a router and a floating IP applied in %v", time.Since(begin))
	if len(status.Routers) != 1 || status.Routers[0].Status != "ACTIVE" || status.FloatingIPs[0].Status != "ACTIVE" {
		t.Errorf("status %+v", status)
	}
	ga, gb, gc := h.boot(a).setIP(), h.boot(b).setIP(), h.boot(c).setIP()
	for g, gw := range map[*testGuest]string{ga: "10.0.0.1", gb: "10.0.0.1", gc: "10.1.0.1"} {
		g.run("ip route add default via " + gw)
		h.wantActive(g.port.ID)
	}
	gc.run("ip addr add 192.168.77.1/32 dev lo")
	h.port(c.ID).AddressPairs = []rpcapi.AddressPair{{MAC: c.MAC, IPAddress: "192.168.77.0/24"}}
	h.apply()

	reach := map[string]bool{
		"host to floating IP":         eventually(func() bool { return pings(h.ns, "172.24.4.20") }),
		"guest to other subnet":       ga.reaches("10.1.0.11"),
		"guest to its gateway":        ga.reaches("10.0.0.1"),
		"guest to host by SNAT":       gb.reaches("172.24.4.1"),
		"neighbour to floating IP":    gb.reaches("172.24.4.20"),
		"other subnet to floating IP": gc.reaches("172.24.4.20"),
		"guest to its floating IP":    ga.reaches("172.24.4.20"),
		"guest along an extra route":  ga.reaches("192.168.77.1"),
	}
	for name, ok := range reach {
		if !ok {
			t.Errorf("%s: no answer", name)
		}
	}
	if from := h.seenFrom(ga); from != "172.24.4.20" {
		t.Errorf("guest with floating IP seen from %s", from)
	}
	if from := h.seenFrom(gb); from != "172.24.4.10" {
		t.Errorf("guest without floating IP seen from %s", from)
	}
	for g, want := range map[*testGuest]string{ga: "10.0.0.11 ", gc: "10.1.0.11 "} {
		if got, err := get(g.ns, "169.254.169.254:80", "/latest", patience); err != nil || got != want+router.ID+" /latest" {
			t.Errorf("metadata said %q %v", got, err)
		}
	}
	if _, err := get(h.ns, "172.24.4.10:9697", "/", moment); err == nil {
		t.Error("metadata answers from outside")
	}
	t.Run("floating IP moves", func(t *testing.T) { floatingIPMoves(t, h, ga, gb) })
	t.Run("gateway cleared", func(t *testing.T) {
		h.want.Routers[0].Gateway, h.want.Routers[0].FloatingIPs = nil, nil
		h.apply()
		if pings(h.ns, "172.24.4.20") || gb.pings("172.24.4.1") || !ga.reaches("10.1.0.11") {
			t.Error("a router without gateway")
		}
	})
	t.Run("router down", func(t *testing.T) {
		h.want.Routers[0].AdminStateUp = false
		if s := h.apply(); s.Routers[0].Status != "DOWN" || ga.pings("10.0.0.1") {
			t.Error("a router that is down")
		}
	})
}

// floatingIPMoves gives a's address to b while the host talks to a.
func floatingIPMoves(t *testing.T, h *testHost, ga, gb *testGuest) {
	before := neighbour(h, "172.24.4.20")
	h.want.Routers[0].FloatingIPs[0].FixedIP = "10.0.0.12"
	h.apply()
	if !reaches(h.ns, "172.24.4.20") {
		t.Error("the floating IP does not answer")
	}
	if from := h.seenFrom(gb); from != "172.24.4.20" {
		t.Errorf("its new owner is seen from %s", from)
	}
	if from := h.seenFrom(ga); from != "172.24.4.10" {
		t.Errorf("its old owner is seen from %s", from)
	}
	if after := neighbour(h, "172.24.4.20"); before != after {
		t.Errorf("neighbour %q, then %q", before, after)
	}
}

func neighbour(h *testHost, ip string) string {
	f := strings.Fields(h.run("ip neigh show " + ip))
	return f[len(f)-2]
}

// seenFrom is the address that the host sees when a guest connects to it.
func (h *testHost) seenFrom(g *testGuest) string {
	h.t.Helper()
	var l net.Listener
	err := inside(h.ns, func() (err error) {
		l, err = net.Listen("tcp4", "172.24.4.1:0")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	defer l.Close()
	go get(g.ns, l.Addr().String(), "/", patience)
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	return netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr().String()
}

// eventually tries again and again: an interface that came up just now may
// still drop.
func eventually(ok func() bool) bool {
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(50 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

// wantActive waits until the driver says that a port is ACTIVE.
func (h *testHost) wantActive(id string) {
	h.t.Helper()
	if !eventually(func() bool {
		for _, s := range h.driver.taps.statuses() {
			if s.ID == id {
				return s.Status == "ACTIVE"
			}
		}
		return false
	}) {
		h.t.Fatalf("port %s is not ACTIVE", id)
	}
}

func TestMetadataOfANetworkWithoutRouter(t *testing.T) {
	h := newHost(t, func(c *Config) { c.Metadata = whoAsks{} })
	h.want.Networks = make([]rpcapi.Network, 0, 2)
	for vni := 113; vni < 115; vni++ { // two networks with the same addresses
		n := h.addNetwork(vni, "10.0.0.0/24")
		serveDHCP(n, "10.0.0.2")
		h.addPort(n, "10.0.0.11", h.addGroup())
	}
	h.apply()
	for i, p := range h.want.Ports {
		g := h.boot(p).setIP()
		g.run("ip route add 169.254.169.254/32 via 10.0.0.2")
		h.wantActive(p.ID)
		var got string
		eventually(func() (ok bool) { got, _ = get(g.ns, "169.254.169.254:80", "/x", time.Second); return got != "" })
		if want := "10.0.0.11 " + h.want.Networks[i].ID + " /x"; got != want {
			t.Errorf("metadata said %q, want %q", got, want)
		}
	}
}
