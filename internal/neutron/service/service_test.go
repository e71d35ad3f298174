package service

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nacre/internal/neutron"
	"nacre/internal/neutron/rpcapi"
	"nacre/internal/neutron/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
)

const project = "p1"

// watch is a clock that a test moves.
type watch struct {
	mu sync.Mutex
	at time.Time
}

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(time.Microsecond)
	return w.at
}

func (w *watch) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// novaEar hears what nova is told, or fails.
type novaEar struct {
	heard []string
	fail  error
}

func (n *novaEar) SendEvents(_ context.Context, events []neutron.ServerEvent) error {
	if n.fail != nil {
		return n.fail
	}
	for _, e := range events {
		n.heard = append(n.heard, e.Name+" "+e.ServerID+" "+e.Status)
	}
	return nil
}

type bench struct {
	*Service
	clock *watch
	nova  *novaEar
	ctx   context.Context
}

func newBench(t testing.TB, d *db.DB) bench {
	t.Helper()
	b := bench{clock: &watch{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, nova: &novaEar{}}
	b.Service = New(Deps{Store: store.New(d), Clock: b.clock, Nova: b.nova})
	b.ctx = auth.WithCaller(t.Context(), auth.Identity{UserID: "u", ProjectID: project, Roles: []string{"admin"}, Admin: true})
	return b
}

// report makes a host known that can do everything.
func (b bench) report(t testing.TB, host, tunnel string, ports ...rpcapi.PortStatus) {
	t.Helper()
	_, err := b.Report(t.Context(), rpcapi.Report{Host: host, TunnelIP: tunnel, Ports: ports, Agents: []rpcapi.Agent{
		{Type: rpcapi.AgentL2, Binary: "l2", Configurations: map[string]any{"tunnel_types": []string{"vxlan"}, "bridge_mappings": map[string]any{"public": "br-ex"}}},
		{Type: rpcapi.AgentDHCP, Binary: "dhcp"}, {Type: rpcapi.AgentL3, Binary: "l3"}}})
	if err != nil {
		t.Fatal(err)
	}
}

func (b bench) network(t testing.TB, cidr string) (neutron.Network, neutron.Subnet) {
	t.Helper()
	nets, err := b.CreateNetworks(b.ctx, []neutron.NetworkRequest{{Name: neutron.Some("n"), ProjectID: neutron.Some(project)}})
	if err != nil {
		t.Fatal(err)
	}
	subs, err := b.CreateSubnets(b.ctx, []neutron.SubnetRequest{{ProjectID: neutron.Some(project), NetworkID: neutron.Some(nets[0].ID),
		IPVersion: neutron.Some(4), CIDR: neutron.Some(cidr)}})
	if err != nil {
		t.Fatal(err)
	}
	return nets[0], subs[0]
}

func (b bench) port(t testing.TB, network string, more ...func(*neutron.PortRequest)) neutron.Port {
	t.Helper()
	r := neutron.PortRequest{ProjectID: neutron.Some(project), NetworkID: neutron.Some(network)}
	for _, m := range more {
		m(&r)
	}
	ports, err := b.CreatePorts(b.ctx, []neutron.PortRequest{r})
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

func ofServer(host string) func(*neutron.PortRequest) {
	return func(r *neutron.PortRequest) {
		r.HostID, r.DeviceID, r.DeviceOwner = neutron.Some(host), neutron.Some("server1"), neutron.Some("compute:nova")
	}
}

// TestQuotaRace lets many create at once; exactly as many as the quota allows succeed.
func TestQuotaRace(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		if _, err := b.SetLimits(b.ctx, project, map[string]int{"network": 10}, false); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		made, refused := 0, 0
		for range 30 {
			wg.Go(func() {
				_, err := b.CreateNetworks(b.ctx, []neutron.NetworkRequest{{ProjectID: neutron.Some(project)}})
				mu.Lock()
				defer mu.Unlock()
				switch f, _ := fault.Of(err); {
				case err == nil:
					made++
				case f != nil && f.Type == "OverQuota":
					refused++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made != 10 || refused != 20 {
			t.Fatalf("%d made, %d refused", made, refused)
		}
	})
}

// TestAddressRace lets many want an address of a small subnet at once.
func TestAddressRace(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		n, _ := b.network(t, "10.0.0.0/27") // 29 addresses beside the gateway
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]bool{}
		failed := 0
		for range 40 {
			wg.Go(func() {
				ports, err := b.CreatePorts(b.ctx, []neutron.PortRequest{{ProjectID: neutron.Some(project), NetworkID: neutron.Some(n.ID)}})
				mu.Lock()
				defer mu.Unlock()
				if f, _ := fault.Of(err); f != nil && f.Type == "IpAddressGenerationFailure" {
					failed++
				} else if err != nil {
					t.Error(err)
				} else if ip := ports[0].FixedIPs[0].IPAddress; got[ip] {
					t.Errorf("%s was given twice", ip)
				} else {
					got[ip] = true
				}
			})
		}
		wg.Wait()
		if len(got) != 29 || failed != 11 {
			t.Fatalf("%d addresses, %d refusals", len(got), failed)
		}
		groups, err := b.SecurityGroups(b.ctx, neutron.Query{})
		if err != nil || len(groups) != 1 || len(groups[0].Rules) != 4 {
			t.Fatalf("default groups: %v, %v", groups, err)
		}
	})
}

// TestHostState follows what hosts are told as ports, routers and floating IPs come and go.
func TestHostState(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		b.report(t, "h1", "10.9.0.1")
		n, sub := b.network(t, "10.0.0.0/24")
		p := b.port(t, n.ID, ofServer("h1"))
		st := b.state(t, "h1")
		if len(st.Ports) != 1 || st.Ports[0].ID != p.ID || st.Ports[0].FixedIPs[0].PrefixLen != 24 || st.Ports[0].Tap != "tap"+p.ID[:11] {
			t.Fatalf("ports: %+v", st.Ports)
		}
		if len(st.Networks) != 1 || st.Networks[0].DHCP == nil || len(st.Networks[0].DHCP.Hosts) != 1 {
			t.Fatalf("networks: %+v", st.Networks)
		}
		g := st.SecurityGroups[0].ID
		if r := st.SecurityGroups[0].Rules; len(r) != 4 || !slices.ContainsFunc(r, func(r rpcapi.Rule) bool { return r.RemoteGroup == g && r.HasRemote }) {
			t.Fatalf("rules: %+v", r)
		}
		members, peers := rpcapi.GroupSet(g), rpcapi.NetworkSet(n.ID)
		if got := b.sets(t, members, rpcapi.Lacking)[members]; got != p.FixedIPs[0].IPAddress {
			t.Fatalf("members: %s", got)
		}
		again, err := b.HostState(b.ctx, rpcapi.HostStateRequest{Host: "h1", HaveRevision: st.Revision})
		if err != nil || !again.Unchanged {
			t.Fatal(again, err)
		}
		b.report(t, "h2", "10.9.0.2")
		q := b.port(t, n.ID, ofServer("h2"))
		if got := b.sets(t, peers, rpcapi.Lacking)[peers]; got != "h1=10.9.0.1 h2=10.9.0.2" {
			t.Fatalf("peers: %s", got)
		}
		if got := b.sets(t, members, rpcapi.Lacking)[members]; !strings.Contains(got, q.FixedIPs[0].IPAddress) {
			t.Fatalf("the other member is not known: %s", got)
		}
		if err := b.DeletePort(b.ctx, q.ID, ""); err != nil {
			t.Fatal(err)
		}
		if got := b.sets(t, peers, rpcapi.Lacking)[peers]; got != "h1=10.9.0.1" {
			t.Fatalf("peers after the port went: %s", got)
		}
		if gone := b.state(t, "h2"); len(gone.Ports) != 0 {
			t.Fatalf("h2 still has %+v", gone.Ports)
		}
		b.routed(t, sub, p)
	})
}

