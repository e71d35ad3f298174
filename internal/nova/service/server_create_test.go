package service

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/db/dbtest"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow/flowtest"
	"nacre/internal/oslo/uuid"
)

func TestServerIsBuilt(t *testing.T) {
	r := newRig(t)
	r.serve()
	host, _ := novatest.Host(t, r.bus, "fake1")
	r.known(1)
	srv := r.settled(r.create().ID)
	if srv.Status() != "ACTIVE" || srv.TaskState != "" || srv.Host != "fake1" || srv.LaunchedAt == nil || srv.PowerState != nova.PowerRunning {
		t.Errorf("server is %s %q on %q, launched %v, power %d", srv.Status(), srv.TaskState, srv.Host, srv.LaunchedAt, srv.PowerState)
	}
	if len(srv.Addresses()) != 1 || srv.Addresses()[0].Network != "g-cnet" {
		t.Errorf("addresses are %v", srv.Addresses())
	}
	if guests, _ := host.Guests(r.ctx); len(guests) != 1 || guests[0].ID != srv.ID {
		t.Errorf("guests are %v", guests)
	}
	if r.claims.Held(srv.ID) == "" {
		t.Error("nothing is claimed")
	}
	actions, events := r.actions(srv.ID)
	if len(actions) != 1 || actions[0].Action != "create" || actions[0].Message != nil || len(events) != 1 || *events[0].Result != "Success" {
		t.Errorf("actions are %+v, events %+v", actions, events)
	}
}

// The flow survives a failure and a lost process at every point, and leaves nothing behind.
func TestServerCreateFlow(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[serverCreate] {
		r := newRig(t)
		stop, err := r.bus.Serve("nova-conductor", r.methods())
		r.must(err)
		t.Cleanup(stop)
		host, _ := novatest.Host(t, r.bus, "fake1")
		r.known(1)
		srv := nova.Server{ID: uuid.New(), ProjectID: "p", UserID: "u", Name: "vm", VMState: nova.Building, TaskState: nova.Scheduling,
			ImageID: novatest.ImageID, Flavor: novatest.Flavors()[0], VCPUs: 1, MemoryMB: 64, CreatedAt: r.clock.Now()}
		r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertServer(ctx, &srv) }))
		guests := func() int { g, _ := host.Guests(r.ctx); return len(g) }
		return flowtest.World[serverCreate]{DB: r.store.DB(), Flow: r.createFlow(),
			State: serverCreate{ServerID: srv.ID, Image: r.images[novatest.ImageID], Networks: []nova.NetworkRequest{{NetworkID: novatest.NetworkID}}},
			Done: func(t *testing.T) {
				if _, ports := r.networks.Ports(); r.server(srv.ID).Status() != "ACTIVE" || guests() != 1 || ports != 1 || r.claims.Count() != 1 {
					t.Errorf("%s with %d guests, %d ports, %d claims", r.server(srv.ID).Status(), guests(), ports, r.claims.Count())
				}
			},
			Undone: func(t *testing.T) {
				now := r.server(srv.ID)
				if all, _ := r.networks.Ports(); now.Status() != "ERROR" || now.Fault == nil || now.Host != "" || guests() != 0 || all != 0 || r.claims.Count() != 0 {
					t.Errorf("%s (fault %v) on %q with %d guests, %d ports, %d claims", now.Status(), now.Fault, now.Host, guests(), all, r.claims.Count())
				}
			}}
	})
}

func TestNoValidHost(t *testing.T) {
	r := newRig(t)
	r.serve()
	novatest.Host(t, r.bus, "fake1")
	r.known(1)
	srv := r.settled(r.create(func(q *nova.ServerRequest) { q.FlavorID = "g3" }).ID)
	if srv.Status() != "ERROR" || srv.Fault == nil || srv.Fault.Code != 500 || !strings.HasPrefix(srv.Fault.Message, "No valid host was found. ") ||
		!strings.Contains(srv.Fault.Message, "900000 GB of disk") || strings.Contains(srv.Fault.Message, "fake1") {
		t.Errorf("%s with fault %+v", srv.Status(), srv.Fault)
	}
	accounts, err := r.Explain(r.ctx, srv.ID)
	r.must(err)
	if len(accounts) != 1 || len(accounts[0].Account.Refusals) != 1 || accounts[0].Account.Refusals[0].Host != "fake1" || accounts[0].Account.Refusals[0].Check != "DISK_GB" {
		t.Errorf("accounts are %+v", accounts)
	}
	if actions, _ := r.actions(srv.ID); len(actions) != 1 || actions[0].Message == nil || *actions[0].Message != "Error" {
		t.Errorf("actions are %+v", actions)
	}
}

// A host that cannot build a server is passed over for the next.
func TestBuildMovesOn(t *testing.T) {
	r := newRig(t)
	r.serve()
	var failures atomic.Int32
	fail := func(method, _ string) error {
		if method == "Spawn" && failures.Add(1) == 1 {
			return errors.New("disk is full")
		}
		return nil
	}
	first, _ := novatest.Host(t, r.bus, "fake1", novatest.Failing(fail))
	second, _ := novatest.Host(t, r.bus, "fake2", novatest.Failing(fail))
	r.known(2)
	srv := r.settled(r.create().ID)
	a, _ := first.Guests(r.ctx)
	b, _ := second.Guests(r.ctx)
	if srv.Status() != "ACTIVE" || len(a)+len(b) != 1 || r.claims.Count() != 1 || failures.Load() != 2 {
		t.Errorf("%s with %d and %d guests, %d claims after %d spawns; fault %v", srv.Status(), len(a), len(b), r.claims.Count(), failures.Load(), srv.Fault)
	}
	if all, used := r.networks.Ports(); all != 1 || used != 1 {
		t.Errorf("%d ports, %d used", all, used)
	}
}

