package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/neutron/ml2"
	"nacre/internal/neutron/ml2/fake"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/service"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/loop"
	"nacre/internal/oslo/messaging"
)

// seeing is a driver that looks at sets.
type seeing struct{ ml2.Driver }

// region is a real server whose users do all sorts of things, and the agents of its hosts.
type region struct {
	*service.Service
	bus    messaging.Bus
	ctx    context.Context
	chance *rand.Rand
	hosts  []string
	agents map[string]*Agent
}

func newRegion(t *testing.T, d *db.DB, seed uint64) *region {
	t.Helper()
	r := &region{bus: newBus(t), chance: rand.New(rand.NewPCG(seed, 1)), hosts: []string{"h1", "h2", "h3"}, agents: map[string]*Agent{},
		ctx: auth.WithCaller(t.Context(), auth.Identity{UserID: "u", ProjectID: "p1", Roles: []string{"admin"}, Admin: true})}
	r.Service = service.New(service.Deps{Store: store.New(d), Bus: r.bus})
	stop, err := r.bus.Serve(rpcapi.ServerTopic, r.RPC())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for i, h := range r.hosts {
		r.agents[h] = New(Deps{Bus: r.bus, Host: h, Driver: seeing{&fake.Driver{Gateway: true}}})
		r.report(t, h, fmt.Sprintf("10.9.0.%d", i+1))
	}
	if err := r.EnsureDefaults(r.ctx, "p1", netip.MustParsePrefix("172.24.4.0/24")); err != nil {
		t.Fatal(err)
	}
	return r
}

// report tells what the agent of a host holds.
func (r *region) report(t *testing.T, host, tunnel string) {
	t.Helper()
	_, err := r.Report(r.ctx, rpcapi.Report{Host: host, TunnelIP: tunnel, Agents: r.agents[host].deps.Driver.Agents(), Revision: r.agents[host].have()})
	if err != nil {
		t.Fatal(err)
	}
}

func one[T any](r *region, list []T) (v T, ok bool) {
	if len(list) == 0 {
		return v, false
	}
	return list[r.chance.IntN(len(list))], true
}

// step is one thing that a user or an operator does; refusals are fine.
func (r *region) step(t *testing.T) {
	t.Helper()
	nets, _ := r.Networks(r.ctx, neutron.Query{})
	ports, _ := r.Ports(r.ctx, neutron.Query{})
	groups, _ := r.SecurityGroups(r.ctx, neutron.Query{})
	n, _ := one(r, nets)
	p, _ := one(r, ports)
	g, _ := one(r, groups)
	host, _ := one(r, append(r.hosts, ""))
	var err error
	switch r.chance.IntN(17) {
	case 0, 1, 2, 3:
		req := neutron.PortRequest{ProjectID: neutron.Some("p1"), NetworkID: neutron.Some(n.ID), HostID: neutron.Some(host),
			DeviceID: neutron.Some("s"), DeviceOwner: neutron.Some("compute:nova")}
		if g.ID != "" && r.chance.IntN(2) == 0 {
			req.SecurityGroups = neutron.Some([]string{g.ID})
		}
		_, err = r.CreatePorts(r.ctx, []neutron.PortRequest{req})
	case 4:
		if p.OfCompute() {
			err = r.DeletePort(r.ctx, p.ID, "")
		}
	case 5:
		if p.OfCompute() {
			_, err = r.UpdatePort(r.ctx, p.ID, neutron.PortRequest{HostID: neutron.Some(host)}, "")
		}
	case 6:
		_, err = r.UpdatePort(r.ctx, p.ID, neutron.PortRequest{DNSName: neutron.Some(fmt.Sprint("n", r.chance.IntN(100)))}, "")
	case 7:
		if p.OfCompute() {
			pair := neutron.AddressPair{IPAddress: fmt.Sprintf("10.77.0.%d", r.chance.IntN(9))}
			_, err = r.UpdatePort(r.ctx, p.ID, neutron.PortRequest{AllowedAddressPairs: neutron.Some([]neutron.AddressPair{pair}),
				SecurityGroups: neutron.Some([]string{g.ID})}, "")
		}
	case 8:
		if p.OfCompute() {
			_, err = r.UpdatePort(r.ctx, p.ID, neutron.PortRequest{FixedIPs: neutron.Some([]neutron.FixedIPRequest{})}, "")
		}
	case 9:
		_, err = r.CreateSecurityGroups(r.ctx, []neutron.SecurityGroupRequest{{Name: neutron.Some("g"), ProjectID: neutron.Some("p1")}})
	case 10:
		other, _ := one(r, groups)
		_, err = r.CreateSecurityGroupRules(r.ctx, []neutron.SecurityGroupRuleRequest{{ProjectID: neutron.Some("p1"), SecurityGroupID: neutron.Some(g.ID),
			Direction: neutron.Some("ingress"), RemoteGroupID: neutron.Some(&other.ID)}})
	case 11:
		if len(g.Rules) > 0 {
			err = r.DeleteSecurityGroupRule(r.ctx, g.Rules[r.chance.IntN(len(g.Rules))].ID, "")
		}
	case 12:
		err = r.DeleteSecurityGroup(r.ctx, g.ID, "")
	case 13:
		r.changeNetworks(n)
	case 14:
		r.changeRouters(n, p)
	case 15:
		r.report(t, r.hosts[0], fmt.Sprintf("10.9.0.%d", 10+r.chance.IntN(2)))
	case 16:
		_, err = r.UpdateNetwork(r.ctx, n.ID, neutron.NetworkRequest{Name: neutron.Some(fmt.Sprint(r.chance.IntN(100)))}, "")
	}
	if _, refused := fault.Of(err); err != nil && !refused {
		t.Fatal(err)
	}
}