// routed gives a port a router and a floating IP and looks for both on the router's host.
func (b bench) routed(t *testing.T, sub neutron.Subnet, p neutron.Port) {
	t.Helper()
	if err := b.EnsureDefaults(b.ctx, project, netip.MustParsePrefix("172.24.4.0/24")); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureDefaults(b.ctx, project, netip.MustParsePrefix("172.24.4.0/24")); err != nil {
		t.Fatal(err)
	}
	public, err := b.store.DefaultExternal(b.ctx)
	if err != nil || public.Name != "public" {
		t.Fatal(public, err)
	}
	rts, err := b.CreateRouters(b.ctx, []neutron.RouterRequest{{ProjectID: neutron.Some(project), Gateway: neutron.Some(neutron.GatewayRequest{NetworkID: public.ID})}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddInterface(b.ctx, rts[0].ID, InterfaceRequest{SubnetID: sub.ID}); err != nil {
		t.Fatal(err)
	}
	fips, err := b.CreateFloatingIPs(b.ctx, []neutron.FloatingIPRequest{{ProjectID: neutron.Some(project), FloatingNetworkID: neutron.Some(public.ID), PortID: neutron.Some(p.ID)}})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := b.Router(b.ctx, rts[0].ID)
	if err != nil || rt.Host == "" || rt.Gateway == nil {
		t.Fatal(rt, err)
	}
	st := b.state(t, rt.Host)
	for _, r := range st.Routers {
		if r.ID != rt.ID {
			continue
		}
		if r.Gateway == nil || r.Gateway.NextHops[0] != "172.24.4.1" || len(r.Interfaces) != 1 || r.Interfaces[0].FixedIPs[0].IPAddress != "10.0.0.1" ||
			len(r.FloatingIPs) != 1 || r.FloatingIPs[0].Address != fips[0].FloatingIPAddress {
			t.Fatalf("router: %+v", r)
		}
		return
	}
	t.Fatalf("no router on %s: %+v", rt.Host, st.Routers)
}

func (b bench) state(t *testing.T, host string) rpcapi.HostState {
	t.Helper()
	st, err := b.HostState(b.ctx, rpcapi.HostStateRequest{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// sets asks for one set since a revision: what is in it, then what went.
func (b bench) sets(t *testing.T, id string, have int64) map[string]string {
	t.Helper()
	all, err := b.Service.sets(b.ctx, map[string]int64{id: have})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, set := range all {
		var words []string
		for _, e := range slices.Sorted(maps.Keys(set.Elements)) {
			words = append(words, strings.TrimSuffix(e+"="+set.Elements[e], "="))
		}
		for _, e := range set.Gone {
			words = append(words, "-"+e)
		}
		out[set.ID] = strings.Join(words, " ")
	}
	return out
}

// TestNovaHears follows the events of a server's port, a deaf nova among them.
func TestNovaHears(t *testing.T) {
	b := newBench(t, dbtest.SQLite(t, store.Migrations()))
	b.report(t, "h1", "")
	n, _ := b.network(t, "10.0.0.0/24")
	p := b.port(t, n.ID, ofServer("h1"))
	if p.VIFType != neutron.VIFBridge || p.VIFDetails["bridge_name"] != "brq"+n.ID[:11] || p.Status != neutron.StatusDown {
		t.Fatalf("binding: %+v", p)
	}
	b.nova.fail = fmt.Errorf("deaf")
	b.report(t, "h1", "", rpcapi.PortStatus{ID: p.ID, Status: neutron.StatusActive})
	if err := b.sendNovaEvents(b.ctx); err != nil || len(b.nova.heard) > 0 {
		t.Fatal(err, b.nova.heard)
	}
	b.nova.fail = nil
	if err := b.sendNovaEvents(b.ctx); err != nil || len(b.nova.heard) > 0 {
		t.Fatal("asked again too soon", err, b.nova.heard)
	}
	b.clock.pass(time.Minute)
	b.expect(t, "network-vif-plugged server1 completed")
	b.report(t, "h1", "", rpcapi.PortStatus{ID: p.ID, Status: neutron.StatusActive})
	b.expect(t)
	b.report(t, "h2", "", rpcapi.PortStatus{ID: p.ID, Status: neutron.StatusDown})
	b.expect(t) // h2 has no say about it
	b.report(t, "h1", "", rpcapi.PortStatus{ID: p.ID, Status: neutron.StatusDown})
	b.expect(t, "network-vif-unplugged server1 completed")
	if err := b.DeletePort(b.ctx, p.ID, ""); err != nil {
		t.Fatal(err)
	}
	b.expect(t, "network-vif-deleted server1 completed")
}

func (b bench) expect(t *testing.T, want ...string) {
	t.Helper()
	b.nova.heard = nil
	if err := b.sendNovaEvents(b.ctx); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(b.nova.heard) != fmt.Sprint(want) {
		t.Fatalf("nova heard %v, want %v", b.nova.heard, want)
	}
}

// TestPlacementHeals moves DHCP and routers away from a host that fell silent.
func TestPlacementHeals(t *testing.T) {
	b := newBench(t, dbtest.SQLite(t, store.Migrations()))
	n, sub := b.network(t, "10.0.0.0/24") // before any agent
	b.report(t, "h1", "10.9.0.1")
	if err := b.EnsureDefaults(b.ctx, project, netip.MustParsePrefix("172.24.4.0/24")); err != nil {
		t.Fatal(err)
	}
	rts, err := b.CreateRouters(b.ctx, []neutron.RouterRequest{{ProjectID: neutron.Some(project)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddInterface(b.ctx, rts[0].ID, InterfaceRequest{SubnetID: sub.ID}); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"h1", "h2"} {
		if host == "h2" {
			b.clock.pass(agentDownAfter + time.Second)
			b.report(t, "h2", "10.9.0.2")
		}
		if err := b.place(b.ctx); err != nil {
			t.Fatal(err)
		}
		st := b.state(t, host)
		if len(st.Routers) != 2 {
			t.Fatalf("routers on %s: %+v", host, st.Routers)
		}
		served := 0
		for _, net := range st.Networks {
			if net.DHCP != nil && net.ID == n.ID && net.DHCP.Port.FixedIPs[0].IPAddress == "10.0.0.2" {
				served++
			}
		}
		if served != 1 {
			t.Fatalf("networks on %s: %+v", host, st.Networks)
		}
	}
	if st := b.state(t, "h1"); len(st.Networks) != 0 || len(st.Routers) != 0 {
		t.Fatalf("h1 still has %+v", st)
	}
}

// BenchmarkCreatePort creates ports on a network that has 10,000 of them.
func BenchmarkCreatePort(b *testing.B) {
	s := newBench(b, dbtest.SQLite(b, store.Migrations()))
	s.report(b, "h1", "10.9.0.1")
	if _, err := s.SetLimits(s.ctx, project, map[string]int{"port": -1}, false); err != nil {
		b.Fatal(err)
	}
	n, _ := s.network(b, "10.0.0.0/16")
	var reqs []neutron.PortRequest
	for range 500 {
		reqs = append(reqs, neutron.PortRequest{ProjectID: neutron.Some(project), NetworkID: neutron.Some(n.ID)})
	}
	for range 20 {
		if _, err := s.CreatePorts(s.ctx, reqs); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		s.port(b, n.ID, ofServer("h1"))
	}
}

// BenchmarkHostState reads the state of a host that serves DHCP for 10,000 ports.
func BenchmarkHostState(b *testing.B) {
	s := newBench(b, dbtest.SQLite(b, store.Migrations()))
	s.report(b, "h1", "10.9.0.1")
	if _, err := s.SetLimits(s.ctx, project, map[string]int{"port": -1}, false); err != nil {
		b.Fatal(err)
	}
	n, _ := s.network(b, "10.0.0.0/16")
	var reqs []neutron.PortRequest
	for range 500 {
		reqs = append(reqs, neutron.PortRequest{ProjectID: neutron.Some(project), NetworkID: neutron.Some(n.ID)})
	}
	for range 20 {
		if _, err := s.CreatePorts(s.ctx, reqs); err != nil {
			b.Fatal(err)
		}
	}
	s.port(b, n.ID, ofServer("h1"))
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.HostState(s.ctx, rpcapi.HostStateRequest{Host: "h1"}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHeartbeats: a report that says nothing new is not written down at once,
// one that does is; who keeps reporting stays alive.
func TestHeartbeats(t *testing.T) {
	b := newBench(t, dbtest.SQLite(t, store.Migrations()))
	l2 := func(mapping string) {
		t.Helper()
		_, err := b.Report(b.ctx, rpcapi.Report{Host: "h1", TunnelIP: "10.9.0.1", StartedAt: time.Unix(1, 0), Agents: []rpcapi.Agent{
			{Type: rpcapi.AgentL2, Binary: "l2", Configurations: map[string]any{"bridge_mappings": map[string]any{mapping: "br-ex"}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	agent := func() neutron.Agent {
		t.Helper()
		all, err := b.Agents(b.ctx, neutron.Query{})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0]
	}
	l2("public")
	first := agent()
	b.clock.pass(heartbeatKept / 2)
	if l2("public"); !agent().HeartbeatAt.Equal(first.HeartbeatAt) {
		t.Error("written though it says nothing new")
	}
	if l2("other"); agent().HeartbeatAt.Equal(first.HeartbeatAt) || agent().Configurations["bridge_mappings"].(map[string]any)["other"] == nil {
		t.Errorf("not written: %+v", agent())
	}
	for range 10 {
		b.clock.pass(rpcapi.HeartbeatEvery)
		l2("other")
		if !agent().Alive {
			t.Fatal("dead between two heartbeats")
		}
	}
	if h, err := b.store.Host(b.ctx, "h1"); err != nil || b.clock.Now().Sub(h.ReportedAt) > rpcapi.HeartbeatEvery {
		t.Error(h, err)
	}
}

// TestSetHistory: whose revision of a set is too old for what is kept of its
// changes is sent the whole set, others the difference.
func TestSetHistory(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		b.report(t, "h1", "")
		n, _ := b.network(t, "10.0.0.0/24")
		var ips []string
		var last neutron.Port
		for range 6 {
			last = b.port(t, n.ID, ofServer("h1"))
			ips = append(ips, last.FixedIPs[0].IPAddress)
		}
		set := rpcapi.GroupSet(last.SecurityGroups[0])
		if err := b.DeletePort(b.ctx, last.ID, ""); err != nil {
			t.Fatal(err)
		}
		whole := slices.Sorted(slices.Values(ips[:5]))
		ask := func(have int64, want ...string) {
			t.Helper()
			if got := b.sets(t, set, have)[set]; got != strings.Join(want, " ") {
				t.Errorf("after revision %d: %s, not %s", have, got, want)
			}
		}
		ask(rpcapi.Lacking, whole...)
		ask(4, ips[4], "-"+ips[5])
		ask(6, "-"+ips[5])
		ask(7) // nothing
		ask(8, whole...)
		if err := b.store.TrimSets(b.ctx, 2); err != nil {
			t.Fatal(err)
		}
		ask(4, whole...)
		ask(5, "-"+ips[5])
	})
}

// TestAgentIsSentChangesOnly: after the first answer an agent is sent what
// changed, and the server forgets what the agent reports to hold.
func TestAgentIsSentChangesOnly(t *testing.T) {
	dbtest.Each(t, store.Migrations(), func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		b.report(t, "h1", "")
		n, _ := b.network(t, "10.0.0.0/24")
		b.port(t, n.ID, ofServer("h1"))
		st := b.state(t, "h1")
		p, far := b.port(t, n.ID, ofServer("h1")), b.port(t, n.ID)
		news, err := b.HostState(b.ctx, rpcapi.HostStateRequest{Host: "h1", HaveRevision: st.Revision})
		if err != nil || !news.Partial || len(news.Ports) != 1 || news.Ports[0].ID != p.ID || len(news.Networks) != 0 || len(news.Clients) != 2 {
			t.Fatalf("%+v %v", news, err)
		}
		if err := b.DeletePort(b.ctx, far.ID, ""); err != nil {
			t.Fatal(err)
		}
		gone, err := b.HostState(b.ctx, rpcapi.HostStateRequest{Host: "h1", HaveRevision: news.Revision})
		if want := []rpcapi.Resource{{Kind: store.KindClient, ID: far.ID}}; err != nil || !slices.Equal(gone.Gone, want) || len(gone.Ports)+len(gone.Clients) > 0 {
			t.Fatalf("%+v %v", gone, err)
		}
		if _, err := b.Report(b.ctx, rpcapi.Report{Host: "h1", Revision: gone.Revision}); err != nil {
			t.Fatal(err)
		}
		if left, err := b.store.ChangesOf(b.ctx, "h1", 0); err != nil || len(left) > 0 {
			t.Fatalf("not forgotten: %v %v", left, err)
		}
		if again, err := b.HostState(b.ctx, rpcapi.HostStateRequest{Host: "h1", HaveRevision: gone.Revision}); err != nil || !again.Unchanged {
			t.Fatalf("%+v %v", again, err)
		}
		if older, err := b.HostState(b.ctx, rpcapi.HostStateRequest{Host: "h1", HaveRevision: gone.Revision + 1}); err != nil || older.Partial || len(older.Ports) != 2 {
			t.Fatalf("a database put back: %+v %v", older, err)
		}
	})
}
