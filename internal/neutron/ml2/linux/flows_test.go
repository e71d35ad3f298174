package linux

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"nacre/internal/neutron/rpcapi"
)

// talk is a TCP connection between two guests.
type talk struct{ client, server net.Conn }

// connect opens a connection from one namespace to a port of another.
func connect(t *testing.T, from, to netns.NsHandle, address string, wait time.Duration) (talk, error) {
	t.Helper()
	var l net.Listener
	if err := inside(to, func() (err error) { l, err = net.Listen("tcp", address); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var c talk
	err := inside(from, func() (err error) { c.client, err = net.DialTimeout("tcp", address, wait); return err })
	if err != nil {
		return c, err
	}
	c.server, err = l.Accept()
	t.Cleanup(func() { c.client.Close(); c.server.Close() })
	return c, err
}

// alive says whether words pass in both directions.
func (c talk) alive(wait time.Duration) bool {
	return says(c.client, c.server, wait) && says(c.server, c.client, wait)
}

func says(from, to net.Conn, wait time.Duration) bool {
	from.SetDeadline(time.Now().Add(wait))
	to.SetDeadline(time.Now().Add(wait))
	if _, err := from.Write([]byte("x")); err != nil {
		return false
	}
	_, err := io.ReadFull(to, make([]byte, 1))
	return err == nil
}

func TestRemovedRuleCutsRunningFlows(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(121, "10.0.0.0/24")
	group, strict := h.addGroup(allow("tcp", 22), allow("tcp", 80)), h.addGroup(allow("tcp", 22))
	a, b, s := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group), h.addPort(n, "10.0.0.13", strict)
	h.group(strict).Rules = h.group(strict).Rules[2:] // nothing may go out but answers
	h.apply()
	ga, gb, gs := h.boot(a).setIP(), h.boot(b).setIP(), h.boot(s).setIP()
	for _, p := range h.want.Ports {
		h.wantActive(p.ID)
	}
	open := func(g *testGuest, address string) talk {
		c, err := connect(t, ga.ns, g.ns, address, patience)
		if err != nil || !c.alive(patience) {
			t.Fatalf("connect to %s: %v", address, err)
		}
		return c
	}
	ssh, web, answering := open(gb, "10.0.0.12:22"), open(gb, "10.0.0.12:80"), open(gs, "10.0.0.13:22")
	if _, err := connect(t, ga.ns, gb.ns, "10.0.0.12:81", moment); err == nil {
		t.Error("port 81 is open")
	}
	if _, err := connect(t, gs.ns, gb.ns, "10.0.0.12:80", moment); err == nil {
		t.Error("a guest without egress rules connects")
	}

	rules := h.group(group).Rules
	h.group(group).Rules = append(rules[:2:2], rules[3]) // without port 22
	h.apply()
	if says(ssh.client, ssh.server, moment) {
		t.Error("a flow of a removed rule still goes in")
	}
	if says(ssh.server, ssh.client, moment) && says(ssh.client, ssh.server, moment) {
		t.Error("the guest revived a flow of a removed rule")
	}
	if !web.alive(patience) || !answering.alive(patience) {
		t.Error("a flow of another rule was cut")
	}
	h.group(group).Rules = rules
	h.apply()
	if !ssh.alive(patience) {
		t.Error("the flow does not go on when its rule is back")
	}
	h.port(s.ID).SecurityGroups = nil
	h.apply()
	if answering.alive(moment) {
		t.Error("a flow goes on after its group left the port")
	}
}

func TestAnswersOfRevokedEgressStop(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(122, "10.0.0.0/24")
	in, out := h.addGroup(allow("udp")), h.addGroup()
	a, b := h.addPort(n, "10.0.0.11", out), h.addPort(n, "10.0.0.12", in)
	h.apply()
	ga, gb := h.boot(a).setIP(), h.boot(b).setIP()
	h.wantActive(a.ID)
	h.wantActive(b.ID)
	var client, server *net.UDPConn
	at := func(ns netns.NsHandle, ip string) (c *net.UDPConn) {
		inside(ns, func() (err error) {
			c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip), Port: 5000})
			return err
		})
		t.Cleanup(func() { c.Close() })
		return c
	}
	client, server = at(ga.ns, "10.0.0.11"), at(gb.ns, "10.0.0.12")
	sent := byte(0)
	heard := func(from, to *net.UDPConn, wait time.Duration) bool {
		sent++ // what was sent before may come late
		from.WriteTo([]byte{sent}, to.LocalAddr())
		to.SetReadDeadline(time.Now().Add(wait))
		for buf := make([]byte, 1); ; {
			if _, err := to.Read(buf); err != nil || buf[0] == sent {
				return err == nil
			}
		}
	}
	if heard(server, client, moment) {
		t.Error("an unasked datagram comes in")
	}
	if !heard(client, server, patience) || !heard(server, client, patience) {
		t.Fatal("an answer does not come in")
	}
	h.group(out).Rules = nil
	h.apply()
	if heard(client, server, moment) {
		t.Error("revoked egress goes out")
	}
	if heard(server, client, moment) {
		t.Error("answers of a revoked flow come in")
	}
}

