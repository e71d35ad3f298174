package service

import (
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/scheduler"
)

// What was read of hosts a moment ago leads no server to one that was disabled
// since, and away from none that came since.
func TestOffersAreNotTrusted(t *testing.T) {
	r := newRig(t)
	r.serve()
	novatest.Host(t, r.bus, "fake1")
	r.known(1)
	hostOf := func() string {
		t.Helper()
		return r.settled(r.create().ID).Host
	}
	if got := hostOf(); got != "fake1" {
		t.Fatalf("first server is on %q", got)
	}
	svc, err := r.store.ComputeService(r.ctx, "fake1")
	r.must(err)
	svc.Disabled = true
	r.must(r.store.UpdateService(r.ctx, svc))
	if got := hostOf(); got != "" {
		t.Errorf("with its host disabled, a server is on %q", got)
	}
	novatest.Host(t, r.bus, "fake2")
	r.known(2)
	if got := hostOf(); got != "fake2" {
		t.Errorf("with a new host, a server is on %q", got)
	}
}

// Claims count in the offer of the moment, so that a burst is spread.
func TestOffersCountClaims(t *testing.T) {
	room := func() map[string]nova.Capacity {
		return map[string]nova.Capacity{nova.ClassMemory: {Total: 1000, Ratio: 1}}
	}
	o := &offer{hosts: []scheduler.Host{{Name: "a", Up: true, Capacity: room()}, {Name: "b", Up: true, Capacity: room()}}, index: map[string]int{"a": 0, "b": 1}}
	used := map[string]int{}
	for range 10 {
		ranked, _ := o.rank(scheduler.Request{})
		used[ranked[0].Name]++
		o.take(ranked[0].Name, nova.Resources{nova.ClassMemory: 10})
	}
	if used["a"] != 5 || used["b"] != 5 {
		t.Errorf("servers went to %v", used)
	}
	o.take("unknown", nova.Resources{nova.ClassMemory: 10})
}