func (r *region) changeNetworks(n neutron.Network) {
	switch r.chance.IntN(4) {
	case 0, 1:
		made, err := r.CreateNetworks(r.ctx, []neutron.NetworkRequest{{Name: neutron.Some("n"), ProjectID: neutron.Some("p1")}})
		if err == nil {
			r.CreateSubnets(r.ctx, []neutron.SubnetRequest{{ProjectID: neutron.Some("p1"), NetworkID: neutron.Some(made[0].ID),
				IPVersion: neutron.Some(4), CIDR: neutron.Some(fmt.Sprintf("10.%d.0.0/24", 1+r.chance.IntN(200)))}})
		}
	case 2:
		if len(n.Subnets) > 0 {
			r.UpdateSubnet(r.ctx, n.Subnets[0], neutron.SubnetRequest{EnableDHCP: neutron.Some(r.chance.IntN(2) == 0)}, "")
		}
	case 3:
		r.DeleteNetwork(r.ctx, n.ID, "")
	}
}

func (r *region) changeRouters(n neutron.Network, p neutron.Port) {
	routers, _ := r.Routers(r.ctx, neutron.Query{})
	rt, _ := one(r, routers)
	switch r.chance.IntN(4) {
	case 0:
		r.CreateRouters(r.ctx, []neutron.RouterRequest{{Name: neutron.Some("r"), ProjectID: neutron.Some("p1")}})
	case 1:
		if len(n.Subnets) > 0 {
			r.AddInterface(r.ctx, rt.ID, service.InterfaceRequest{SubnetID: n.Subnets[0]})
		}
	case 2:
		if p.DeviceOwner == neutron.OwnerRouterInterface {
			r.RemoveInterface(r.ctx, p.DeviceID, service.InterfaceRequest{PortID: p.ID})
		}
	case 3:
		external, _ := r.Networks(r.ctx, neutron.Query{Filters: []neutron.Filter{{Attr: "router:external", Values: []any{true}}}})
		if len(external) > 0 {
			r.CreateFloatingIPs(r.ctx, []neutron.FloatingIPRequest{{ProjectID: neutron.Some("p1"), FloatingNetworkID: neutron.Some(external[0].ID),
				PortID: neutron.Some(p.ID)}})
		}
	}
}

// same compares what an agent holds with what it would learn afresh.
func (r *region) same(t *testing.T, host string) bool {
	t.Helper()
	fresh := New(Deps{Bus: r.bus, Host: host, Driver: seeing{&fake.Driver{}}})
	if err := fresh.ask(r.ctx, true, true); err != nil {
		t.Fatal(err)
	}
	a := r.agents[host]
	a.mu.Lock()
	defer a.mu.Unlock()
	got, want := plain(a.held.state(host)), plain(fresh.held.state(host))
	if got != want {
		t.Logf("%s holds\n%s\nnot\n%s", host, got, want)
	}
	return got == want
}

// plain is a state as text, without what may differ.
func plain(s rpcapi.HostState) string {
	for i := range s.Ports {
		s.Ports[i].Status = ""
	}
	for i := range s.Networks {
		if d := s.Networks[i].DHCP; d != nil {
			dhcp := *d
			dhcp.Port.Status = ""
			dhcp.Hosts = slices.SortedFunc(slices.Values(d.Hosts), func(a, b rpcapi.DHCPHost) int { return cmp.Compare(a.PortID, b.PortID) })
			s.Networks[i].DHCP = &dhcp
		}
	}
	for i := range s.Routers {
		for j := range s.Routers[i].FloatingIPs {
			s.Routers[i].FloatingIPs[j].Status = ""
		}
	}
	text, _ := json.MarshalIndent([]any{s.Networks, s.Ports, s.SecurityGroups, s.Routers, s.Peers}, "", " ")
	return string(text)
}