// A host that does not answer is starting again: its server waits for it.
func TestBuildAwaitsItsHost(t *testing.T) {
	r := newRig(t)
	r.serve()
	host, stop := novatest.Host(t, r.bus, "fake1")
	r.known(1)
	stop()
	id := r.create().ID
	r.eventually("nobody answers for the host", func() bool {
		n, err := db.Scan[int](r.ctx, r.store.DB(), "SELECT COUNT(*) FROM nacre_flows WHERE attempts > 0")
		r.must(err)
		return n[0] == 1
	})
	novatest.Serve(t, r.bus, "fake1", host, novatest.AgentConfig{})
	if srv := r.settled(id); srv.Status() != "ACTIVE" || srv.Host != "fake1" {
		t.Errorf("%s on %q, fault %v", srv.Status(), srv.Host, srv.Fault)
	}
}

// Fifty creates race for a quota of ten, on every engine.
func TestQuotaRace(t *testing.T) {
	dbtest.Each(t, store.Migrations, func(t *testing.T, d *db.DB) {
		raceForQuota(t, newRig(t, func(deps *Deps) { deps.Store = store.New(d, clock.System) }))
	})
}

func raceForQuota(t *testing.T, r *rig) {
	var made, refused atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			req := request()
			_, err := r.CreateServers(r.ctx, &req)
			switch f, ok := fault.Of(err); {
			case err == nil:
				made.Add(1)
			case ok && f.Status == 403 && f.Message == "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 10 || refused.Load() != 40 {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
}

func TestQuotaSentences(t *testing.T) {
	limits := nova.DefaultLimits()
	f := novatest.Flavors()[0]
	for name, tc := range map[string]struct {
		used     nova.Usage
		min, max int
		want     string
	}{
		"several": {nova.Usage{Instances: 3, Cores: 3, RAM: 192}, 50, 50,
			"Quota exceeded for cores, instances: Requested 50, 50, but already used 3, 3 of 20, 10 cores, instances"},
		"one":   {nova.Usage{Instances: 2}, 9, 9, "Quota exceeded for instances: Requested 9, but already used 2 of 10 instances"},
		"range": {nova.Usage{Instances: 10}, 1, 2, "Quota exceeded for instances: Requested 1-2, but already used 10 of 10 instances"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := overQuota(limits, tc.used, f, tc.min, tc.max); err.Error() != tc.want {
				t.Errorf("%s", err)
			}
		})
	}
	if n := fitting(limits, nova.Usage{Instances: 8}, f, 5); n != 2 {
		t.Errorf("%d fit", n)
	}
}

func TestGuestWaitsForItsPorts(t *testing.T) {
	r := newRig(t)
	r.serve()
	r.networks.Down = true
	host, _ := novatest.Host(t, r.bus, "fake1", novatest.WaitForPorts)
	r.known(1)
	srv := r.create()
	r.eventually("guest is there", func() bool { g, _ := host.Guests(r.ctx); return len(g) == 1 })
	if g, err := host.Guest(r.ctx, srv.ID); err != nil || nova.PowerState(g.Power) != nova.PowerPaused {
		t.Fatalf("guest is %v, %v", g.Power, err)
	}
	r.networks.Plug(srv.ID)
	codes, err := r.ExternalEvents(r.ctx, []ExternalEvent{{Name: "network-vif-plugged", ServerID: srv.ID, Tag: "x"}, {Name: "network-vif-plugged", ServerID: uuid.New()}})
	r.must(err)
	if codes[0] != EventTaken || codes[1] != EventNoServer {
		t.Errorf("codes are %v", codes)
	}
	srv = r.settled(srv.ID)
	if g, err := host.Guest(r.ctx, srv.ID); srv.Status() != "ACTIVE" || err != nil || nova.PowerState(g.Power) != nova.PowerRunning {
		t.Errorf("%s, guest is %v, %v", srv.Status(), g.Power, err)
	}
}

func TestPortsThatStayDownAreAnError(t *testing.T) {
	r := newRig(t, func(d *Deps) { d.Config.VIFPluggingTimeout = 1 })
	r.serve()
	r.networks.Down = true
	host, _ := novatest.Host(t, r.bus, "fake1", novatest.WaitForPorts)
	r.known(1)
	srv := r.settled(r.create().ID)
	if srv.Status() != "ERROR" || !strings.Contains(srv.Fault.Message, "did not become ACTIVE") {
		t.Errorf("%s with fault %v", srv.Status(), srv.Fault)
	}
	if g, _ := host.Guests(r.ctx); len(g) != 0 {
		t.Errorf("guests are left: %v", g)
	}
}

// actions of a server, newest first, with the events of all.
func (r *rig) actions(id string) ([]nova.InstanceAction, []nova.InstanceEvent) {
	r.t.Helper()
	acts, err := r.store.InstanceActions(r.ctx, nova.InstanceActionFilter{InstanceUUID: id}, db.Page{})
	r.must(err)
	var events []nova.InstanceEvent
	for _, a := range acts {
		_, list, err := r.store.InstanceAction(r.ctx, id, a.RequestID)
		r.must(err)
		events = append(events, list...)
	}
	return acts, events
}