func TestRemoteGroup(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(123, "10.0.0.0/24")
	friends := allow("icmp")
	friends.HasRemote, friends.RemoteGroup = true, "friends"
	group := h.addGroup(friends)
	a, b := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group)
	h.apply()
	ga := h.boot(a).setIP()
	h.boot(b).setIP()
	h.wantActive(a.ID)
	h.wantActive(b.ID)
	if ga.pings("10.0.0.12") {
		t.Error("an empty group of friends lets packets in")
	}
	for _, tc := range []struct {
		friends []string
		let     bool
	}{
		{[]string{"10.0.0.11/32", "10.0.0.12/32", "10.0.0.12"}, true},
		{[]string{"10.0.0.11/32", "10.0.0.13/32"}, true},
		{[]string{"10.0.0.13/32"}, false},
		{[]string{"10.0.0.8/29"}, true},
		{[]string{"10.0.0.8/30", "10.0.0.12/32"}, true},
		{[]string{"10.0.0.12/30"}, false},
		{nil, false},
	} {
		h.group(group).Rules[2].RemoteIPs = tc.friends
		h.apply()
		wait := time.Second
		if tc.let {
			wait = patience
		}
		if got := ping(ga.ns, "10.0.0.12", wait); got != tc.let {
			t.Errorf("friends %v: let in %v", tc.friends, got)
		}
	}
	h.want.SecurityGroups, h.want.Ports = nil, nil
	h.apply()
	if sets := h.driver.filters.applied[inetTable].maps; sets["members4-friends"] != nil {
		t.Error("a set that nobody refers to stays")
	}
}

// A rule that nftables refuses must not open or block anything else.
func TestBadRuleHurtsNobodyElse(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(124, "10.0.0.0/24")
	good, bad := h.addGroup(allow("icmp")), h.addGroup(allow("icmp"), allow("tcp", 99999), rpcapi.Rule{Direction: "ingress", EtherType: "IPv4", Protocol: "nonsense"})
	a, b, c := h.addPort(n, "10.0.0.11", good), h.addPort(n, "10.0.0.12", good), h.addPort(n, "10.0.0.13", bad)
	status, err := h.driver.Apply(t.Context(), h.want, false)
	if err != nil || len(status.Errors) != 2 {
		t.Errorf("status %+v %v", status, err)
	}
	ga := h.boot(a).setIP()
	h.boot(b).setIP()
	h.boot(c).setIP()
	for _, p := range h.want.Ports {
		h.wantActive(p.ID)
	}
	if !ga.reaches("10.0.0.12") {
		t.Error("a good group's guest is not reached")
	}
	if ga.pings("10.0.0.13") {
		t.Error("a refused group lets packets in")
	}
	h.want.SecurityGroups = h.want.SecurityGroups[:1]
	h.want.Ports = h.want.Ports[:2]
}