// TestChangesMakeTheWhole: who was sent the whole state once and then only
// what changed holds what one holds who asks afresh, whatever users do.
func TestChangesMakeTheWhole(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		r := newRegion(t, d, 7)
		for i := range 150 {
			r.step(t)
			host := r.hosts[r.chance.IntN(len(r.hosts))]
			if err := r.agents[host].ask(r.ctx, true, false); err != nil {
				t.Fatal(err)
			}
			if !r.same(t, host) {
				t.Fatalf("after step %d", i)
			}
			if r.chance.IntN(3) == 0 {
				r.report(t, host, fmt.Sprintf("10.9.0.%d", 1+slices.Index(r.hosts, host)))
			}
		}
	})
}

// TestSetsAreTold: agents that never ask about sets hear of every change.
func TestSetsAreTold(t *testing.T) {
	r := newRegion(t, dbtest.SQLite(t, store.Migrations()), 8)
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	go func() { defer close(done); loop.Run(ctx, r.Loops()...) }()
	t.Cleanup(func() { cancel(); <-done })
	for _, h := range r.hosts {
		m := messaging.Methods{}
		messaging.Handle(m, rpcapi.TellSets, r.agents[h].hearSets)
		stop, err := r.bus.Serve(rpcapi.AllAgents, m)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	for range 4 {
		for range 20 {
			r.step(t)
		}
		for _, h := range r.hosts {
			deadline := time.Now().Add(time.Minute)
			for {
				if err := r.agents[h].ask(r.ctx, false, false); err != nil {
					t.Fatal(err)
				}
				if r.same(t, h) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("it never hears")
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
}

// TestNewsBeforeTheAnswer: what is heard of a set while it is asked for makes
// an answer that was read before that be asked for again.
func TestNewsBeforeTheAnswer(t *testing.T) {
	h := newHeld()
	h.expect(map[string]int64{"s": rpcapi.Lacking})
	h.takeSet(rpcapi.AddressSet{ID: "s", After: 5, Revision: 6, Elements: map[string]string{"b": ""}})
	h.takeSet(rpcapi.AddressSet{ID: "s", After: rpcapi.Lacking, Revision: 5, Elements: map[string]string{"a": ""}})
	if got := h.sets["s"]; got.revision != rpcapi.Lacking || len(got.elements) != 1 {
		t.Errorf("%+v", got)
	}
	h.takeSet(rpcapi.AddressSet{ID: "s", After: rpcapi.Lacking, Revision: 6, Elements: map[string]string{"a": "", "b": ""}})
	if got := h.sets["s"]; got.revision != 6 || len(got.elements) != 2 {
		t.Errorf("%+v", got)
	}
}

// TestSetsByDifference: a difference fits what is held, is old, or leaves a gap.
func TestSetsByDifference(t *testing.T) {
	for name, tc := range map[string]struct {
		news rpcapi.AddressSet
		told bool
		want int64
		held []string
	}{
		"next":      {rpcapi.AddressSet{After: 5, Revision: 6, Elements: map[string]string{"c": ""}, Gone: []string{"a"}}, true, 6, []string{"b", "c"}},
		"overlap":   {rpcapi.AddressSet{After: 3, Revision: 7, Elements: map[string]string{"c": ""}}, true, 7, []string{"a", "b", "c"}},
		"old":       {rpcapi.AddressSet{After: 3, Revision: 5, Gone: []string{"a"}}, false, 5, []string{"a", "b"}},
		"gap":       {rpcapi.AddressSet{After: 6, Revision: 8, Gone: []string{"a"}}, true, rpcapi.Lacking, []string{"a", "b"}},
		"whole":     {rpcapi.AddressSet{After: rpcapi.Lacking, Revision: 9, Elements: map[string]string{"d": ""}}, true, 9, []string{"d"}},
		"not asked": {rpcapi.AddressSet{ID: "other", After: 8, Revision: 9, Elements: map[string]string{"d": ""}}, false, 5, []string{"a", "b"}},
	} {
		h := newHeld()
		h.sets["s"] = &heldSet{revision: 5, elements: map[string]string{"a": "", "b": ""}}
		tc.news.ID = cmp.Or(tc.news.ID, "s")
		told := h.takeSet(tc.news)
		got := h.sets["s"]
		if held := slices.Sorted(maps.Keys(got.elements)); told != tc.told || got.revision != tc.want || !slices.Equal(held, tc.held) {
			t.Errorf("%s: told %v, %v at %d", name, told, held, got.revision)
		}
	}
}
