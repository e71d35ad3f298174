package linux

import (
	"testing"
	"time"
)

func TestGuestsMeetByTheirRules(t *testing.T) {
	h := newHost(t, nil)
	n := h.addNetwork(101, "10.0.0.0/24")
	group := h.addGroup()
	a, b := h.addPort(n, "10.0.0.11", group), h.addPort(n, "10.0.0.12", group)
	begin := time.Now()
	h.apply()
	t.Logf("a new network with two ports applied in %v", time.Since(begin))
	ga := h.boot(a).setIP()
	h.wantEvent(a.ID, "ACTIVE")
	gb := h.boot(b).setIP()
	h.wantEvent(b.ID, "ACTIVE")

	if ga.pings("10.0.0.12") {
		t.Error("a group without rules lets packets in")
	}
	h.group(group).Rules = append(h.group(group).Rules, allow("icmp"))
	begin = time.Now()
	h.apply()
	t.Logf("a new rule applied in %v", time.Since(begin))
	if !ga.reaches("10.0.0.12") || !gb.reaches("10.0.0.11") {
		t.Error("an allowed ping does not pass")
	}
	h.group(group).Rules = h.group(group).Rules[:2]
	h.apply()
	if ga.pings("10.0.0.12") {
		t.Error("a removed rule still lets packets in")
	}
	h.run("ip link set " + a.Tap + " nomaster")
	h.wantEvent(a.ID, "DOWN")
	bridge, _ := h.driver.nl.LinkByName(n.Bridge)
	tap, _ := h.driver.nl.LinkByName(a.Tap)
	begin = time.Now()
	if err := h.driver.nl.LinkSetMaster(tap, bridge); err != nil {
		t.Fatal(err)
	}
	h.wantEvent(a.ID, "ACTIVE")
	t.Logf("a tap on its bridge is ACTIVE after %v", time.Since(begin))
	h.run("ip link del " + a.Tap)
	h.wantEvent(a.ID, "DOWN")
}
