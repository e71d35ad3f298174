package service

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/novatest"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/nova/virt"
	"nacre/internal/nova/virt/fake"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/clock"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow/flowtest"
)

// active is a rig with a host and one ACTIVE server.
func active(t *testing.T, opts ...novatest.HostOption) (*rig, *fake.Driver, nova.Server) {
	t.Helper()
	r := newRig(t)
	r.serve()
	host, _ := novatest.Host(t, r.bus, "fake1", opts...)
	r.known(1)
	srv := r.settled(r.create().ID)
	if srv.Status() != "ACTIVE" {
		t.Fatalf("%s: %v", srv.Status(), srv.Fault)
	}
	return r, host, srv
}

// late is a clock that goes on by several seconds while nothing else does.
type late struct{ by atomic.Int64 }

func (c *late) Now() time.Time { return clock.System.Now().Add(time.Duration(c.by.Load())) }

// Who sees a server SHUTOFF may start it, though the flow that stopped it has not ended yet, and though the process
// stands still meanwhile.
func TestActionWaitsForTheEndOfTheLast(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	stopped := &late{}
	r := newRig(t, func(d *Deps) {
		d.Clock = stopped
		var once sync.Once
		d.Fail = func(point string) {
			if point == "server_power.settle.after" {
				once.Do(func() { close(reached); <-release })
			}
		}
	})
	r.serve()
	novatest.Host(t, r.bus, "fake1")
	r.known(1)
	srv := r.settled(r.create().ID)
	r.must(r.StopServer(r.ctx, srv))
	<-reached
	if now := r.server(srv.ID); now.Status() != "SHUTOFF" || now.TaskState != "" {
		t.Fatalf("%s %q", now.Status(), now.TaskState)
	}
	time.AfterFunc(50*time.Millisecond, func() {
		stopped.by.Store(int64(10 * time.Second))
		time.AfterFunc(50*time.Millisecond, func() { close(release) })
	})
	if err := r.StartServer(r.ctx, r.server(srv.ID)); err != nil {
		t.Fatal(err)
	}
	if now := r.settled(srv.ID); now.Status() != "ACTIVE" {
		t.Errorf("%s %v", now.Status(), now.Fault)
	}
}

func TestPowerActions(t *testing.T) {
	r, host, srv := active(t)
	for _, step := range []struct {
		name string
		do   func(context.Context, nova.Server) error
		want string
		is   virt.PowerState
	}{
		{"stop", r.StopServer, "SHUTOFF", virt.Shutdown},
		{"start", r.StartServer, "ACTIVE", virt.Running},
		{"pause", r.PauseServer, "PAUSED", virt.Paused},
		{"unpause", r.UnpauseServer, "ACTIVE", virt.Running},
		{"suspend", r.SuspendServer, "SUSPENDED", virt.Suspended},
		{"resume", r.ResumeServer, "ACTIVE", virt.Running},
		{"soft reboot", func(ctx context.Context, s nova.Server) error { return r.RebootServer(ctx, s, false) }, "ACTIVE", virt.Running},
		{"hard reboot", func(ctx context.Context, s nova.Server) error { return r.RebootServer(ctx, s, true) }, "ACTIVE", virt.Running},
	} {
		r.must(step.do(r.ctx, r.server(srv.ID)))
		now := r.settled(srv.ID)
		g, err := host.Guest(r.ctx, srv.ID)
		if now.Status() != step.want || now.TaskState != "" || err != nil || g.Power != step.is || nova.PowerState(g.Power) != now.PowerState {
			t.Fatalf("%s: %s %q power %d, guest %v, %v; fault %v", step.name, now.Status(), now.TaskState, now.PowerState, g.Power, err, now.Fault)
		}
	}
	err := r.StartServer(r.ctx, r.server(srv.ID))
	if f, ok := fault.Of(err); !ok || f.Status != 409 || f.Message != "Cannot 'start' instance "+srv.ID+" while it is in vm_state active" {
		t.Errorf("start when active: %v", err)
	}
}

func TestLockedServer(t *testing.T) {
	r, _, srv := active(t)
	why := "why"
	r.must(r.LockServer(r.ctx, srv, &why))
	locked := r.server(srv.ID)
	if !locked.Locked || locked.LockedBy != "owner" || *locked.LockedReason != "why" {
		t.Errorf("lock is %v by %q", locked.Locked, locked.LockedBy)
	}
	for name, do := range map[string]func() error{
		"stop":   func() error { return r.StopServer(r.ctx, locked) },
		"delete": func() error { return r.DeleteServer(r.ctx, locked) },
	} {
		if err := do(); !fault.Is(err, 409) || err.Error() != "Instance "+srv.ID+" is locked" {
			t.Errorf("%s: %v", name, err)
		}
	}
	admin := auth.Caller(r.ctx)
	admin.Admin = true
	r.must(r.StopServer(auth.WithCaller(r.ctx, admin), locked))
	r.settled(srv.ID)
	r.must(r.UnlockServer(r.ctx, r.server(srv.ID)))
	r.must(r.StartServer(r.ctx, r.server(srv.ID)))
	if now := r.settled(srv.ID); now.Status() != "ACTIVE" {
		t.Errorf("%s", now.Status())
	}
}

func TestFailedActionLeavesTheServer(t *testing.T) {
	r, _, srv := active(t, novatest.Failing(func(method, _ string) error {
		if method == "Power" {
			return errors.New("no")
		}
		return nil
	}))
	r.must(r.PauseServer(r.ctx, srv))
	now := r.settled(srv.ID)
	actions, events := r.actions(srv.ID)
	if now.Status() != "ACTIVE" || now.TaskState != "" || *actions[0].Message != "Error" || *events[0].Result != "Error" {
		t.Errorf("%s %q, actions %+v", now.Status(), now.TaskState, actions)
	}
}

func TestPowerFlow(t *testing.T) {
	flowtest.Run(t, func(t *testing.T) flowtest.World[serverPower] {
		r := newRig(t)
		host, _ := novatest.Host(t, r.bus, "fake1")
		launched := r.clock.Now()
		srv := nova.Server{ID: "00000000-0000-0000-0000-000000000001", VMState: nova.Active, TaskState: nova.PoweringOff, Host: "fake1",
			LaunchedAt: &launched, CreatedAt: launched, ImageID: novatest.ImageID, Flavor: novatest.Flavors()[0]}
		r.must(r.store.Tx(r.ctx, func(ctx context.Context, tx *store.Tx) error { return tx.InsertServer(ctx, &srv) }))
		r.must(host.Spawn(r.ctx, virt.Guest{ID: srv.ID, Name: "g", VCPUs: 1, MemoryMB: 64, Image: virt.Image{ID: "i"}}))
		r.eventually("nova-compute serves", func() bool {
			_, err := rpcapi.ReportNow.Call(r.ctx, r.bus, rpcapi.ComputeTopic("fake1"), rpcapi.Done{})
			return err == nil
		})
		return flowtest.World[serverPower]{DB: r.store.DB(), Flow: r.powerFlow("server_power"),
			State: serverPower{ServerID: srv.ID, Verb: rpcapi.PowerStop, Change: nova.Stop},
			Done: func(t *testing.T) {
				if now := r.server(srv.ID); now.Status() != "SHUTOFF" || now.TaskState != "" {
					t.Errorf("%s %q", now.Status(), now.TaskState)
				}
			},
			Undone: func(t *testing.T) {
				if now := r.server(srv.ID); now.TaskState != "" {
					t.Errorf("%s %q", now.Status(), now.TaskState)
				}
			}}
	})
}
